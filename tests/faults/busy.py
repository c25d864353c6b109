"""Base backups that are more than one copy of files: one of a server that is written to, and a chain of increments."""

from __future__ import annotations

import shutil
from pathlib import Path

from drills.sandbox.postgres.cluster import Cluster
from tests.faults.files import Files
from tests.faults.lab import DATABASE, SETTINGS, Lab, give
from tests.faults.model import Observation


def with_label(files: Files) -> Observation:
    """The copy becomes one of a server that was written to while its files were copied one by one."""
    _copy_while_written(files)
    return Observation("a backup of an idle server", "one of a busy server")


def without_label(files: Files) -> Observation:
    """As `with_label`; the file that says where its recovery has to begin is gone."""
    _copy_while_written(files)
    return files.remove(files.cluster.data / "backup_label")


def _copy_while_written(files: Files) -> None:
    """What is lost before the backup begins comes back while it runs, so that a whole recovery ends at the manifest.

    One table's file is copied first and the rest after a checkpoint that is newer than the backup's own.
    """
    lab, data = files.lab, files.cluster.data
    files.is_backup = False
    with lab.scratch() as source:
        source.start(SETTINGS)
        with source.connect(DATABASE) as admin:
            admin.execute("create temp table kept as select * from lab.item where id > 3900")
            admin.execute("set session_replication_role = replica")
            admin.execute("delete from lab.item where id > 3900")
            begin, end = ("pg_backup_start('busy', true)", "labelfile from pg_backup_stop()")
            if lab.binaries.major < 15:
                begin, end = ("pg_start_backup('busy', true, false)", "labelfile from pg_stop_backup(false, false)")
            admin.execute(f"select {begin}".encode())
            early = (source.data / lab.paths["lab.item"]).read_bytes()
            admin.execute("insert into lab.item select * from kept; checkpoint")
            _replace(source.data, data)
            row = admin.execute(f"select {end}".encode()).fetchone()
            assert row is not None
            shutil.rmtree(data / "pg_wal")
            shutil.copytree(source.data / "pg_wal", data / "pg_wal")
    assert early != files.path("lab.item").read_bytes()
    files.change(files.path("lab.item"), lambda later: early)
    (data / "backup_label").write_text(str(row[0]), encoding="utf-8")
    for path in (data, *data.rglob("*")):
        give(path)


def _replace(source: Path, data: Path) -> None:
    """Copy a living server's files; its control file last, as pg_basebackup does."""
    shutil.rmtree(data)
    shutil.copytree(source, data, ignore=shutil.ignore_patterns("postmaster.*", "pg_control", "pg_dynshmem"))
    shutil.copy2(source / "global" / "pg_control", data / "global" / "pg_control")
    (data / "pg_dynshmem").mkdir(exist_ok=True)
    data.chmod(0o700)


def broken_chain(files: Files) -> Observation:
    """Of a full backup and two increments the middle one is lost; what is left cannot be put together."""
    lab, parts = files.lab, files.lab.work / f"chain-of-{files.cluster.data.name}"
    parts.mkdir()
    give(parts)
    with lab.scratch() as source:
        source.start({**SETTINGS, "summarize_wal": "on"})
        full, first, second = (parts / name for name in ("full", "first", "second"))
        _increment(lab, source, full, None)
        _increment(lab, source, first, full)
        _increment(lab, source, second, first)
        options = ("--no-sync", f"--output={parts / 'whole'}")
        whole = source.run_tool("pg_combinebackup", *options, str(full), str(first), str(second))
        assert whole.returncode == 0, whole.stderr
        torn = source.run_tool("pg_combinebackup", "--no-sync", f"--output={parts / 'torn'}", str(full), str(second))
    shutil.rmtree(parts)
    files.refused = torn.stderr.strip() if torn.returncode else ""
    return Observation("full, first, second", "full, second")


def _increment(lab: Lab, source: Cluster, folder: Path, before: Path | None) -> None:
    with source.connect(DATABASE) as admin:
        admin.execute("insert into lab.pair values (5000); checkpoint")
    options = [f"--incremental={before / 'backup_manifest'}"] if before else []
    done = lab.tool(source, "pg_basebackup", f"--pgdata={folder}", "--checkpoint=fast", "--no-sync", *options)
    assert done.returncode == 0, done.stderr
