"""A small database created, backed up, restored and reachable, with every configured delay at 0."""

from __future__ import annotations

import argparse
import json
from typing import Any

from benchmarks.common import CLOCK, NO_DELAYS, available, client, connect, create, sandbox, show, spread, took
from drills.clock import wait_until

STEPS = ("create", "fill", "back up", "restore", "connect and read")


def journey(rds: Any, ca: str, number: int) -> list[float]:
    """The seconds of each step."""
    source, copy, snapshot = f"source-{number}", f"copy-{number}", f"snapshot-{number}"
    seconds = []

    def make() -> None:
        create(rds, source)
        available(rds, source)

    def fill() -> None:
        with connect(available(rds, source), ca) as session:
            session.execute(
                "CREATE TABLE note AS SELECT n AS id, md5(n::text) AS text FROM generate_series(1, 10000) n"
            )

    def back_up() -> None:
        rds.create_db_snapshot(DBInstanceIdentifier=source, DBSnapshotIdentifier=snapshot)
        wait_until(
            lambda: rds.describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"][0]["Status"] == "available",
            60, CLOCK, every=0.02,
        )  # fmt: skip

    def restore() -> None:
        rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=copy, DBSnapshotIdentifier=snapshot, BackupRetentionPeriod=0
        )
        available(rds, copy)

    def read() -> None:
        with connect(available(rds, copy), ca) as session:
            found = session.execute("SELECT count(*) FROM note").fetchone()
            assert found == (10000,), found

    for step in (make, fill, back_up, restore, read):
        seconds.append(took(step))
    for name in (source, copy):
        rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    return seconds


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with sandbox("--delays", json.dumps(NO_DELAYS)) as facts:
        rds = client(facts["endpoint"])
        measured = [journey(rds, facts["ca"], number) for number in range(rounds)]
    rows = [(step, spread([each[number] for each in measured])) for number, step in enumerate(STEPS)]
    rows.append(("together", spread([sum(each) for each in measured])))
    show(f"A small database, median of {rounds} rounds", ("", "drills sandbox"), rows)


if __name__ == "__main__":
    main()
