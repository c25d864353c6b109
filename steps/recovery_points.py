"""Recovery points of the target."""

from __future__ import annotations

from pytest_bdd import then

from drills.recovery.drill import Drill


@then("a usable recovery point of that very instance exists")
def usable_point_exists(drill: Drill) -> None:
    """Raises NoRecoveryPoint, a missed objective, where there is none."""
    assert drill.choose().snapshot_id
