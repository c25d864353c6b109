"""`drills evidence`: what can be done with the evidence of runs, a module each."""

from __future__ import annotations

import argparse
import importlib

from drills.cli.common import Command, Entry, Parser, enter_project, help_texts

PARTS = {
    "keygen": Entry("keygen", "make a signing key"),
    "replay": Entry("replay", "derive the verdicts of a run again, from its evidence alone"),
    "review": Entry("review", "add what a person decided about a run"),
    "seal": Entry("seal", "seal a run that was begun and has no bundle"),
    "verify": Entry("verify", "verify a bundle, or the chain of a target's runs"),
}
EXAMPLE = """\
examples:
  drills evidence keygen -o drill.pem
  drills evidence replay reports/out/latest
  drills evidence review reports/evidence/aws-orders --verdict accepted --name 'A. Weber' --role 'head of operations'
  drills evidence seal reports/out/latest
  drills evidence verify reports/evidence/sandbox-myappdbprod --key drill.pub.pem
"""
EXIT_CODES = """\
exit codes: 0 it was done; 11 something does not verify; 12 it could not be done; 14 evidence was not sealed; 2 wrong usage"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the parts of `drills evidence`: the called one with its options, or all where none is. Others would be loaded in vain."""
    called = next((each for each in Parser.arguments if each in PARTS), "")
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    for name, entry in PARTS.items():
        if called not in ("", name):
            parts.add_parser(name, help=entry.summary)
            continue
        command = part_of(name)
        texts = help_texts(entry.summary, command.example, command.exit_codes)
        command.add_arguments(parts.add_parser(name, parents=command.parents, **texts))


def part_of(name: str) -> Command:
    """Load the part of that name."""
    command: Command = importlib.import_module(f"drills.cli.evidence.{PARTS[name].module}").COMMAND
    return command


def run(options: argparse.Namespace) -> int:
    """Carry out a part."""
    part = part_of(options.part)
    if part.paths:
        enter_project(options, part.paths)
    return part.run(options)


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES)
