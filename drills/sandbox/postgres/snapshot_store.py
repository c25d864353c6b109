"""The stored data of the snapshots, by the ids of their snapshots."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace
from datetime import datetime

from drills.sandbox.base.time import SandboxClock
from drills.sandbox.postgres.cluster import Cluster
from drills.sandbox.postgres.servers import ClusterFactory, Servers, StoredSnapshot


class SnapshotStore:
    """Copies of data directories, by the ARN of their snapshots. Several snapshots may share one copy."""

    def __init__(self, clusters: ClusterFactory, servers: Servers, clock: SandboxClock) -> None:
        self._clusters = clusters
        self._servers = servers
        self._clock = clock
        self._stored: dict[str, StoredSnapshot] = {}

    def __getitem__(self, snapshot_id: str) -> StoredSnapshot:
        """Return the stored data of a snapshot, or raise KeyError."""
        return self._stored[snapshot_id]

    def __contains__(self, snapshot_id: str) -> bool:
        """Return whether the data of this snapshot are stored."""
        return snapshot_id in self._stored

    def take(self, snapshot_id: str, resource_id: str, taken_at: datetime | None = None) -> StoredSnapshot:
        """Copy the data of a running instance now and store them under the snapshot's id.

        The copy counts as taken at `taken_at`, or else at the present instant.
        """
        server = self._servers[resource_id]
        folder = self._clusters.new_folder("b")
        try:
            server.cluster.backup_to(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        instant = taken_at or self._clock.now()
        size = sum(os.path.getsize(os.path.join(place, name)) for place, _, names in os.walk(folder) for name in names)
        self._stored[snapshot_id] = StoredSnapshot(folder, server.binaries, dict(server.settings), instant, size)
        return self._stored[snapshot_id]

    def copy(self, source_id: str, target_id: str) -> StoredSnapshot:
        """Store a copy of a snapshot's data under another id."""
        source = self._stored[source_id]
        copy = self._clusters.new_cluster(self._clusters.new_folder("b"), source.binaries)
        try:
            with source.busy:
                copy.restore_from(source.folder)
        except BaseException:
            shutil.rmtree(copy.data, ignore_errors=True)
            raise
        finally:
            shutil.rmtree(copy.run_dir, ignore_errors=True)
        self._stored[target_id] = replace(source, folder=copy.data, busy=threading.Lock())
        return self._stored[target_id]

    def share(self, source_id: str, target_id: str, taken_at: datetime | None = None) -> StoredSnapshot:
        """Store a snapshot's data under another id too, without a copy; `separate` copies them."""
        source = self._stored[source_id]
        self._stored[target_id] = replace(source, taken_at=taken_at or source.taken_at)
        return self._stored[target_id]

    def separate(self, snapshot_id: str) -> StoredSnapshot:
        """Return the snapshot with a folder that no other snapshot shares, for changing what is stored."""
        if self._is_shared(snapshot_id, self._stored[snapshot_id]):
            self.copy(snapshot_id, snapshot_id)
        return self._stored[snapshot_id]

    def _is_shared(self, snapshot_id: str, stored: StoredSnapshot) -> bool:
        return any(each.folder == stored.folder for key, each in self._stored.items() if key != snapshot_id)

    def drop(self, snapshot_id: str) -> None:
        """Remove a snapshot's data, unless another snapshot shares them; do nothing for an unknown id."""
        stored = self._stored.pop(snapshot_id, None)
        if stored is not None and not self._is_shared(snapshot_id, stored):
            shutil.rmtree(stored.folder, ignore_errors=True)

    def cluster_on(self, stored: StoredSnapshot) -> Cluster:
        """Return a cluster on stored data themselves, for changing them; the caller removes its run folder."""
        return self._clusters.new_cluster(stored.folder, stored.binaries)
