"""`drills doctor`: what a drill needs of this machine, the configuration and AWS. Changes and writes nothing."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.text import Text

from drills.cli import refusals
from drills.cli.common import CONFIG_OPTIONS, OUT, Command
from drills.cli.doctor.line import Line, looked_at
from drills.cli.doctor.machine import lines as of_machine
from drills.cli.doctor.machine import writable
from drills.cli.doctor.outputs import lines as of_outputs
from drills.clock import SystemClock
from drills.config import load as configuration
from drills.config.evidence import is_bucket
from drills.config.load import Config, SandboxProfile
from drills.errors import COULD_NOT_RUN, USAGE
from drills.evidence.keeper import store_of, try_key
from drills.printable import printable, to_json
from drills.run.context import RunOptions
from drills.screen import Screen

EXAMPLE = """\
examples:
  drills doctor                        of drill.toml, or of the built-in sandbox
  drills doctor --profile aws          the credentials, endpoints and clock of AWS too
  drills doctor --json
Nothing is changed: in AWS, sts:GetCallerIdentity is asked, and whether a bucket of the evidence and a topic of notices are there.
Nobody is told anything: drills notices --test does that.
"""
EXIT_CODES = """\
exit codes: 0 nothing stands against a drill, notes apart; 12 something that a drill needs is missing; 2 wrong usage or
configuration"""
_STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drills doctor`."""
    parser.add_argument("--profile", metavar="NAME", help="profile of the configuration")
    parser.add_argument("--target", metavar="NAME", help="target of the configuration")
    parser.add_argument("--json", action="store_true", help="print facts as JSON")


def run(options: argparse.Namespace) -> int:
    """Print a line for each thing; the exit code."""
    found: list[Line] = []
    console = Screen()
    for line in _lines(options):
        found.append(line)
        if not options.json:
            _show(console, line)
    code = _code(found)
    if options.json:
        print(to_json({"exit_code": code, "lines": [dataclasses.asdict(each) for each in found]}))
    else:
        console.print(Text(_summary(found)), soft_wrap=True)
    return code


def _lines(options: argparse.Namespace) -> Iterator[Line]:
    config, about = _configuration(options)
    sandboxed = config is None or isinstance(config.profile, SandboxProfile)
    yield about
    yield from of_machine(getattr(config.profile, "postgres", None) if config else None, sandboxed=sandboxed)
    yield writable("reports", OUT)
    if config is None:
        return
    if not config.target.is_database:
        yield looked_at("target", lambda: _other(config))
    if not sandboxed:
        from drills.cli.doctor.account import lines as of_account  # loads boto3

        yield from of_account(config, SystemClock())
    yield from _evidence(config)
    yield from of_outputs(config, os.environ)


def _configuration(options: argparse.Namespace) -> tuple[Config | None, Line]:
    loaded: list[Config] = []

    def look() -> Line:
        file = Path(options.config) if options.config else None
        target = options.target or configuration.only_target(file, lambda each: each.is_database)
        config = configuration.load(file, profile=options.profile, target=target, environment=os.environ, tables=True)
        loaded.append(config)
        where = config.file or "no drill.toml: the built-in sandbox"
        what = f"profile {config.profile_name} ({config.profile.kind}), target {config.target_name}"
        return Line("configuration", "ok", f"{where}: {what} of {', '.join(configuration.targets_of(file))}")

    line = looked_at("configuration", look)
    return (loaded[0] if loaded else None), line


def _other(config: Config) -> Line:
    """Look at what a drill of what is no database needs of drill.toml, as `drills run` does before it begins."""
    refusals.check(config, RunOptions())
    unseen = "whether its service answers, whether it and its recovery points are there, and the rights of the role"
    other = config.target.other
    looks = "drills posture and drills preflight do" if other and other.foreseen else "drills posture does"
    words = f"{config.target.in_words}, configured for a drill; not looked at for one: {unseen}: {looks}"
    return Line("target", "ok", words)


def _evidence(config: Config) -> Iterator[Line]:
    evidence = config.evidence
    yield writable("evidence", Path(evidence.folder))

    def key() -> Line:
        said = try_key(config, os.environ)
        if evidence.key is None:
            return Line(
                "evidence key", "note", "none: bundles are not signed", "drills evidence keygen, and [evidence] key"
            )
        return Line("evidence key", "ok", said)

    def store() -> Line:
        kept = store_of(config)
        if kept is None:
            return Line("evidence store", "ok", "none configured")
        kept.check()
        if not is_bucket(evidence.store or ""):
            return writable("evidence store", Path(evidence.store or ""))
        return Line("evidence store", "ok", f"{kept.url} answers; that it may be written to is not tried")

    yield looked_at("evidence key", key)
    yield looked_at("evidence store", store)


def _show(console: Screen, line: Line) -> None:
    console.print(
        Text.assemble((f"{line.state:<8}", _STYLES[line.state]), f"{line.name}: ", printable(line.found)),
        soft_wrap=True,
    )
    if line.remedy and line.state != "ok":
        console.print(Text(f"        {line.remedy}"), soft_wrap=True)


def _code(found: Sequence[Line]) -> int:
    codes = {each.code for each in found if each.state == "problem"}
    if USAGE in codes:
        return USAGE
    return COULD_NOT_RUN if codes else 0


def _summary(found: Sequence[Line]) -> str:
    problems = [each.name for each in found if each.state == "problem"]
    if problems:
        return f"{len(problems)} of {len(found)} stand against a drill: {', '.join(problems)}"
    return f"{len(found)} looked at, nothing stands against a drill"


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, parents=(CONFIG_OPTIONS,), paths=("config",))
