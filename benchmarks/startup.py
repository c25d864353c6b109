"""Commands that do hardly anything, beside a Python that imports psycopg; with a cache of bytecode, and as tox runs them."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace

from benchmarks.common import DRILLS, show, spread
from benchmarks.server import Server, server

_GOALS = {"drills --help": 2.0, "drills verify, an empty database": 4.0}


def commands(running: Server) -> dict[str, list[str]]:
    """What is measured by what it is called, the yardstick first; makes the empty database and its manifest."""
    with running.cluster.connect() as session:
        session.execute("create database nothing")
    dsn, manifest = running.dsn("nothing"), str(running.folder / "nothing.json")
    running.drills("manifest", dsn, "-o", manifest)
    return {
        'python -c "import psycopg"': [sys.executable, "-c", "import psycopg"],
        "drills --help": [DRILLS, "--help"],
        "drills verify, an empty database": [DRILLS, "verify", dsn, "--against", manifest, "--expect-empty"],
    }


def measure(running: Server, wanted: Mapping[str, list[str]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each command in turn, after a round that fills the caches."""
    took: dict[str, list[float]] = {name: [] for name in wanted}
    for number in range(rounds + 1):
        for name, command in wanted.items():
            seconds = running.run(command).seconds
            if number:
                took[name].append(seconds)
    return took


def main() -> None:
    """Measure with a cache and without, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    rows = []
    with server() as running, tempfile.TemporaryDirectory() as cache:
        wanted = commands(running)
        plain = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        plain |= {"PGPASSWORD": running.environment["PGPASSWORD"]}
        for how, settings in (
            ("with bytecode", {"PYTHONPYCACHEPREFIX": cache}),
            ("as tox runs it", {"PYTHONDONTWRITEBYTECODE": "1"}),  # that of packages alone, which pip has made
        ):
            took = measure(replace(running, environment={**plain, **settings}), wanted, rounds)
            yardstick, *others = took
            for name in others:
                ratios = [one / other for one, other in zip(took[name], took[yardstick], strict=True)]
                goal = f"≤ {_GOALS[name]:.0f} times" if how == "with bytecode" else ""
                rows.append((name, how, spread(took[name]), spread(took[yardstick]), spread(ratios, "times"), goal))
    show(f"Start-up, median of {rounds} rounds", ("", "", "drills", yardstick, "ratio", "goal"), rows)


if __name__ == "__main__":
    main()
