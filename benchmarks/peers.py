"""`drills manifest` and `drills verify` of a copy, beside what else compares two databases of PostgreSQL.

reladiff (a Python package), pg_comparator (Debian's package postgresql-comparator), and the query that pgcopydb 0.18 sends for
`compare data`. Each is a process from its start to its end. A ratio is that of one round, in which all ran one after another.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.common import show, spread, took
from benchmarks.server import Server, server
from benchmarks.verifier import TABLES, connector, prepare
from drills.checks.base.session import shared_snapshot, snapshot
from drills.checks.content import check as content
from drills.sandbox.postgres.cluster import ADMIN, PORT

_LARGEST, _KEY, _COLUMNS = "pgbench_accounts", "aid", ("bid", "abalance", "filler")
# https://github.com/dimitri/pgcopydb, src/bin/pgcopydb/schema.c, schema_send_table_checksum
_PGCOPYDB = (
    "select count(1) as cnt, encode(sha256(format('%s-%s', sum(hashtext(({columns})::text)::bigint), count(1))::bytea), 'hex') "
    "as chksum from only public.{table}"
)


def verified(running: Server) -> float:
    """Seconds of `drills manifest` of one database and `drills verify` of the other, both processes from their start."""
    path = str(running.folder / "one.json")
    taken = running.drills("manifest", running.dsn("one"), "-o", path)
    return taken.seconds + running.drills("verify", running.dsn("two"), "--against", path).seconds


def compared(running: Server) -> float:
    """Seconds of reading the content of both databases as `verified` does, without its processes' start and other checks."""
    with snapshot(connector(running), "one") as first:
        one = took(lambda: content.observe(first, ranged=True, key=b"k" * 32))
    with shared_snapshot(connector(running), "two", 2) as (first, *others):
        return one + took(lambda: content.observe(first, helpers=others))


def local(running: Server) -> Server:
    """The same server for clients that are told no host: libpq takes the socket from the environment."""
    there = {"PGHOST": str(running.cluster.run_dir), "PGPORT": str(PORT), "PGUSER": ADMIN}
    return Server(running.cluster, running.folder, {**running.environment, **there})


def reladiffed(running: Server, program: str) -> float:
    """Seconds of reladiff for the largest table of both, every column, four threads."""
    password = running.environment["PGPASSWORD"]
    first, second = (f"postgresql://{ADMIN}:{password}@/{name}" for name in ("one", "two"))
    command = [program, first, _LARGEST, second, _LARGEST, "-k", _KEY, "--stats", "--threads", "4"]
    for column in _COLUMNS:
        command += ["-c", column]
    return local(running).run(command).seconds


def pg_compared(running: Server, program: str) -> float:
    """Seconds of pg_comparator for the largest table of both, every column, by its integer key."""
    sources = [f"--source-{number}=DBI:Pg:dbname={name}" for number, name in ((1, "one"), (2, "two"))]
    what = f"{ADMIN}@/one/{_LARGEST}?{_KEY}:{','.join(_COLUMNS)}"
    return (
        local(running)
        .run([program, *sources, "--use-key", "--aggregate=sum", what, f"{ADMIN}@/two/{_LARGEST}"])
        .seconds
    )


def pgcopydb_queried(running: Server) -> float:
    """Seconds of psql with pgcopydb's query for each table, of both databases at once, as `compare data` sends it."""
    columns = {name: columns_of(running, name) for name in TABLES["one"]}
    queries = "; ".join(_PGCOPYDB.format(columns=", ".join(each), table=name) for name, each in columns.items())
    psql = [str(shutil.which("psql")), "-X", "-q", "-At", "-c", f'"{queries}"', "-d"]
    both = " & ".join(" ".join([*psql, name]) for name in ("one", "two"))
    return local(running).run(["bash", "-c", f"{both} & wait -n && wait -n"]).seconds


def columns_of(running: Server, table: str) -> Sequence[str]:
    """The names of a table's columns, in their order."""
    with snapshot(connector(running), "one") as session:
        asked = "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum"
        return [name for (name,) in session.execute(asked, (f"public.{table}",))]


def measure(running: Server, rounds: int, programs: argparse.Namespace) -> list[tuple[str, ...]]:
    """All in turn, so that what else the machine does is felt by all; what is not installed is left out."""
    others: dict[str, Callable[[], float]] = {"pgcopydb's query": lambda: pgcopydb_queried(running)}
    if programs.reladiff:
        others["reladiff"] = lambda: reladiffed(running, programs.reladiff)
    if programs.pg_comparator:
        others["pg_comparator"] = lambda: pg_compared(running, programs.pg_comparator)
    does = {"verified": lambda: verified(running), "contents": lambda: compared(running), **others}
    times: dict[str, list[float]] = {name: [] for name in does}
    for _ in range(rounds):
        for name, do in does.items():
            times[name].append(do())

    def row(what: str, ours: str, beside: str, goal: str) -> tuple[str, ...]:
        ratios = [theirs / one for one, theirs in zip(times[ours], times[beside], strict=True)]
        return what, spread(times[ours]), f"{beside}: {spread(times[beside])}", spread(ratios, "times faster"), goal

    return [
        each
        for beside in others
        for each in (
            row("manifest and verify", "verified", beside, "≥ 3"),
            row("of these the content of both alone", "contents", beside, ""),
        )
    ]


def main() -> None:
    """Measure all in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=50, help="100,000 rows each, of either database (default: 50)")
    parser.add_argument("--rounds", type=int, default=5)
    beside = Path(sys.executable).with_name("reladiff")
    parser.add_argument("--reladiff", default=str(beside) if beside.exists() else shutil.which("reladiff"))
    parser.add_argument("--pg-comparator", default=shutil.which("pg_comparator"))
    options = parser.parse_args()
    with server() as running:
        prepare(running, options.scale)
        if options.pg_comparator:
            for name in ("one", "two"):
                with running.cluster.connect(name) as session:
                    session.execute("create extension pgcmp")  # its checksum, in C, which no managed service has
        rows = measure(running, options.rounds, options)
    title = f"{options.scale * 100_000:,} rows, median of {options.rounds} rounds, ratios of each round"
    show(title, ("", "drills", "beside", "ratio", "goal"), rows)


if __name__ == "__main__":
    main()
