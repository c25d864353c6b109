"""Ten instances created at once, until each answers a query, and the memory that they take; beside one instance."""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from benchmarks.common import CLOCK, NO_DELAYS, available, client, connect, create, memory, sandbox, show, took
from drills.sandbox.postgres.postmaster import working_in


def unique(processes: list[psutil.Process]) -> float:
    """The memory of these processes in MB in which shared pages are divided by those that share them."""
    return sum(getattr(each.memory_full_info(), "pss", each.memory_info().rss) for each in processes) / 1e6


def measure(count: int) -> tuple[float, float, float]:
    """Seconds until `count` instances answer, MB of the sandbox, MB of PostgreSQL."""
    with sandbox("--delays", json.dumps(NO_DELAYS)) as facts:
        names = [f"orders-{number}" for number in range(count)]

        def one(name: str) -> None:
            rds: Any = client(facts["endpoint"])
            create(rds, name)
            with connect(available(rds, name), facts["ca"]) as session:
                session.execute("SELECT 1")

        def all_of_them() -> None:
            with ThreadPoolExecutor(count) as threads:
                list(threads.map(one, names))

        seconds = took(all_of_them)
        CLOCK.sleep(2)
        servers = list(working_in(Path(facts["state"])))
        return seconds, memory(list(facts["processes"].values())), unique(servers)


def main() -> None:
    """Measure one and ten, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=10)
    count = parser.parse_args().instances
    one, many = measure(1), measure(count)
    rows = [
        (what, f"{a:.{digits}f} {unit}", f"{b:.{digits}f} {unit}", f"{b / a:.1f}")
        for (what, unit, digits), a, b in zip(
            (
                ("until all answer a query", "s", 1),
                ("memory of the sandbox", "MB", 0),
                ("memory of PostgreSQL", "MB", 0),
            ),
            one,
            many,
            strict=True,
        )
    ]
    show(f"{count} instances at once", ("", "1 instance", f"{count} instances", "ratio"), rows)


if __name__ == "__main__":
    main()
