"""What became of what the run made: seen to be gone, gone with the sandbox, kept, or still there."""

from __future__ import annotations

import dataclasses

import pytest

from drills.model.instance import WITH_SANDBOX, Resource
from drills.model.record import RunRecord
from drills.model.restore_job import RestoreTest
from drills.model.timing import Moment
from drills.objectives import timeline
from reports import recovery_words
from reports.view import removal
from reports.view.build import report
from reports.view.parts import Facts, Table
from tests.support.example_record import SCRATCH, at, failing_drill, green_drill, interrupted_drill, running_drill

ASIDE = Resource("db-instance", "orders-aside", "gone", note=WITH_SANDBOX, made_at=at(20), gone_at=at(60))


def both() -> RunRecord:
    """A run whose cut-over left an instance to the sandbox, after the drill had removed the rest."""
    green = green_drill()
    cleaned = Moment(timeline.CLEAN, at(39), "own clock", 39.0)
    return dataclasses.replace(green, resources=(*green.resources, ASIDE), moments=(*green.moments, cleaned))


def test_what_went_with_the_sandbox_is_not_called_seen_to_be_gone() -> None:
    """Sentence, counts and table agree: only for what AWS no longer listed is there an instant."""
    block = report(both()).blocks[11]
    lead = {name: value for part in block.lead if isinstance(part, Facts) for name, value in part.rows}
    cells = {
        row.cells[1]: row.cells[4]
        for fold in block.folded
        for part in fold.parts
        if isinstance(part, Table)
        for row in part.rows
        if len(row.cells) > 4
    }

    assert block.result == "Nothing is left: 4 seen to be gone, 1 went with the sandbox, which has ended"
    assert (lead["made"], lead["gone"]) == ("5 resources", "4 seen to be gone, 1 went with the sandbox")
    assert cells["orders-aside"] == "with the sandbox"
    assert cells[SCRATCH] == f"{at(39):%H:%M:%S}"


def test_the_moment_of_the_clean_up_says_what_was_there_for_longer() -> None:
    """A moment "cleaned up" before the last thing had gone would contradict the table of resources."""
    assert [name for name, *_ in recovery_words.moment_rows(both())][
        -1
    ] == "cleaned up, but for 1 that went later (block 12)"
    sooner = dataclasses.replace(both(), resources=green_drill().resources)
    assert [name for name, *_ in recovery_words.moment_rows(sooner)][-1] == "cleaned up"


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (green_drill(), f"Removed: AWS no longer listed db-instance {SCRATCH} at 2026-"),
        (failing_drill(), f"Not removed: db-instance {SCRATCH} is left (DeleteDBInstance: InvalidDBInstanceState)."),
        (interrupted_drill(), f"Not removed: db-instance {SCRATCH} is made"),
        (running_drill(), "No copy was restored."),
        (dataclasses.replace(green_drill(), resources=()), "Not recorded. The run made nothing."),
        (
            dataclasses.replace(green_drill(), resources=(dataclasses.replace(ASIDE, id=SCRATCH),)),
            f"Not removed by itself: db-instance {SCRATCH} went with the sandbox. All that the run made: all of it went",
        ),
        (
            dataclasses.replace(
                green_drill(), resources=(Resource("db-instance", SCRATCH, "kept", note="aws rds delete-db-instance"),)
            ),
            f"Kept on purpose: db-instance {SCRATCH} (aws rds delete-db-instance).",
        ),
    ],
    ids=["removed", "left", "interrupted", "no copy", "not recorded", "sandbox", "kept"],
)
def test_page_one_says_what_happened_to_the_copy(record: RunRecord, told: str) -> None:
    """In a sentence with the instant, or with why it is still there."""
    assert told in removal.of_the_copy(record)
    assert dict(report(record).page.answers)["what became of it"] == removal.of_the_copy(record)


def test_the_instance_of_a_restore_test_is_not_the_runs_to_remove() -> None:
    """AWS Backup made it, and deletes it."""
    tested = RestoreTest("job", "", "orders", "COMPLETED")
    record = dataclasses.replace(green_drill(), resources=(), restore_test=tested)

    assert removal.of_the_copy(record).startswith("AWS Backup made it, and deletes it when the result is posted.")


def test_the_report_of_a_restore_test_is_not_called_a_drill() -> None:
    """The title says what the run was, and the timeline no recovery that never ended."""
    made = report(
        dataclasses.replace(green_drill(), resources=(), restore_test=RestoreTest("job", "", "orders", "COMPLETED"))
    )

    assert made.title.startswith("Validation of a restore test of orders, run ")
    assert "AWS Backup made the restore" in made.blocks[3].result
    assert report(green_drill()).title.startswith("Recovery drill of orders, run ")
