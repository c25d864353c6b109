"""Recovery time and data loss against their objectives."""

from __future__ import annotations

from pytest_bdd import then

from drills.record import Journal
from steps.checks import assert_met


@then("the copy passes every blocking check within the recovery time objective")
def usable_within_rto(journal: Journal) -> None:
    """RTA, to the last blocking check, against RTO."""
    assert_met(journal, "rto")


@then("the data lost is within the recovery point objective")
def loss_within_rpo(journal: Journal) -> None:
    """RPA, read from the restored data, against RPO."""
    assert_met(journal, "rpo")
