"""What stands beside RTA in every report, and what of a recovery is told moment by moment."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from drills.checks.owner.queries import OF_SAMPLE
from drills.model.finding import NotChecked
from drills.model.record import Hydration, RunRecord
from drills.model.timing import ClockOffset, Moment, Phase, QueryTiming
from drills.objectives import timeline
from reports import allure_files, html, markdown, recovery_words
from reports.terminal import summary
from tests.support.clock import NOON
from tests.support.example_record import green_drill
from tests.support.timeline import Script, play

DECLARED = {"rto_clock": "disruption", "allowances": {"detection": "5m", "decision": "10m"}}
TARGET = {"rto": "1h", "rpo": "2h", "queries": ({"name": "open orders", "sql": "select 1", "target": "200ms"},)}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """A recovery on a smaller class, counted from the disruption, with slow first reads."""
    script = Script(copy_class="db.t4g.micro", reads=(30.0, 0.1))
    return play(tmp_path_factory.mktemp("played"), script, TARGET | DECLARED)


def printed(record: RunRecord, folder: Path) -> str:
    """What the terminal shows at the end."""
    import io

    from rich.console import Console

    out = io.StringIO()
    summary(record, folder, Console(file=out, width=200))
    return out.getvalue()


@pytest.mark.parametrize("report", ["terminal", "summary.md", "report.html", "environment.properties"])
def test_the_clock_and_the_class_stand_wherever_rta_stands(record: RunRecord, tmp_path: Path, report: str) -> None:
    """The number alone says nothing: which clock, what was declared, and which machine it was measured on."""
    text = {
        "terminal": lambda: printed(record, tmp_path),
        "summary.md": lambda: markdown.render(record).replace("\\", ""),
        "report.html": lambda: html.render(record),
        "environment.properties": lambda: allure_files.environment_properties(record),
    }[report]()

    assert "The RTO counts from the disruption of the service" in text
    assert "RTA of the recovery 33.6 s, measured; 15 m declared for what a drill cannot measure" in text
    assert "measured on db.t4g.micro, the source has db.m6g.large" in text


@pytest.mark.parametrize("report", ["terminal", "summary.md", "report.html"])
def test_cold_and_warm_stand_in_the_reports(record: RunRecord, tmp_path: Path, report: str) -> None:
    """Each of the owner's queries with both numbers and its target."""
    text = {
        "terminal": lambda: printed(record, tmp_path),
        "summary.md": lambda: markdown.render(record),
        "report.html": lambda: html.render(record),
    }[report]()

    at = text.index("open orders", text.index("RTA"))
    assert [word in text[at : at + 300] for word in ("30.0 s", "0.1 s", "0.2 s", "fast enough")] == [True] * 4


def test_nothing_declared_is_said_too(tmp_path: Path) -> None:
    """Whoever reads the number learns that detection and decision are not in it."""
    (line,) = recovery_words.beside_rta(play(tmp_path, Script(), TARGET))

    assert line.endswith("nothing is declared for what a drill cannot measure")


def test_a_query_that_was_not_asked_says_why() -> None:
    """In the place of its numbers."""
    green = green_drill()
    skipped = QueryTiming("sales", "", 2.0, reason=OF_SAMPLE)
    asked = dataclasses.replace(green.restorations[0], queries=(skipped,))
    record = dataclasses.replace(green, restorations=(asked,))

    assert recovery_words.query_rows(record) == [("sales", "–", "–", "2.0 s", f"not run: {OF_SAMPLE}")]


def test_moments_are_told_from_the_declaration_on(record: RunRecord) -> None:
    """With the instant, the time since then, and whose word it is."""
    rows = {name: (since, source) for name, _, since, source in recovery_words.moment_rows(record)}

    assert rows[timeline.DECLARATION] == ("0.0 s", "own clock")
    assert rows[timeline.DISRUPTION] == ("–", "simulated, now")
    assert rows["status modifying"] == ("2.0 s", timeline.STATUS_SOURCE["instance"])
    assert rows[timeline.PASSED][0] == "33.6 s"


def test_each_status_has_a_beginning_an_end_and_a_length(record: RunRecord) -> None:
    """The end of one is the beginning of the next; a record of an older version has no lengths."""
    rows = recovery_words.status_rows(record, record.restorations[0])

    assert [(status, lasted) for _, _, status, _, lasted in rows] == [
        ("creating", "2.0 s"),
        ("available", "20 ms"),
        ("modifying", "1.0 s"),
        ("available", "20 ms"),
    ]
    assert [row[1] for row in rows[:-1]] == [row[0] for row in rows[1:]]
    old = green_drill()
    assert {row[4] for row in recovery_words.status_rows(old, old.restorations[0])} == {"–"}


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.012, 0.101, "less than 0.11 s apart"),
        (-0.046, 0.0476, "less than 0.05 s apart"),
        (0.0, 0.0, "less than 0.01 s apart"),
        (89.901, 90.199, "+89.90 s to +90.20 s"),
        (-2.004, -1.0, "-2.01 s to -1.00 s"),
        (3.0, 1.0, "moved against each other"),
    ],
)
def test_the_two_clocks_are_told_apart(low: float, high: float, said: str) -> None:
    """By bounds that are rounded outwards, never as if there were none; nothing is said where nothing is known."""
    assert said in recovery_words.offset_line(ClockOffset(low, high, 7))
    assert recovery_words.offset_line(None) == ""


def test_the_clock_of_the_sandbox_is_called_this_machines() -> None:
    """Answers of the sandbox say how narrow a measurement is; where its clock was set ahead, they say by how much."""
    assert "as the sandbox has this machine's clock;" in recovery_words.offset_line(
        ClockOffset(-0.1, 0.1, 7), one_clock=True
    )
    assert "this machine's clock;" not in recovery_words.offset_line(ClockOffset(89.9, 90.2, 7), one_clock=True)


def test_hydration_is_told_with_its_gaps(record: RunRecord) -> None:
    """How much, how fast, how long after `available`, and how many things no query reads."""
    read = Hydration(31, 50 * 2**20, 5.0, (NotChecked("index a", "gin"),))
    restoration = dataclasses.replace(record.restorations[0], hydration=read)
    moment = Moment(timeline.HYDRATED, NOON, "own clock", 62.04)
    told = recovery_words.hydration_line(
        dataclasses.replace(record, restorations=(restoration,), moments=(*record.moments, moment))
    )

    assert "Every block read once in 5.0 s: 31 relations, 50.0 MiB, 10.0 MiB/s; 1 things" in told
    assert "1 m after the copy was first called available" in told
    assert recovery_words.hydration_line(record) == ""


def test_a_phase_says_who_told_its_instants() -> None:
    """This machine's clock, unless somebody else did."""
    assert Phase("restore", NOON, 0.0).source == "own clock"
