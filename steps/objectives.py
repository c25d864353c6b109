"""Recovery time and data loss against their objectives."""

from __future__ import annotations

from pytest_bdd import then, when

from drills.record import Journal
from drills.recovery.drill import Drill
from steps.checks import assert_met


@then("the copy passes every blocking check within the recovery time objective")
def usable_within_rto(journal: Journal) -> None:
    """RTA, to the last blocking check, against RTO."""
    assert_met(journal, "rto")


@then("the data lost is within the recovery point objective")
def loss_within_rpo(journal: Journal) -> None:
    """RPA, read from the restored data, against RPO."""
    assert_met(journal, "rpo")


@when("what its backup schedule can lose at worst is worked out")
def worst_case_is_worked_out(drill: Drill) -> None:
    """Reads the backup plans; restores nothing."""
    drill.judge_schedule()


@then("the worst case is within the recovery point objective")
def worst_case_within_rpo(journal: Journal) -> None:
    """The schedule's worst case, no run being missed, against RPO."""
    assert_met(journal, "rpo by policy")
