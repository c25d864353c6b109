"""Continuous backup: the WAL of an instance with automated backups is archived, so that any moment of it can be restored.

An archive is a folder beside the data folders and outlives its instance when automated backups are retained. As on RDS,
the user `rdsadmin` beats a heartbeat in the database `rdsadmin` and switches WAL after it: there is always a later commit
to recover to, without which PostgreSQL would not end a recovery (PostgreSQL manual, "Continuous Archiving and
Point-in-Time Recovery"; xlogrecovery.c, "recovery ended before configured recovery target was reached").

Instants in here are the machine's, which PostgreSQL goes by.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from drills.clock import SystemClock, wait_until
from drills.errors import DrillError
from drills.sandbox.folders import create_private_folder, disk_errors
from drills.sandbox.postgres.cluster import ADMIN, Cluster
from drills.sandbox.postgres.runas import ServerUser

if TYPE_CHECKING:
    from drills.sandbox.state import DataPlane

# what PostgreSQL recovers in: the copy of a base backup, to which it applies archived WAL
RECOVERY_SIGNAL = "recovery.signal"
# pg_basebackup writes it, and the first start on the copy renames it: a copy without it has been started on
BACKUP_LABEL = "backup_label"

_BEAT = """
INSERT INTO public.rds_heartbeat2 (id, value) VALUES (1, pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000)
ON CONFLICT (id) DO UPDATE SET value = excluded.value
RETURNING pg_catalog.date_trunc('milliseconds', pg_catalog.clock_timestamp())
"""
_TABLE = "CREATE TABLE IF NOT EXISTS public.rds_heartbeat2 (id int PRIMARY KEY, value bigint)"
_SWITCH = "SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_switch_wal())"


@dataclass
class Archive:
    """The archived WAL of one instance. Threads may share it."""

    folder: Path
    _beats: list[tuple[datetime, str]] = field(
        default_factory=list
    )  # not known to be archived yet: when, in which file
    _latest: datetime | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def settings(self) -> dict[str, str]:
        """What makes a server archive into this folder; a file is there whole or not at all."""
        place = shlex.quote(str(self.folder)).replace("%", "%%")
        part, whole = f"{place}/.%f", f"{place}/%f"
        # a beat leaves most of its segment empty: holes, where cp can make them, keep that off the disk
        copy = f"(cp --sparse=always %p {part} 2>/dev/null || cp %p {part})"
        return {"archive_mode": "on", "archive_command": f"{copy} && mv {part} {whole}", "archive_library": ""}

    def recovery(self, target: datetime) -> dict[str, str]:
        """What lets a server, started on a base backup, recover from this folder to `target` and then go its own way."""
        place = shlex.quote(str(self.folder)).replace("%", "%%")
        return {
            "restore_command": f"cp {place}/%f %p",
            "recovery_target_time": target.isoformat(timespec="microseconds"),
            "recovery_target_inclusive": "on",
            "recovery_target_action": "promote",
            # a standby would need limits as high as the source's were
            "hot_standby": "off",
        }

    def beat(self, cluster: Cluster) -> None:
        """Commit a heartbeat and switch to a new WAL file, so that the old one is archived. Raises psycopg.Error."""
        with cluster.connect(ADMIN) as session:
            session.execute("SET statement_timeout = '10s'")
            session.execute(_TABLE)
            beat = session.execute(_BEAT).fetchone()
            switched = session.execute(_SWITCH).fetchone()
        assert beat is not None
        assert switched is not None
        with self._lock:
            self._beats.append((beat[0], switched[0]))

    def latest(self) -> datetime | None:
        """The newest moment that can be restored: that of a beat whose commit, a later one, is archived. None before."""
        with self._lock:
            while self._beats and (self.folder / self._beats[0][1]).exists():
                self._latest = self._beats.pop(0)[0]
            return self._latest

    def settle(self, timeout: float) -> None:
        """Wait until the last beat is archived, or give up after `timeout` seconds."""
        with contextlib.suppress(TimeoutError):
            wait_until(
                lambda: self.latest() and not self._beats, timeout, SystemClock(), every=0.02, what="the archive"
            )


class Archives:
    """The archives of one sandbox, by the DbiResourceId of their instances."""

    def __init__(self, state: Path, user: ServerUser | None) -> None:
        self._state = state
        self._user = user
        self._archives: dict[str, Archive] = {}
        self._count = 0
        self._lock = threading.Lock()

    def open(self, resource_id: str, cluster: Cluster) -> None:
        """Let a server archive from its next start on."""
        with self._lock:
            if resource_id not in self._archives:
                self._count += 1
                folder = self._state / f"w{self._count}"
                with disk_errors(folder):
                    create_private_folder(folder, self._user)
                self._archives[resource_id] = Archive(folder)
            cluster.owned = self._archives[resource_id].settings()

    def of(self, resource_id: str) -> Archive | None:
        """The archive of an instance, None when it has no automated backups."""
        return self._archives.get(resource_id)

    def drop(self, resource_id: str) -> None:
        """Remove an archive; an unknown one is no error."""
        with self._lock:
            archive = self._archives.pop(resource_id, None)
        if archive is not None:
            shutil.rmtree(archive.folder, ignore_errors=True)

    def beat(self, resource_id: str, cluster: Cluster, busy: threading.Lock) -> None:
        """One heartbeat of one instance, where its server runs and nobody works on it; never raises."""
        archive = self.of(resource_id)
        if archive is None or not busy.acquire(blocking=False):
            return
        try:
            # a server that has just been started for the first time has no database rdsadmin yet
            with contextlib.suppress(psycopg.Error, DrillError, OSError):
                if cluster.running():
                    archive.beat(cluster)
        finally:
            busy.release()


def keep_beating(plane: DataPlane) -> None:
    """Beat for every instance, again and again, until the sandbox ends."""
    while plane.clock.wait_until(plane.clock.monotonic() + max(0.05, plane.delays.heartbeat)):
        for resource_id, server in list(plane.servers.items()):
            plane.archives.beat(resource_id, server.cluster, server.busy)
