"""Aurora PostgreSQL in one region: the parts that make, change and remove clusters, with what they work with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.rds.models import RDSBackend

from drills.sandbox.rds.clusters.automated_backups import ClusterBackups
from drills.sandbox.rds.clusters.create import ClusterCreation
from drills.sandbox.rds.clusters.delete import ClusterDeletion
from drills.sandbox.rds.clusters.lifecycle import ClusterLifecycle
from drills.sandbox.rds.clusters.lookups import ClusterLookups
from drills.sandbox.rds.clusters.members import ClusterMembers
from drills.sandbox.rds.clusters.modify import ClusterModification
from drills.sandbox.rds.clusters.parameter_groups import ClusterParameterGroups
from drills.sandbox.rds.clusters.registration import ClusterRegistration
from drills.sandbox.rds.clusters.snapshots import ClusterSnapshots
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.rds.keys import Keys
from drills.sandbox.rds.lifecycle import Lifecycle
from drills.sandbox.rds.network import Network
from drills.sandbox.rds.parameter_groups import ParameterGroups
from drills.sandbox.rds.quotas import Quotas
from drills.sandbox.state import DataPlane


class Aurora:
    """The clusters of one region. `snapshots`, `backups`, `parameter_groups` and `lookups` answer for themselves."""

    def __init__(
        self,
        backend: RDSBackend,
        plane: DataPlane,
        keys: Keys,
        network: Network,
        quotas: Quotas,
        groups: ParameterGroups,
    ) -> None:
        self.lookups = ClusterLookups(backend)
        self.parameter_groups = ClusterParameterGroups(backend, plane, self.lookups, groups, quotas)
        self.snapshots = ClusterSnapshots(backend, plane, self.lookups, keys, quotas)
        self.backups = ClusterBackups(backend, plane, self.lookups, self.snapshots)
        registration = ClusterRegistration(backend, plane, network, self.parameter_groups, quotas)
        self._lifecycle = ClusterLifecycle(plane)
        makers = registration, self._lifecycle
        self.creation = ClusterCreation(plane, keys, self.lookups, self.backups, *makers)
        self.modification = ClusterModification(backend, plane, self.lookups, network, self.parameter_groups)
        self.deletion = ClusterDeletion(backend, plane, self.lookups, self.snapshots, self.backups)
        self._members = ClusterMembers(backend, plane, self.lookups, self.snapshots, groups, quotas)

    def create_instance(self, request: Mapping[str, Any], lifecycle: Lifecycle) -> SandboxInstance:
        """CreateDBInstance into a cluster."""
        return self._members.create(request, lifecycle, self._lifecycle)

    def delete_instance(self, db: SandboxInstance, final_snapshot: str | None) -> SandboxInstance:
        """DeleteDBInstance of an instance of a cluster."""
        return self._members.delete(db, final_snapshot, self._lifecycle)
