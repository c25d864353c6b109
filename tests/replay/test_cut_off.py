"""An interrupted run notes what it observes before its record has what follows: that is listed, and is no difference."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import timedelta

import pytest

from drills.checks.manifest_checks import CONNECTION
from drills.evidence.aborted import end_abandoned
from drills.model.record import Failure, RunRecord
from drills.model.timing import Phase
from drills.replay import cut_off
from drills.replay.again import replay
from tests.support import replayed
from tests.support.clock import NOON

OTHERS = {"indexes", "files"}  # that did not block, and whose results a run records when all of them are there
FIRST = {CONNECTION, *replayed.BLOCKING}


def unfinished(checks: Collection[str], verdicts: Collection[str] = ("rto",)) -> RunRecord:
    """The record of a run that has not ended, with the results of these checks and these verdicts."""
    whole = replayed.record()
    (copy,) = whole.restorations
    end = NOON + timedelta(seconds=70)
    return dataclasses.replace(
        whole,
        restorations=(dataclasses.replace(copy, checks=tuple(each for each in copy.checks if each.name in checks)),),
        verdicts=tuple(each for each in whole.verdicts if each.name in verdicts),
        phases=(*whole.phases, Phase("compare the content", started_at=end, start_seconds=70.0)),
        promises=(),
        code=None,
        all_codes=(),
        pytest_status=None,
        ended_at=None,
        wall_seconds=None,
    )


def killed(checks: Collection[str], verdicts: Collection[str] = ("rto",)) -> RunRecord:
    """The record of such a run as the next run seals it, all processes of this one being gone."""
    return end_abandoned(unfinished(checks, verdicts), NOON + timedelta(seconds=75), "the next run")


def seen(record: RunRecord) -> tuple[list[str], list[str]]:
    """What differs, and what is listed as observed and not recorded."""
    found = replay(dataclasses.replace(replayed.evidence(record), scenarios=None))
    left = [each.what for each in found.not_derived if each.reason.startswith("observed, not recorded")]
    return [each.what for each in found.differences], left


def of(names: Collection[str]) -> list[str]:
    """The places of the results of these checks."""
    return [f"restorations[{replayed.COPY}].checks[{name}]" for name in sorted(names)]


@pytest.mark.parametrize("status", [-9, -3, -15, 2])
def test_a_run_whose_scenarios_were_killed_is_treated_alike(status: int) -> None:
    """Its processes went on and ended it in order, so that nothing interrupted it; what was observed last is listed as well."""
    end = NOON + timedelta(seconds=75)
    failed = Failure("nothing was run: expected the features, found that pytest was ended", 12)
    record = dataclasses.replace(
        unfinished(FIRST),
        failures=(failed,),
        pytest_status=status,
        code=12,
        all_codes=(12,),
        ended_at=end,
        wall_seconds=75.0,
    )
    last = record.phases[-1]
    record = dataclasses.replace(
        record, phases=(*record.phases[:-1], dataclasses.replace(last, ended_at=end, end_seconds=75.0))
    )
    differs, left = seen(record)
    assert [each for each in differs if "checks[" in each] == []
    assert set(of(OTHERS)) <= set(left)
    whole = dataclasses.replace(record, pytest_status=1, failures=())
    assert [each for each in seen(whole)[0] if "checks[" in each] != []


def test_what_a_killed_run_had_observed_and_not_recorded_is_no_difference() -> None:
    """The results of the checks after those that blocked are recorded together: until then observations alone have them."""
    assert seen(killed(FIRST)) == ([], of(OTHERS))


@pytest.mark.parametrize(
    ("record", "missing"),
    [
        (killed(FIRST | {"indexes"}), {"files"}),
        (killed(OTHERS), FIRST & {each.name for each in replayed.checks()}),
        (killed(FIRST, ("rto", "indexes")), OTHERS),
        (dataclasses.replace(killed(FIRST), interrupted_by="", aborted_in=""), OTHERS),
    ],
    ids=["one of several", "those that came first", "those that have a verdict", "of a run that ended by itself"],
)
def test_a_result_that_was_taken_out_of_an_interrupted_run_is_named(record: RunRecord, missing: set[str]) -> None:
    """Only the whole of what was observed last can be missing, of a run that did not end by itself."""
    found, left = seen(record)
    assert (set(of(missing)) <= set(found), left) == (True, [])


def test_a_verdict_is_missed_where_something_later_was_recorded() -> None:
    """RPO is judged before the results of the other checks are recorded, the schedule before the content is compared."""
    ended, cut = replayed.record(), killed(FIRST)
    began = dataclasses.replace(cut, phases=cut.phases[:-1])
    assert cut_off.must_have(ended, "rpo", {"data loss"})
    assert (cut_off.must_have(cut, "rpo", {"data loss"}), cut_off.must_have(cut, "rpo", ())) == (False, True)
    schedule = "rpo by policy"
    assert (cut_off.must_have(began, schedule, ()), cut_off.must_have(cut, schedule, ())) == (False, True)
