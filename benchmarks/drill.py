"""A whole drill in the sandbox, in wall and processor seconds, beside that of another checkout, in turn.

    python -m benchmarks.drill --beside ../before

Each checkout has its own `.tox/drill` (`tox -e drill --notest`). One drill of each goes before and is not counted: it compiles
modules. Processor seconds are the kernel's, of all processes of the run, PostgreSQL's and Node's included.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from pathlib import Path

from benchmarks.common import ROOT, count, show, spread


def drilled(checkout: Path, words: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of a drill, which has to pass."""
    command = [str(checkout / ".tox" / "drill" / "bin" / "drills"), "run", *words]
    with tempfile.TemporaryFile("w+") as said:
        found = count(command, cwd=checkout, stdout=said, stderr=said)
        if found["code"]:
            said.seek(0)
            raise SystemExit(f"{checkout}: {said.read()[-4000:]}")
    return found["seconds"], found["processors"]


def main() -> None:
    """Drill each checkout in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--beside", type=Path, help="another checkout")
    parser.add_argument("words", nargs="*", help="options of `drills run`, after --")
    options = parser.parse_args()
    places = [ROOT, *([options.beside.absolute()] if options.beside else [])]
    for place in places:
        drilled(place, options.words)
    loads: list[float] = []
    took: list[list[tuple[float, float]]] = []
    for _ in range(options.rounds):
        loads.append(os.getloadavg()[0])
        took.append([drilled(place, options.words) for place in places])
    rows = []
    for what, number in (("processors", 1), ("wall", 0)):
        here, *there = ([each[place][number] for each in took] for place in range(len(places)))
        ratio = [f"{statistics.median(a / b for a, b in zip(here, other, strict=True)):.2f}" for other in there]
        rows.append((what, spread(here), *map(spread, there), *ratio))
    beside = ("beside", "ratio") if options.beside else ()
    show(f"a drill, {options.rounds} rounds, load {min(loads):.1f} to {max(loads):.1f}", ("", "here", *beside), rows)


if __name__ == "__main__":
    main()
