"""Recovery points: snapshots of type `awsbackup` with real data, their lifecycle, and their end.

Points of one instance that were made while no time passed for its server (the clock was wound forward over them) share
one copy of the data; the data plane takes it apart when one of them is changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.backup.exceptions import InvalidParameterValueException, InvalidRequestException, ResourceNotFoundException

from drills.sandbox.backup.base import AccessDeniedException, read_lifecycle
from drills.sandbox.backup.models import RecoveryPoint
from drills.sandbox.backup.vaults import BackupVaults, denied
from drills.sandbox.rds.instances import SandboxSnapshot

DELETE = "backup:DeleteRecoveryPoint"


class BackupPoints(BackupVaults):
    """The recovery points of one region."""

    def point(self, arn: str, vault: str | None = None) -> RecoveryPoint:
        """The recovery point of that ARN, in that vault, or the error that AWS gives."""
        if vault is not None:
            self.vault(vault)
        found = self.points.get(arn)
        if found is None or vault not in (None, found.vault):
            raise ResourceNotFoundException(f"Cannot find recovery point {arn}.")
        return found

    def snapshot_of(self, point: RecoveryPoint) -> SandboxSnapshot:
        """The DB snapshot that a recovery point is."""
        snapshot = self.rds.describe_db_snapshots(None, point.arn)[0]
        assert isinstance(snapshot, SandboxSnapshot)
        return snapshot

    def add_point(self, point: RecoveryPoint) -> None:
        """Put a point into its vault; its tags with it."""
        self.points[point.arn] = point
        if point.tags:
            self.tag_resource(point.arn, point.tags)

    def keep_snapshot(self, point: RecoveryPoint, database: Any, delay: float) -> SandboxSnapshot:
        """Let RDS know the snapshot of a point whose data the data plane already has."""
        snapshot = SandboxSnapshot(
            self.rds,
            self.plane,
            database,
            point.arn.split(":snapshot:", 1)[1],
            snapshot_type="awsbackup",
            tags=[{"Key": key, "Value": value} for key, value in point.tags.items()],
            kms_key_id=point.kms_key_id,
            delay=delay,
        )
        stored = self.plane.snapshots[point.arn]
        snapshot.created = point.created_at
        snapshot.original_snapshot_create_time = point.taken_at or point.created_at
        snapshot.holds(stored)
        point.size_bytes = stored.size_bytes
        self.rds.database_snapshots[snapshot.resource_id] = snapshot
        return snapshot

    def delete_recovery_point(self, vault: str, arn: str) -> None:
        """DeleteRecoveryPoint: the snapshot and its data go as well; refused by a lock or by the access policy."""
        point = self.point(arn, vault)
        held = self.vault(vault)
        if denied(held, DELETE, arn):
            raise AccessDeniedException(
                f"User is not authorized to perform: {DELETE} on resource: {arn} with an explicit deny in a resource "
                "based policy"
            )
        if held.locked:
            raise InvalidRequestException("Recovery point cannot be deleted (Backup vault configured with Vault Lock)")
        if point.status(self.now()) == "CREATING":
            raise InvalidRequestException(f"The recovery point {arn} is still being made.")
        self.drop_point(point)

    def drop_point(self, point: RecoveryPoint) -> None:
        """Take a point out of its vault, with its snapshot and data."""
        for snapshot in list(self.rds.database_snapshots.values()):
            if snapshot.arn == point.arn:
                self.rds.remove_snapshot(snapshot)
        self.points.pop(point.arn, None)
        self.tagger.delete_all_tags_for_resource(point.arn)

    def in_tests(self) -> set[str]:
        """The points that restore tests still need."""
        return set()

    def expire(self) -> None:
        """Delete the points whose lifecycle has ended; those that a vault's policy holds become EXPIRED."""
        now, needed = self.horizon or self.now(), self.in_tests()
        for point in list(self.points.values()):
            if point.expires_at or point.delete_at is None or point.delete_at > now or point.arn in needed:
                continue
            if denied(self.vault(point.vault), DELETE, point.arn):
                point.stuck = "AWS Backup could not delete it: the vault's access policy denies that."
            else:
                self.drop_point(point)

    def update_lifecycle(self, vault: str, arn: str, given: Mapping[str, Any] | None) -> RecoveryPoint:
        """UpdateRecoveryPointLifecycle: refused in a locked vault; days count from the point's creation."""
        point = self.point(arn, vault)
        lifecycle = read_lifecycle(given)
        if self.vault(vault).locked:
            raise InvalidRequestException("The lifecycle cannot be changed (Backup vault configured with Vault Lock)")
        if not lifecycle:
            raise InvalidParameterValueException(
                "The lifecycle has neither DeleteAfterDays nor a move to cold storage."
            )
        point.lifecycle = {key: days for key, days in lifecycle.items() if days != -1}
        point.stuck, point.expires_at = "", None
        return point

    def restore_metadata(self, arn: str, vault: str) -> dict[str, str]:
        """GetRecoveryPointRestoreMetadata: the source's settings at the time of the backup, as strings."""
        snapshot = self.snapshot_of(self.point(arn, vault))
        source = snapshot.database
        values: dict[str, Any] = {
            "AllocatedStorage": snapshot.allocated_storage,
            "AutoMinorVersionUpgrade": source.auto_minor_version_upgrade,
            "AvailabilityZone": source.availability_zone,
            "CopyTagsToSnapshot": source.copy_tags_to_snapshot,
            "DBInstanceClass": source.db_instance_class,
            "DBInstanceIdentifier": snapshot.db_instance_identifier,
            "DBName": source.db_name,
            "DBParameterGroupName": source.db_parameter_groups()[0].name,
            "DBSubnetGroupName": source.db_subnet_group.name,
            "DeletionProtection": source.deletion_protection,
            "EnableIAMDatabaseAuthentication": source.enable_iam_database_authentication,
            "Engine": "postgres",
            "EngineVersion": snapshot.engine_version,
            "Iops": source.iops,
            "KmsKeyId": snapshot.kms_key_id,
            "LicenseModel": source.license_model,
            "MultiAZ": source.multi_az,
            "OptionGroupName": source.option_group_name,
            "Port": source.port,
            "PubliclyAccessible": source.publicly_accessible,
            "StorageType": source.storage_type,
            "VpcSecurityGroupIds": json.dumps(source.vpc_security_group_ids),
        }
        return {
            key: str(value).lower() if isinstance(value, bool) else str(value)
            for key, value in values.items()
            if value is not None
        }
