"""RDS for PostgreSQL: moto's backend with a real server behind every instance.

A request checks, changes the state and returns at once. A thread then does the work, keeps every status for at least its
configured time, and ends in `available`, or in a failure status with an event that gives the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from moto.rds.models import DBParameterGroup, DBSnapshot, DBSubnetGroup, RDSBackend, rds_backends

from drills.sandbox.base.url_table import UrlTable
from drills.sandbox.rds.automated_backups import AutomatedBackups
from drills.sandbox.rds.clusters.aurora import Aurora
from drills.sandbox.rds.clusters.models import SandboxClusterSnapshot
from drills.sandbox.rds.instances import SandboxInstance, SandboxSnapshot
from drills.sandbox.rds.key_access import KeyAccess
from drills.sandbox.rds.keys import Keys
from drills.sandbox.rds.lifecycle import Lifecycle
from drills.sandbox.rds.lookups import Lookups
from drills.sandbox.rds.network import Network
from drills.sandbox.rds.operations.change import InstanceChange
from drills.sandbox.rds.operations.create import Creation
from drills.sandbox.rds.operations.delete import Deletion
from drills.sandbox.rds.operations.modify import Modification, ModificationChecks
from drills.sandbox.rds.operations.point_in_time import PointInTimeRestore
from drills.sandbox.rds.operations.power import Power
from drills.sandbox.rds.operations.restore import SnapshotRestore
from drills.sandbox.rds.parameter_groups import ParameterGroups
from drills.sandbox.rds.quotas import Quotas
from drills.sandbox.rds.registration import Registration
from drills.sandbox.rds.snapshots import Snapshots
from drills.sandbox.rds.status import Status
from drills.sandbox.state import DataPlane


class SandboxRDS(RDSBackend):
    """The RDS of one region: the entry points that moto calls. The collaborators do the work.

    `clusters_apart` are what AWS Backup has of clusters in air-gapped vaults, of all accounts and regions, by the ARN of their
    point: RDS lists none of them.
    """

    def __init__(
        self,
        region_name: str,
        account_id: str,
        *,
        plane: DataPlane,
        urls: UrlTable,
        clusters_apart: dict[str, SandboxClusterSnapshot],
    ) -> None:
        super().__init__(region_name, account_id)
        self.plane = plane
        self.clusters_apart = clusters_apart
        self._urls = urls
        self.lookups = Lookups(self, plane)
        self.quotas = Quotas(self, plane)
        self.parameter_groups = ParameterGroups(self, plane)
        self._network = Network(self)
        self._keys = Keys(account_id, region_name)
        status = Status(plane)
        self.snapshots = Snapshots(self, plane, self.lookups, self._keys, self.quotas, status)
        self.automated_backups = AutomatedBackups(self, plane, self.snapshots, status)
        self.key_access = KeyAccess(self, plane, self.lookups, self._keys, status)
        self.aurora = Aurora(self, plane, self._keys, self._network, self.quotas, self.parameter_groups)
        self._build_operations(status)

    def _build_operations(self, status: Status) -> None:
        plane, lookups, keys, backups = self.plane, self.lookups, self._keys, self.automated_backups
        self._lifecycle = lifecycle = Lifecycle(plane, backups, status)
        registration = Registration(self, plane, self._network, self.parameter_groups, self.quotas)
        checks = ModificationChecks(self, self._network, self.parameter_groups)
        change = InstanceChange(self, plane, backups, status)
        self._creation = Creation(plane, keys, registration, lifecycle)
        self._snapshot_restore = SnapshotRestore(plane, lookups, keys, registration, lifecycle)
        self._point_in_time_restore = PointInTimeRestore(self, plane, keys, registration, backups, lifecycle)
        self._modification = Modification(plane, lookups, checks, change, super().modify_db_instance)
        self._power = Power(plane, lookups, keys, self.snapshots, lifecycle, self.key_access)
        self._deletion = Deletion(self, plane, lookups, self.snapshots, backups)

    @property
    def _url_module(self) -> Any:
        return self._urls

    # -- instances -----------------------------------------------------------------------------------------------

    def create_db_instance(self, db_kwargs: Mapping[str, Any]) -> SandboxInstance:
        """CreateDBInstance, for engine postgres, and for aurora-postgresql into a cluster."""
        if db_kwargs.get("db_cluster_identifier"):
            return self.aurora.create_instance(db_kwargs, self._lifecycle)
        return self._creation.create(db_kwargs)

    def restore_db_instance_from_db_snapshot(self, from_snapshot_id: str, overrides: Any) -> SandboxInstance:
        """RestoreDBInstanceFromDBSnapshot."""
        return self._snapshot_restore.restore(from_snapshot_id, overrides)

    def restore_db_instance_to_point_in_time(
        self, source_db_identifier: str | None, target_db_identifier: str, overrides: Any
    ) -> SandboxInstance:
        """RestoreDBInstanceToPointInTime; the request names the source in one of three ways."""
        return self._point_in_time_restore.restore(target_db_identifier, overrides)

    def modify_db_instance(self, db_instance_identifier: str, db_kwargs: Any) -> SandboxInstance:
        """ModifyDBInstance."""
        return self._modification.modify(db_instance_identifier, db_kwargs)

    def reboot_db_instance(self, db_instance_identifier: str) -> SandboxInstance:
        """RebootDBInstance."""
        return self._power.reboot(db_instance_identifier)

    def stop_db_instance(
        self, db_instance_identifier: str, db_snapshot_identifier: str | None = None
    ) -> SandboxInstance:
        """StopDBInstance."""
        return self._power.stop(db_instance_identifier, db_snapshot_identifier)

    def start_db_instance(self, db_instance_identifier: str) -> SandboxInstance:
        """StartDBInstance."""
        return self._power.start(db_instance_identifier)

    def delete_db_instance(
        self,
        db_instance_identifier: str,
        final_db_snapshot_identifier: str | None = None,
        skip_final_snapshot: bool | None = False,
        delete_automated_backups: bool | None = True,
    ) -> SandboxInstance:
        """DeleteDBInstance."""
        db = self.lookups.instance(db_instance_identifier)
        if db.cluster is not None:
            return self.aurora.delete_instance(db, final_db_snapshot_identifier)
        return self._deletion.delete(
            db_instance_identifier,
            final_db_snapshot_identifier,
            skip_final_snapshot,
            keep_backups=delete_automated_backups is False,
        )

    def describe_events(
        self, source_identifier: str | None = None, source_type: str | None = None, **window: Any
    ) -> list[Any]:
        """DescribeEvents: the last `Duration` minutes (60 unless given), or from StartTime to EndTime."""
        end: datetime = window.get("end_time") or self.plane.instant()
        start: datetime = window.get("start_time") or end - timedelta(minutes=int(window.get("duration") or 60))
        events = super().describe_events(source_identifier, source_type)
        return [each for each in events if start <= each.date.astimezone(start.tzinfo) <= end]

    # -- snapshots -----------------------------------------------------------------------------------------------

    def describe_db_snapshots(
        self,
        db_instance_identifier: str | None,
        db_snapshot_identifier: str | None = None,
        snapshot_type: str | None = None,
        filters: dict[str, Any] | None = None,
    ) -> list[DBSnapshot]:
        """DescribeDBSnapshots, by name or ARN."""
        return self.lookups.snapshots(db_instance_identifier, db_snapshot_identifier, snapshot_type, filters)

    def create_db_snapshot(  # type: ignore[override]
        self, db_instance_identifier: str, db_snapshot_identifier: str, snapshot_type: str = "manual", **options: Any
    ) -> SandboxSnapshot:
        """CreateDBSnapshot; AWS Backup takes its snapshots of type `awsbackup` here too."""
        return self.snapshots.create(db_instance_identifier, db_snapshot_identifier, snapshot_type, **options)

    def copy_db_snapshot(  # type: ignore[override]
        self, source_db_snapshot_identifier: str, target_db_snapshot_identifier: str, **options: Any
    ) -> SandboxSnapshot:
        """CopyDBSnapshot, from another region or account by ARN."""
        region = self.region_of(source_db_snapshot_identifier)
        return self.snapshots.copy(
            source_db_snapshot_identifier, target_db_snapshot_identifier, region.snapshots, **options
        )

    def region_of(self, name: str) -> SandboxRDS:
        """Return the RDS of the account and region that an ARN names; this one for a name alone."""
        if not name.startswith("arn:"):
            return self
        region, account = name.split(":")[3:5]
        backend = rds_backends[account][region]
        assert isinstance(backend, SandboxRDS)
        return backend

    def delete_db_snapshot(self, db_snapshot_identifier: str) -> DBSnapshot:
        """DeleteDBSnapshot, for manual snapshots."""
        return self.snapshots.delete(db_snapshot_identifier)

    def remove_snapshot(self, snapshot: DBSnapshot) -> DBSnapshot:
        """Remove a snapshot of any type together with its data."""
        return self.snapshots.remove(snapshot)

    def modify_db_snapshot_attribute(
        self,
        db_snapshot_identifier: str,
        attribute_name: str,
        values_to_add: list[str] | None = None,
        values_to_remove: list[str] | None = None,
    ) -> dict[str, list[str]]:
        """ModifyDBSnapshotAttribute, for manual snapshots; an encrypted snapshot cannot be made public."""
        self.snapshots.check_sharing(db_snapshot_identifier, values_to_add or ())
        return super().modify_db_snapshot_attribute(
            db_snapshot_identifier, attribute_name, values_to_add, values_to_remove
        )

    # -- tags ----------------------------------------------------------------------------------------------------

    def _get_resource_for_tagging(self, arn: str) -> Any:
        """Return what has the ARN, or raise the error that AWS gives for a kind of resource that is not there."""
        return self.lookups.tagged(arn, super()._get_resource_for_tagging(arn))

    # -- groups --------------------------------------------------------------------------------------------------

    def create_db_parameter_group(self, db_parameter_group_kwargs: Any) -> DBParameterGroup:
        """CreateDBParameterGroup, within the quota."""
        if not str(db_parameter_group_kwargs.get("db_parameter_group_name", "")).startswith("default."):
            self.quotas.check_parameter_groups()
        return super().create_db_parameter_group(db_parameter_group_kwargs)

    def create_subnet_group(self, *given: Any, **named: Any) -> DBSubnetGroup:
        """CreateDBSubnetGroup, within the quota."""
        self.quotas.check_subnet_groups()
        return super().create_subnet_group(*given, **named)

    def modify_db_parameter_group(
        self, db_parameter_group_name: str, db_parameter_group_parameters: Any
    ) -> DBParameterGroup:
        """ModifyDBParameterGroup."""
        return self.parameter_groups.modify(db_parameter_group_name, db_parameter_group_parameters)

    def delete_db_parameter_group(self, db_parameter_group_name: str) -> DBParameterGroup:
        """DeleteDBParameterGroup: refused while an instance uses the group."""
        self.parameter_groups.check_unused(db_parameter_group_name)
        return super().delete_db_parameter_group(db_parameter_group_name)

    def delete_subnet_group(self, subnet_name: str) -> DBSubnetGroup:
        """DeleteDBSubnetGroup: refused while an instance uses the group."""
        self._network.check_unused_subnet_group(subnet_name)
        return super().delete_subnet_group(subnet_name)
