"""The models of instances, snapshots and events: moto's, with the members that AWS answers with.

moto gives every instance one constant DbiResourceId, an endpoint that resolves nowhere and a snapshot of 17 fields; what
differs here follows the RDS API reference. A model holds what AWS shows and nothing else, because moto copies attributes
from one instance to another. The data plane finds the server of an instance by its DbiResourceId.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from moto.rds.models import DBInstance, DBSnapshot, RDSBackend

from drills.sandbox.base.delays import percent_done
from drills.sandbox.postgres import parameters
from drills.sandbox.postgres.servers import StoredSnapshot
from drills.sandbox.rds.restore_window import restore_window
from drills.sandbox.state import DataPlane

BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
EVENTS_KEPT = timedelta(days=14)

MODIFIABLE = ("available", "storage-full", "incompatible-parameters")  # statuses in which an instance can be modified

# members whose change can wait, by the name in moto's model: the name in PendingModifiedValues
DEFERRABLE = {
    "allocated_storage": "AllocatedStorage",
    "backup_retention_period": "BackupRetentionPeriod",
    "ca_certificate_identifier": "CACertificateIdentifier",
    "db_instance_class": "DBInstanceClass",
    "enable_iam_database_authentication": "IAMDatabaseAuthenticationEnabled",
    "iops": "Iops",
    "license_model": "LicenseModel",
    "multi_az": "MultiAZ",
    "new_db_instance_identifier": "DBInstanceIdentifier",
    "storage_throughput": "StorageThroughput",
    "storage_type": "StorageType",
}


class Membership(Protocol):
    """What an instance of a cluster knows of its cluster, whose data and server are its own."""

    db_cluster_resource_id: str
    parameter_group: str

    @property
    def resource_id(self) -> str:
        """The cluster's name."""


def new_resource_id() -> str:
    """Return a new DbiResourceId. It is unique in a region and never used again, unlike a name."""
    return "db-" + "".join(secrets.choice(BASE32) for _ in range(26))


@dataclass(frozen=True, slots=True)
class SandboxEvent:
    """An event in the answer of DescribeEvents; moto's serializer reads attributes of these names."""

    source_identifier: str
    source_type: str
    message: str
    event_categories: tuple[str, ...]
    source_arn: str
    date: datetime


def keep_event(events: list[Any], event: SandboxEvent) -> None:
    """Append an event, and drop those that RDS no longer tells of ("for the past 14 days", DescribeEvents)."""
    events[:] = [each for each in events if event.date - each.date.astimezone(UTC) <= EVENTS_KEPT]
    events.append(event)


class SandboxInstance(DBInstance):
    """A PostgreSQL instance whose endpoint is a port of this machine and whose statuses take time."""

    def __init__(self, backend: RDSBackend, plane: DataPlane, **kwargs: Any) -> None:
        super().__init__(backend, **kwargs)
        self._plane = plane
        self.created = self.instance_create_time = plane.instant()
        self.dbi_resource_id = new_resource_id()
        self.status = "creating"
        self.publicly_accessible = bool(self.publicly_accessible)
        # "Default: open-source-rds-extended-support" (RDS API reference, CreateDBInstance and the restores)
        self.engine_lifecycle_support = kwargs.get("engine_lifecycle_support") or "open-source-rds-extended-support"
        self.endpoint_known = False
        self.creation_message = "DB instance created"  # of its first event
        self.restored = False
        self.pending: dict[str, Any] = {}  # by AWS's names, as PendingModifiedValues
        self.queued: dict[str, Any] = {}  # the same by the model's names, as it will be carried out
        self.awaits_maintenance = False
        self.stop_count = 0
        self.cluster: Membership | None = None
        self.is_cluster_writer = False

    def join(self, cluster: Membership, *, writer: bool, promotion_tier: int) -> None:
        """Make this an instance of a cluster, which has the server and the data."""
        self.cluster, self.db_cluster_identifier = cluster, cluster.resource_id
        self.is_cluster_writer, self.promotion_tier = writer, promotion_tier

    @property
    def server_id(self) -> str:
        """The id under which the data plane has the server: the cluster's for an instance of a cluster, else its own."""
        return self.cluster.db_cluster_resource_id if self.cluster else self.dbi_resource_id

    @property
    def governs_server(self) -> bool:
        """Whether the server runs with this instance's parameter group: of a cluster it has the writer's."""
        return self.cluster is None or self.is_cluster_writer

    def parameters_in_force(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the values of the parameter group; of an instance of a cluster, with the cluster's where it has none."""
        group = self.db_parameter_groups()[0]
        if self.cluster is None:
            return group.parameters
        shared = self.backend.db_cluster_parameter_groups.get(self.cluster.parameter_group)
        return {**(shared.parameters if shared else {}), **group.parameters}

    @property
    def address(self) -> str:
        """Every instance answers on `localhost`; its name has a port of its own (docs/sandbox.md)."""
        return "localhost"

    @property
    def endpoint(self) -> dict[str, Any] | None:  # type: ignore[override]
        """Address and port; absent while the instance is being created."""
        return {"Address": self.address, "Port": self.port} if self.endpoint_known else None

    @property
    def storage_encryption_type(self) -> str:
        """`sse-kms` or `none`; the sandbox has no instance under a key that AWS owns (`sse-rds`)."""
        return "sse-kms" if self.kms_key_id else "none"

    @property
    def pending_modified_values(self) -> dict[str, Any]:
        """Requested values that are not in force yet; a password is masked."""
        return dict(self.pending)

    @property
    def latest_restorable_time(self) -> datetime | None:  # type: ignore[override]
        """The newest instant that a point-in-time restore can reach; absent without automated backups."""
        window = restore_window(self._plane, self.backend, self.dbi_resource_id)
        return window[1] if window else None

    @property
    def db_parameter_group_status_list(self) -> list[dict[str, Any]]:
        """The parameter group, and whether the running server has its values."""
        group = self.db_parameter_groups()[0]
        return [{"DBParameterGroupName": group.name, "ParameterApplyStatus": self._apply_status(group)}]

    def _apply_status(self, group: Any) -> str:
        server = self._plane.servers.get(self.server_id)
        if server is None or not server.parameter_group:
            return "applying"
        same = parameters.effective_settings(server.binaries.folder, self.parameters_in_force()) == server.settings
        return "in-sync" if same and server.parameter_group == group.name else "pending-reboot"

    def record_event(self, message: str, *categories: str) -> None:
        """Add an event of this instance to the answers of DescribeEvents."""
        now = self._plane.instant()
        keep_event(
            self.backend.events,
            SandboxEvent(self.db_instance_identifier, "db-instance", message, categories, self.arn, now),
        )


class SnapshotProgress:
    """How far a snapshot is that takes so many seconds from now on, of an instance or of a cluster.

    An answer shows the status first, and then the percentage: both are of one moment.
    """

    def __init__(self, plane: DataPlane, seconds: float) -> None:
        self._plane, self._seconds = plane, seconds
        self._began = plane.clock.monotonic()
        self._complete = False  # whether its status has been seen as available

    def status(self) -> str:
        """`creating` until its time has passed, then `available`."""
        self._complete = self._complete or self._done() == 100
        return "available" if self._complete else "creating"

    def percent(self) -> int:
        """0 to 100; 100 exactly when the status was `available`."""
        return 100 if self._complete else min(99, self._done())

    def _done(self) -> int:
        return percent_done(self._plane.clock.monotonic() - self._began, self._seconds)


class SandboxSnapshot(DBSnapshot):
    """A snapshot whose data was copied at the request, and whose status follows after a delay."""

    def __init__(
        self, backend: RDSBackend, plane: DataPlane, database: DBInstance, snapshot_id: str, **kwargs: Any
    ) -> None:
        delay = kwargs.pop("delay", plane.delays.snapshot)
        super().__init__(backend, database, snapshot_id, **kwargs)
        self.created = plane.instant()
        self.original_snapshot_create_time = kwargs.get("original_created_at") or self.created
        self._progress = SnapshotProgress(plane, delay)
        self.snapshot_database_time: datetime | None = None
        self.full_snapshot_size_in_bytes = 0
        self.source_db_snapshot_identifier: str | None = None
        self.source_region = backend.region_name
        self.availability_zone = database.availability_zone
        self.vpc_id = database.db_subnet_group.vpc_id
        self.license_model = "postgresql-license"
        self.iops = database.iops
        self.storage_throughput = database.storage_throughput
        self.option_group_name = database.option_group_name
        self.storage_type = database.storage_type
        self.backup_retention_period = database.backup_retention_period
        self.preferred_backup_window = database.preferred_backup_window
        self.snapshot_target = "region"

    def set_data(self, stored: StoredSnapshot) -> None:
        """Set the members that the data plane measured when it copied the data."""
        self.snapshot_database_time = stored.taken_at
        self.full_snapshot_size_in_bytes = stored.size_bytes

    @property
    def storage_encryption_type(self) -> str:
        """`sse-kms` or `none`; the sandbox has no snapshot under a key that AWS owns (`sse-rds`)."""
        return "sse-kms" if self.kms_key_id else "none"

    @property
    def percent_progress(self) -> int:
        """0 to 100; 100 exactly when the status is `available`."""
        return self._progress.percent()

    @property
    def status(self) -> str:
        """`creating` for the configured time, then `available`."""
        return self._progress.status()

    @status.setter
    def status(self, value: str) -> None:
        # moto's initialiser sets a status; here it follows from the time
        pass
