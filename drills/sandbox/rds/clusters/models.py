"""The models of clusters and their snapshots: moto's, with the members that AWS answers with.

The data of a cluster belong to the cluster and not to its instances. So the data plane has one server for a cluster, by its
DbClusterResourceId, which runs while the cluster has an instance; the ports of all its instances lead to it.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Any

from moto.rds.models import DBCluster, DBClusterSnapshot, RDSBackend

from drills.sandbox.postgres import parameters
from drills.sandbox.postgres.servers import StoredSnapshot
from drills.sandbox.rds.instances import BASE32, SandboxEvent, SandboxInstance, SnapshotProgress, keep_event
from drills.sandbox.rds.restore_window import restore_window
from drills.sandbox.state import DataPlane

ENGINE = "aurora-postgresql"
_STORAGE = (
    "aurora-iopt1"  # "the storage type isn't returned when you set it to aurora" (RDS API reference, CreateDBCluster)
)


class SandboxCluster(DBCluster):
    """An Aurora PostgreSQL cluster whose writer endpoint is a port of this machine and whose statuses take time."""

    def __init__(self, backend: RDSBackend, plane: DataPlane, **kwargs: Any) -> None:
        kwargs.setdefault("license_model", "postgresql-license")
        super().__init__(backend, **{"kms_key_id": None, **kwargs, "storage_type": "gp2"})
        self._plane = plane
        self.vpc_id = backend.describe_db_subnet_groups(self.db_subnet_group_name)[0].vpc_id
        self.created = self.cluster_create_time = plane.instant()
        self.db_cluster_resource_id = "cluster-" + "".join(secrets.choice(BASE32) for _ in range(26))
        # the zone that Route 53 keeps of the endpoints of RDS, one for a region
        self.hosted_zone_id = "Z" + hashlib.sha256(backend.region_name.encode()).hexdigest()[:13].upper()
        self.kms_key_id = kwargs.get("kms_key_id")  # type: ignore[assignment]
        self.storage_type = shown_storage(kwargs.get("storage_type"))
        self.engine_lifecycle_support = kwargs.get("engine_lifecycle_support") or "open-source-rds-extended-support"
        self.serverless_v2_scaling_configuration = read_scaling(kwargs.get("serverless_v2_scaling_configuration"))
        self.backtrack_window = None  # type: ignore[assignment]  # of Aurora MySQL
        self.earliest_restorable_time = None
        self.restored = False
        self.instances_before = False  # whether it has had an instance, with which its server started
        self.pending_modified_values: dict[str, Any] | None = None

    # -- what moto answers otherwise -----------------------------------------------------------------------------

    @property
    def status(self) -> str:
        """The status, which no reading changes."""
        return self._status

    @status.setter
    def status(self, value: str) -> None:
        self._status = value

    @property
    def master_user_password(self) -> str:
        """Nothing: the server has the password, and no answer shows it."""
        raise NotImplementedError("the password of a cluster is in its server alone")

    @master_user_password.setter
    def master_user_password(self, value: str) -> None:
        pass

    @property
    def endpoint(self) -> str:
        """The writer endpoint's address; every endpoint answers on `localhost`, with a port of its own (docs/sandbox.md)."""
        return "localhost"

    @property
    def reader_endpoint(self) -> str:
        """The reader endpoint's address: the writer endpoint's, since a cluster is one server here."""
        return "localhost"

    @property
    def scaling_configuration_info(self) -> dict[str, Any] | None:  # type: ignore[override]
        """None: Aurora Serverless v1 is absent."""
        return None

    @property
    def storage_encryption_type(self) -> str:
        """`sse-kms` or `none`; the sandbox has no cluster under a key that AWS owns (`sse-rds`)."""
        return "sse-kms" if self.kms_key_id else "none"

    # -- time ----------------------------------------------------------------------------------------------------

    @property  # type: ignore[override]
    def earliest_restorable_time(self) -> datetime | None:
        """The oldest instant that a point-in-time restore can reach; absent until there is one."""
        window = restore_window(self._plane, self.backend, self.db_cluster_resource_id)
        return window[0] if window else None

    @earliest_restorable_time.setter
    def earliest_restorable_time(self, value: datetime | None) -> None:
        pass  # moto's initialiser sets one; here it follows from the automated snapshots

    @property
    def latest_restorable_time(self) -> datetime | None:  # type: ignore[override]
        """The newest instant that a point-in-time restore can reach; absent until there is one."""
        window = restore_window(self._plane, self.backend, self.db_cluster_resource_id)
        return window[1] if window else None

    # -- instances -----------------------------------------------------------------------------------------------

    @property
    def _members(self) -> list[Any]:
        return self.instances()

    def instances(self) -> list[SandboxInstance]:
        """Return the instances of the cluster, the oldest first."""
        # in one step: whoever asks need not hold the lock
        found = [each for each in list(self.backend.databases.values()) if isinstance(each, SandboxInstance)]
        return sorted((each for each in found if each.cluster is self), key=lambda db: db.instance_create_time)

    @property
    def server_id(self) -> str:
        """The id under which the data plane has the server."""
        return self.db_cluster_resource_id

    @property
    def port_name(self) -> str:
        """The name that the data plane knows the writer endpoint's port by; no instance can have it."""
        return f"{self.resource_id}.cluster"

    @property
    def db_cluster_members(self) -> list[dict[str, Any]]:
        """The instances, and whether the running server has the values of the cluster's parameter group."""
        return [
            {
                "DBInstanceIdentifier": each.resource_id,
                "IsClusterWriter": each.is_cluster_writer,
                "DBClusterParameterGroupStatus": self._apply_status(each),
                "PromotionTier": each.promotion_tier,
            }
            for each in self.instances()
        ]

    def _apply_status(self, db: SandboxInstance) -> str:
        server = self._plane.servers.get(self.db_cluster_resource_id)
        if server is None or not server.parameter_group:
            return "applying"
        wanted = parameters.effective_settings(server.binaries.folder, db.parameters_in_force())
        return "in-sync" if wanted == server.settings else "pending-reboot"

    def record_event(self, message: str, *categories: str) -> None:
        """Add an event of this cluster to the answers of DescribeEvents."""
        now = self._plane.instant()
        keep_event(
            self.backend.events, SandboxEvent(self.resource_id, "db-cluster", message, categories, self.arn, now)
        )


def shown_storage(wanted: str | None) -> str | None:
    """Return the StorageType of an answer from that of a request: None for `aurora`, which is not shown."""
    return wanted if wanted == _STORAGE else None


def read_scaling(wanted: Any) -> dict[str, Any] | None:
    """Return the ServerlessV2ScalingConfiguration of an answer from that of a request."""
    if not wanted:
        return None
    names = {
        "min_capacity": "MinCapacity",
        "max_capacity": "MaxCapacity",
        "seconds_until_auto_pause": "SecondsUntilAutoPause",
    }
    return {name: wanted[key] for key, name in names.items() if wanted.get(key) is not None}


class SandboxClusterSnapshot(DBClusterSnapshot):
    """A cluster snapshot whose data was copied at the request, and whose status follows after a delay."""

    def __init__(
        self, backend: RDSBackend, plane: DataPlane, cluster: SandboxCluster, snapshot_id: str, **kwargs: Any
    ) -> None:
        delay = kwargs.pop("delay", plane.delays.snapshot)
        super().__init__(backend, cluster, snapshot_id, **kwargs)
        self.created = plane.instant()
        self._progress = SnapshotProgress(plane, delay)
        self.source_db_cluster_snapshot_arn: str | None = None
        self.size_bytes = 0
        self.db_cluster_resource_id = cluster.db_cluster_resource_id
        self.availability_zones = cluster.availability_zones
        self.engine_mode = cluster.engine_mode
        self.license_model = cluster.license_model
        self.vpc_id = cluster.vpc_id
        self.backup_retention_period = cluster.backup_retention_period
        self.preferred_backup_window = cluster.preferred_backup_window
        self.storage_type = cluster.storage_type
        self.iam_database_authentication_enabled = cluster.iam_database_authentication_enabled

    def set_data(self, stored: StoredSnapshot) -> None:
        """Set what the data plane measured when it copied the data."""
        self.size_bytes = stored.size_bytes

    @property
    def storage_encryption_type(self) -> str:
        """`sse-kms` or `none`; the sandbox has no snapshot under a key that AWS owns (`sse-rds`)."""
        return "sse-kms" if self.kms_key_id else "none"

    @property
    def percent_progress(self) -> int:
        """0 to 100; 100 exactly when the status is `available`."""
        return self._progress.percent()

    @percent_progress.setter
    def percent_progress(self, value: int) -> None:
        pass  # moto's initialiser sets one; here it follows from the time

    @property
    def status(self) -> str:
        """`creating` for the configured time, then `available`."""
        return self._progress.status()

    @status.setter
    def status(self, value: str) -> None:
        pass  # moto's initialiser sets one; here it follows from the time
