"""Recovery points of the target."""

from __future__ import annotations

from pytest_bdd import then, when

from drills.model.point import RecoveryPoint
from drills.recovery.drill import Drill


@when("a recovery point is chosen", target_fixture="chosen_point")
def point_is_chosen(drill: Drill) -> RecoveryPoint:
    """Choose the recovery point that the run is to drill; fail, a missed objective, where none is usable."""
    return drill.choose()


@then("a usable recovery point of that very instance exists")
def usable_point_exists(chosen_point: RecoveryPoint) -> None:
    """Assert that the chosen recovery point has a snapshot to restore."""
    assert chosen_point.snapshot_id
