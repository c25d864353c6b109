"""`drills manifest` and `drills verify`: of very many tables, beside `pg_dump --schema-only`; of a huge value; their memory."""

from __future__ import annotations

import argparse
import statistics

from benchmarks.common import show, spread
from benchmarks.server import Server, Took, server

_STEP = 500  # tables made in one statement
_LONG = 1_000_000_000  # bytes; PostgreSQL's own limit of a value is 1 GiB less one byte


def many(running: Server, tables: int) -> None:
    """A database with this many tables of three columns, a primary key and 20 rows."""
    with running.cluster.connect() as session:
        session.execute("create database many")
    with running.cluster.connect("many") as session:
        for start in range(0, tables, _STEP):
            statements = (
                f"create table t{number} (id bigint primary key, name text not null default 'x', at timestamptz);"
                f"insert into t{number} select g, 'row ' || g, '2026-01-01' from generate_series(1, 20) as g"
                for number in range(start, min(start + _STEP, tables))
            )
            session.execute(";".join(statements).encode())
        session.execute("analyze")


def huge(running: Server) -> None:
    """A database with one value of 1 GB among short ones."""
    with running.cluster.connect() as session:
        session.execute("create database huge")
    with running.cluster.connect("huge") as session:
        session.execute("create table huge (id bigint primary key, text text)")
        session.execute(f"insert into huge values (1, 'short'), (2, repeat('0123456789', {_LONG // 10}))".encode())


def both(running: Server, database: str) -> tuple[Took, Took]:
    """A manifest of a database, and the same database compared with it."""
    path = str(running.folder / f"{database}.json")
    taken = running.drills("manifest", running.dsn(database), "-o", path)
    return taken, running.drills("verify", running.dsn(database), "--against", path)


def main() -> None:
    """Measure in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    dumps: list[Took] = []
    pairs: list[tuple[Took, Took]] = []
    with server() as running:
        many(running, options.tables)
        for _ in range(options.rounds):
            dumps.append(running.run(running.tool("pg_dump", "--schema-only", running.dsn("many"))))
            pairs.append(both(running, "many"))
        huge(running)
        long = both(running, "huge")
    yardstick = [each.seconds for each in dumps]
    rows = []
    for number, command in enumerate(("drills manifest", "drills verify")):
        times = [pair[number].seconds for pair in pairs]
        ratio = f"{statistics.median(times) / statistics.median(yardstick):.1f} times as long"
        rows.append((command, spread(times), spread(yardstick), ratio, "< 1"))
        peak = max(pair[number].peak for pair in pairs)
        rows.append((f"{command}: most memory", f"{peak:.0f} MB", "", "", "≤ 250 MB"))
        rows.append((f"{command}: most memory, 1 GB value", f"{long[number].peak:.0f} MB", "", "", "≤ 250 MB"))
    title = f"{options.tables:,} tables, median of {options.rounds} rounds"
    show(title, ("", "drills", "pg_dump --schema-only", "ratio", "goal"), rows)


if __name__ == "__main__":
    main()
