"""How a cluster becomes available, how its writer endpoint opens and closes, and how it is backed up automatically."""

from __future__ import annotations

from collections.abc import Callable

from drills.sandbox.base.errors import SERVER_ERRORS, Ending, first_line
from drills.sandbox.postgres.servers import Server
from drills.sandbox.rds.clusters.models import SandboxCluster
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.state import DataPlane


class ClusterLifecycle:
    """Brings the data of clusters into being, and starts and ends their servers with their first and last instances."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    def bring_up(
        self, cluster: SandboxCluster, server: Server, build: Callable[[], None], event: tuple[str, str]
    ) -> None:
        """Build the data of a new cluster and make it available; its server does not run until it has an instance.

        `build` makes the data directory, and leaves no server running on it. An error makes the cluster `failed`, a
        status that no document of AWS describes for a cluster; its event says why. For a cluster that is being deleted already
        nothing is built: nobody would remove it.
        """
        plane, began = self._plane, self._plane.asked_at()
        try:
            with plane.lock:
                if cluster.status != "creating":
                    return
                plane.archives.open(cluster.db_cluster_resource_id, server.cluster)
            with server.busy:
                if cluster.status != "creating":
                    return
                build()
        except SERVER_ERRORS as error:
            if isinstance(error, Ending):
                raise
            self._fail(cluster, server, error)
            return
        plane.at_least(began, plane.delays.creating)
        with plane.lock:
            if cluster.status != "creating":
                return
            if plane.faults.take("stuck-creating", service="rds", name=cluster.resource_id):
                cluster.record_event("The DB cluster is still being created", "notification")
                return
            cluster.status = "available"
            cluster.record_event(*event)

    def _fail(self, cluster: SandboxCluster, server: Server, error: Exception) -> None:
        with self._plane.lock:
            server.reason = first_line(error)
            if cluster.status != "deleting":
                cluster.status = "failed"
                cluster.record_event(f"The DB cluster is failed: {server.reason}", "failure")

    def start_server(self, cluster: SandboxCluster, server: Server, settings: dict[str, str]) -> None:
        """Start the server of a cluster for its first instance. The caller holds the server's `busy`."""
        if not server.cluster.running():
            server.cluster.start(settings)

    def open_endpoint(self, cluster: SandboxCluster, db: SandboxInstance) -> None:
        """Let the writer endpoint lead to the server once its writer is there. The caller holds the lock."""
        if db.is_cluster_writer:
            server = self._plane.servers[cluster.db_cluster_resource_id]
            cluster.port = self._plane.ports.open(cluster.port_name, server.cluster)

    def instance_left(self, cluster: SandboxCluster, db: SandboxInstance) -> None:
        """Promote another instance where the writer has left; end the server and close the endpoint with the last one."""
        with self._plane.lock:
            rest = _others(cluster, db)
            server = self._plane.servers.get(cluster.db_cluster_resource_id)
            if rest and db.is_cluster_writer:
                db.is_cluster_writer = False
                heir = min(rest, key=lambda each: (each.promotion_tier, each.instance_create_time))
                heir.is_cluster_writer = True
                cluster.record_event(f"Completed failover to DB instance: {heir.resource_id}", "failover")
            if not rest:
                self._plane.ports.refuse(cluster.port_name)
        if server is not None and not rest:
            self._plane.archives.finish(cluster.db_cluster_resource_id, server)
            with server.busy:
                if not _others(cluster, db):  # one that has come meanwhile goes on with the server that it found
                    server.cluster.stop()


def _others(cluster: SandboxCluster, db: SandboxInstance) -> list[SandboxInstance]:
    """Return the instances of a cluster beside one that leaves, without others that leave too."""
    return [each for each in cluster.instances() if each is not db and each.status != "deleting"]
