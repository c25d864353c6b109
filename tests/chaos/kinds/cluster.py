"""An Aurora cluster with a writer, a table and a canary, backed up by AWS Backup."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from drills.checks import manifest
from drills.checks.canary import writer
from drills.files import write_atomically
from drills.recovery.connect import Endpoint, connector
from tests.chaos.cases import CLUSTER
from tests.chaos.kinds.instance import rows
from tests.chaos.kinds.kind import LocalAws, configure
from tests.support.aurora import create_cluster
from tests.support.elsewhere import DATABASE, VAULT, back_up, plan_backups
from tests.support.rds import MASTER
from tests.support.runs import Place
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox

ROWS = "create table plant as select n as id, 'plant ' || n as name from generate_series(1, 300) as n"


class Cluster:
    """A cluster and its writer, with all rows."""

    plan = CLUSTER
    target = "greenhouse"

    def __init__(self) -> None:
        self._passwords: dict[str, SecretStr] = {}  # by the address of the AWS: two workers have a cluster each

    @contextmanager
    def opened(self, place: Place) -> Iterator[RunningSandbox]:
        """A sandbox with the cluster, its backup, its manifest and its plan."""
        running = start_sandbox()
        try:
            self._make(running, place)
            yield running
        finally:
            end_sandbox(running)

    def _make(self, running: RunningSandbox, place: Place) -> None:
        made = create_cluster(running, self.target, DatabaseName=DATABASE)
        self._passwords[running.endpoint] = SecretStr(made.password)
        made.writer()
        with made.connect(dbname=DATABASE) as session:
            session.execute(ROWS.encode())
            writer.install(session)
            for _ in range(3):
                writer.beat(session)
        stored = place.checkout / "plants.json"
        key = manifest.write_key(stored)
        write_atomically(stored, manifest.dump(manifest.take(connector(self._endpoint(running)), key=key), key))
        arn = made.described()["DBClusterArn"]
        running.client("backup").create_backup_vault(BackupVaultName=VAULT)
        back_up(running, arn)
        plan_backups(running, arn, every=12)  # none falls into an hour of cases
        restore = f'ca_bundle = "{running.ca}"'
        words = {"kind": "cluster", "source": self.target, "vault": VAULT, "more": f'manifest = "{stored}"'}
        configure(place, running, target=self.target, restore=restore, **words)

    def _shown(self, aws: LocalAws) -> dict[str, Any]:
        return dict(aws.client("rds").describe_db_clusters(DBClusterIdentifier=self.target)["DBClusters"][0])

    def _endpoint(self, aws: LocalAws) -> Endpoint:
        shown = self._shown(aws)
        return Endpoint(shown["Endpoint"], shown["Port"], MASTER, self._passwords[aws.endpoint], Path(aws.ca))

    def described(self, aws: LocalAws) -> Any:
        """The cluster and its writer, without the instants between which they can be restored, which come with the first backup."""
        named = f"{self.target}-writer"
        (instance,) = aws.client("rds").describe_db_instances(DBInstanceIdentifier=named)["DBInstances"]
        moving = {"EarliestRestorableTime": "", "LatestRestorableTime": ""}
        return [each | moving for each in (self._shown(aws), instance)]

    def content(self, aws: LocalAws) -> str:
        """A manifest of all of its rows."""
        return rows(self._endpoint(aws))
