"""A run whose processes all died is sealed later, and its record says so."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from drills.errors import COULD_NOT_RUN, NOT_SEALED
from drills.evidence.aborted import end_abandoned, record_of
from drills.model.instance import Resource
from drills.model.record import Failure, RunRecord, Setting
from reports import words
from tests.support.clock import NOON
from tests.support.example_record import failing_drill, green_drill, running_drill
from tests.support.ledger import draft, opening


@pytest.mark.parametrize("seconds", [0, 100, 86400])
def test_a_killed_run_is_aborted_in_its_phase_and_did_not_pass(seconds: int) -> None:
    """The phase ends when the run was last heard of, not when somebody came to seal it."""
    record = running_drill()
    phase = record.phases[-1]
    ended = end_abandoned(record, record.started_at + timedelta(seconds=seconds), "run y")

    assert (ended.code, ended.aborted_in) == (COULD_NOT_RUN, phase.name)
    assert ended.wall_seconds == max(seconds, phase.start_seconds)
    assert sum(each.seconds or 0.0 for each in ended.phases) == pytest.approx(ended.wall_seconds)
    assert f"Aborted in phase {phase.name}: all its processes had ended" in words.headline(ended)
    assert ended.failures[-1].sentence.endswith("sealed later by run y")


def test_what_a_killed_run_left_in_aws_is_a_code_too() -> None:
    """Nobody cleaned up: 13 stands beside 12. What was made in a sandbox went with it."""
    made = Resource("db-instance", "drill-x-recovery", "made")
    left = dataclasses.replace(running_drill(), resources=(made,), settings=())
    sandboxed = dataclasses.replace(left, settings=(Setting("profile.kind", "sandbox", "default"),))

    assert end_abandoned(left, NOON, "run y").all_codes == (12, 13)
    ended = end_abandoned(sandboxed, NOON, "run y")
    assert (ended.all_codes, ended.resources[0].state) == ((12,), "gone")


@pytest.mark.parametrize("kept", [green_drill(), failing_drill()], ids=["green", "failing"])
def test_a_run_that_was_judged_keeps_its_verdict(kept: RunRecord) -> None:
    """What was missing was the seal: a note says who set it."""
    ended = end_abandoned(kept, NOON, "run y")

    assert ended == dataclasses.replace(kept, notes=(*kept.notes, "sealed later by run y"))


def test_a_run_whose_seal_failed_has_its_own_code_once_it_is_sealed() -> None:
    """What kept it from being sealed stays as a note."""
    record = green_drill()
    unsealed = Failure("expected to seal", NOT_SEALED, "write the reports")
    record = dataclasses.replace(record, code=14, all_codes=(14,), failures=(*record.failures, unsealed))
    ended = end_abandoned(record, NOON, "drills evidence seal")

    assert (ended.code, ended.all_codes, ended.failures) == (0, (0,), green_drill().failures)
    assert ended.notes[-2:] == ("expected to seal", "sealed later by drills evidence seal")


def test_of_a_run_without_a_folder_the_start_is_told() -> None:
    """What it was about, and that nothing is known of how it ended."""
    start = dataclasses.replace(draft(opening("x")), sequence=4, chain="sandbox-orders")
    ended = end_abandoned(record_of(start, "ab", "s3://bucket"), NOON, "run y")

    assert (ended.run_id, ended.code, ended.expected) == ("x", 12, start.expected)
    assert ended.evidence
    assert (ended.evidence.sequence, ended.evidence.start, ended.evidence.store) == (4, "ab", "s3://bucket")
    assert "Aborted in phase unknown, its folder is gone" in words.headline(ended)


def test_who_tried_to_seal_a_run_and_could_not_has_not_sealed_it() -> None:
    """A signed record names the one who sealed it, whether the run had been judged or not."""
    for code in (0, None):
        kept = dataclasses.replace(green_drill(), code=code)
        tried = end_abandoned(kept, NOON, "run y")
        sealed = end_abandoned(tried, NOON, "drills evidence seal")

        said = [*sealed.notes, *(each.sentence for each in sealed.failures)]
        assert not any("run y" in each for each in said)
        assert any(each.endswith("sealed later by drills evidence seal") for each in said)
