"""What the schedule can lose stands beside what one run measured, also where no verdict is missed."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console

from drills.model.finding import Outcome, Verdict
from drills.model.record import RunRecord
from reports import charts, html, markdown, terminal, words
from reports.view.build import report
from tests.reports.test_html import visible
from tests.support.example_record import green_drill

HOUR = 3600.0
SAID = {
    "kept": "",
    "at risk": "RPO at risk by the schedule: with one missed backup 1 d 1 h can be lost, 1 h beyond the RPO",
    "missed": "RPO not kept by the schedule: it can lose 1 d 2 h, 2 h beyond the RPO",
    "unbounded": "RPO not kept by the schedule: nothing bounds what it can lose",
    "ends soon": "RPO at risk by the schedule: with one missed backup nothing bounds the loss",
}
LOSSES: dict[str, tuple[float | None, float | None]] = {
    "kept": (12 * HOUR, 24 * HOUR),
    "at risk": (13 * HOUR, 25 * HOUR),
    "missed": (26 * HOUR, 50 * HOUR),
    "unbounded": (None, None),
    "ends soon": (13 * HOUR, None),
}


def record_with(name: str) -> RunRecord:
    """A drill whose RPO is a day, with these losses by the schedule, in seconds: at worst, and with one missed run."""
    green, (worst, missed) = green_drill(), LOSSES[name]
    assert green.worst_case
    outcome: Outcome = "met" if worst and worst <= 24 * HOUR else "missed"
    verdicts = tuple(
        Verdict(each.name, outcome, each.sentence, exit_code=10) if each.name == "rpo by policy" else each
        for each in green.verdicts
    )
    return dataclasses.replace(
        green,
        objectives=dataclasses.replace(green.objectives, rpo_seconds=24 * HOUR),
        worst_case=dataclasses.replace(green.worst_case, seconds=worst, one_missed_seconds=missed),
        verdicts=verdicts,
    )


@pytest.mark.parametrize("name", SAID)
def test_the_risk_by_the_schedule_stands_beside_the_measured_loss(name: str) -> None:
    """The bar of the measured loss and the answer about the objectives say it; nothing is said of an RPO that is kept."""
    record = record_with(name)
    page = report(record).page
    risks = {bar.name: bar.risk for bar in page.bars}

    assert risks == {"RTA": "", "RPA": SAID[name], "worst case": ""}
    answer = dict(page.answers)["objectives met"]
    assert answer.endswith(SAID[name] if SAID[name] else "worst case 12 h against RPO 1 d: met")
    assert answer.startswith("no: " if name in ("missed", "unbounded") else "yes: ")
    if SAID[name]:
        assert visible(html.render(record)).partition("1 Identity")[0].count(SAID[name]) == 2
        assert markdown.render(record).partition("<details>")[0].count(SAID[name]) == 2


def test_a_risk_changes_no_verdict() -> None:
    """One missed run is a matter of the schedule's margin: the promise was held, and so says the headline."""
    record = record_with("at risk")

    assert words.headline(record) == "Passed: all promises held"
    assert [each.judgement for each in words.objective_views(record)] == ["met"] * 3


def test_without_an_rpo_or_a_worst_case_there_is_no_risk_to_tell() -> None:
    """Nothing is promised, or nothing was worked out."""
    record = record_with("at risk")

    assert words.schedule_risk(dataclasses.replace(record, worst_case=None)) == ""
    nothing = dataclasses.replace(record.objectives, rpo_seconds=None)
    assert words.schedule_risk(dataclasses.replace(record, objectives=nothing)) == ""


def test_the_bar_shows_how_far_one_missed_backup_reaches() -> None:
    """As an outline that passes the objective's line, told apart from the bar without colour."""
    risky, safe = (words.objective_views(record_with(name))[2] for name in ("at risk", "kept"))

    assert 'class="further"' in charts.objective_bar(risky)
    assert "1 h beyond the RPO" in charts.objective_bar(risky)
    assert 'class="further"' not in charts.objective_bar(safe)


def test_the_terminal_says_it_too() -> None:
    """Below the table of the objectives."""
    out = io.StringIO()
    record = record_with("at risk")
    terminal.summary(record, Path("nowhere"), Console(file=out, width=200))

    assert SAID["at risk"] in out.getvalue()
