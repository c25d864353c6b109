"""The faults of RDS: each strikes where it was armed, appears as on AWS, and ends with its instance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.support.rds import MASTER, Instance, code, create, delete, eventually, recover, restore
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]


@pytest.fixture
def armed(beating: RunningSandbox) -> Iterator[RunningSandbox]:
    """The sandbox, whose faults the test arms; every one of them must have struck by its end.

    The session has one such sandbox: what other modules have armed in it is no fault of these tests.
    """
    beating.control.clear_faults()
    yield beating
    struck = [(fault["kind"], fault["struck"]) for fault in beating.control.faults()]
    beating.control.clear_faults()
    assert struck
    assert all(times > 0 for _, times in struck), struck


@pytest.fixture(scope="module")
def origin(beating: RunningSandbox) -> Iterator[Instance]:
    """An instance with a manual snapshot `origin-1` and restorable times."""
    made = create(beating, "origin", BackupRetentionPeriod=1)
    made.available()
    made.rds.create_db_snapshot(DBInstanceIdentifier="origin", DBSnapshotIdentifier="origin-1")
    made.restorable_past(made.available()["InstanceCreateTime"])
    yield made
    delete(made)
    made.rds.delete_db_snapshot(DBSnapshotIdentifier="origin-1")


def test_an_instance_can_be_stuck_in_creating(armed: RunningSandbox, origin: Instance) -> None:
    """It has no endpoint and stays so however long one waits, and it can be deleted."""
    armed.control.arm("stuck-creating", service="rds", name="stuck")
    stuck = restore(origin, "origin-1", "stuck", BackupRetentionPeriod=0)
    eventually(lambda: armed.control.faults()[0]["struck"] > 0, "the fault")
    armed.control.forward(3600)
    seen = stuck.described()
    assert seen["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in seen
    delete(stuck)


def test_an_instance_can_leave_available_again(armed: RunningSandbox, origin: Instance) -> None:
    """It is available, then modifying for the fault's seconds, then available again."""
    armed.control.arm("flapping", service="rds", name="flaps", seconds=600)
    flaps = restore(origin, "origin-1", "flaps", BackupRetentionPeriod=0)
    flaps.reaches("modifying")
    assert flaps.described()["Endpoint"]
    armed.control.forward(601)
    flaps.available()
    assert flaps.value("SELECT 1") == 1
    delete(flaps)


@pytest.mark.parametrize("way", [restore, recover], ids=["from-snapshot", "to-point-in-time"])
def test_a_restore_can_end_in_incompatible_restore(armed: RunningSandbox, origin: Instance, way: Any) -> None:
    """No endpoint, no server, an event that says so; only a restored instance ends so, and it can be deleted."""
    armed.control.arm("incompatible-restore", service="rds", name="spoiled")
    spoiled = (
        restore(origin, "origin-1", "spoiled")
        if way is restore
        else recover(origin, "spoiled", UseLatestRestorableTime=True)
    )
    assert "Endpoint" not in spoiled.reaches("incompatible-restore")
    assert any("incompatible-restore" in message for message in spoiled.events())
    assert armed.control.instance("spoiled")["pid"] is None
    with pytest.raises(ClientError) as refused:
        spoiled.rds.delete_db_instance(DBInstanceIdentifier="spoiled", FinalDBSnapshotIdentifier="spoiled-end")
    assert code(refused) == "InvalidDBInstanceState"
    delete(spoiled)


def test_an_instance_can_run_out_of_storage(armed: RunningSandbox, origin: Instance) -> None:
    """Connections are refused in `storage-full`; more storage, and only that, makes it available again."""
    armed.control.arm("storage-full", service="rds", name="full")
    full = restore(origin, "origin-1", "full", BackupRetentionPeriod=0)
    port = full.reaches("storage-full")["Endpoint"]["Port"]
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(host="localhost", port=port, user=MASTER, dbname="app", connect_timeout=60)
    full.rds.modify_db_instance(DBInstanceIdentifier="full", MultiAZ=True, ApplyImmediately=True)
    eventually(lambda: full.described()["MultiAZ"], "the change")
    full.reaches("storage-full")
    full.rds.modify_db_instance(DBInstanceIdentifier="full", AllocatedStorage=40, ApplyImmediately=True)
    full.available()
    assert full.value("SELECT 1") == 1
    delete(full)


def test_the_quota_of_instances_can_be_exceeded(armed: RunningSandbox, origin: Instance) -> None:
    """Creating and both ways of restoring answer InstanceQuotaExceeded once, and nothing is left of the attempt."""
    armed.control.arm("quota-exceeded", service="rds", times=3)
    attempts: tuple[Callable[[], Instance], ...] = (
        lambda: create(armed, "over"),
        lambda: restore(origin, "origin-1", "over"),
        lambda: recover(origin, "over", UseLatestRestorableTime=True),
    )
    for attempt in attempts:
        with pytest.raises(ClientError) as refused:
            attempt()
        assert code(refused) == "InstanceQuotaExceeded"
    over = create(armed, "over")
    over.available()
    delete(over)
