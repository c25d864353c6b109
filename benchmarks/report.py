"""The time that report.html, summary.md and report.pdf take from a run's record, the PDF in a process of its own as well."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.common import ROOT, show, spread, took
from drills.record import RECORD_NAME, load
from reports import html, markdown, pdf


def main() -> None:
    """Measure all of them in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    record, lying = load(options.run), (options.run / RECORD_NAME).read_bytes()
    program = (
        "import sys; from pathlib import Path; from drills.record import load; from reports import pdf; "
        "run = Path(sys.argv[1]); pdf.render(load(run), (run / 'drill.json').read_bytes())"
    )
    alone = [sys.executable, "-c", program, str(options.run.absolute())]
    works: dict[str, Callable[[], object]] = {
        "report.html": lambda: html.render(record),
        "summary.md": lambda: markdown.render(record),
        "report.pdf": lambda: pdf.render(record, lying),
        "report.pdf, in a process of its own": lambda: subprocess.run(alone, cwd=ROOT, check=True),
    }
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(options.rounds):
        for name, work in works.items():
            times[name].append(took(work))
    rows = [(name, spread(seconds, "s")) for name, seconds in times.items()]
    show(f"Reports, median of {options.rounds} rounds", ("", "took"), rows)


if __name__ == "__main__":
    main()
