"""Backups that are damaged on purpose."""

from __future__ import annotations

from pytest_bdd import given, then, when

from drills.model.record import Restoration
from drills.record import Journal
from drills.recovery import rehearsal
from drills.recovery.drill import Drill
from drills.recovery.rehearsal import DamagedCopy
from drills.sandbox_client import SandboxControl
from steps.checks import assert_met


@given("a copy of the newest recovery point without", target_fixture="damaged_copy")
def damaged_copy(
    drill: Drill, sandbox_control: SandboxControl, journal: Journal, datatable: list[list[str]]
) -> DamagedCopy:
    """Damage a copy of the snapshot as each row of the table says; the recovery point itself stays whole."""
    return rehearsal.damage_copy(drill, sandbox_control, journal, [row[0] for row in datatable[1:]])


@when("the damaged copy is restored to a scratch instance", target_fixture="rehearsal_restoration")
def damaged_copy_is_restored(drill: Drill, journal: Journal, damaged_copy: DamagedCopy) -> Restoration:
    """Restore the damaged copy and check it as the recovery was checked."""
    return rehearsal.restore_damaged(drill, journal, damaged_copy)


@then("the verification fails and names each missing object")
def damage_is_named(journal: Journal, rehearsal_restoration: Restoration) -> None:
    """Assert that a finding names each damaged object: the verdict on the verifier itself."""
    assert any(check.outcome == "missed" for check in rehearsal_restoration.checks)
    assert_met(journal, "rehearsed failure")
