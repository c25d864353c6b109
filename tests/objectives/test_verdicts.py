"""What is held back until the reports are written, and what a run that left nothing ends with."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills import errors
from drills.model.finding import Outcome, Requirement, Verdict
from drills.model.instance import Resource
from drills.model.record import Failure
from drills.model.timing import Measurement, Objectives, Phase
from drills.objectives import verdicts
from tests.objectives.test_objectives import KEPT, NOON, RECORD

CODES = st.lists(st.sampled_from(verdicts.PRECEDENCE), min_size=1, max_size=3, unique=True).map(tuple)


LOSS = Measurement("RPA", 60.0, NOON, NOON, "canary", "a minute of data lost")


@pytest.mark.parametrize(
    ("seconds", "objective", "outcome", "requirement", "sentence"),
    [
        (60.0, 60.0, "met", "required", "a minute of data lost: within the RPO of 1 m (1.00x)"),
        (60.0, 30.0, "missed", "required", "a minute of data lost: beyond the RPO of 30.0 s (2.00x)"),
        (60.0, 6000.0, "met", "required", "a minute of data lost: within the RPO of 1 h 40 m (0.01x)"),
        (60.0, None, "not verified", "optional", "no RPO is set for the target; a minute of data lost"),
        (None, 60.0, "not verified", "required", "a minute of data lost"),
        (None, None, "not verified", "optional", "no RPO is set for the target; a minute of data lost"),
    ],
)
def test_a_verdict_is_told_whole(
    seconds: float | None, objective: float | None, outcome: Outcome, requirement: Requirement, sentence: str
) -> None:
    """Without a number it is required all the same; only without an objective nothing can be missed."""
    assert verdicts.judge_rpo(replace(LOSS, seconds=seconds), Objectives(1.0, objective)) == Verdict(
        "rpo", outcome, sentence, requirement, errors.OBJECTIVE_MISSED
    )


def test_what_is_gone_is_not_left_behind() -> None:
    """Nothing that was removed gives an exit code, also beside something that is kept on purpose."""
    gone = Resource("db-instance", "drill-x", "gone")

    assert verdicts.exit_codes(replace(RECORD, resources=(gone,))) == (0,)
    assert verdicts.exit_codes(replace(RECORD, resources=(gone, replace(gone, state="kept")))) == (0,)
    assert verdicts.exit_codes(replace(RECORD, resources=(gone, replace(gone, state="planned")))) == (13,)


@given(st.integers(min_value=-2, max_value=5))
def test_a_failed_promise_is_never_a_pass(status: int) -> None:
    """Whatever status pytest has ended with, 0 as well: a plugin may have swallowed it."""
    failed = replace(RECORD, promises=(KEPT, replace(KEPT, outcome="failed")), pytest_status=status)

    assert verdicts.exit_codes(failed) == (errors.COULD_NOT_RUN,)


def test_a_pass_is_held_back_until_the_reports_are_written() -> None:
    """A run that dies before them has not passed, says so with the phase, and passes once they are written."""
    run = replace(RECORD, phases=tuple(Phase(name, NOON, 0.0) for name in ("begin", "restore", "report")))

    held = verdicts.hold_until_reported(run, (0,))

    assert (held.code, held.all_codes) == (errors.COULD_NOT_RUN, (errors.COULD_NOT_RUN,))
    assert held.failures == (Failure(verdicts.UNREPORTED, errors.COULD_NOT_RUN, "report"),)
    passed = verdicts.reported(held)
    assert (passed.code, passed.all_codes, passed.failures) == (0, (0,), ())
    assert verdicts.hold_until_reported(RECORD, (0,)).failures[-1].phase == ""


@given(CODES)
def test_what_did_not_pass_is_not_held_and_not_freed(codes: tuple[int, ...]) -> None:
    """Its exit codes stay as they are, before its reports are written and afterwards."""
    run = replace(RECORD, failures=(Failure("no server", codes[0]),))

    judged = verdicts.hold_until_reported(run, codes)

    assert (judged.code, judged.all_codes, judged.failures) == (codes[0], codes, run.failures)
    assert verdicts.reported(judged) == judged
    kept = replace(judged, failures=(*judged.failures, Failure(verdicts.UNREPORTED, errors.COULD_NOT_RUN)))
    assert verdicts.reported(kept).failures == run.failures
