"""The options of a fleet, what of the others its runs get, and what does not go together. Loads nothing heavy."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from drills.cli.evidence import once
from drills.errors import ConfigError
from drills.fleet import shard

# options of `drills run` that each run of a fleet gets as they were given
PASSED_ON = (
    *("config", "profile", "scenario", "seed", "database", "trust_seed", "postgres", "endpoint_url", "once_per"),
    *(
        "timezone",
        "rto",
        "rpo",
        "sample",
        "tier",
        "invariants",
        "features",
        "steps",
        "trigger",
        "damage",
        "calls_per_second",
    ),
)
OF_FLEETS = ("shard", "parallel", "discover", "like", "reports")
REPORTS = ("all", "failed")  # whose Allure page and PDF are made
_NOT_OF_FLEETS = ("target", "resume", "member", "yes")


def add_arguments(run: argparse.ArgumentParser) -> None:
    """Add the options with which all targets are drilled."""
    run.add_argument(
        "--all", action="store_true", help="drill every target of the configuration, each by a run of its own"
    )
    run.add_argument("--shard", metavar="I/N", help="with --all: the share of one of N machines, counted from 1")
    run.add_argument(
        "--parallel", metavar="N", type=int, help="with --all: how many targets at once (default: docs/fleets.md)"
    )
    run.add_argument(
        "--discover",
        metavar="KEY=VALUE",
        help="with --all: also what AWS Backup protects and has this tag, each like --like",
    )
    run.add_argument(
        "--like", metavar="NAME", help="with --discover: the target that they are like (default: drill.target)"
    )
    run.add_argument(
        "--reports",
        choices=REPORTS,
        help="with --all: make Allure's page and the PDF of each run, or of those that did not pass "
        "(default: failed in a sandbox, else all)",
    )
    # how a fleet starts its runs: the run writes its id there, and ends when its stdin does
    run.add_argument("--member", metavar="FILE", help=argparse.SUPPRESS)


def check(options: argparse.Namespace) -> None:
    """Refuse options that do not go together. Raises ConfigError."""
    if not options.all:
        for name in OF_FLEETS:
            of_its_fleet = name == "reports" and options.member
            if getattr(options, name) is not None and not of_its_fleet:
                raise ConfigError(f"--{name}: expected --all beside it, found it alone: it says how a fleet is drilled")
        return
    for name in _NOT_OF_FLEETS:
        if getattr(options, name):
            raise ConfigError(
                f"--all: expected no --{name} beside it, found both: leave one of them out; --all drills every target"
            )
    if options.seed and "://" in options.seed.get_secret_value():
        raise ConfigError(
            "--seed: expected a dump beside --all, found the URL of a server, which each run would copy: make a dump of it first"
        )
    if options.parallel is not None and options.parallel < 1:
        raise ConfigError(
            f"--parallel: expected a number from 1, found {options.parallel}: 1 drills one target after another"
        )
    if options.like is not None and options.discover is None:
        raise ConfigError(
            "--like: expected --discover KEY=VALUE beside it, found it alone: it says which target those that are found are like"
        )
    if options.shard is not None:
        shard.parse(options.shard)
    once.zone_of(options)


def passed_on(options: argparse.Namespace) -> Iterator[str]:
    """Yield the words of the command line that each run of the fleet gets."""
    for name in PASSED_ON:
        value, option = getattr(options, name), f"--{name.replace('_', '-')}"
        if hasattr(value, "get_secret_value"):
            value = value.get_secret_value()
        if value is True:
            yield option
        elif isinstance(value, list):
            for each in value:
                yield from (option, each)
        elif value:
            yield from (option, str(value))
