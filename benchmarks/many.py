"""Very many tables on a server with stock settings: `drills manifest` and `drills verify` beside a whole `pg_dump`.

Both read every row. The catalog alone stands beside `pg_dump --schema-only`, and memory is measured with a huge value too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks.common import show, spread
from benchmarks.server import STOCK, Server, Took, server

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


CATALOG = """
import sys, psycopg
from drills.checks.base.session import SingleDatabase, helpers, snapshot
from drills.checks.catalog import check
connect = SingleDatabase(lambda: psycopg.connect(sys.argv[1], autocommit=True), "many")
with snapshot(connect, "many") as first, helpers(connect, first) as others:
    check.observe(first, helpers=others)
"""
ROWS = (
    ("drills manifest", "pg_dump | sha256sum", "≤ 1"),
    ("drills verify", "pg_dump | sha256sum", "≤ 1.3"),
    ("the catalog, as a copy's is read", "pg_dump --schema-only", "≤ 1"),
)


def measure(running: Server, rounds: int) -> tuple[list[list[tuple[Took, Took]]], tuple[Took, Took]]:
    """For each row the pairs of what is measured and its yardstick, one after the other; and both commands of a huge value."""
    pairs: list[list[tuple[Took, Took]]] = [[], [], []]
    dsn = running.dsn("many")
    dump = running.tool("pg_dump", dsn)
    whole = ["sh", "-c", '"$@" | sha256sum', "sh", *dump]
    for _ in range(rounds):
        taken, compared = both(running, "many")
        yardstick = running.run(whole)
        pairs[0].append((taken, yardstick))
        pairs[1].append((compared, yardstick))
        catalog = running.run([sys.executable, "-c", CATALOG, dsn])
        pairs[2].append((catalog, running.run(running.tool("pg_dump", "--schema-only", dsn))))
    huge(running)
    return pairs, both(running, "huge")


def told(pairs: Sequence[tuple[Took, Took]], what: str, beside: str, goal: str) -> tuple[str, ...]:
    """A row of the table; the ratio is the median of the pairs' own."""
    mine, others = zip(*pairs, strict=True)
    ratios = [one.seconds / other.seconds for one, other in pairs]
    seconds = spread([one.seconds for one in mine])
    return what, seconds, beside, spread([other.seconds for other in others]), spread(ratios, "times"), goal


def main() -> None:
    """Measure in pairs, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with server(STOCK) as running:
        many(running, options.tables)
        found, long = measure(running, options.rounds)
    rows = [told(pairs, *row) for pairs, row in zip(found, ROWS, strict=True)]
    for number, (command, _, _) in enumerate(ROWS[:2]):
        peak = max(mine.peak for mine, _ in found[number])
        rows.append((f"{command}: most memory", f"{peak:.0f} MB", "", "", "", "≤ 150 MB"))
        rows.append((f"{command}: most memory, 1 GB value", f"{long[number].peak:.0f} MB", "", "", "", "≤ 150 MB"))
    title = f"{options.tables:,} tables, stock settings, median of {options.rounds} rounds"
    show(title, ("", "drills", "beside", "took", "as long", "goal"), rows)


if __name__ == "__main__":
    main()
