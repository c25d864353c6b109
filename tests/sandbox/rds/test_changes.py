"""ModifyDBInstance: what is pending, when it is carried out, and which status it shows (RDS API reference)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.rds import Instance, code, create, delete, eventually, window
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]

LONG = 3600.0  # seconds of the sandbox's time, longer than any test


@pytest.fixture(scope="module")
def slow() -> Iterator[RunningSandbox]:
    """A sandbox in which an instance is modified or stopped until its clock is wound by `LONG`."""
    running = start_sandbox(delays=f'{{"creating": 0.1, "modifying": {LONG}, "stopping": {LONG}, "deleting": 0.1}}')
    yield running
    end_sandbox(running)


def window_in(beating: RunningSandbox, hours: float) -> str:
    """Return a maintenance window of half an hour that begins so many hours from now, or up to half an hour later."""
    return window(beating.control.now() + timedelta(hours=hours))


def modify(instance: Instance, **changes: Any) -> dict[str, Any]:
    """Call ModifyDBInstance; return the pending values after it."""
    answer = instance.rds.modify_db_instance(DBInstanceIdentifier=instance.name, **changes)
    return dict(answer["DBInstance"]["PendingModifiedValues"])


def test_what_is_pending_waits_for_the_maintenance_window(beating: RunningSandbox) -> None:
    """Without ApplyImmediately class, storage, Multi-AZ and a new name are shown as pending and done in the window."""
    far = window_in(beating, 12).split("-")
    made = create(
        beating,
        "waiting",
        PreferredMaintenanceWindow=window_in(beating, 5),
        PreferredBackupWindow="-".join(each.partition(":")[2] for each in far),  # the two must not overlap
    )
    made.available()
    wanted = {"DBInstanceClass": "db.t4g.large", "AllocatedStorage": 40, "MultiAZ": True}
    assert modify(made, **wanted, NewDBInstanceIdentifier="waited") == wanted | {"DBInstanceIdentifier": "waited"}
    made.rds.reboot_db_instance(DBInstanceIdentifier="waiting")
    made.reaches("available")
    beating.control.forward(4 * 3600)
    seen = made.described()
    assert seen["PendingModifiedValues"] == wanted | {"DBInstanceIdentifier": "waited"}
    assert (seen["DBInstanceClass"], seen["MultiAZ"]) == ("db.t4g.medium", False)

    beating.control.forward(1.8 * 3600)
    renamed = Instance(beating, "waited", made.password)
    eventually(lambda: not renamed.gone(), "the new name")
    seen = renamed.available()
    assert {name: seen[name] for name in wanted} == wanted
    assert made.gone()
    assert renamed.value("SELECT 1") == 1
    delete(renamed)


def test_applying_immediately_takes_what_is_pending_along(beating: RunningSandbox) -> None:
    """An earlier pending change is carried out too; a request for the present value withdraws a change."""
    made = create(beating, "eager", PreferredMaintenanceWindow=window_in(beating, 80))
    made.available()
    modify(made, DBInstanceClass="db.t4g.large")
    assert modify(made, MultiAZ=True) == {"DBInstanceClass": "db.t4g.large", "MultiAZ": True}
    assert modify(made, MultiAZ=False) == {"DBInstanceClass": "db.t4g.large"}
    modify(made, AllocatedStorage=50, ApplyImmediately=True)
    seen = made.available()
    assert (seen["DBInstanceClass"], seen["AllocatedStorage"], seen["MultiAZ"]) == ("db.t4g.large", 50, False)
    with pytest.raises(ClientError) as refused:
        modify(made, AllocatedStorage=30)
    assert code(refused) == "InvalidParameterCombination"
    delete(made)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"MultiAZ": True, "ApplyImmediately": True}, "modifying"),
        ({"EnableIAMDatabaseAuthentication": True, "ApplyImmediately": True}, "configuring-iam-database-auth"),
        ({"CloudwatchLogsExportConfiguration": {"EnableLogTypes": ["postgresql"]}}, "configuring-log-exports"),
        (
            {"MonitoringInterval": 60, "MonitoringRoleArn": "arn:aws:iam::123456789012:role/emaccess"},
            "configuring-enhanced-monitoring",
        ),
        ({"NewDBInstanceIdentifier": "renamed", "ApplyImmediately": True}, "renaming"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_change_shows_its_own_status_and_leaves_available(
    slow: RunningSandbox, changes: dict[str, Any], status: str
) -> None:
    """`available` is left and reached again (RDS User Guide, "Viewing Amazon RDS DB instance status")."""
    made = create(slow, f"status-{status}"[:40])
    made.available()
    modify(made, **changes)
    assert made.status == status
    slow.control.forward(LONG)
    renamed = Instance(slow, changes.get("NewDBInstanceIdentifier", made.name), made.password)
    eventually(lambda: not renamed.gone(), "the instance")
    renamed.available()
    delete(renamed)


def test_backups_are_enabled_and_disabled(beating: RunningSandbox) -> None:
    """From 0 to a retention: backing-up, a snapshot, restorable times. Back to 0: all automated backups go at once."""
    made = create(beating, "late-kept", PreferredMaintenanceWindow=window_in(beating, 80))
    made.available()
    made.run("CREATE TABLE item (id int)")
    rds = made.rds

    def automated() -> int:
        return len(rds.describe_db_snapshots(DBInstanceIdentifier="late-kept", SnapshotType="automated")["DBSnapshots"])

    assert modify(made, BackupRetentionPeriod=2) == {"BackupRetentionPeriod": 2}
    assert modify(made, BackupRetentionPeriod=2, ApplyImmediately=True) == {"BackupRetentionPeriod": 2}
    seen = made.available()
    assert (seen["BackupRetentionPeriod"], automated(), made.value("SHOW archive_mode")) == (2, 1, "on")
    made.restorable_past(beating.control.now())
    assert modify(made, BackupRetentionPeriod=5) == {}
    assert made.available()["BackupRetentionPeriod"] == 5
    assert made.value("SHOW archive_mode") == "on"

    modify(made, BackupRetentionPeriod=0, ApplyImmediately=True)
    seen = made.available()
    assert (seen["BackupRetentionPeriod"], automated(), made.value("SHOW archive_mode")) == (0, 0, "off")
    assert "LatestRestorableTime" not in seen
    delete(made)


def test_a_name_that_was_taken_while_a_rename_was_under_way_stays_with_its_instance(slow: RunningSandbox) -> None:
    """The rename is not carried out and is no longer pending; both instances are there, each with its own server."""
    first = create(slow, "first")
    first.available()
    modify(first, NewDBInstanceIdentifier="second", AllocatedStorage=30, ApplyImmediately=True)
    second = create(slow, "second")
    second.available()
    slow.control.forward(LONG)

    seen = first.available()
    assert (seen["AllocatedStorage"], seen["PendingModifiedValues"]) == (30, {})
    assert second.described()["DbiResourceId"] != seen["DbiResourceId"]
    assert (first.value("SELECT 1"), second.value("SELECT 1")) == (1, 1)
    delete(first)
    delete(second)


def test_an_instance_that_is_stopping_is_not_started(slow: RunningSandbox) -> None:
    """Only a stopped one is (RDS API reference, StartDBInstance)."""
    made = create(slow, "halting")
    made.available()
    made.rds.stop_db_instance(DBInstanceIdentifier="halting")
    with pytest.raises(ClientError) as refused:
        made.rds.start_db_instance(DBInstanceIdentifier="halting")
    assert code(refused) == "InvalidDBInstanceState"
    slow.control.forward(LONG)
    made.reaches("stopped")
    delete(made)
