"""The PostgreSQL servers of the instances, by DbiResourceId, and the folders that they are made in."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from drills.sandbox.postgres.binaries import Binaries, readable
from drills.sandbox.postgres.cluster import Cluster
from drills.sandbox.postgres.runas import ServerUser


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A copy of a data directory. It holds every commit before the instant `taken_at`."""

    folder: Path
    binaries: Binaries
    settings: dict[str, str]
    taken_at: datetime
    size_bytes: int
    busy: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Server:
    """The PostgreSQL of one instance. Whoever works on its files or its process holds `busy`."""

    cluster: Cluster
    binaries: Binaries
    settings: dict[str, str] = field(default_factory=dict)
    parameter_group: str = ""
    reason: str = ""
    busy: threading.Lock = field(default_factory=threading.Lock)


class ClusterFactory:
    """Makes the clusters of one sandbox, in folders of its state folder. Threads may share it."""

    def __init__(self, state: Path, user: ServerUser | None) -> None:
        self._state = state
        self._user = user
        self._admin_password = secrets.token_urlsafe(24)
        self._folders = 0
        self._readable: dict[Binaries, Binaries] = {}
        self._empty: dict[Binaries, Path] = {}
        self._making = threading.Lock()
        self._lock = threading.Lock()

    def new_folder(self, prefix: str) -> Path:
        """Return a folder that was never returned before; nothing is made. No two have the same number."""
        with self._lock:
            self._folders += 1
            return self._state / f"{prefix}{self._folders}"

    def new_cluster(self, data: Path, binaries: Binaries) -> Cluster:
        """Return the cluster of a data folder; its run folder has the same number."""
        return Cluster(data, self._state / f"s{data.name[1:]}", binaries, self._user, self._admin_password)

    def readable_binaries(self, binaries: Binaries) -> Binaries:
        """Return the same binaries where the server's user can read them; copy them at the first use only."""
        with self._lock:
            if binaries not in self._readable:
                self._readable[binaries] = readable(binaries, self._user, self._state)
            return self._readable[binaries]

    def create(self, cluster: Cluster) -> None:
        """Create an empty cluster: initdb runs once for each PostgreSQL, and all are copies of that one. Raises SandboxError."""
        with self._making:
            if cluster.binaries not in self._empty:
                first = self.new_cluster(self.new_folder("e"), cluster.binaries)
                try:
                    first.create()
                except BaseException:
                    shutil.rmtree(first.data, ignore_errors=True)
                    raise
                self._empty[cluster.binaries] = first.data
        cluster.create_like(self._empty[cluster.binaries])


class Servers:
    """The servers of the existing instances."""

    def __init__(self, clusters: ClusterFactory, binaries: Sequence[Binaries]) -> None:
        self._clusters = clusters
        self._binaries = tuple(binaries)
        self._servers: dict[str, Server] = {}

    def __getitem__(self, resource_id: str) -> Server:
        """Return the server of an instance, or raise KeyError."""
        return self._servers[resource_id]

    def get(self, resource_id: str) -> Server | None:
        """Return the server of an instance, or None."""
        return self._servers.get(resource_id)

    def items(self) -> list[tuple[str, Server]]:
        """Return the servers that exist now, with their DbiResourceIds."""
        return list(self._servers.items())

    def find_binaries(self, version: str | None) -> Binaries | None:
        """Return the binaries for an engine version: "15" or "15.18" by its major, the preferred ones for None."""
        if not version:
            return self._binaries[0]
        major = version.split(".")[0]
        return next((each for each in self._binaries if str(each.major) == major), None)

    def add(self, resource_id: str, binaries: Binaries) -> Server:
        """Reserve a data folder and a run folder for an instance; nothing is started."""
        usable = self._clusters.readable_binaries(binaries)
        server = Server(self._clusters.new_cluster(self._clusters.new_folder("d"), usable), usable)
        self._servers[resource_id] = server
        return server

    def create(self, server: Server) -> None:
        """Create the empty data of a new server. Raises SandboxError."""
        self._clusters.create(server.cluster)

    def remove(self, resource_id: str) -> None:
        """Kill a server and remove its data, after the work on it. The caller does not hold the data plane's lock."""
        server = self._servers.pop(resource_id, None)
        if server is None:
            return
        with server.busy:
            server.cluster.kill()
            shutil.rmtree(server.cluster.data, ignore_errors=True)
            shutil.rmtree(server.cluster.run_dir, ignore_errors=True)

    def kill_all(self) -> None:
        """Kill every server; their folders stay."""
        with ThreadPoolExecutor(8) as threads:
            for server in list(self._servers.values()):
                threads.submit(server.cluster.kill)
        self._servers.clear()
