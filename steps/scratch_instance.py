"""The scratch instance that the run's recovery point was restored to."""

from __future__ import annotations

from pytest_bdd import given, then, when

from drills.model.record import Restoration
from drills.record import Journal
from drills.recovery.drill import Drill
from steps.checks import assert_met


@when("its newest recovery point is restored to a scratch instance", target_fixture="restoration")
@given("its newest recovery point has been restored to a scratch instance", target_fixture="restoration")
@when("the chosen recovery point is restored to a scratch instance", target_fixture="restoration")
@given("the chosen recovery point has been restored to a scratch instance", target_fixture="restoration")
def point_is_restored(drill: Drill) -> Restoration:
    """One restore a run; every scenario looks at the same one."""
    return drill.recover()


@then("the scratch instance admits the drill alone and lets nothing out")
def scratch_instance_is_shut_off(journal: Journal) -> None:
    """As the AWS API describes instance and security groups."""
    assert_met(journal, "isolation")
