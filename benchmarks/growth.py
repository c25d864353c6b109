"""How the cost of `drills manifest` and `drills verify` grows with gigabytes, with tables and with connections.

Each as a process, beside `pg_dump | sha256sum`, on a private server of stock settings. What is measured is kept below .tox, so
that `--resume` goes on another day; `--write` makes docs/scale.md of what is kept, and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from benchmarks.common import CLOCK, ROOT, show
from benchmarks.many import many
from benchmarks.scale import page
from benchmarks.scale.measured import GIGABYTE, Axis, Case, Kept, Measured, load, save, sized
from benchmarks.server import STOCK, Server, Took, server

KEPT = ROOT / ".tox/growth.json"
SIZES: Mapping[Axis, Sequence[float]] = {"gigabytes": (0.1, 1, 4, 10), "tables": (100, 1_000, 10_000, 100_000)}
CONNECTIONS = (1, 2, 4)
PER_SCALE = 0.015  # gigabytes that pgbench makes of a scale of 1: 100,000 rows with their index
_PATIENCE = "12h"  # in place of the ten minutes for which a snapshot may be held
_WHERE = {"gigabytes": "--data-only", "tables": "--no-owner"}  # a dump of the rows; of the schema as well


def prepare(running: Server, axis: Axis, size: float) -> str:
    """Make a database of so many gigabytes or tables; its name."""
    if axis == "tables":
        many(running, int(size))
        name = "many"
    else:
        name = "large"
        with running.cluster.connect() as session:
            session.execute("create database large")
        scale = max(1, round(size / PER_SCALE))
        running.run(running.tool("pgbench", "-i", "-q", "-I", "dtGvp", "-s", str(scale), running.dsn(name)))
    with running.cluster.connect(name) as session:
        session.execute("vacuum analyze")  # as a source that is looked after
        session.execute("checkpoint")
    return name


@contextmanager
def database(running: Server, axis: Axis, size: float) -> Iterator[str]:
    """A database of this size for as long as the block lasts."""
    try:
        yield prepare(running, axis, size)
    finally:
        with running.cluster.connect() as session:
            session.execute("drop database if exists large")
            session.execute("drop database if exists many")


def size_of(running: Server, name: str) -> int:
    """What the server says that a database takes, in bytes."""
    with running.cluster.connect() as session:
        row = session.execute("select pg_database_size(%s)", [name]).fetchone()
    return int(row[0]) if row else 0


@dataclass(frozen=True, slots=True)
class Used:
    """What the server's processes have used so far: bytes that they had of the operating system, and seconds of processors."""

    read: int
    processors: float


def used_so_far(pid: int) -> Used:
    """What a server and its processes have used, those that have ended included; no bytes where the system tells none."""
    read, processors, main = 0, 0.0, psutil.Process(pid)
    for process in (*main.children(recursive=True), main):  # the main one last: it has what ended children had used
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            processors += times.user + times.system
            if hasattr(process, "io_counters"):
                read += process.io_counters().read_chars
    return Used(read, processors + times.children_user + times.children_system)


def taken(running: Server, name: str, connections: int) -> tuple[Took, dict[str, float]]:
    """`drills manifest`, and what the manifest says of its parts."""
    path = running.folder / f"{name}.json"
    options = ("-o", str(path), "--workers", str(connections), "--max-age", _PATIENCE)
    took = running.drills("manifest", running.dsn(name), *options)
    (one,) = json.loads(path.read_text(encoding="utf-8"))["manifest"]["databases"].values()
    return took, dict(one["seconds"])


def verified(running: Server, name: str, connections: int) -> tuple[Took, dict[str, float]]:
    """`drills verify` of the database that the manifest is of, and what it says of its checks."""
    said = running.folder / "verified.json"
    against = str(running.folder / f"{name}.json")
    options = ("--against", against, "--json", "--workers", str(connections))
    took = running.drills("verify", running.dsn(name), *options, output=said)
    return took, {each["name"]: each["seconds"] for each in json.loads(said.read_text(encoding="utf-8"))["results"]}


def dumped(running: Server, name: str, connections: int) -> tuple[Took, dict[str, float]]:
    """`pg_dump | sha256sum`: of the rows, and where there are many tables of their definitions too."""
    dump = shlex.join(running.tool("pg_dump", _WHERE["tables" if name == "many" else "gigabytes"], running.dsn(name)))
    return running.run(["bash", "-o", "pipefail", "-c", f"{dump} | sha256sum"]), {}


COMMANDS: Mapping[str, Callable[[Server, str, int], tuple[Took, dict[str, float]]]] = {
    "pg_dump": dumped,
    "manifest": taken,
    "verify": verified,
}


def measure(running: Server, case: Case, name: str) -> Measured:
    """One command; a failure is a measurement too."""
    pid = running.cluster.pid() or 0
    size, before, load_before = size_of(running, name), used_so_far(pid), round(os.getloadavg()[0], 1)
    try:
        took, phases = COMMANDS[case.command](running, name, case.connections)
    except SystemExit as error:
        said = sentence(str(error))
        return Measured(case, size, 0.0, 0.0, 0, 0.0, 0.0, load_before, failed=said)
    after = used_so_far(pid)
    rest = took.seconds - sum(phases.values())
    return Measured(
        case,
        bytes=size,
        seconds=round(took.seconds, 3),
        peak=round(took.peak, 1),
        read=after.read - before.read,
        client=round(took.processors, 3),
        server=round(after.processors - before.processors, 3),
        load=load_before,
        phases={"": round(max(rest, 0.0), 3), **phases} if phases else {},
    )


def sentence(failure: str) -> str:
    """What a command said first when it failed, without the command's own line."""
    found = re.search(r": -?\d+: (.+)", failure)
    return found[1] if found else failure


def cases(axis: Axis, size: float, connections: Sequence[int]) -> list[Case]:
    """What is measured of a database, in its order: a manifest comes before what is held against it."""
    found = [Case(axis, size, "pg_dump", 1)]
    return found + [Case(axis, size, command, number) for command in ("manifest", "verify") for number in connections]


def wanted(kept: Kept, all_cases: Sequence[Case], rounds: int) -> list[Case]:
    """What is still to be measured, in rounds; a manifest that was kept is taken again where one is to be verified."""
    missing: list[Case] = []
    for number in range(rounds):
        missing += [
            case for case in all_cases if sum(run.case == case and not run.failed for run in kept.runs) <= number
        ]
    if missing and not any(case.command == "manifest" for case in missing):
        missing.insert(0, next(case for case in all_cases if case.command == "manifest"))
    return missing


def measure_all(running: Server, options: argparse.Namespace, kept: Kept) -> Kept:
    """Everything that is missing, database by database; each measurement is kept at once."""
    asked: Mapping[Axis, Sequence[float]] = {"gigabytes": options.gigabytes, "tables": options.tables}
    for axis, sizes in asked.items():
        for size in sizes:
            missing = wanted(kept, cases(axis, size, options.connections), options.rounds)
            if not missing:
                continue
            with database(running, axis, size) as name:
                for case in missing:
                    run = measure(running, case, name)
                    print(told(run), flush=True)
                    others = tuple(each for each in kept.runs if not (each.case == case and each.failed))
                    day = f"{CLOCK.now():%Y-%m-%d}"
                    kept = replace(
                        kept, machine=machine(running), day=day, cores=os.cpu_count() or 1, runs=(*others, run)
                    )
                    save(options.keep, kept)
    return kept


def told(run: Measured) -> str:
    """One measurement as a line."""
    case, used = run.case, f"processors {run.client:.2f} + {run.server:.2f} s"
    took = run.failed or f"{run.seconds:.2f} s, {used}, {run.peak:.0f} MB, {run.read / GIGABYTE:.2f} GB read"
    return f"{sized(case.axis, case.size)}, {case.command}, connections: {case.connections}: {took}, at load {run.load}"


def machine(running: Server) -> str:
    """On what it was measured, in words."""
    memory = psutil.virtual_memory().total / GIGABYTE
    major = running.cluster.binaries.major
    return f"{os.cpu_count()} cores, {memory:.0f} GB of memory, PostgreSQL {major}, Python {platform.python_version()}"


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, nargs="*", default=SIZES["gigabytes"], metavar="N")
    parser.add_argument("--tables", type=int, nargs="*", default=SIZES["tables"], metavar="N")
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS, metavar="N")
    parser.add_argument("--rounds", type=int, default=1, help="measurements of each (default: 1)")
    parser.add_argument(
        "--keep", type=Path, default=KEPT, metavar="FILE", help="where they are kept (default: below .tox)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="measure what is not kept yet; else all that is kept goes"
    )
    parser.add_argument("--write", action="store_true", help="measure nothing: write docs/scale.md of what is kept")
    return parser.parse_args()


def main() -> None:
    """Measure, keep, and print; or write the page."""
    options = arguments()
    kept = load(options.keep) if options.resume or options.write else None
    if options.write:
        if kept is None:
            raise SystemExit(f"expected measurements in {options.keep}, found none: call it without --write first")
        page.write(kept)
        return
    with server(STOCK) as running:
        kept = measure_all(running, options, kept or Kept("", ""))
    rows = [
        (sized(run.case.axis, run.case.size), run.case.command, str(run.case.connections), run.failed or f"{run.seconds:.2f} s",
         f"{run.peak:.0f} MB", f"{run.load}") for run in kept.runs
    ]  # fmt: skip
    show("growth", ("database", "command", "connections", "took", "memory", "load before"), rows)


if __name__ == "__main__":
    main()
