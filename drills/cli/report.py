"""`drills report`: makes the reports of a run again, from its record."""

from __future__ import annotations

import argparse

from drills.cli.common import Command, run_folder
from reports import words, write

LATEST = "reports/out/latest"
EXAMPLE = """\
example:
  drills report reports/out/latest
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the argument of `drills report`."""
    parser.add_argument("run", nargs="?", help="folder of the run (default: the latest)")


def run(options: argparse.Namespace) -> int:
    """Write the reports anew and print their paths."""
    folder = run_folder(options.run or LATEST)
    for line in write.write_all(folder, render_allure=True):
        print(line)
    print(f"reports of the run are in {words.show_path(folder)}")
    return 0


COMMAND = Command(EXAMPLE, add_arguments, run, paths=("run",))
