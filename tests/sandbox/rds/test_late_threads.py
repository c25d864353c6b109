"""The work of RDS is done in threads that may begin late: in whatever order they come, the instances end as they were asked to.

A region of the sandbox in this process, with real servers, whose threads begin when the test says so.
"""

from __future__ import annotations

import contextlib
import itertools
import ssl
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from moto.kms.models import kms_backends
from moto.rds.exceptions import RDSClientError
from moto.rds.models import rds_backends

from drills.sandbox.base.delays import Delays
from drills.sandbox.base.errors import Ending
from drills.sandbox.base.url_table import UrlTable
from drills.sandbox.postgres.binaries import find, server_user
from drills.sandbox.postgres.postmaster import working_in
from drills.sandbox.rds.backend import SandboxRDS
from drills.sandbox.rds.clusters.models import ENGINE, SandboxCluster
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.rds.key_access import RECOVERABLE
from drills.sandbox.rds.maintenance_window import seconds_until
from drills.sandbox.state import DataPlane
from tests.support.cluster import module_state

__all__ = ["module_state"]

pytestmark = pytest.mark.postgres

ACCOUNT, REGION = "222233334444", "eu-north-1"


class Region:
    """A region whose threads wait until they are let go, by the beginning of their names."""

    def __init__(self, state: Path) -> None:
        none = {each.name: 0.0 for each in fields(Delays)} | {"heartbeat": 3600.0}
        self.plane = DataPlane(state, find(), server_user(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), Delays(**none))
        self.waiting: list[tuple[str, Callable[[], None]]] = []
        # what happens while the next thread waits for a status to have lasted
        self.meanwhile: Callable[[], object] = lambda: None
        self.plane.work = lambda name, job: self.waiting.append((name, job))  # type: ignore[method-assign]
        self.plane.at_least = self._wait  # type: ignore[method-assign]
        self.plane.asked_at = lambda: self.plane.clock.monotonic()  # type: ignore[method-assign]
        self.rds = SandboxRDS(REGION, ACCOUNT, plane=self.plane, urls=UrlTable((), {}), clusters_apart={})
        rds_backends[ACCOUNT][REGION] = self.rds  # where moto's models look for their region

    def close(self) -> None:
        """End every server, and let moto forget the region."""
        del rds_backends[ACCOUNT]
        self.plane.close()

    def _wait(self, started: float, seconds: float) -> None:
        """Wait as a thread does: no status lasts any time here, and what lasts longer ends with the sandbox."""
        happens, self.meanwhile = self.meanwhile, lambda: None
        happens()
        if started + seconds > self.plane.clock.monotonic() + 1:
            raise Ending("its time does not come")

    def let_go(self, name: str) -> None:
        """Do the work of the first thread of that name to its end."""
        found = next(each for each in self.waiting if each[0] == name)
        self.waiting.remove(found)
        with contextlib.suppress(Ending):
            found[1]()

    def create(self, name: str, **more: Any) -> SandboxInstance:
        """Ask for an instance."""
        wanted = {"engine": "postgres", "master_username": "owner", "master_user_password": "right!#$"}
        own = {"db_instance_identifier": name, "db_instance_class": "db.t4g.medium", "backup_retention_period": 0}
        return self.rds.create_db_instance(wanted | own | more)

    def made(self, name: str) -> SandboxInstance:
        """An instance that is available: a copy of a snapshot, which takes less time than a new one."""
        if "origin-1" not in self.rds.database_snapshots:
            self.create("origin")
            self.let_go("create origin")
            self.rds.create_db_snapshot("origin", "origin-1")
            self.remove("origin")
        db = self.rds.restore_db_instance_from_db_snapshot("origin-1", {"db_instance_identifier": name})
        self.let_go(f"restore {name}")
        assert db.status == "available"
        return db

    def delete(self, *names: str) -> None:
        """Ask for the end of instances."""
        for name in names:
            self.rds.delete_db_instance(name, skip_final_snapshot=True)

    def remove(self, *names: str) -> None:
        """Remove instances."""
        self.delete(*names)
        for name in names:
            self.let_go(f"delete {name}")

    def remove_cluster(self, name: str) -> None:
        """Remove a cluster that has no instance any more."""
        self.rds.aurora.deletion.delete(name, None, skip_final_snapshot=True, delete_backups=True)
        self.let_go(f"delete {name}")

    def create_cluster(self, name: str, **more: Any) -> SandboxCluster:
        """Ask for a cluster."""
        wanted = {"db_cluster_identifier": name, "engine": ENGINE, "master_username": "owner"}
        return self.rds.aurora.creation.create(wanted | {"master_user_password": "right!#$"} | more)

    def made_cluster(self, name: str, **more: Any) -> SandboxCluster:
        """A cluster that is available, without instances."""
        cluster = self.create_cluster(name, **more)
        self.let_go(f"create {name}")
        assert cluster.status == "available"
        return cluster

    def add(self, cluster: str, name: str) -> SandboxInstance:
        """Ask for an instance of a cluster."""
        wanted = {"db_instance_identifier": name, "db_instance_class": "db.r6g.large", "engine": ENGINE}
        return self.rds.create_db_instance(wanted | {"db_cluster_identifier": cluster})

    def runs(self, db: SandboxInstance) -> bool:
        """Whether the server of an instance runs, and its port leads there."""
        proxy = self.plane.ports._proxies.get(db.resource_id)
        return self.plane.servers[db.server_id].cluster.running() and proxy is not None and proxy._target is not None

    def remains(self) -> list[Any]:
        """What is left of servers: processes, data folders, archives and ports."""
        state = self.plane.state
        return [*working_in(state), *state.glob("[dw]*"), *self.plane.ports._proxies]


@pytest.fixture(scope="module")
def region(module_state: Path) -> Iterator[Region]:
    """One region for the module; each test has names of its own, and removes what it made."""
    made = Region(module_state)
    yield made
    made.close()


def test_what_is_deleted_before_its_thread_begins_is_not_built(region: Region) -> None:
    """A new instance, one of a cluster, and a new cluster: no server, no archive and no port are left of them."""
    region.create("brief", backup_retention_period=1)
    region.made_cluster("flock")
    region.add("flock", "brief-member")
    region.remove("brief", "brief-member")
    region.let_go("create brief")
    region.let_go("create brief-member")
    assert list(working_in(region.plane.state)) == []

    region.create_cluster("brief-flock")
    region.remove_cluster("brief-flock")
    region.let_go("create brief-flock")
    region.remove_cluster("flock")
    assert region.remains() == []


def test_a_deletion_is_not_undone_by_what_comes_late(region: Region) -> None:
    """By a change, a start or a stop that was asked for earlier and whose thread comes before the deletion's or after it."""
    instances = {work: region.made(f"late-{work}") for work in ("modify", "start", "stop")}
    region.rds.modify_db_instance("late-modify", {"multi_az": True, "apply_immediately": True})
    region.rds.stop_db_instance("late-start")
    region.let_go("stop late-start")
    region.rds.start_db_instance("late-start")
    region.rds.stop_db_instance("late-stop")
    region.delete("late-modify", "late-start", "late-stop")
    for work in ("modify late-modify", "start late-start", "delete late-stop", "stop late-stop"):
        region.let_go(work)
        assert {each.status for each in instances.values()} == {"deleting"}
    region.let_go("delete late-modify")
    region.let_go("delete late-start")

    assert region.remains() == []


def test_a_change_is_seen_from_its_answer_on(region: Region) -> None:
    """Its thread has not begun, and nothing else can be changed: who waits for `available` waits for the end of the change."""
    changed = region.made("changed")
    region.rds.modify_db_instance("changed", {"monitoring_interval": 60})
    assert changed.status == "configuring-enhanced-monitoring"
    with pytest.raises(RDSClientError, match="InvalidDBInstanceState"):
        region.rds.modify_db_instance("changed", {"multi_az": True})
    region.let_go("modify changed")
    assert (changed.status, region.runs(changed)) == ("available", True)
    region.remove("changed")


def test_the_seconds_of_a_flap_count_from_when_it_is_seen(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who winds the clock as soon as the instance is `modifying` has not wound it too early."""
    region.plane.faults.arm({"kind": "flapping", "service": "rds", "name": "flaps", "seconds": 600})
    flaps, real = region.made("flaps"), region.plane.clock.monotonic
    monkeypatch.setattr(region.plane.clock, "monotonic", lambda: real() + (601 if flaps.status == "modifying" else 0))
    region.let_go("flap flaps")
    assert flaps.status == "available"
    region.remove("flaps")


def test_an_instance_recovers_from_a_lost_key_although_it_is_put_away_late(region: Region) -> None:
    """The server that was to be shut down still runs when the key is back; it runs afterwards too."""
    kms = kms_backends[ACCOUNT][REGION]
    sealed = region.made("sealed")
    sealed.kms_key_id = kms.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", None, False).arn
    region.rds.key_access.lose(sealed.kms_key_id)
    assert sealed.status == RECOVERABLE
    region.rds.start_db_instance("sealed")
    region.let_go("recover sealed")
    region.let_go("put sealed away")
    assert (sealed.status, region.runs(sealed)) == ("available", True)
    region.remove("sealed")


# -- clusters ----------------------------------------------------------------------------------------------------------


class Watched:
    """The lock of a sandbox, which calls `look` each time that it is free again."""

    def __init__(self, lock: Any, look: Callable[[], object]) -> None:
        self._lock, self._look, self._depth = lock, look, 0

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._look()
        self._lock.release()


def writer_endpoint_is_open(region: Region, cluster: SandboxCluster) -> bool:
    """Whether it leads to the server, which runs."""
    proxy = region.plane.ports._proxies[cluster.port_name]
    return proxy._target is not None and region.plane.servers[cluster.server_id].cluster.running()


def test_with_the_first_instance_its_cluster_is_open_and_backed_up(
    region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody finds the instance available, and the writer endpoint closed or the cluster ready for a change."""
    cluster = region.made_cluster("herd")
    first = region.add("herd", "herd-1")
    seen: list[tuple[str, str, bool]] = []

    def look() -> None:
        seen.append((first.status, cluster.status, writer_endpoint_is_open(region, cluster)))

    monkeypatch.setattr(region.plane, "lock", Watched(region.plane.lock, look))
    region.let_go("create herd-1")
    assert {each for each in seen if each[0] == "available"} == {("available", "backing-up", True)}
    monkeypatch.undo()
    region.let_go("back up herd")

    # the next comes while the last one leaves: once before its server is stopped, once after that
    region.delete("herd-1")
    finish = region.plane.archives.finish

    def come(*given: Any) -> None:
        finish(*given)
        region.add("herd", "herd-2")
        region.let_go("create herd-2")

    monkeypatch.setattr(region.plane.archives, "finish", come)
    region.let_go("delete herd-1")
    monkeypatch.undo()
    assert writer_endpoint_is_open(region, cluster)
    region.delete("herd-2")
    region.meanwhile = lambda: region.add("herd", "herd-3")
    region.let_go("delete herd-2")
    region.let_go("create herd-3")
    assert writer_endpoint_is_open(region, cluster)

    # and of two that leave at once the later one stops it
    region.add("herd", "herd-4")
    region.let_go("create herd-4")
    region.delete("herd-3", "herd-4")
    region.meanwhile = lambda: region.let_go("delete herd-4")
    region.let_go("delete herd-3")
    assert list(working_in(region.plane.state)) == []
    region.remove_cluster("herd")
    assert region.remains() == []


def test_a_cluster_may_be_changed_before_its_instance_is_begun(region: Region) -> None:
    """The instance becomes available all the same, the cluster has its first backup, and the later of two names counts."""
    region.plane.clock.forward(seconds_until("wed:12:00-wed:12:30", region.plane.instant()))
    windows = {"preferred_maintenance_window": "wed:11:30-wed:14:00", "preferred_backup_window": "06:30-07:30"}
    # its backups overlap the maintenance that RDS gives an instance usually
    cluster = region.made_cluster("pack", **windows)
    member = region.add("pack", "pack-1")
    modify = region.rds.aurora.modification.modify
    modify({"db_cluster_identifier": "pack", "new_db_cluster_identifier": "former"})
    region.let_go("create pack-1")
    assert (member.status, cluster.status) == ("available", "modifying")
    assert [each.snapshot_type for each in region.rds.cluster_snapshots.values()] == ["automated"]
    region.let_go("modify pack")
    region.let_go("back up pack")

    modify({"db_cluster_identifier": "pack", "new_db_cluster_identifier": "latter"})
    region.let_go("modify pack")
    region.let_go("maintain pack")
    assert cluster.resource_id == "pack"
    region.let_go("maintain pack")
    assert cluster.resource_id == "latter"
    region.remove("pack-1")
    region.remove_cluster("latter")


# -- answers -----------------------------------------------------------------------------------------------------------


def test_an_answer_shows_one_state_of_a_snapshot(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    """The percentage is read after the status, and is 100 exactly when that is `available`, however long lies between."""
    region.made("shot")
    region.made_cluster("shot-flock")
    taken: list[Any] = [
        region.rds.snapshots.create("shot", "shot-1", delay=10.0),
        region.rds.aurora.snapshots.create("shot-flock", "shot-2", delay=10.0),
    ]
    monkeypatch.setattr(
        region.plane.clock, "monotonic", itertools.count(region.plane.clock.monotonic() + 6, 6).__next__
    )
    for each in taken:
        each._progress._began = region.plane.clock.monotonic()
        seen = [(each.status, each.percent_progress) for _ in range(2)]
        assert [(status, percent == 100) for status, percent in seen] == [("creating", False), ("available", True)]
    monkeypatch.undo()
    region.remove("shot")
    region.remove_cluster("shot-flock")
