"""Continuous backup: archives the WAL of the instances with automated backups, for restores to an instant.

An archive is a folder beside the data folders. It outlives its instance when automated backups are retained. As on RDS,
the user `rdsadmin` writes a heartbeat in the database `rdsadmin` and switches WAL after it. So there is always a later
commit to recover to, without which PostgreSQL does not end a recovery (PostgreSQL manual, "Continuous Archiving and
Point-in-Time Recovery"; xlogrecovery.c, "recovery ended before configured recovery target was reached").

Instants in this module are those of the machine's clock, which PostgreSQL uses.
"""

from __future__ import annotations

import contextlib
import shlex
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg

from drills.clock import SystemClock, wait_until
from drills.errors import DrillError
from drills.sandbox.base.time import SandboxClock
from drills.sandbox.postgres.cluster import ADMIN, Cluster
from drills.sandbox.postgres.folders import change_owner, create_private_folder, disk_errors, remove_folder
from drills.sandbox.postgres.runas import ServerUser
from drills.sandbox.postgres.servers import Server, Servers

# with this file in its data directory, PostgreSQL applies archived WAL at its start
RECOVERY_SIGNAL = "recovery.signal"
# pg_basebackup writes this file, and the first start on the copy renames it: without it, a server has run on the copy
BACKUP_LABEL = "backup_label"
# below the archive: it has RDS's name, by which a reader of the settings knows the service's own archiver from the owner's
ARCHIVER = "etc/rds/dbbin/pgscripts/rds_wal_archive"
# archives the file $1 under the name $2, whole or not at all; a beat leaves most of its segment empty: holes, where cp can make
# them, keep that off the disk
_ARCHIVER = """#!/bin/sh
{{ cp --sparse=always "$1" {place}/."$2" 2>/dev/null || cp "$1" {place}/."$2"; }} && mv {place}/."$2" {place}/"$2"
"""
# a server that does not run, or was started for the first time a moment ago and has no database rdsadmin yet
_UNREADY = (psycopg.Error, DrillError, OSError)
_MIN_INTERVAL = 0.05  # seconds between two heartbeats
_LAST_BEAT_TIMEOUT = 60.0  # seconds to begin the last heartbeat of a server, and to archive it

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
    # beats that are not known to be archived yet: the instant and the WAL file
    _beats: list[tuple[datetime, str]] = field(default_factory=list)
    _latest: datetime | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def settings(self) -> dict[str, str]:
        """Return the settings of a server that archives into this folder."""
        command = shlex.quote(str(self.folder / ARCHIVER)).replace("%", "%%")
        return {"archive_mode": "on", "archive_command": f"{command} %p %f", "archive_library": ""}

    def write_archiver(self, user: ServerUser | None) -> None:
        """Write the program that archives, for the server's user."""
        program = self.folder / ARCHIVER
        program.parent.mkdir(parents=True)
        program.write_text(_ARCHIVER.format(place=shlex.quote(str(self.folder))), encoding="utf-8")
        program.chmod(0o755)
        for each in (program, *list(program.parents)[: len(Path(ARCHIVER).parts) - 1]):
            change_owner(each, user)

    def recovery_settings(self, target: datetime) -> dict[str, str]:
        """Return the settings of a server that recovers from this folder to `target` and is then promoted."""
        place = shlex.quote(str(self.folder)).replace("%", "%%")
        return {
            "restore_command": f"cp {place}/%f %p",
            "recovery_target_time": target.isoformat(timespec="microseconds"),
            "recovery_target_inclusive": "on",
            "recovery_target_action": "promote",
            # a hot standby would need limits as high as the source's
            "hot_standby": "off",
        }

    def beat(self, cluster: Cluster) -> datetime:
        """Commit a heartbeat, switch to a new WAL file, so that the old one is archived, and return the heartbeat's instant.

        Raises psycopg.Error.
        """
        with cluster.connect(ADMIN) as session:
            session.execute("SET statement_timeout = '10s'")
            session.execute(_TABLE)
            beat = session.execute(_BEAT).fetchone()
            switched = session.execute(_SWITCH).fetchone()
        assert beat is not None
        assert switched is not None
        with self._lock:
            self._beats.append((beat[0], switched[0]))
        return datetime.fromisoformat(str(beat[0]))

    def latest(self) -> datetime | None:
        """Return the newest instant that can be restored, that of the last archived beat; None before the first."""
        with self._lock:
            while self._beats and (self.folder / self._beats[0][1]).exists():
                self._latest = self._beats.pop(0)[0]
            return self._latest

    def finish(self, cluster: Cluster, timeout: float) -> None:
        """Commit a heartbeat and wait until it is archived, or for `timeout` seconds; later ones may come meanwhile."""
        last = self.beat(cluster)
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: self._is_archived(last), timeout, SystemClock(), every=0.02, what="the archive")

    def _is_archived(self, beat: datetime) -> bool:
        latest = self.latest()
        return latest is not None and latest >= beat


class Archives:
    """The archives of one sandbox, by the DbiResourceId of their instances."""

    def __init__(self, state: Path, user: ServerUser | None) -> None:
        self._state = state
        self._user = user
        self._archives: dict[str, Archive] = {}
        self._count = 0
        self._lock = threading.Lock()

    def open(self, resource_id: str, cluster: Cluster) -> None:
        """Make a server archive from its next start on."""
        with self._lock:
            if resource_id not in self._archives:
                self._count += 1
                folder = self._state / f"w{self._count}"
                with disk_errors(folder):
                    create_private_folder(folder, self._user)
                    archive = Archive(folder)
                    archive.write_archiver(self._user)
                self._archives[resource_id] = archive
            cluster.owned = self._archives[resource_id].settings()

    def of(self, resource_id: str) -> Archive | None:
        """Return the archive of an instance, or None when it has no automated backups."""
        return self._archives.get(resource_id)

    def drop(self, resource_id: str) -> None:
        """Remove the archive of an instance; without one, do nothing."""
        with self._lock:
            archive = self._archives.pop(resource_id, None)
        if archive is not None:
            remove_folder(archive.folder)

    def finish(self, resource_id: str, server: Server) -> None:
        """Archive what a server has written until now, so that it can be restored to its end; never raise an error.

        A heartbeat under way may have been committed before the last write: this one waits for it, and comes after it.
        """
        if (archive := self.of(resource_id)) is not None and server.busy.acquire(timeout=_LAST_BEAT_TIMEOUT):
            with _released(server), contextlib.suppress(*_UNREADY):
                archive.finish(server.cluster, _LAST_BEAT_TIMEOUT)

    def beat(self, resource_id: str, server: Server) -> None:
        """Write one heartbeat where the instance's server runs and nobody works on it; never raise an error."""
        if (archive := self.of(resource_id)) is not None and server.busy.acquire(blocking=False):
            with _released(server), contextlib.suppress(*_UNREADY):
                if server.cluster.running():
                    archive.beat(server.cluster)


@contextlib.contextmanager
def _released(server: Server) -> Iterator[None]:
    """Give the server back to others at the end."""
    try:
        yield
    finally:
        server.busy.release()


class HeartbeatLoop:
    """Writes the heartbeats of all servers, `interval` seconds apart, until the clock ends."""

    def __init__(self, archives: Archives, servers: Servers, clock: SandboxClock, interval: float) -> None:
        self._archives = archives
        self._servers = servers
        self._clock = clock
        self._interval = max(_MIN_INTERVAL, interval)

    def run(self) -> None:
        """Write heartbeats; return when the sandbox ends."""
        while self._clock.wait_until(self._clock.monotonic() + self._interval):
            for resource_id, server in self._servers.items():
                self._archives.beat(resource_id, server)
