"""`drills evidence replay`: derives the verdicts and the exit code of a run again, from its evidence alone."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from drills.cli.common import Command
from drills.errors import VERIFICATION_FAILED
from drills.printable import printable, to_json
from drills.replay import bundle
from drills.replay.replay import Replay, lines, replay

EXAMPLE = """\
examples:
  drills evidence replay reports/evidence/sandbox-myappdbprod/0042-20261123-141503-a1b2
  drills evidence replay reports/out/latest          a run that is not sealed
Reads files and asks nobody. Verify the signature first: this says that the record follows from what the run observed.
"""
EXIT_CODES = """\
exit codes: 0 the record follows from the evidence; 11 something differs; 12 a file is missing or cannot be read; 2 wrong usage"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drills evidence replay`."""
    parser.add_argument("folder", metavar="DIR", help="a bundle, or the folder of a run")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    """Print each difference, and what was not derived; 11 where anything differs. Raises CannotReplay."""
    folder = Path(options.folder)
    evidence = bundle.read(folder)
    found = replay(evidence)
    code = VERIFICATION_FAILED if found.differences else 0
    if options.json:
        print(to_json(_facts(found, code)))
        return code
    for line in lines(found):
        print(printable(line))
    print(printable(_summary(found, evidence.record.run_id)))
    return code


def _facts(found: Replay, code: int) -> dict[str, object]:
    return {
        "exit_code": code,
        "derived_codes": list(found.codes),
        "derived": found.derived,
        "differences": [dataclasses.asdict(each) for each in found.differences],
        "not_derived": [dataclasses.asdict(each) for each in found.not_derived],
    }


def _summary(found: Replay, run_id: str) -> str:
    codes = ", ".join(map(str, found.codes))
    if found.differences:
        number = len(found.differences)
        return (
            f"run {run_id}: {number} difference{'s' if number > 1 else ''}; by the evidence its exit codes are {codes}"
        )
    return f"run {run_id}: {len(found.derived)} values derived again, none differs; its exit codes are {codes}"


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES)
