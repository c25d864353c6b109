"""The end of a run that did not hold all that was expected of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from drills.history.line import why_not_counted
from drills.model.finding import Verdict
from drills.model.record import ExpectedPromise, Failure, Promise, RunRecord
from drills.objectives.completeness import VERDICTS
from drills.record import Journal
from drills.run import completeness
from tests.support.example_record import green_drill

EXPECTED = (ExpectedPromise("F", "rows", recovers=True), ExpectedPromise("F", "grants", recovers=True))
POSTURE = ExpectedPromise("F", "posture")


def counted(folder: Path, status: int | None, ran: tuple[str, ...], **changes: Any) -> RunRecord:
    """The record after the scenarios `ran` were counted against rows, grants and posture."""
    promises = tuple(Promise(name, "F", name, "passed") for name in ran)
    record = dataclasses.replace(green_drill(), expected=(*EXPECTED, POSTURE), promises=promises, failures=())
    journal = Journal.create(folder, dataclasses.replace(record, **changes), origin=0.0)
    completeness.count(journal, status)
    return journal.record


def test_a_run_that_held_all_is_whole(tmp_path: Path) -> None:
    """Nothing is missing, and the run counts."""
    record = counted(tmp_path, 0, ("posture", "grants", "rows"))

    assert (record.missing, record.partial, record.failures, why_not_counted(record)) == ((), False, (), "")


@pytest.mark.parametrize("status", [0, 1])
def test_what_did_not_run_makes_the_run_partial(tmp_path: Path, status: int) -> None:
    """Whatever removed it and however pytest ended: it is named, and the run counts nowhere."""
    record = counted(tmp_path, status, ("rows", "posture"))

    assert (record.missing, record.partial) == (("grants",), True)
    assert why_not_counted(record) == "partial: 1 of 3 scenarios did not run: grants"
    assert record.failures == ()


def test_a_feature_that_was_changed_is_missing_although_it_ran(tmp_path: Path) -> None:
    """What the command line found changed stays missing."""
    record = counted(tmp_path, 0, ("rows", "grants", "posture"), missing=("rows",))

    assert (record.missing, record.partial) == (("rows",), True)


def test_a_run_without_a_recovery_proves_nothing(tmp_path: Path) -> None:
    """Promises that only read have held: 12, since nothing was recovered."""
    record = counted(tmp_path, 0, ("posture",))

    assert [failure.exit_code for failure in record.failures] == [12]
    assert record.failures[0].sentence.startswith("nothing was recovered: ")
    assert record.partial


def test_a_pytest_that_crashed_is_no_partial_pass(tmp_path: Path) -> None:
    """A session that was killed in its middle did not choose what to leave out: 12, with the names."""
    record = counted(tmp_path, -11, ("rows",))

    assert [failure.exit_code for failure in record.failures] == [12]
    assert "pytest ended with -11: 2 of 3 scenarios did not run: grants; posture" in record.failures[0].sentence


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (None, {}),
        (-15, {"interrupted_by": "SIGINT"}),
        (-15, {"failures": (Failure("expected the features to end within 60 s, they did not", 12),)}),
    ],
    ids=["no features", "interrupted", "ended"],
)
def test_a_run_that_was_ended_has_its_reason_already(
    tmp_path: Path, status: int | None, changes: dict[str, Any]
) -> None:
    """A stage that failed, a signal and a limit say why nothing more ran; the run is an attempt that counts as one."""
    record = counted(tmp_path, status, ("rows",), **changes)

    assert not record.partial
    assert record.failures == changes.get("failures", ())


def test_a_recovery_that_was_not_judged_does_not_pass(tmp_path: Path) -> None:
    """A check without a verdict is named: 12."""
    verdicts = tuple(Verdict(name, "met", "") for name in VERDICTS if name != "content")
    record = dataclasses.replace(green_drill(), expected=EXPECTED, verdicts=verdicts)
    journal = Journal.create(tmp_path, record, origin=0.0)

    completeness.count_verdicts(journal)

    assert journal.record.missing == ("the verdict on content",)
    assert [failure.exit_code for failure in journal.record.failures] == [12]
