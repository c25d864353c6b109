"""Restores a recovery point of a table to a scratch table of the run's own, encrypted as the source was."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from drills.model.instance import OTHERS, TABLE
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.objectives.parts import of_table
from drills.recovery.resource.points import told_of
from drills.recovery.resource.restoring import Copies, restore_named
from drills.recovery.resource.vault import owner_of
from drills.recovery.setup import Setup

COPIES = Copies(
    kind="dynamodb-table",
    word="table",
    state="TableStatus",
    there=OTHERS[TABLE].there,
    tagging="dynamodb:TagResource",
    too_early="ResourceInUseException",
    named_by="targetTableName",
    charged=of_table,
)
# what a restore may be given beside the name, in the case of the developer guide ("Restoring a DynamoDB table")
PASSED_ON = ("encryptionType", "kmsMasterKeyArn")


def metadata_of(told: Mapping[str, str]) -> dict[str, str]:
    """Return what a restore is given beside the name, of what the point tells. Pure."""
    return {name: told[name.lower()] for name in PASSED_ON if name.lower() in told}


def restore(setup: Setup, point: RecoveryPoint, enter: Callable[[str], None]) -> Restoration:
    """Restore `point` and return the restoration once its table is ACTIVE. Raises RestoreFailed, and what boto3 raises."""
    told = told_of(setup.scratch_clients, point, owner_of(setup))
    return restore_named(setup, COPIES, point, metadata_of(told), enter)
