"""Point-in-time recovery in the lab: a base backup, the WAL that was archived after it, and the newest row there is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from weakref import WeakKeyDictionary

from drills.checks.canary import writer
from drills.checks.canary.writer import Beat
from drills.checks.manifest import Manifest
from drills.clock import SystemClock, wait_until
from drills.sandbox.postgres.cluster import PORT, Cluster
from tests.faults.lab import DATABASE, SETTINGS, Lab, give

ROUNDS = 5
_MORE = "insert into lab.pair select n from generate_series(1000, 1010) n"


class Archive:
    """A source that went on being written after its base backup, and what it archived."""

    def __init__(self, lab: Lab, source: Cluster, folder: Path) -> None:
        self.lab, self.source, self.folder = lab, source, folder
        self.beats: list[Beat] = []
        self.positions: list[str] = []
        self.names: list[str] = []
        self.manifest: Manifest

    def settings(self, command: str = "") -> dict[str, str]:
        """Archive into the folder, or by another command."""
        copy = command or f"test ! -f {self.folder}/%f && cp %p {self.folder}/%f"
        return {**SETTINGS, "archive_mode": "on", "archive_command": copy}

    def write(self, rounds: int) -> None:
        """Beats and rows, a WAL segment a round; returns when all of them are archived."""
        with self.source.connect(DATABASE) as admin:
            admin.execute("truncate lab.cache; insert into lab.cache values (1, 'x')")
            for _ in range(rounds):
                self.beats.append(writer.beat(admin))
                admin.execute(_MORE)
                row = admin.execute("select pg_current_wal_lsn()::text, pg_walfile_name(pg_switch_wal())").fetchone()
                assert row is not None
                self.positions.append(row[0])
                self.names.append(row[1])
            last = self.folder / self.names[-1]
            wait_until(last.exists, 60, SystemClock(), what="the last segment in the archive")
        self.manifest = self.lab.take_manifest(self.source)

    @property
    def newest(self) -> Beat:
        """The newest row that a recovery to the end must bring back."""
        return self.beats[-1]


Made = tuple[Path, Archive]
_KEPT: WeakKeyDictionary[Lab, dict[str, Made]] = WeakKeyDictionary()


def _once(make: Callable[[Lab], Made]) -> Callable[[Lab], Made]:
    """Make something once for each lab."""

    def made(lab: Lab) -> Made:
        kept = _KEPT.setdefault(lab, {})
        if make.__name__ not in kept:
            kept[make.__name__] = make(lab)
        return kept[make.__name__]

    return made


@_once
def archived(lab: Lab) -> Made:
    """A base backup of a running copy and what was archived after it."""
    folder = lab.work / "archive"
    folder.mkdir()
    give(folder)
    source = lab.cluster("archived")
    source.restore_from(lab.backup)
    archive = Archive(lab, source, folder)
    source.start(archive.settings())
    base = lab.state / "base"
    source.backup_to(base)
    archive.write(ROUNDS)
    source.stop()
    return base, archive


@_once
def failed_over(lab: Lab) -> Made:
    """The same base backup; a copy was promoted at the archive's end, and went on in a timeline of its own."""
    base, first = archived(lab)
    folder = lab.work / "archive-2"
    folder.mkdir()
    give(folder)
    for segment in first.folder.iterdir():
        (folder / segment.name).symlink_to(segment)
    source = lab.cluster("promoted")
    source.restore_from(base)
    signal = source.data / "recovery.signal"
    signal.touch()
    give(signal)
    archive = Archive(lab, source, folder)
    source.start({**archive.settings(), "restore_command": f"cp {first.folder}/%f %p", "hot_standby": "off"})
    archive.write(2)
    source.stop()
    return base, archive


@_once
def from_lagging_standby(lab: Lab) -> Made:
    """A base backup that was taken from a standby which had not got the newest WAL yet."""
    base, archive = archived(lab)
    backup, behind = lab.state / "lagging", lab.work / "archive-behind"
    behind.mkdir()
    for name in archive.names[:2]:
        (behind / name).symlink_to(archive.folder / name)
    with lab.scratch(base) as standby:
        (standby.data / "standby.signal").touch()
        give(standby.data / "standby.signal")
        options = f"-p {PORT} -c listen_addresses= -c unix_socket_directories={standby.run_dir}"
        settings = {**SETTINGS, "restore_command": f"cp {behind}/%f %p"}
        options += "".join(f" -c '{name}={value}'" for name, value in settings.items())
        # Cluster.start waits for a server that takes writes, which a standby never does
        done = standby.run_tool(
            "pg_ctl",
            "start",
            "--wait",
            f"--pgdata={standby.data}",
            f"--log={standby.log_path}",
            f"--options={options}",
            timeout=60,
        )
        assert done.returncode == 0, done.stdout
        standby.backup_to(backup)
    (backup / "standby.signal").unlink(missing_ok=True)
    return backup, archive


class Recovery:
    """One recovery that has to reach the end of the archive: its archive folder, its settings, its data folder."""

    def __init__(self, lab: Lab, cluster: Cluster, archive: Archive) -> None:
        self.lab, self.cluster, self.wanted = lab, cluster, archive
        self.folder = lab.work / f"archive-of-{cluster.data.name}"
        self.folder.mkdir()
        for segment in archive.folder.iterdir():
            (self.folder / segment.name).symlink_to(segment)
        self.signal = "recovery.signal"
        self.settings: dict[str, str] = {
            "restore_command": f"cp {self.folder}/%f %p",
            "hot_standby": "off",
            "recovery_target_action": "promote",
        }

    @property
    def segments(self) -> list[Path]:
        """The archived WAL of the rounds, oldest first."""
        return [self.folder / name for name in self.wanted.names]

    def rewrite(self, segment: Path, content: bytes) -> None:
        """Replace an archived segment in this recovery's archive alone."""
        segment.unlink()
        segment.write_bytes(content)

    def at(self, index: int) -> datetime:
        """The instant of a round's beat."""
        return self.wanted.beats[index].at

    def prepare(self) -> None:
        """Ask for the recovery."""
        if self.signal:
            signal = self.cluster.data / self.signal
            signal.touch()
            give(signal)

    def close(self) -> None:
        """Remove the archive's copy."""
        shutil.rmtree(self.folder, ignore_errors=True)
