"""Fingerprinting databases, one of pgbench and one of the types that people use, beside what else reads them whole.

That is pg_dump and count(*). A ratio is that of one round, in which all ran one after another.
"""

from __future__ import annotations

import argparse
import hashlib
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.common import show, spread, took
from benchmarks.server import Server, server
from drills.checks.base.session import shared_snapshot, snapshot
from drills.checks.content import check as content
from drills.checks.content.fingerprint import FAST, STABLE, STRONG, Algorithm
from drills.sandbox.postgres.cluster import ADMIN, PORT

TABLES = {
    "one": ("pgbench_accounts", "pgbench_branches", "pgbench_history", "pgbench_tellers"),
    "usual": ("orders",),
}
_USUAL = (
    "create type state as enum ('new', 'paid', 'sent', 'returned')",
    """create table orders (
        id bigint primary key, account uuid not null, at timestamptz not null, title text not null, mail varchar(80),
        amount numeric(12, 2), details jsonb, state state, active boolean, token bytea, tags text[], counts integer[])""",
    """insert into orders select g, md5(g::text)::uuid, '2026-01-01 00:00+00'::timestamptz + g * interval '17.123456 s',
        'order number ' || g || ' of a customer', 'customer' || mod(g, 100000) || '@example.com', mod(g, 1000000) * 0.37,
        jsonb_build_object(
            'id', g, 'name', 'customer ' || mod(g, 100000), 'price', mod(g, 1000) * 0.5, 'gift', mod(g, 2) = 0),
        ('{new,paid,sent,returned}'::state[])[1 + mod(g, 4)], mod(g, 2) = 0, decode(md5(g::text), 'hex'),
        array['tag' || mod(g, 7), 'x'], array[mod(g, 10), mod(g, 100)]::integer[]
        from generate_series(1, %s::bigint) g""",
)
_PARALLEL = "set max_parallel_workers_per_gather = 2"


class Meter:
    """A socket before the server's own, which counts the bytes that the server sends through it to a client."""

    def __init__(self, server_socket: Path, folder: Path) -> None:
        """Listen in `folder`, under the name by which libpq looks for a server."""
        self.sent, self.folder, self._behind = 0, folder, server_socket
        folder.mkdir()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / server_socket.name))
        self._listening.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._listening.accept()
            behind = socket.socket(socket.AF_UNIX)
            behind.connect(str(self._behind))
            for ends, counted in (((client, behind), False), ((behind, client), True)):
                threading.Thread(target=self._pass_on, args=(*ends, counted), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self.sent += len(data) if counted else 0  # before it goes on: whoever has it finds it counted
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def connector(running: Server, host: Path | None = None) -> Callable[[str], psycopg.Connection[Any]]:
    """Connects to a database of the server, through the socket in `host` where it is given."""
    return lambda name: psycopg.connect(
        host=str(host or running.cluster.run_dir), port=PORT, user=ADMIN, dbname=name, sslmode="disable",
        gssencmode="disable", password=running.environment["PGPASSWORD"], autocommit=True,
    )  # fmt: skip


def fingerprinted(running: Server, algorithm: Algorithm, ranged: bool = False, name: str = "one") -> float:
    """Seconds of the content check's reading with two connections, as a copy is read (with `ranged`: as a source is)."""
    with shared_snapshot(connector(running), name, 2) as (first, *others):
        return took(lambda: content.observe(first, algorithm=algorithm, helpers=others, ranged=ranged, key=b"k" * 32))


def dumped(running: Server, name: str = "one") -> float:
    """Seconds of `pg_dump --data-only | sha256sum`."""
    dump = " ".join(running.tool("pg_dump", "--data-only", f"'{running.dsn(name)}'"))
    command = ["bash", "-o", "pipefail", "-c", f"{dump} | sha256sum"]
    return running.run(command).seconds


def counted(running: Server, name: str = "one") -> float:
    """Seconds of `count(*)` of the same tables, with parallel workers and without index scans."""
    with snapshot(connector(running), name) as session:
        session.execute(_PARALLEL.encode())
        return took(
            lambda: [
                session.execute(f"select count(*) from public.{each}".encode()).fetchone() for each in TABLES[name]
            ]
        )


def sent(running: Server) -> tuple[int, int]:
    """Bytes that the server sends for the content of all tables, everything of the protocol included; and the tables."""
    meter = Meter(running.cluster.socket_path, running.folder / "meter")
    with snapshot(connector(running, meter.folder), "one") as session:
        before = meter.sent
        found = content.observe(session, ranged=True, key=hashlib.sha256(b"benchmark").digest())
        return meter.sent - before, len(found.tables)


def prepare(running: Server, scale: int) -> None:
    """A pgbench database, its history filled too, a copy of it, and one of the types that people use."""
    with running.cluster.connect() as session:
        session.execute("create database one")
        running.run(running.tool("pgbench", "-i", "-q", "-s", str(scale), running.dsn("one")))
        with running.cluster.connect("one") as inside:
            inside.execute(
                "insert into pgbench_history (tid, bid, aid, delta, mtime) "
                "select mod(g, 10), 1, g, mod(g, 999), '2026-01-01' from generate_series(1, %s) g",
                (scale * 1000,),
            )
            inside.execute("vacuum analyze")
        session.execute("create database two template one")
        session.execute("create database usual")
        with running.cluster.connect("usual") as inside:
            for statement in _USUAL:
                inside.execute(statement.encode(), (scale * 100_000,) if "%s" in statement else None)
            inside.execute("vacuum analyze")


def measure(running: Server, rounds: int) -> list[tuple[str, ...]]:
    """All in turn, so that what else the machine does is felt by all."""
    does: dict[str, Callable[[], float]] = {
        "fast": lambda: fingerprinted(running, FAST),
        "ranged": lambda: fingerprinted(running, FAST, ranged=True),
        "strong": lambda: fingerprinted(running, STRONG),
        "portable": lambda: fingerprinted(running, STABLE),
        "dump": lambda: dumped(running),
        "count": lambda: counted(running),
        "usual": lambda: fingerprinted(running, FAST, name="usual"),
        "usual dump": lambda: dumped(running, "usual"),
        "usual count": lambda: counted(running, "usual"),
    }
    times: dict[str, list[float]] = {name: [] for name in does}
    for name in TABLES:
        counted(running, name)  # the cache is as warm for the first as for the last
    for _ in range(rounds):
        for name, do in does.items():
            times[name].append(do())

    def row(what: str, ours: str, beside: str, theirs: str, goal: str, *, faster: bool = True) -> tuple[str, ...]:
        rounds = zip(times[ours], times[theirs], strict=True)
        ratios = [other / one if faster else one / other for one, other in rounds]
        ratio = spread(ratios, "times faster" if faster else "times as long")
        return what, spread(times[ours]), f"{beside}: {spread(times[theirs])}", ratio, goal

    dump = "pg_dump --data-only | sha256sum"
    return [
        row("content, as a copy is read", "fast", dump, "dump", "≥ 2.5"),
        row("content with ranges, as a source is read", "ranged", dump, "dump", "≥ 1.5"),
        row("content, --strength 128", "strong", dump, "dump", ""),
        row("content, portable", "portable", dump, "dump", ""),
        row("content, as a copy is read", "fast", "count(*)", "count", "≤ 4.5", faster=False),
        row("content of usual types, as a copy is read", "usual", dump, "usual dump", "≥ 3"),
        row("the same", "usual", "count(*)", "usual count", "", faster=False),
    ]


def main() -> None:
    """Measure all in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=50, help="100,000 rows each, of either database (default: 50)")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with server() as running:
        prepare(running, options.scale)
        rows = measure(running, options.rounds)
        total, tables = sent(running)
    rows.append(("bytes sent to the client per table", f"{total / tables:.0f} B", "", "", "≤ 1 kB"))
    title = f"{options.scale * 100_000:,} rows, median of {options.rounds} rounds, ratios of each round"
    show(title, ("", "drills", "beside", "ratio", "goal"), rows)


if __name__ == "__main__":
    main()
