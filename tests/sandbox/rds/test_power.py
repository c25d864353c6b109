"""Stopping and starting instances: RDS API reference, StopDBInstance and StartDBInstance."""

from __future__ import annotations

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.support.rds import MASTER, code, create, delete, restore
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]


def test_a_stopped_instance_refuses_and_a_started_one_has_its_data(beating: RunningSandbox) -> None:
    """Stopping ends the server, keeps endpoint and data, and can take a snapshot before; starting brings all back."""
    made = create(beating, "halted")
    port = made.available()["Endpoint"]["Port"]
    made.run("CREATE TABLE item AS SELECT 1 AS id")
    rds = made.rds
    answer = rds.stop_db_instance(DBInstanceIdentifier="halted", DBSnapshotIdentifier="before-halt")["DBInstance"]
    assert answer["DBInstanceStatus"] == "stopping"
    assert made.reaches("stopped")["Endpoint"]["Port"] == port
    assert beating.control.instance("halted")["pid"] is None
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(host="localhost", port=port, user=MASTER, dbname="app", connect_timeout=60)
    for refuse in (rds.stop_db_instance, rds.reboot_db_instance):
        with pytest.raises(ClientError) as refused:
            refuse(DBInstanceIdentifier="halted")
        assert code(refused) == "InvalidDBInstanceState"

    answer = rds.start_db_instance(DBInstanceIdentifier="halted")["DBInstance"]
    assert answer["DBInstanceStatus"] == "starting"
    assert made.available()["Endpoint"]["Port"] == port
    assert made.value("SELECT id FROM item") == 1
    assert {"DB instance stopped", "DB instance started"} <= set(made.events())

    copy = restore(made, "before-halt", "halted-copy")
    copy.available()
    assert copy.value("SELECT id FROM item") == 1
    for each in (copy, made):
        delete(each)


def test_a_stopped_instance_starts_by_itself_after_seven_days(beating: RunningSandbox) -> None:
    """Not before, and a later stop counts anew ("the instance restarts automatically after 7 days")."""
    made = create(beating, "resting")
    made.available()
    made.rds.stop_db_instance(DBInstanceIdentifier="resting")
    made.reaches("stopped")
    beating.control.forward(6 * 86400)
    made.rds.start_db_instance(DBInstanceIdentifier="resting")
    made.available()
    made.rds.stop_db_instance(DBInstanceIdentifier="resting")
    made.reaches("stopped")
    beating.control.forward(2 * 86400)
    assert made.status == "stopped"
    beating.control.forward(6 * 86400)
    made.available()
    assert made.value("SELECT 1") == 1
    delete(made)


def test_static_parameters_arrive_at_a_start(beating: RunningSandbox) -> None:
    """A start reads the parameter group as a reboot does."""
    family = f"postgres{beating.postgres[0]['major']}"
    made = create(beating, "retuned")
    made.available()
    rds = made.rds
    rds.create_db_parameter_group(DBParameterGroupName="retuned", DBParameterGroupFamily=family, Description="tuned")
    parameter = {"ParameterName": "max_connections", "ParameterValue": "34", "ApplyMethod": "pending-reboot"}
    rds.modify_db_parameter_group(DBParameterGroupName="retuned", Parameters=[parameter])
    rds.modify_db_instance(DBInstanceIdentifier="retuned", DBParameterGroupName="retuned", ApplyImmediately=True)
    groups = made.available()["DBParameterGroups"]
    assert groups == [{"DBParameterGroupName": "retuned", "ParameterApplyStatus": "pending-reboot"}]
    rds.stop_db_instance(DBInstanceIdentifier="retuned")
    made.reaches("stopped")
    rds.start_db_instance(DBInstanceIdentifier="retuned")
    assert made.available()["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    assert made.value("SHOW max_connections") == "34"
    delete(made)
