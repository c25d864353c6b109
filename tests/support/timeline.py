"""A recovery by script: an RDS and a server that take as long as they are told, on a clock that is wound by hand.

What the engine asks of the world goes through its Protocols and boto3's calls, so that what is tested is the engine's own
arithmetic and order, to the tenth of a second and without waiting.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psycopg
from botocore.exceptions import ClientError
from botocore.hooks import HierarchicalEmitter

from drills.aws.session import Clients
from drills.checks.base.session import Connection, Connector
from drills.checks.suite import Comparison
from drills.config.load import Target
from drills.model.finding import CheckResult, Finding
from drills.model.record import RunRecord, TargetSummary
from drills.record import Journal, load
from drills.recovery.connect import Endpoint, NotResolved, Resolver
from drills.recovery.drill import Drill
from drills.recovery.setup import Setup
from tests.support.clock import NOON, HandClock

POLL = 0.02
SOURCE = "orders"
Statuses = tuple[tuple[str, float], ...]
AVAILABLE: Statuses = (("available", 0.0),)


@dataclass(frozen=True)
class Script:
    """How long each part takes, in seconds. The last status of a list stays; `reads` are the runs of the query."""

    choosing: float = 0.0
    accepting: float = 0.0
    unknown: float = 0.0
    creating: Statuses = (("creating", 2.0), *AVAILABLE)
    modifying: Statuses = (("modifying", 1.0), *AVAILABLE)
    pending: float = 0.0
    dns: float = 0.0
    refusing: float = 0.0
    reads: tuple[float, ...] = (0.1, 0.1)
    checking: float = 0.5
    comparing: float = 0.0
    unpassed: str = ""
    copy_class: str = "db.m6g.large"
    asking: float = 0.0  # before the request for a new password arrives


class JumpingClock(HandClock):
    """Its wall clock is set by `jump` seconds once `after` seconds have been slept; its monotonic one is not."""

    def __init__(self, jump: float, after: float) -> None:
        super().__init__()
        self._jump, self._after = jump, after

    def now(self) -> datetime:
        """The instant, by the wall clock."""
        return super().now() + timedelta(seconds=self._jump if self.slept >= self._after else 0.0)


class ScriptedRds:
    """The calls of RDS that a recovery makes; statuses follow the script."""

    def __init__(self, script: Script, clock: HandClock) -> None:
        self.meta = SimpleNamespace(events=HierarchicalEmitter())
        self._script, self._clock = script, clock
        self._statuses: Statuses = ()
        self._began = 0.0
        self._known_from = self._settled_from = 0.0
        self._tags: list[dict[str, str]] = []

    def _status(self) -> str:
        spent = self._clock.slept - self._began
        for status, seconds in self._statuses[:-1]:
            if spent < seconds:
                return status
            spent -= seconds
        return self._statuses[-1][0]

    def describe_db_instances(self, DBInstanceIdentifier: str) -> dict[str, Any]:
        """The source, or the copy as far as it is."""
        source = DBInstanceIdentifier == SOURCE
        if not source and (not self._statuses or self._clock.slept < self._known_from):
            raise ClientError({"Error": {"Code": "DBInstanceNotFound", "Message": "unknown"}}, "DescribeDBInstances")
        shown: dict[str, Any] = {
            "DBInstanceIdentifier": DBInstanceIdentifier,
            "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-0a1b2c3d"}],
            "DbiResourceId": "db-A" if source else "db-B",
            "DBInstanceStatus": "available" if source else self._status(),
            "DBInstanceClass": "db.m6g.large" if source else self._script.copy_class,
            "MasterUsername": "owner",
            "DBSubnetGroup": {
                "DBSubnetGroupName": "drills",
                "VpcId": "vpc-1",
                "Subnets": [{"SubnetIdentifier": "subnet-1"}],
            },
            "Endpoint": {"Address": "localhost", "Port": 5433 if source else 5432},
            "TagList": [] if source else self._tags,
        }
        if not source and self._clock.slept < self._settled_from:
            shown["PendingModifiedValues"] = {"MasterUserPassword": "****"}
        return {"DBInstances": [shown]}

    def describe_db_snapshots(
        self, SnapshotType: str, DBInstanceIdentifier: str = "", DBSnapshotIdentifier: str = ""
    ) -> dict[str, Any]:
        """One point, an hour old; the list of an instance's points takes its time."""
        if SnapshotType != "manual":
            return {"DBSnapshots": []}
        if DBInstanceIdentifier:
            self._clock.sleep(self._script.choosing)
        taken = NOON - timedelta(hours=1)
        snapshot = {
            "DBSnapshotArn": "arn:aws:rds:eu-central-1:000000000000:snapshot:nightly",
            "DBSnapshotIdentifier": "nightly",
            "SnapshotType": "manual",
            "Status": "available",
            "DBInstanceIdentifier": SOURCE,
            "DbiResourceId": "db-A",
            "SnapshotCreateTime": taken,
            "SnapshotDatabaseTime": taken,
        }
        return {"DBSnapshots": [snapshot]}

    def restore_db_instance_from_db_snapshot(self, Tags: list[dict[str, str]], **_: Any) -> dict[str, Any]:
        """Accepted after a while; known later still."""
        self._clock.sleep(self._script.accepting)
        self._statuses, self._began = self._script.creating, self._clock.slept
        self._known_from = self._clock.slept + self._script.unknown
        self._tags = Tags
        return {"DBInstance": {"DbiResourceId": "db-B", "DBInstanceStatus": "creating", "TagList": Tags}}

    def modify_db_instance(self, **_: Any) -> dict[str, Any]:
        """The password is applied while the statuses run, and stays pending a while longer."""
        self._clock.sleep(self._script.asking)
        if self._status() != "available":
            message = f"not available but {self._status()}"
            raise ClientError({"Error": {"Code": "InvalidDBInstanceState", "Message": message}}, "ModifyDBInstance")
        self._statuses, self._began = self._script.modifying, self._clock.slept
        self._settled_from = self._clock.slept + self._script.pending
        return {}


class LackingBackup:
    """An AWS Backup that the service does not have, as an emulator's edition may not."""

    def get_paginator(self, operation: str) -> None:
        """Answered as an absent service is."""
        raise ClientError({"Error": {"Code": "NotImplemented", "Message": f"no {operation} here"}}, operation)


class ScriptedServer:
    """What the copy's name, port and query do."""

    def __init__(self, script: Script, clock: HandClock) -> None:
        self._script, self._clock = script, clock
        self._resolves_from: float | None = None
        self._answers_from: float | None = None
        self._reads = iter(script.reads)
        self.asked: list[str] = []

    def resolve(self, host: str, port: int) -> None:
        """Late by the script, from the first question on."""
        if self._resolves_from is None:
            self._resolves_from = self._clock.slept + self._script.dns
        if self._clock.slept < self._resolves_from - 1e-9:
            raise NotResolved(f"failed to resolve {host!r}")

    def connector(self, endpoint: Endpoint, resolve: Resolver | None) -> Connector:
        """Refuses for a while, from the first attempt on."""

        def connect(database: str) -> Connection:
            if self._answers_from is None:
                self._answers_from = self._clock.slept + self._script.refusing
            if self._clock.slept < self._answers_from - 1e-9:
                raise psycopg.OperationalError("connection refused")
            return cast("Connection", ScriptedConnection(self._answer))

        return connect

    def _answer(self, query: str) -> list[tuple[str, ...]]:
        if query.startswith("explain"):
            self.asked.append(query)
            self._clock.sleep(next(self._reads, self._script.reads[-1]))
        return [("orders",)] if "pg_database" in query else []


class ScriptedAnswer(list[tuple[str, ...]]):
    """As much of a cursor as is asked for."""

    def fetchone(self) -> tuple[str, ...] | None:
        """The first row."""
        return self[0] if self else None


class ScriptedConnection:
    """As much of a connection as the timing of a query needs."""

    def __init__(self, answer: Callable[[str], list[tuple[str, ...]]]) -> None:
        self._answer = answer
        self.info = SimpleNamespace(server_version=160000)

    def __enter__(self) -> ScriptedConnection:
        """As a connection is used."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def transaction(self) -> AbstractContextManager[None]:
        """Nothing is written here."""
        return nullcontext()

    def execute(self, query: str | bytes, *_: Any, **__: Any) -> ScriptedAnswer:
        """An answer, when its time has come."""
        return ScriptedAnswer(self._answer(query.decode() if isinstance(query, bytes) else query))


class ScriptedChecks:
    """Checks that take their time, and pass unless the script names one that does not."""

    def __init__(self, script: Script, clock: HandClock) -> None:
        self._script, self._clock = script, clock

    def blocking(self, comparison: Comparison, names: Collection[str] = ()) -> tuple[CheckResult, ...]:
        """The connection, the catalog, and what the drill supplies."""
        self._clock.sleep(self._script.checking)
        supplied = [check() for name, check in comparison.supplied.items() if name in names]
        return (self._result("connection"), *supplied, self._result("catalog"))

    def remaining(self, comparison: Comparison, blocked: Collection[str] = ()) -> tuple[CheckResult, ...]:
        """The content, and what the drill supplies."""
        self._clock.sleep(self._script.comparing)
        supplied = [check() for name, check in comparison.supplied.items() if name not in blocked]
        return (self._result("content"), *supplied)

    def newest_canary(self, connect: Connector) -> datetime | None:
        """As old as the point."""
        return NOON - timedelta(hours=1)

    def _result(self, name: str) -> CheckResult:
        if name != self._script.unpassed:
            return CheckResult(name, "met", name, compared=1)
        finding = Finding(name, "error", "table shop.orders", "owner app", "owner old", "the owner differs")
        return CheckResult(name, "missed", name, compared=1, findings=(finding,))


def play(folder: Path, script: Script, target: Mapping[str, Any], clock: HandClock | None = None) -> RunRecord:
    """Recover by the script; the record that was written."""
    clock = clock or HandClock()
    groups = {"subnet_group": "drills", "security_group": "sg-0a1b2c3d", "parameter_group": "drills"}
    configured = Target.model_validate({"instance": SOURCE, "restore": groups} | dict(target))
    opening = RunRecord(
        schema_version=1,
        run_id="20261123-120000-0001",
        profile="sandbox",
        simulated=True,
        started_at=clock.now(),
        tool_version="0",
        target=TargetSummary(SOURCE, SOURCE, None),
        objectives=configured.objectives(),
    )
    journal = Journal.create(folder, opening, origin=clock.monotonic(), clock=clock)
    journal.enter("begin")
    server = ScriptedServer(script, clock)
    closed = {"GroupId": "sg-0a1b2c3d", "IpPermissions": [], "IpPermissionsEgress": []}
    ec2 = SimpleNamespace(describe_security_groups=lambda **_: {"SecurityGroups": [closed]})
    rds: Any = ScriptedRds(script, clock)
    clients = Clients(rds, LackingBackup(), ec2, None, None, None, None, "eu-central-1", "000000000000")
    setup = Setup(SOURCE, configured, clients, clients, journal, clock, POLL, None, resolve=server.resolve)
    Drill(dataclasses.replace(setup, connector=server.connector), None, checks=ScriptedChecks(script, clock)).recover()
    journal.end()
    return load(folder)
