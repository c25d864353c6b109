"""Aurora clusters of a sandbox for tests: made, waited for, connected to, removed, through boto3 and psycopg alone."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from botocore.exceptions import ClientError

from tests.support.rds import MASTER, Instance, eventually
from tests.support.sandbox import RunningSandbox

ENGINE = "aurora-postgresql"
# what a run makes, changes and removes of clusters
OF_CLUSTERS = {
    *("rds:CopyDBClusterSnapshot", "rds:CreateDBClusterParameterGroup", "rds:CreateDBInstance", "rds:DeleteDBCluster"),
    *("rds:DeleteDBClusterParameterGroup", "rds:DeleteDBClusterSnapshot", "rds:ModifyDBCluster"),
    *("rds:ModifyDBClusterParameterGroup", "rds:RestoreDBClusterFromSnapshot", "rds:RestoreDBClusterToPointInTime"),
}


@dataclass
class Cluster:
    """A cluster with the password that the test gave it."""

    sandbox: RunningSandbox
    name: str
    password: str

    @property
    def rds(self) -> Any:
        """A client."""
        return self.sandbox.client("rds")

    def described(self) -> dict[str, Any]:
        """The cluster as DescribeDBClusters shows it."""
        return dict(self.rds.describe_db_clusters(DBClusterIdentifier=self.name)["DBClusters"][0])

    def available(self) -> dict[str, Any]:
        """The cluster once it is available."""

        def probe() -> dict[str, Any] | None:
            seen = self.described()
            assert seen["Status"] != "failed", self.events()
            return seen if seen["Status"] == "available" else None

        return dict(eventually(probe, f"{self.name} to be available"))

    def events(self) -> list[str]:
        """The messages of the cluster's events."""
        answer = self.rds.describe_events(SourceIdentifier=self.name, SourceType="db-cluster")
        return [event["Message"] for event in answer["Events"]]

    def add(self, name: str, **more: Any) -> Instance:
        """Create an instance of the cluster, not waited for."""
        wanted = {"DBInstanceClass": "db.r6g.large", "Engine": ENGINE, "DBClusterIdentifier": self.name}
        self.rds.create_db_instance(DBInstanceIdentifier=name, **(wanted | more))
        return Instance(self.sandbox, name, self.password)

    def writer(self, name: str = "") -> Instance:
        """Create the first instance and wait until it and its cluster are available."""
        made = self.add(name or f"{self.name}-writer")
        made.available()
        self.available()
        return made

    def connect(self, **more: Any) -> psycopg.Connection[Any]:
        """A session over verified TLS at the writer endpoint."""
        seen = self.described()
        wanted: dict[str, Any] = {
            "host": seen["Endpoint"],
            "port": seen["Port"],
            "user": MASTER,
            "password": self.password,
            "dbname": "app",
            "sslmode": "verify-full",
            "sslrootcert": self.sandbox.ca,
            "autocommit": True,
        }
        return psycopg.connect(**(wanted | more))

    def value(self, query: str) -> Any:
        """The single value of a query at the writer endpoint."""
        with self.connect() as session:
            row = session.execute(query.encode()).fetchone()
            assert row is not None
            return row[0]

    def run(self, statement: str) -> None:
        """Execute a statement at the writer endpoint and commit."""
        with self.connect() as session:
            session.execute(statement.encode())

    def restorable_past(self, moment: datetime) -> datetime:
        """LatestRestorableTime, once it is later than a moment."""

        def probe() -> datetime | None:
            latest: datetime | None = self.described().get("LatestRestorableTime")
            return latest if latest is not None and latest > moment else None

        return datetime.fromisoformat(str(eventually(probe, f"{self.name} to be restorable past {moment}")))

    def gone(self) -> bool:
        """Whether the cluster is no longer described."""
        try:
            self.described()
        except ClientError as error:
            return bool(error.response["Error"]["Code"] == "DBClusterNotFoundFault")
        return False

    def remove(self) -> None:
        """Delete the instances, then the cluster, and wait until all are gone."""
        for member in self.described()["DBClusterMembers"]:
            self.rds.delete_db_instance(DBInstanceIdentifier=member["DBInstanceIdentifier"])
        self.rds.delete_db_cluster(DBClusterIdentifier=self.name, SkipFinalSnapshot=True)
        eventually(self.gone, f"{self.name} to go")

    def snapshot(self, name: str, **more: Any) -> dict[str, Any]:
        """Take a manual cluster snapshot; it as described, once it is available."""
        self.rds.create_db_cluster_snapshot(DBClusterIdentifier=self.name, DBClusterSnapshotIdentifier=name, **more)
        taken = snapshot_available(self.rds, name)
        self.available()
        return taken


def snapshot_available(rds: Any, name: str) -> dict[str, Any]:
    """A cluster snapshot, once it is available."""

    def probe() -> dict[str, Any] | None:
        (seen,) = rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)["DBClusterSnapshots"]
        return dict(seen) if seen["Status"] == "available" else None

    return dict(eventually(probe, name))


def create_cluster(sandbox: RunningSandbox, name: str, **more: Any) -> Cluster:
    """A new cluster, not waited for."""
    made = Cluster(sandbox, name, secrets.token_urlsafe(16))
    wanted: dict[str, Any] = {
        "DBClusterIdentifier": name,
        "Engine": ENGINE,
        "MasterUsername": MASTER,
        "MasterUserPassword": made.password,
        "DatabaseName": "app",
    }
    sandbox.client("rds").create_db_cluster(**(wanted | more))
    return made


def restore_cluster(source: Cluster, snapshot: str, name: str, **more: Any) -> Cluster:
    """Restore a cluster snapshot to a new cluster, not waited for."""
    source.rds.restore_db_cluster_from_snapshot(
        DBClusterIdentifier=name, SnapshotIdentifier=snapshot, Engine=ENGINE, **more
    )
    return Cluster(source.sandbox, name, source.password)
