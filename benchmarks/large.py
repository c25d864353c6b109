"""Restoring a snapshot with a large data directory, until it answers; beside `cp -a` of the stored directory."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.common import CLOCK, NO_DELAYS, available, client, connect, create, sandbox, show, spread, took
from drills.clock import wait_until

_ROW = 1000  # bytes, about
# stored as it is: no compression, which would make a large table of this a small file
_FILL = "INSERT INTO bulk SELECT n, repeat(md5(random()::text || n), 29) FROM generate_series(1, %s) n"


def fill(session: psycopg.Connection, gigabytes: float) -> float:
    """Fill a table, and return the database's size in GB."""
    session.execute("CREATE UNLOGGED TABLE bulk (id bigint, text text)")
    session.execute("ALTER TABLE bulk ALTER text SET STORAGE PLAIN")
    step, size = 200_000, 0.0
    while size < gigabytes:
        session.execute(_FILL, (min(step, int((gigabytes - size) * 1e9 / _ROW) + 1000),))
        found = session.execute("SELECT pg_database_size(current_database())").fetchone()
        size = found[0] / 1e9 if found else 0.0
    session.execute("ALTER TABLE bulk SET LOGGED")
    return size


def copied(stored: Path) -> float:
    """Seconds of `cp -a`, without sharing blocks where the file system could; the copy is removed."""
    target = stored.with_name("benchmark-copy")
    os.sync()  # what was written before must not be written now
    seconds = took(lambda: subprocess.run(["cp", "-a", str(stored), str(target)], check=True))
    shutil.rmtree(target)
    return seconds


def restored(rds: Any, ca: str, number: int) -> float:
    """Seconds from the request until the restored instance answers a query; it is deleted."""
    name = f"copy-{number}"

    def restore() -> None:
        rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=name, DBSnapshotIdentifier="large", BackupRetentionPeriod=0
        )
        with connect(available(rds, name), ca) as session:
            session.execute("SELECT id FROM bulk LIMIT 1")

    os.sync()
    seconds = took(restore)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    wait_until(lambda: len(rds.describe_db_instances()["DBInstances"]) == 1, 300, CLOCK, what="the copy to be deleted")
    return seconds


def main() -> None:
    """Measure both in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with sandbox("--delays", json.dumps(NO_DELAYS)) as facts:
        rds = client(facts["endpoint"])
        create(rds, "source")
        with connect(available(rds, "source"), facts["ca"]) as session:
            size = fill(session, options.gigabytes)
        rds.create_db_snapshot(DBInstanceIdentifier="source", DBSnapshotIdentifier="large")
        (stored,) = Path(facts["state"]).glob("b*")
        copied(stored)  # so that both find the data in the cache, or both do not
        measured = [(copied(stored), restored(rds, facts["ca"], number)) for number in range(options.rounds)]
    copies, restores = [each[0] for each in measured], [each[1] for each in measured]
    ratio = statistics.median(restores) / statistics.median(copies)
    show(
        f"A data directory of {size:.1f} GB, median of {options.rounds} rounds",
        ("", "restore, until it answers", "cp -a", "ratio"),
        [("", spread(restores), spread(copies), f"{ratio:.2f}")],
    )


if __name__ == "__main__":
    main()
