"""A cluster with a writer and a reader behind a web service, as a cut-over finds it: the scene of an instance, of another kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import aurora
from tests.support.cutover import Scene, back_up, environment_of, groups_of, serve
from tests.support.sandbox import RunningSandbox
from tests.support.service import Instance, eventually, get


@dataclass(frozen=True)
class ClusterSource(Instance):
    """A cluster with what tests ask of an instance; `described` has it under the names of an instance."""

    @property
    def cluster(self) -> aurora.Cluster:
        """The cluster with its own words."""
        return aurora.Cluster(self.sandbox, self.name, self.password)

    def described(self) -> dict[str, Any]:
        """The cluster, with ARN, identity and endpoint as an instance has them."""
        seen = self.cluster.described()
        endpoint = {"Address": seen["Endpoint"], "Port": seen["Port"]}
        renamed = {"DBInstanceArn": seen["DBClusterArn"], "DbiResourceId": seen["DbClusterResourceId"]}
        return {**seen, **renamed, "Endpoint": endpoint}

    def available(self) -> dict[str, Any]:
        """The cluster once it is available."""
        self.cluster.available()
        return self.described()


@dataclass
class ClusterScene(Scene):
    """The scene of a cluster: `source` is a ClusterSource."""

    def orders(self, name: str | None = None) -> int:
        """How many orders the cluster of a name has."""
        with ClusterSource(self.sandbox, name or self.name, self.source.password).connect() as session:
            (count,) = session.execute("select count(*) from shop.orders").fetchone() or (0,)
        return int(count)

    def identities(self) -> dict[str, str]:
        """The identity of each cluster and of each instance that is there, by its name; those of clusters begin with cluster-."""
        rds = self.sandbox.client("rds")
        clusters = {
            each["DBClusterIdentifier"]: each["DbClusterResourceId"]
            for each in rds.describe_db_clusters()["DBClusters"]
        }
        rows = rds.describe_db_instances()["DBInstances"]
        return {f"cluster {name}": identity for name, identity in clusters.items()} | {
            each["DBInstanceIdentifier"]: each["DbiResourceId"] for each in rows
        }


def make_cluster_scene(sandbox: RunningSandbox, name: str, folder: Path) -> ClusterScene:
    """A cluster with three orders and a backup of them, two of which are then deleted, behind a web service."""
    folder.mkdir(parents=True, exist_ok=True)
    made = aurora.create_cluster(sandbox, name, DeletionProtection=True, **groups_of(sandbox, name))
    made.writer(f"{name}-1")
    made.add(f"{name}-2").available()
    source = ClusterSource(sandbox, name, made.password)
    with made.connect() as session:
        session.execute("CREATE SCHEMA shop")
        session.execute("CREATE TABLE shop.orders (id bigint, placed_at timestamptz DEFAULT now())")
        session.execute("INSERT INTO shop.orders SELECT generate_series(1, 3)")
    sandbox.client("backup").create_backup_vault(BackupVaultName=f"{name}-vault")
    point = back_up(sandbox, source)
    with made.connect() as session:
        session.execute("DELETE FROM shop.orders WHERE id > 1")
    url = serve(sandbox, source)
    group = source.described()["VpcSecurityGroups"][0]["VpcSecurityGroupId"]
    scene = ClusterScene(
        sandbox, folder, source, url, point, group, environment_of(sandbox, folder), named_by=f'cluster = "{name}"\n'
    )
    scene.write_config()
    eventually(lambda: get(url).status == 200, f"{name} to be served")
    return scene
