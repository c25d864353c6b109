"""Point-in-time restore and automated backups, with real WAL: RDS API reference, RestoreDBInstanceToPointInTime."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.rds import Instance, code, create, delete, eventually, recover
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]


@pytest.fixture(scope="module")
def story(beating: RunningSandbox) -> Iterator[tuple[Instance, datetime]]:
    """An instance with row A, a moment, and row B after it; both can be restored."""
    made = create(beating, "story", BackupRetentionPeriod=7, Tags=[{"Key": "team", "Value": "orders"}])
    made.available()
    made.run("CREATE TABLE item (name text)")
    made.run("INSERT INTO item VALUES ('A')")
    moment = beating.control.now()
    made.run("INSERT INTO item VALUES ('B')")
    made.restorable_past(beating.control.now())
    yield made, moment
    delete(made)


def items(instance: Instance) -> str:
    """The rows of the table, sorted."""
    return str(instance.value("SELECT string_agg(name, '' ORDER BY name) FROM item"))


def test_a_restore_to_a_moment_has_what_was_there_then(story: tuple[Instance, datetime]) -> None:
    """What was committed before RestoreTime is in the new instance, and nothing that came after it."""
    source, moment = story
    then = recover(source, "then", RestoreTime=moment, BackupRetentionPeriod=0)
    assert "LatestRestorableTime" not in then.available()
    assert items(then) == "A"
    assert items(source) == "AB"
    then.run("INSERT INTO item VALUES ('C')")
    assert then.value("SELECT pg_is_in_recovery()") is False
    assert then.value("SHOW archive_mode") == "off"
    delete(then)


def test_a_restore_to_the_latest_time_has_everything_until_then(story: tuple[Instance, datetime]) -> None:
    """UseLatestRestorableTime takes every commit up to LatestRestorableTime; the copy archives for itself."""
    source, _ = story
    latest = recover(source, "latest", UseLatestRestorableTime=True)
    latest.available()
    assert items(latest) == "AB"
    latest.run("INSERT INTO item VALUES ('D')")
    latest.restorable_past(source.sandbox.control.now())
    again = recover(latest, "again", UseLatestRestorableTime=True, BackupRetentionPeriod=0)
    again.available()
    assert items(again) == "ABD"
    assert items(source) == "AB"
    for each in (latest, again):
        delete(each)


def test_the_latest_restorable_time_lags_and_goes_on_by_itself(story: tuple[Instance, datetime]) -> None:
    """It never passes the present, and without any write of the owner's it moves on with rdsadmin's heartbeat."""
    source, _ = story
    first = source.described()["LatestRestorableTime"]
    assert first < source.sandbox.control.now()
    source.restorable_past(first)
    with source.connect() as session:
        written = session.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = 'rdsadmin'").fetchone()
    assert written is not None
    assert written[0] > 0


def test_the_wound_clock_counts_in_restorable_times(beating: RunningSandbox, story: tuple[Instance, datetime]) -> None:
    """Restorable times are the sandbox's, so that after winding its clock a moment of it is still the right one.

    PostgreSQL goes by the machine's clock, which is not wound.
    """
    source, _ = story
    beating.control.forward(3600)
    moment = beating.control.now()
    source.run("INSERT INTO item VALUES ('late')")
    latest = source.restorable_past(beating.control.now())
    assert latest - source.value("SELECT clock_timestamp()") > timedelta(minutes=50)
    before = recover(source, "before-late", RestoreTime=moment, BackupRetentionPeriod=0)
    before.available()
    assert items(before) == "AB"
    delete(before)
    source.run("DELETE FROM item WHERE name = 'late'")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"RestoreTime": "late"}, "InvalidParameterValue"),
        ({"RestoreTime": "early"}, "InvalidParameterValue"),
        ({}, "InvalidParameterCombination"),
        ({"RestoreTime": "early", "UseLatestRestorableTime": True}, "InvalidParameterCombination"),
        ({"UseLatestRestorableTime": True, "SourceDBInstanceIdentifier": "nobody"}, "DBInstanceNotFound"),
        ({"UseLatestRestorableTime": True, "SourceDbiResourceId": "db-NO"}, "DBInstanceAutomatedBackupNotFound"),
        ({"UseLatestRestorableTime": True, "AllocatedStorage": 10}, "InvalidParameterValue"),
        ({"UseLatestRestorableTime": True, "TargetDBInstanceIdentifier": "story"}, "DBInstanceAlreadyExists"),
    ],
    ids=str,
)
def test_what_cannot_be_restored_is_refused(
    story: tuple[Instance, datetime], asked: dict[str, Any], expected: str
) -> None:
    """A moment outside of the window, no moment, two, and a source that is not there are refused with AWS's codes."""
    source, _ = story
    moments = {"late": timedelta(hours=1), "early": timedelta(days=-2)}
    if "RestoreTime" in asked:
        asked = asked | {"RestoreTime": source.described()["LatestRestorableTime"] + moments[asked["RestoreTime"]]}
    if not any(key.startswith("Source") for key in asked):
        asked = asked | {"SourceDBInstanceIdentifier": source.name}
    with pytest.raises(ClientError) as refused:
        source.rds.restore_db_instance_to_point_in_time(**({"TargetDBInstanceIdentifier": "never"} | asked))
    assert code(refused) == expected


def test_without_automated_backups_there_is_no_point_in_time(beating: RunningSandbox) -> None:
    """Retention 0: no archiving, no LatestRestorableTime, and PointInTimeRestoreNotEnabled."""
    made = create(beating, "unkept")
    assert "LatestRestorableTime" not in made.available()
    assert made.value("SHOW archive_mode") == "off"
    with pytest.raises(ClientError) as refused:
        recover(made, "never", UseLatestRestorableTime=True)
    assert code(refused) == "PointInTimeRestoreNotEnabled"
    assert (
        made.rds.describe_db_instance_automated_backups(DBInstanceIdentifier="unkept")["DBInstanceAutomatedBackups"]
        == []
    )
    delete(made)


def test_retained_backups_restore_a_deleted_instance(beating: RunningSandbox) -> None:
    """DeleteAutomatedBackups=False leaves a `retained` backup, from which the last moment comes back, until deleted."""
    made = create(beating, "kept", BackupRetentionPeriod=3)
    resource_id = made.available()["DbiResourceId"]
    rds = made.rds

    def backups(**by: Any) -> list[dict[str, Any]]:
        return list(rds.describe_db_instance_automated_backups(**by)["DBInstanceAutomatedBackups"])

    made.run("CREATE TABLE item (name text)")
    made.run("INSERT INTO item VALUES ('last')")
    eventually(lambda: backups(DbiResourceId=resource_id)[0]["Status"] == "active", "the backup")
    with pytest.raises(ClientError) as refused:
        rds.delete_db_instance_automated_backup(DbiResourceId=resource_id)
    assert code(refused) == "InvalidDBInstanceAutomatedBackupState"
    delete(made, DeleteAutomatedBackups=False)

    (kept,) = backups(Filters=[{"Name": "status", "Values": ["retained"]}])
    assert (kept["DbiResourceId"], kept["DBInstanceIdentifier"]) == (resource_id, "kept")
    assert kept["RestoreWindow"]["EarliestTime"] < kept["RestoreWindow"]["LatestTime"]
    for number, by in enumerate(
        (
            {"SourceDbiResourceId": resource_id},
            {"SourceDBInstanceAutomatedBackupsArn": kept["DBInstanceAutomatedBackupsArn"]},
        )
    ):
        back = recover(made, f"back-{number}", UseLatestRestorableTime=True, BackupRetentionPeriod=0, **by)
        back.available()
        assert items(back) == "last"
        delete(back)
    with pytest.raises(ClientError) as refused:
        recover(made, "never", UseLatestRestorableTime=True)
    assert code(refused) == "DBInstanceNotFound"

    rds.delete_db_instance_automated_backup(DbiResourceId=resource_id)
    assert backups(DbiResourceId=resource_id) == []
    assert rds.describe_db_snapshots(DbiResourceId=resource_id)["DBSnapshots"] == []
    with pytest.raises(ClientError) as refused:
        recover(made, "never", UseLatestRestorableTime=True, SourceDbiResourceId=resource_id)
    assert code(refused) == "DBInstanceAutomatedBackupNotFound"


def test_a_retained_backup_goes_when_its_retention_has_passed(beating: RunningSandbox) -> None:
    """The retention period counts from the deletion (RDS User Guide, "Retaining automated backups")."""
    made = create(beating, "expiring", BackupRetentionPeriod=1)
    resource_id = made.available()["DbiResourceId"]
    made.restorable_past(made.described()["InstanceCreateTime"])
    delete(made, DeleteAutomatedBackups=False)
    find = made.rds.describe_db_instance_automated_backups
    assert find(DbiResourceId=resource_id)["DBInstanceAutomatedBackups"]
    beating.control.forward(25 * 3600)
    assert find(DbiResourceId=resource_id)["DBInstanceAutomatedBackups"] == []


def test_the_archive_of_a_deleted_instance_is_gone(beating: RunningSandbox) -> None:
    """By default the automated backups go with the instance: no snapshot, no WAL, no backup is listed."""
    before = set(beating.state.glob("w*"))
    made = create(beating, "brief", BackupRetentionPeriod=1)
    resource_id = made.available()["DbiResourceId"]
    assert set(beating.state.glob("w*")) - before
    delete(made)
    assert set(beating.state.glob("w*")) <= before
    answer = made.rds.describe_db_instance_automated_backups(DbiResourceId=resource_id)
    assert answer["DBInstanceAutomatedBackups"] == []


def test_a_damaged_backup_is_no_base_for_a_moment(beating: RunningSandbox) -> None:
    """A stored backup that a server was started on takes no WAL: nothing can be restored to a moment from it."""
    made = create(beating, "harmed", BackupRetentionPeriod=1)
    made.restorable_past(made.available()["InstanceCreateTime"])
    made.run("CREATE TABLE item (name text)")
    (automated,) = made.rds.describe_db_snapshots(DBInstanceIdentifier="harmed", SnapshotType="automated")[
        "DBSnapshots"
    ]
    beating.control.damage(automated["DBSnapshotIdentifier"], ["row"])
    assert "LatestRestorableTime" not in made.described()
    with pytest.raises(ClientError) as refused:
        recover(made, "never", UseLatestRestorableTime=True)
    assert code(refused) == "InvalidDBInstanceState"
    delete(made)
