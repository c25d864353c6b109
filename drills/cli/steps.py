"""`drills steps`: the catalogue of steps that a feature can be written with."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
from collections.abc import Sequence
from pathlib import Path

from drills.cli.common import Command
from steps import catalogue, own

EXAMPLE = """\
examples:
  drills steps                              every step, with an example
  drills steps table                        those that mention a table
  drills steps --steps my_steps.py          with the steps of your own
  drills steps --json
"""
EXIT_CODES = "exit codes: 0 listed; 2 wrong usage, or a step module that cannot be loaded"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drills steps`."""
    parser.add_argument("word", nargs="?", help="only the steps that mention it")
    parser.add_argument("--steps", metavar="FILE", action="append", default=[], help="a step module of your own")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print facts as JSON")
    shape.add_argument("--markdown", action="store_true", help="print docs/steps.md")


def run(options: argparse.Namespace) -> int:
    """Print the catalogue. Raises ConfigError."""
    entries = catalogue.steps([own.load(Path(path)) for path in options.steps])
    word = (options.word or "").lower()
    entries = tuple(entry for entry in entries if word in f"{entry.pattern} {entry.meaning}".lower())
    if options.json:
        facts = [
            {name: getattr(entry, name) for name in ("keyword", "pattern", "meaning", "example", "module")}
            for entry in entries
        ]
        print(json.dumps(facts, indent=2))
    elif options.markdown:
        print(as_markdown(entries), end="")
    else:
        for entry in entries:
            keyword = entry.keyword.title()
            print(f"{keyword} {entry.pattern}\n    {entry.meaning}\n    example: {keyword} {entry.example}\n")
        print("a feature of your own: docs/own-features.md" if entries else f"no step mentions {options.word!r}")
    return 0


def as_markdown(entries: Sequence[catalogue.StepEntry]) -> str:
    """Return docs/steps.md: the catalogue, a table for each module."""
    lines = [
        "# The steps of a feature",
        "",
        "Made by `drills steps --markdown`; a test compares it. [own-features.md](own-features.md) says how a feature of your own",
        "is written with them. `{name}` stands for what you fill in.",
    ]
    for module in dict.fromkeys(entry.module for entry in entries):
        summary = (inspect.getdoc(importlib.import_module(module)) or "").partition("\n")[0]
        lines += [
            "",
            f"## {module.removeprefix('steps.')}",
            "",
            summary,
            "",
            "| step | does | example |",
            "| --- | --- | --- |",
        ]
        for entry in (each for each in entries if each.module == module):
            cells = (
                f"{entry.keyword.title()} {entry.pattern}",
                entry.meaning,
                f"{entry.keyword.title()} {entry.example}",
            )
            lines.append("| `{}` | {} | `{}` |".format(*(cell.replace("|", "\\|") for cell in cells)))
    return "\n".join(lines) + "\n"


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, paths=("steps",))
