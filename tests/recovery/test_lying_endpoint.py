"""An endpoint that answers wrongly is found out: a copy without its data, one that is not there, and the source in its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from drills.aws.session import Clients
from drills.clock import SystemClock
from drills.errors import RestoreFailed
from drills.objectives import verdicts as objectives
from drills.recovery.drill import Drill
from tests.support.drill import INSTANCE, Staged

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]
RESTORE = "RestoreDBInstanceFromDBSnapshot"
NOWHERE = {"Address": "localhost", "Port": 1}


def answers(clients: Clients, operation: str, lie: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Let this operation be answered with what `lie` makes of its parameters, and never sent."""

    def answer(params: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        http: Any = AWSResponse("http://localhost", 200, HTTPHeaders(), None)
        return http, {**lie(params["body"]), "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {}}}

    clients.rds.meta.events.register(f"before-call.rds.{operation}", answer)


def alters(clients: Clients, alter: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Let each instance that RDS describes be answered as `alter` makes of it."""

    def change(parsed: dict[str, Any], **_: Any) -> None:
        parsed["DBInstances"] = [alter(each) for each in parsed.get("DBInstances", [])]

    clients.rds.meta.events.register("after-call.rds.DescribeDBInstances", change)


def restored_empty(staged: Staged) -> Clients:
    """Clients of an endpoint whose restore makes a new, empty instance, with the databases and the login of the source."""
    clients, own = staged.clients(), staged.clients()
    (source,) = own.rds.describe_db_instances(DBInstanceIdentifier=INSTANCE)["DBInstances"]
    (database,) = set(staged.stored.databases) - {"postgres"}

    def create(body: dict[str, Any]) -> dict[str, Any]:
        tags = [
            {"Key": body[f"Tags.Tag.{number}.Key"], "Value": body[f"Tags.Tag.{number}.Value"]}
            for number in range(1, 30)
            if f"Tags.Tag.{number}.Key" in body
        ]
        made = own.rds.create_db_instance(
            DBInstanceIdentifier=body["DBInstanceIdentifier"],
            DBInstanceClass=source["DBInstanceClass"],
            Engine="postgres",
            EngineVersion=source["EngineVersion"],
            AllocatedStorage=20,
            MasterUsername=source["MasterUsername"],
            MasterUserPassword="not-asked-for-1",
            DBName=database,
            BackupRetentionPeriod=0,
            DBSubnetGroupName=body["DBSubnetGroupName"],
            DBParameterGroupName=body["DBParameterGroupName"],
            VpcSecurityGroupIds=[body["VpcSecurityGroupIds.VpcSecurityGroupId.1"]],
            Tags=tags,
        )
        return {"DBInstance": made["DBInstance"]}

    answers(clients, RESTORE, create)
    return clients


def test_a_restored_instance_without_its_data_fails_the_verification(staged: Staged, tmp_path: Path) -> None:
    """The status says available, the login works, the databases have their names: 11 by schema, rows and the canary."""
    with staged.drill(tmp_path, clients=restored_empty(staged)) as running:
        running.drill.recover()
        record = running.record

    missed = {verdict.name for verdict in record.verdicts if verdict.outcome == "missed"}
    assert missed == {"canary", "catalog", "large objects"}
    assert objectives.exit_codes(record)[0] == 11
    assert {verdict.name: verdict.outcome for verdict in record.verdicts}["rto"] != "met"


def test_without_a_manifest_an_empty_copy_does_not_pass_either(staged: Staged, tmp_path: Path) -> None:
    """Nothing in it says how old its data are, and nothing is called verified: 12, never 0."""
    with staged.drill(tmp_path, clients=restored_empty(staged)) as running:
        Drill(running.setup, None).recover()
        record = running.record

    outcomes = {verdict.name: verdict.outcome for verdict in record.verdicts}
    assert outcomes["rpo"] != "met"
    assert outcomes["rto"] != "met"
    assert objectives.exit_codes(record)[0] == 12


class Hurried(SystemClock):
    """A clock on which each pause takes a second, whatever it takes."""

    passed = 0.0

    def monotonic(self) -> float:
        """Seconds, with those that have only been said to have passed."""
        return super().monotonic() + self.passed

    def sleep(self, seconds: float) -> None:
        """Wait a little, and let the second pass."""
        super().sleep(min(seconds, 0.01))
        self.passed += 1.0


def test_a_made_up_success_is_waited_for_and_not_believed(staged: Staged, tmp_path: Path) -> None:
    """Restore, status and password are answered as done, and nobody listens at the address: the sentence says so."""
    clients = staged.clients()
    (source,) = staged.clients().rds.describe_db_instances(DBInstanceIdentifier=INSTANCE)["DBInstances"]
    made: dict[str, Any] = {}

    def accept(body: dict[str, Any]) -> dict[str, Any]:
        made.update(
            source, DBInstanceIdentifier=body["DBInstanceIdentifier"], DbiResourceId="db-MADEUP", Endpoint=NOWHERE
        )
        made["TagList"] = [{"Key": "drills:run", "Value": running.record.run_id}]
        made["DBInstanceArn"] = source["DBInstanceArn"].replace(INSTANCE, made["DBInstanceIdentifier"])
        return {"DBInstance": made}

    def describe(body: dict[str, Any]) -> dict[str, Any]:
        return {
            "DBInstances": [
                made if made and body.get("DBInstanceIdentifier") == made["DBInstanceIdentifier"] else source
            ]
        }

    answers(clients, RESTORE, accept)
    answers(clients, "ModifyDBInstance", lambda _: {"DBInstance": made})
    answers(clients, "DescribeDBInstances", describe)
    with (
        staged.drill(tmp_path, clients=clients, changes={"timeout": timedelta(seconds=90)}) as running,
        pytest.raises(RestoreFailed, match=r"expected the scratch instance to answer a query within 90 s") as raised,
    ):
        Drill(dataclasses.replace(running.setup, clock=Hurried()), staged.stored).recover()

    assert raised.value.exit_code == 12


@pytest.mark.parametrize("member", ["DbiResourceId", "Endpoint"])
def test_the_source_in_place_of_the_copy_is_not_touched(staged: Staged, tmp_path: Path, member: str) -> None:
    """By its identity or its address: the drill ends before it sets a password, and the source stays as it was."""
    clients = staged.clients()
    (source,) = staged.clients().rds.describe_db_instances(DBInstanceIdentifier=INSTANCE)["DBInstances"]
    alters(clients, lambda row: row | {member: source[member]})
    called = len(staged.sandbox.control.calls())
    with staged.drill(tmp_path, clients=clients) as running, pytest.raises(RestoreFailed) as raised:
        running.drill.recover()

    assert f"of the source '{INSTANCE}'" in str(raised.value)
    sent = {call["operation"] for call in staged.sandbox.control.calls()[called:]}
    assert RESTORE in sent
    assert "ModifyDBInstance" not in sent
