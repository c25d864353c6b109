"""Objective missed, verification failed and could not run are three things in every report."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from drills import errors
from drills.history.line import line_of, outcome_of
from drills.history.trend import trend_of
from drills.model.finding import Verdict
from drills.model.record import Promise, PromiseOutcome, RunRecord
from drills.model.timing import Objectives
from drills.objectives.verdicts import PRECEDENCE
from reports import allure_files, html, junit, markdown, outcomes, terminal, words
from reports.trend_chart import legend
from reports.view.build import report
from reports.view.parts import Table
from tests.reports.test_html import visible
from tests.support.example_record import failing_drill, green_drill, interrupted_drill, running_drill

RTO = "usable after 41 m 26 s: beyond the RTO of 30 m (1.38x)"
ROWS = "1 finding: table shop.customer: expected 2,000 rows, found 1,999 rows"
LOST = "expected the scratch instance to go on answering, found: server closed the connection"
THREE: list[tuple[PromiseOutcome, str, str]] = [
    ("failed", RTO, "objective missed"),
    ("failed", ROWS, "verification failed"),
    ("broken", LOST, "could not run"),
]


def ended(outcome: PromiseOutcome, reason: str) -> RunRecord:
    """A run of one promise that ended so."""
    code = {"objective missed": 10, "verification failed": 11, "could not run": 12}[
        next(kind for _, each, kind in THREE if each == reason)
    ]
    promise = Promise("one", "A lost database comes back", "One promise", outcome, 1.0, reason)
    return dataclasses.replace(green_drill(), promises=(promise,), verdicts=(), code=code, all_codes=(code,))


@pytest.mark.parametrize(("outcome", "reason", "kind"), THREE)
def test_each_report_says_which_of_the_three_it_was(
    outcome: PromiseOutcome, reason: str, kind: str, tmp_path: Path
) -> None:
    """History, page, summary, terminal, junit.xml and Allure's categories name the one and neither of the others."""
    record = ended(outcome, reason)
    out = io.StringIO()
    terminal.summary(record, tmp_path, Console(file=out, width=160))
    others = {other for _, _, other in THREE} - {kind}
    (case,) = ET.fromstring(junit.render(record)).iter("testcase")
    category = next(
        each["name"]
        for each in allure_files.CATEGORIES
        if outcome in each["matchedStatuses"] and re.search(each.get("messageRegex", ""), f"AssertionError: {reason}")
    )

    assert outcome_of(record) == kind
    assert category.lower() == kind
    assert (case[0].tag, case[0].get("type")) == ("error" if outcome == "broken" else "failure", kind)
    for text in (visible(html.render(record)), markdown.render(record), out.getvalue()):
        assert f"{kind}: {reason}" in text
        assert not [other for other in others if f"{other}: {reason}" in text]


def test_the_verdict_says_what_a_failed_promise_was_about() -> None:
    """A sentence that does not say it itself is told by the verdict whose sentence it is."""
    sentence = "the plan can lose 31 d 8 h"
    promise = Promise("one", "", "One", "failed", reason=sentence)
    for code, kind in (
        (errors.OBJECTIVE_MISSED, "objective missed"),
        (errors.VERIFICATION_FAILED, "verification failed"),
    ):
        record = dataclasses.replace(green_drill(), verdicts=(Verdict("plan", "missed", sentence, exit_code=code),))
        assert outcomes.kind_of(record, promise) == kind


def test_no_usable_recovery_point_is_a_missed_objective() -> None:
    """Also without a verdict, by the sentence of drills/recovery/selection.py."""
    reason = "expected a usable recovery point of 'orders' in the RDS snapshots, there is none at all: see why"
    assert outcomes.kind_of(green_drill(), Promise("one", "", "One", "failed", reason=reason)) == "objective missed"


def without_a_point(rpo: float | None) -> RunRecord:
    """A run that found no recovery point, as it stands in its record: no objective has a verdict of its own."""
    sentence = "expected a usable recovery point of the volume \"vol-1\" in vault 'v', there is none at all: see why"
    verdict = Verdict("recovery point", "missed", sentence, exit_code=errors.OBJECTIVE_MISSED)
    bare = dataclasses.replace(green_drill(), restorations=(), measurements=(), moments=(), losses=(), worst_case=None)
    promised = Objectives(1800.0, rpo)
    return dataclasses.replace(bare, promises=(), objectives=promised, verdicts=(verdict,), code=10, all_codes=(10,))


@pytest.mark.parametrize(("rpo", "told"), [(3600.0, "missed"), (None, "not judged")])
def test_without_a_recovery_point_each_objective_that_is_set_is_missed(
    rpo: float | None, told: str, tmp_path: Path
) -> None:
    """As the exit code says; one that is not set is not judged, which is what it is called elsewhere."""
    record, out = without_a_point(rpo), io.StringIO()
    terminal.summary(record, tmp_path, Console(file=out, width=160))
    views = words.objective_views(record)
    page = report(record).page

    assert [each.judgement for each in views] == ["missed", told]
    assert dict(page.answers)["objectives met"].startswith("no: RTA not measured against RTO 30 m: missed")
    assert all("there is none at all" in each.sentence for each in views if each.outcome == "missed")
    assert f"RTA not measured: missed; RPA not measured: {told}" in markdown.render(record)
    assert "not verified" not in out.getvalue()


def left_open() -> RunRecord:
    """A run of one promise that went to its end and could not verify what the promise says, with the trend that it ends."""
    verdict = Verdict("items", "not verified", "no manifest was found", exit_code=12)
    promise = Promise("one", "A lost table comes back", "Its items are there", "broken", 1.0, verdict.why_open)
    record = dataclasses.replace(green_drill(), promises=(promise,), verdicts=(verdict,), code=12, all_codes=(12,))
    line = line_of(record)
    return dataclasses.replace(record, history=trend_of((line,), line.key, record.started_at))


def test_a_promise_that_could_not_be_verified_is_not_one_that_could_not_run(tmp_path: Path) -> None:
    """The promise says so itself, junit.xml by its type; the block over time lists the run as history and ledger call it."""
    record, out = left_open(), io.StringIO()
    terminal.summary(record, tmp_path, Console(file=out, width=160))
    suite = ET.fromstring(junit.render(record))[0]
    trend = next(each for each in report(record).blocks if each.number == 10)
    listed = [row.cells[1] for part in trend.folded[0].parts if isinstance(part, Table) for row in part.rows]

    assert [each.get("type") for each in suite.iter("error")] == ["not verified"]
    assert {each.get("name"): each.get("value") for each in suite.iter("property")}["outcome"] == "not verified"
    assert listed == ["not verified"]
    assert record.history is not None
    assert legend(record.history)[0] == ("absent", "not verified")
    for text in (visible(html.render(record)), markdown.render(record), out.getvalue()):
        assert "items was not verified: no manifest was found" in text
        assert "could not run: items" not in text


def test_junit_holds_every_promise_and_what_was_measured() -> None:
    """Counts, kinds and properties are those of the record."""
    suite = ET.fromstring(junit.render(failing_drill()))[0]
    known = {each.get("name"): each.get("value") for each in suite.iter("property")}
    names = [case.get("name") for case in suite.iter("testcase")]

    assert names == [promise.name for promise in failing_drill().promises]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "6",
        "2",
        "1",
        "1",
    )
    assert known["outcome"] == "verification failed"
    assert known["exit_codes"] == "11 10 12 13"
    assert (known["rta_seconds"], known["rpa_seconds"]) == ("2486.200", "not measured")
    assert "stamp" not in known


def test_junit_bears_the_stamps() -> None:
    """A simulated, partial or interrupted run says so there too."""
    suite = ET.fromstring(junit.render(interrupted_drill()))[0]
    found = [each.get("value") for each in suite.iter("property") if each.get("name") == "stamp"]
    assert found == words.stamps(interrupted_drill())


@given(st.sampled_from(PRECEDENCE), st.booleans(), st.sampled_from(["", "SIGTERM"]))
@settings(deadline=None)
def test_junit_is_never_green_when_the_run_was_not(code: int, promised: bool, interrupted: str) -> None:
    """Whatever made the exit code, there is a failure or an error, also where every promise held or none was tried."""
    green = green_drill()
    record = dataclasses.replace(
        green,
        promises=green.promises if promised else (),
        code=code,
        all_codes=(code,),
        interrupted_by=interrupted,
    )
    suite = ET.fromstring(junit.render(record))[0]

    assert int(suite.get("failures", "0")) + int(suite.get("errors", "0")) > 0
    assert suite.get("tests") == str(len(list(suite.iter("testcase"))))


@pytest.mark.parametrize("record", [green_drill(), failing_drill(), interrupted_drill(), running_drill()])
def test_junit_can_be_read_whatever_stands_in_the_record(record: RunRecord) -> None:
    """Escape codes, markup and letters beyond the first plane do not break the file."""
    promise = Promise(
        "x",
        "a<b>&\x00",
        "name \x1b[31m \ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        "failed",
        reason="\x08 ]]> \"'",
    )
    text = junit.render(dataclasses.replace(record, promises=(promise,)))
    (case,) = [each for each in ET.fromstring(text).iter("testcase") if each.get("name") != junit.THE_RUN]

    assert case.get("classname") == "a<b>&\\x00"
    assert json.loads(json.dumps(case.get("name"))) == "name \\x1b[31m \U0001f600"
