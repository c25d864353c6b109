"""The data plane: which PostgreSQL belongs to which instance, which port to which name, which folder to which snapshot.

What AWS says of an instance lives in moto's models (drills/sandbox/rds/backend.py); what is really there lives here, keyed by
DbiResourceId, so that neither can leak into the other. One lock guards both. Long work runs in background threads
without the lock; each server has a lock of its own that puts such work in a row.
"""

from __future__ import annotations

import json
import logging
import secrets
import shutil
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from drills.errors import ConfigError, DrillError, SandboxError
from drills.sandbox.base.faults import Fault, FaultRegistry
from drills.sandbox.base.time import SandboxClock
from drills.sandbox.postgres.binaries import Binaries, ServerUser, readable
from drills.sandbox.postgres.cluster import Cluster
from drills.sandbox.postgres.proxy import Proxy, ProxyLoop
from drills.sandbox.postgres.servers import Server, StoredSnapshot
from drills.sandbox.postgres.wal import Archives, HeartbeatLoop

log = logging.getLogger(__name__)

FAULTS = (DrillError, psycopg.Error, OSError)


@dataclass(frozen=True, slots=True)
class Delays:
    """The least time, in seconds, that each status lasts; the real work may make it last longer."""

    creating: float = 0.5
    modifying: float = 0.2
    backing_up: float = 0.3
    deleting: float = 0.3
    backup_job: float = 0.5
    snapshot: float = 0.3
    rebooting: float = 0.2
    task_start: float = 0.3
    task_stop: float = 0.3
    health_check: float = 1.0
    stopping: float = 0.2
    starting: float = 0.3
    dns: float = 0.0  # from the first question for the name of an instance until it resolves
    heartbeat: float = 5.0  # between two beats, and so how far LatestRestorableTime lags

    @classmethod
    def parse(cls, text: str) -> Delays:
        """Read a JSON object of seconds by status name, such as `{"backing-up": 0.5}`.

        Raises ConfigError for an unknown name or for a value that is not a number of at least 0.
        """
        names = {each.name.replace("_", "-"): each.name for each in fields(cls)}
        try:
            given = json.loads(text or "{}")
        except ValueError as error:
            raise ConfigError(f"--delays must be a JSON object of seconds, found {text!r}: {error}.") from error
        if not isinstance(given, dict):
            raise ConfigError(f"--delays must be a JSON object of seconds, found {text!r}.")
        for name, value in given.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if name not in names or not number or value < 0:
                raise ConfigError(
                    f"--delays takes {', '.join(names)} with seconds of at least 0, found {name!r}: {value!r}."
                )
        return replace(cls(), **{names[name]: float(value) for name, value in given.items()})


class Ending(DrillError):
    """The sandbox is being ended; the work at hand is given up."""


class DataPlane:
    """All servers, ports and stored snapshots of one sandbox, and the threads that work on them."""

    def __init__(
        self, state: Path, binaries: Sequence[Binaries], user: ServerUser | None, tls: ssl.SSLContext, delays: Delays
    ) -> None:
        self.state = state
        self.binaries = tuple(binaries)
        self.user = user
        self.delays = delays
        self.faults = FaultRegistry()
        self.clock = SandboxClock(skew=self._skew)
        self.lock = threading.RLock()
        self.servers: dict[str, Server] = {}
        self.snapshots: dict[str, StoredSnapshot] = {}
        self.archives = Archives(state, user)
        self._tls = tls
        self.admits: Callable[[str, str], bool] = lambda name, address: True  # whether a client may come to an instance
        self._admin_password = secrets.token_urlsafe(24)
        self._ports: dict[str, int] = {}
        self._proxies: dict[str, Proxy] = {}
        self._proxy_loop = ProxyLoop()
        self._unresolved: dict[str, float] = {}
        self._resolved: set[str] = set()
        self._threads: set[threading.Thread] = set()
        self._endings: list[Callable[[], object]] = []
        self._folders = 0
        self._usable: dict[Binaries, Binaries] = {}
        self.work("heartbeat", HeartbeatLoop(self.archives, self.servers, self.clock, delays.heartbeat).run)

    # -- servers -------------------------------------------------------------------------------------------------

    def pick(self, version: str | None) -> Binaries | None:
        """The server for an engine version: "15" or "15.18" by its major, the preferred one for None."""
        if not version:
            return self.binaries[0]
        major = version.split(".")[0]
        return next((each for each in self.binaries if str(each.major) == major), None)

    def add_server(self, resource_id: str, binaries: Binaries) -> Server:
        """Reserve a data directory and a socket directory for an instance; nothing is started."""
        usable = self.usable(binaries)
        server = Server(self._cluster(self._new_folder("d"), usable), usable)
        self.servers[resource_id] = server
        return server

    def usable(self, binaries: Binaries) -> Binaries:
        """The same binaries where the server's user can read them; copied at first use only."""
        with self.lock:
            if binaries not in self._usable:
                self._usable[binaries] = readable(binaries, self.user, self.state)
            return self._usable[binaries]

    def remove_server(self, resource_id: str) -> None:
        """Kill the instance's server and remove its data. The lock must not be held: running work is waited for."""
        with self.lock:
            server = self.servers.pop(resource_id, None)
        if server is None:
            return
        with server.busy:
            server.cluster.kill()
            shutil.rmtree(server.cluster.data, ignore_errors=True)
            shutil.rmtree(server.cluster.run_dir, ignore_errors=True)

    def _cluster(self, data: Path, binaries: Binaries) -> Cluster:
        run_dir = self.state / f"s{data.name[1:]}"
        return Cluster(data, run_dir, binaries, self.user, self._admin_password)

    def _new_folder(self, prefix: str) -> Path:
        with self.lock:
            self._folders += 1
            return self.state / f"{prefix}{self._folders}"

    # -- ports ---------------------------------------------------------------------------------------------------

    def open_port(self, name: str, cluster: Cluster) -> int:
        """Let the port of an instance's name lead to a server; the same name gets the same port again if it is free."""
        proxy = self._proxies.get(name)
        if proxy is None:
            proxy = Proxy(
                self._proxy_loop,
                self._tls,
                lambda: self._seconds("slow-reads", name),
                lambda address: self.admits(name, address),
            )
            try:
                proxy.open(self._ports.get(name, 0))
            except SandboxError:
                proxy.open(0)
            self._proxies[name], self._ports[name] = proxy, proxy.port
        self.refuse_for(name, self._seconds("connection-refused", name))
        proxy.point_at(cluster.socket_path)
        return proxy.port

    def refuse_port(self, name: str) -> None:
        """Refuse connections to a name's port and hold it for whoever gets the name next."""
        if name in self._proxies:
            self._proxies[name].point_at(None)

    def release_port(self, name: str) -> None:
        """Give a name's port back to the system."""
        self._resolved.discard(name)
        proxy = self._proxies.pop(name, None)
        if proxy is not None:
            proxy.close()

    # -- faults of ports -----------------------------------------------------------------------------------------

    def _seconds(self, kind: str, name: str) -> float:
        fault = self.faults.take(kind, service="rds", name=name)
        return fault.seconds if fault else 0.0

    def _skew(self) -> float:
        fault = self.faults.active("clock-skew")
        return fault.seconds if fault else 0.0

    def arm(self, given: Mapping[str, Any]) -> Fault:
        """Arm a fault; one that makes a named instance refuse strikes at once where its port is open already."""
        fault = self.faults.arm(given)
        with self.lock:
            if fault.kind == "connection-refused" and fault.name in self._proxies:
                self.refuse_for(fault.name, self._seconds(fault.kind, fault.name))
        return fault

    def refuse_for(self, name: str, seconds: float) -> None:
        """Let an instance's port refuse for a while, whatever becomes of the instance meanwhile."""
        if seconds <= 0:
            return
        proxy, began = self._proxies[name], self.clock.monotonic()
        proxy.refuse(True)

        def end() -> None:
            self.at_least(began, seconds)
            with self.lock:
                proxy.refuse(False)

        self.work(f"refuse {name}", end)

    def resolves(self, port: int) -> bool:
        """Whether the name that RDS returns together with this port can be resolved; a late name counts from here on."""
        name = next((name for name, taken in list(self._ports.items()) if taken == port), "")
        now = self.clock.monotonic()
        usual = 0.0 if name in self._resolved else self.delays.dns
        if name not in self._unresolved and (seconds := self._seconds("late-name", name) or usual):
            self._unresolved[name] = now + seconds
        if now < self._unresolved.get(name, now):
            return False
        self._unresolved.pop(name, None)
        self._resolved.add(name)
        return True

    # -- snapshots -----------------------------------------------------------------------------------------------

    def take_snapshot(self, snapshot_id: str, resource_id: str) -> StoredSnapshot:
        """Copy the data of a running instance now and keep it under the snapshot's id."""
        server = self.servers[resource_id]
        folder = self._new_folder("b")
        try:
            server.cluster.backup_to(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        taken_at = self.clock.now()
        size = sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
        stored = StoredSnapshot(folder, server.binaries, dict(server.settings), taken_at, size)
        self.snapshots[snapshot_id] = stored
        return stored

    def copy_snapshot(self, source_id: str, target_id: str) -> StoredSnapshot:
        """Keep a copy of a snapshot's data under another id."""
        source = self.snapshots[source_id]
        copy = self._cluster(self._new_folder("b"), source.binaries)
        try:
            with source.busy:
                copy.restore_from(source.folder)
        except BaseException:
            shutil.rmtree(copy.data, ignore_errors=True)
            raise
        finally:
            shutil.rmtree(copy.run_dir, ignore_errors=True)
        stored = replace(source, folder=copy.data, busy=threading.Lock())
        self.snapshots[target_id] = stored
        return stored

    def share_snapshot(self, source_id: str, target_id: str, taken_at: datetime | None = None) -> StoredSnapshot:
        """Keep a snapshot's data under another id too, without a copy; `own_snapshot` takes them apart."""
        source = self.snapshots[source_id]
        self.snapshots[target_id] = replace(source, taken_at=taken_at or source.taken_at)
        return self.snapshots[target_id]

    def own_snapshot(self, snapshot_id: str) -> StoredSnapshot:
        """The snapshot with a folder that no other shares, for changing what is stored."""
        stored = self.snapshots[snapshot_id]
        if self._shared(snapshot_id, stored):
            self.copy_snapshot(snapshot_id, snapshot_id)
        return self.snapshots[snapshot_id]

    def _shared(self, snapshot_id: str, stored: StoredSnapshot) -> bool:
        return any(each.folder == stored.folder for key, each in self.snapshots.items() if key != snapshot_id)

    def drop_snapshot(self, snapshot_id: str) -> None:
        """Remove a snapshot's data, unless another shares them; an unknown id is no error."""
        stored = self.snapshots.pop(snapshot_id, None)
        if stored is not None and not self._shared(snapshot_id, stored):
            shutil.rmtree(stored.folder, ignore_errors=True)

    def cluster_on(self, stored: StoredSnapshot) -> Cluster:
        """A server on a stored snapshot itself, for changing what is stored; the caller removes its run folder."""
        return self._cluster(stored.folder, stored.binaries)

    # -- time and threads ----------------------------------------------------------------------------------------

    def instant(self, seconds: float = 0.0) -> datetime:
        """The sandbox's present instant, or the one `seconds` from now."""
        return self.clock.now() + timedelta(seconds=seconds)

    def at_least(self, started: float, seconds: float) -> None:
        """Wait until `seconds` have passed since the monotonic instant `started`; raises Ending when all ends."""
        if not self.clock.wait_until(started + seconds):
            raise Ending("The sandbox is being ended.")

    def work(self, name: str, job: Callable[[], None]) -> None:
        """Run `job` in a thread that close() waits for. What it raises beyond Ending is logged."""

        def run() -> None:
            try:
                job()
            except Ending:
                pass
            except Exception:
                log.exception("%s failed", name)
            finally:
                self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.add(thread)
        thread.start()

    def at_end(self, action: Callable[[], object]) -> None:
        """Have `action` called when all ends, before threads are waited for: it ends what they wait for."""
        self._endings.append(action)

    def close(self) -> None:
        """End every thread, port and server. The state folder is left to its owner."""
        self.clock.end()
        for action in self._endings:
            action()
        for thread in list(self._threads):
            thread.join(timeout=20)
        for name in list(self._proxies):
            self.release_port(name)
        with ThreadPoolExecutor(8) as threads:
            for server in self.servers.values():
                threads.submit(server.cluster.kill)
        self.servers.clear()


def sentence(error: Exception) -> str:
    """An error as one line for an event or a log, without what follows the first line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
