"""Every kind beside databases that preflight foresees. One that is added has its line here."""

from __future__ import annotations

from drills.config.load import Target
from drills.preflight.kinds import file_system, table, volume
from drills.preflight.resource.kind import ResourceKind

KINDS: tuple[ResourceKind, ...] = (table.KIND, volume.KIND, file_system.KIND)


def kind_of(target: Target) -> ResourceKind:
    """Return the kind of a target. Raises ConfigError for one whose restore nobody foresees."""
    found = next((each for each in KINDS if target.other and each.copies.kind == target.other.makes), None)
    if found is None:
        target.require_database("drills preflight")
        raise AssertionError("a database is none of these kinds")
    return found
