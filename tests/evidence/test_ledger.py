"""The ledger lists what became of each number, and is silent only while drills go on."""

from __future__ import annotations

import dataclasses
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.evidence import ledger
from drills.evidence.chain import Chain, Sealed
from drills.evidence.chain_check import verify_chain
from drills.evidence.folder import read_chain
from drills.evidence.ledger import Alarm
from drills.model.record import ExpectedPromise, RunRecord, Setting
from drills.model.restore_job import RestoreTest
from tests.support.clock import NOON
from tests.support.example_record import failing_drill, green_drill, interrupted_drill
from tests.support.ledger import CHAIN, DAY, kept, opening, started

AGE = timedelta(days=35)
PARTIAL = dataclasses.replace(green_drill(), partial=True)
NOT_SEALED = dataclasses.replace(green_drill(), code=14, all_codes=(14,))


def test_the_ledger_shows_what_became_of_each_run(tmp_path: Path) -> None:
    """A gap, a start without a result and one that goes on stand in their places."""
    folder = tmp_path / CHAIN
    kept(folder, "a")
    gone = kept(folder, "b").folder
    kept(folder, "c", record=interrupted_drill())
    started(folder, opening("d"))
    begun = started(folder, opening("e"), running=True)
    shutil.rmtree(gone)
    for path in (folder / "starts").glob("0002*"):
        path.unlink()
    chain, _ = read_chain(folder)

    shown = [(line.sequence, line.outcome) for line in ledger.lines_of(chain)]
    assert shown == [(1, "passed"), (2, "gap"), (3, "aborted"), (4, "no result"), (5, "running")]
    first = ledger.lines_of(chain)[0]
    assert (first.level, first.rta_seconds is not None, len(first.bundle)) == ("L1", True, 64)
    assert begun.record.sequence == 5


def chain_of(*runs: tuple[int, RunRecord]) -> Chain:
    """A chain with runs that ended so many days before noon."""
    bundles = [
        Sealed(f"{number:04d}-r", f"b{number}", "", opening("r", NOON - DAY * days, record))
        for number, (days, record) in enumerate(runs, start=1)
    ]
    return Chain(CHAIN, (), tuple(bundles))


def told(chain: Chain, *, every: timedelta | None = None) -> list[tuple[int, str]]:
    """The alarms at noon, each with its code."""
    return [(each.code, each.sentence) for each in ledger.alarms(chain, (), NOON, AGE, every)]


@given(st.lists(st.integers(0, 100), min_size=1, max_size=8))
def test_silence_needs_a_young_success(ages: list[int]) -> None:
    """The youngest one decides, in whatever order they stand."""
    silent = told(chain_of(*((age, green_drill()) for age in ages))) == []

    assert silent == (min(ages) * DAY <= AGE)


@pytest.mark.parametrize("record", [failing_drill(), interrupted_drill(), PARTIAL, NOT_SEALED])
def test_what_did_not_pass_or_counts_nowhere_is_no_success(record: RunRecord) -> None:
    """However young it is."""
    ((code, sentence),) = told(chain_of((50, green_drill()), (0, record)))

    assert code == 12
    assert "the last one 49 d" in sentence
    assert told(chain_of((0, record))) == [(12, f"{CHAIN}: expected a drill that passed, found none")]


def test_a_success_of_the_future_is_none() -> None:
    """A clock that is wrong, or a record that was made for later, does not keep the switch from falling."""
    assert told(chain_of((-30, green_drill()))) != []


def test_a_drill_that_was_expected_and_never_came() -> None:
    """A drill that failed has come; a partial one has not, and one that runs now has."""
    week = timedelta(days=7)

    assert told(chain_of((6, green_drill())), every=week) == []
    assert told(chain_of((20, green_drill()), (6, failing_drill())), every=week) == []
    ((code, sentence),) = told(chain_of((20, green_drill()), (6, PARTIAL)), every=week)
    assert (code, "expected a drill every 7 d" in sentence) == (12, True)


def test_a_scheduler_may_be_late() -> None:
    """By a tenth of the interval, and no more: a daily check after a weekly run that waited is no alarm."""
    chain = chain_of((0, green_drill()))

    def late(seconds: float) -> list[Alarm]:
        now = NOON + timedelta(days=7, seconds=seconds)
        return list(ledger.alarms(chain, (), now, AGE, timedelta(days=7)))

    assert late(0.7 * 86400) == []
    assert "found that the last one began 7 d 17 h ago" in late(0.71 * 86400)[0].sentence


VALIDATED = dataclasses.replace(green_drill(), restore_test=RestoreTest("job", "plan", "i", "arn", result="SUCCESSFUL"))
AS_DRILL = dataclasses.replace(
    VALIDATED, settings=(*VALIDATED.settings, Setting("target.validations_are_drills", "true", "drill.toml"))
)


def test_a_validated_restore_test_is_no_drill_unless_the_target_says_so() -> None:
    """It is told beside the alarm, so that nobody looks for it; what drill.toml said when it was made decides."""
    week = timedelta(days=7)
    beside = (
        "a restore test was validated 1 d 23 h ago, and a validated restore test is no drill, unless validations_are_"
    )

    assert [(code, beside in sentence) for code, sentence in told(chain_of((2, VALIDATED)))] == [(12, True)]
    assert len(told(chain_of((20, green_drill()), (2, VALIDATED)), every=week)) == 1
    assert told(chain_of((20, green_drill()), (2, AS_DRILL)), every=week) == []
    assert told(chain_of((2, AS_DRILL))) == []


def test_a_validation_is_told_with_its_own_reason() -> None:
    """A later one that counted as a drill, and one of the future, are others: neither says why this one is none."""
    reason = "and a validated restore test is no drill, unless validations_are_drills = true"
    for other in ((40, AS_DRILL), (-30, AS_DRILL)):
        ((code, sentence),) = told(chain_of((50, VALIDATED), other))
        assert (code, sentence.endswith(f"; a restore test was validated 49 d 23 h ago, {reason}")) == (12, True)


def test_an_unsigned_success_is_named_with_its_own_age() -> None:
    """The newest that has ended, whatever number it has; what is no success is not named."""
    runs = [(9, "a"), (3, "b"), (5, "c"), (-30, "future"), (1, "failed"), (2, "partial")]
    records = {"failed": failing_drill(), "partial": PARTIAL}
    bundles = tuple(
        Sealed(f"{number:04d}-{run}", "", "", opening(run, NOON - DAY * days, records.get(run, green_drill())))
        for number, (days, run) in enumerate(runs, start=1)
    )
    (alarm,) = ledger.alarms(Chain(CHAIN), (), NOON, AGE, None, bundles)
    assert alarm.sentence == (
        f"{CHAIN}: expected a drill that passed, found none that is signed: b passed 2 d 23 h ago, and is not signed: anybody can "
        "have made what is from before there was a key"
    )


def test_the_ledger_shows_which_run_was_a_validation() -> None:
    """Apart from drills, with the reason why it counts for none."""
    drill, test, counted = ledger.lines_of(chain_of((3, green_drill()), (2, VALIDATED), (1, AS_DRILL)))

    assert [each.kind for each in (drill, test, counted)] == ["drill", "validation", "validation"]
    assert [bool(each.not_counted) for each in (drill, test, counted)] == [False, True, False]


def test_a_validation_that_goes_on_is_no_drill_that_came(tmp_path: Path) -> None:
    """It announces no scenarios; a drill that runs now does."""
    promise = ExpectedPromise("A feature", "A promise", recovers=True)
    for name, expected, came in (("validation", (), False), ("drill", (promise,), True)):
        begun = started(tmp_path / name, dataclasses.replace(opening("a"), expected=expected), running=True)
        chain, _ = read_chain(tmp_path / name)
        assert (ledger.last_drill(chain, NOON + DAY) is not None) == came
        os.close(begun.held)


def test_a_chain_that_does_not_verify_is_no_evidence(tmp_path: Path) -> None:
    """11, however young the success is."""
    folder = tmp_path / CHAIN
    kept(folder, "a")
    kept(folder, "b")
    (folder / "0001-a" / "summary.md").write_text("better")
    chain, _ = read_chain(folder)
    (alarm,) = ledger.alarms(chain, verify_chain(folder, None), NOON, AGE, None)

    assert alarm.code == 11
    assert "0001-a: summary.md was changed" in alarm.sentence
