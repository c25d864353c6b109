"""The scratch instance that the run's recovery point is restored to."""

from __future__ import annotations

from pytest_bdd import given, then, when

from drills.model.record import Restoration
from drills.record import Journal
from drills.recovery.drill import Drill
from steps.checks import assert_met


@given("its recovery point has been restored to a scratch instance", target_fixture="restoration")
@given("its newest recovery point has been restored to a scratch instance", target_fixture="restoration")
@given("the chosen recovery point has been restored to a scratch instance", target_fixture="restoration")
@when("its recovery point is restored to a scratch instance", target_fixture="restoration")
@when("its newest recovery point is restored to a scratch instance", target_fixture="restoration")
def point_is_restored(drill: Drill) -> Restoration:
    """Restore the recovery point of the run and check the copy, once a run: all scenarios share the one restore."""
    return drill.recover()


@then("the scratch instance admits the drill alone and allows no outbound connections")
def scratch_instance_is_isolated(journal: Journal) -> None:
    """Assert the instance's settings and its security groups, as the AWS API describes them."""
    assert_met(journal, "isolation")
