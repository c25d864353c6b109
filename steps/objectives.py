"""Recovery time and data loss against their objectives."""

from __future__ import annotations

from pytest_bdd import then, when

from drills.record import Journal
from drills.recovery.drill import Drill
from steps.checks import assert_met


@then("the copy passes every blocking check within the recovery time objective")
def usable_within_rto(journal: Journal) -> None:
    """Assert that RTA, which ends with the last blocking check, is within the RTO."""
    assert_met(journal, "rto")


@then("the data loss is within the recovery point objective")
def loss_within_rpo(journal: Journal) -> None:
    """Assert that RPA, read from the restored data, is within the RPO."""
    assert_met(journal, "rpo")


@when("the worst case of its backup schedule is computed")
def worst_case_is_computed(drill: Drill) -> None:
    """Read the backup plans; nothing is restored."""
    drill.judge_schedule()


@then("the worst case is within the recovery point objective")
def worst_case_within_rpo(journal: Journal) -> None:
    """Assert that the data loss of the schedule's worst case, with no backup missed, is within the RPO."""
    assert_met(journal, "rpo by policy")
