"""Finds, by reading alone, a snapshot that a restore from an air-gapped vault has made on the way and left in the account.

AWS says of backups that what it does not manage fully gets a temporary snapshot, which it removes (developer guide, "Primary
backups to logically air-gapped vaults"); of restores no page says so. Only the volume that was restored tells of what it was made,
so that what it does not name is not found. A snapshot is named and never removed: no right of a drill could be limited to such a
one, which has no tag of a run.
"""

from __future__ import annotations

from collections.abc import Collection

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import owned
from drills.aws.read import pages
from drills.aws.remedies import error_text
from drills.aws.scratch import remaining_resources
from drills.aws.session import Clients
from drills.errors import Refused
from drills.model.point import RecoveryPoint
from drills.recovery.setup import Setup
from drills.recovery.volume.unanswered import KIND


def snapshots_of(clients: Clients, point: RecoveryPoint, made_of: str) -> list[owned.Raw]:
    """Return the snapshot that a point is; of one that is none, that which its copy names, where EC2 shows it to this account."""
    if point.snapshot_id:
        found: list[owned.Raw] = clients.ec2.describe_snapshots(SnapshotIds=[point.snapshot_id])["Snapshots"]
        return found
    return _named(clients, made_of) if made_of else []


def _named(clients: Clients, snapshot: str) -> list[owned.Raw]:
    filters = [{"Name": "snapshot-id", "Values": [snapshot]}]
    return list(pages(clients.ec2, "describe_snapshots", "Snapshots", Filters=filters))


def made_of(setup: Setup) -> tuple[str, ...]:
    """Return the snapshots that the volumes of the run name, whose points are no snapshots themselves."""
    record = setup.journal.record
    apart = any(each.point and not each.point.snapshot_id for each in record.restorations)
    volumes = [each.id for each in remaining_resources(record.resources) if each.kind == KIND] if apart else []
    try:
        found = [raw for name in volumes for raw in owned.find(setup.scratch_clients, KIND, name)]
    except (ClientError, BotoCoreError, Refused):
        return ()  # the clean-up that follows says what it cannot find
    return tuple(str(raw["SnapshotId"]) for raw in found if raw.get("SnapshotId"))


def note(setup: Setup, snapshots: Collection[str]) -> None:
    """Note each of these snapshots that lies in the account of the copies and was begun since the run was."""
    clients = setup.scratch_clients
    for number in snapshots:
        try:
            found = [raw for raw in _named(clients, number) if raw.get("OwnerId") == clients.account]
        except (ClientError, BotoCoreError) as error:
            _add(
                setup, f"whether the snapshot {number} was left in this account could not be read: {error_text(error)}"
            )
            continue
        if any(raw["StartTime"] >= owned.earliest_of(setup.journal.record.owner) for raw in found):
            _add(
                setup,
                f"the restore has left the snapshot {number} in this account, begun since the run was: the volume of the run was "
                "made of it. A drill removes no snapshot: once no other restore needs it, "
                f"aws ec2 delete-snapshot --region {clients.region} --snapshot-id {number}",
            )


def _add(setup: Setup, sentence: str) -> None:
    if sentence not in setup.journal.record.notes:
        setup.journal.append("notes", sentence)
