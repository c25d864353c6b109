"""`drills ledger`: the chains of all runs, and the check that drills go on, for any scheduler."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from drills.cli.common import CONFIG_OPTIONS, Command, help_texts
from drills.clock import SystemClock
from drills.config import load as configuration
from drills.config.file import ConfigFile
from drills.config.load import Config
from drills.durations import parse_duration, show_duration
from drills.errors import COULD_NOT_RUN, VERIFICATION_FAILED, ConfigError
from drills.evidence import ledger
from drills.evidence.chain import Chain
from drills.evidence.check import STARTS, Problem
from drills.evidence.folder import read_chain, verify_chain
from drills.evidence.keys import PublicKey, read_public_key
from drills.evidence.ledger import Alarm, LedgerLine
from drills.evidence.start import chain_name
from drills.printable import printable, to_json
from drills.screen import Screen

EXAMPLE = """\
examples:
  drills ledger list                                        every run, by chain; gaps stand in their place
  drills ledger check --max-age 35d --key drill.pub.pem     from cron: says nothing and ends with 0 while drills go on
  drills ledger check --max-age 35d --target myappdbprod --profile aws
"""
EXIT_CODES = """\
exit codes: 0 drills go on; 11 a chain does not verify; 12 the last success is too old or there is none, or a drill was expected and
never came; 2 wrong usage or configuration"""


@dataclass(frozen=True, slots=True)
class _Ledger:
    """A chain that was found, and what of it does not verify; `problem` is set where its folder could not be read at all."""

    folder: Path
    chain: Chain
    problems: tuple[Problem, ...]

    def is_of(self, profile: str | None, target: str | None) -> bool:
        last = self.chain.starts[-1].record if self.chain.starts else None
        return last is not None and profile in (None, last.profile) and target in (None, last.target)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the parts of `drills ledger`."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    shown = parts.add_parser("list", parents=(CONFIG_OPTIONS,), **help_texts("list every run", EXAMPLE, EXIT_CODES))
    shown.add_argument("--json", action="store_true", help="print facts as JSON")
    check = parts.add_parser(
        "check",
        parents=(CONFIG_OPTIONS,),
        **help_texts("end with another code than 0 unless drills go on", EXAMPLE, EXIT_CODES),
    )
    check.add_argument(
        "--max-age", metavar="DURATION", required=True, help='how old the last success may be, such as "35d"'
    )
    check.add_argument("--key", metavar="PUB", help="the public key (default: public_key of [evidence])")
    for each in (shown, check):
        each.add_argument("--target", metavar="NAME", help="the runs of this target alone")
        each.add_argument("--profile", metavar="NAME", help="the runs with this profile alone")


def run(options: argparse.Namespace) -> int:
    """List or check. Raises ConfigError."""
    return _list(options) if options.part == "list" else _check(options)


def _folders(options: argparse.Namespace) -> list[Path]:
    """Return the folder of every chain, of all profiles that the configuration has."""
    configured = ConfigFile.read(Path(options.config) if options.config else None).evidence()
    roots = dict.fromkeys(Path(each.folder) for each in configured.values())
    return [folder for root in roots for folder in sorted(root.glob("*")) if (folder / STARTS).is_dir()]


def _chosen(found: Sequence[_Ledger], options: argparse.Namespace) -> list[_Ledger]:
    return [each for each in found if not each.chain.starts or each.is_of(_profile(options), options.target)]


def _profile(options: argparse.Namespace) -> str | None:
    return options.profile or os.environ.get(configuration.PROFILE_VARIABLE) or None


# -- list -------------------------------------------------------------------------------------------------------------


def _list(options: argparse.Namespace) -> int:
    chains = _chosen([_Ledger(folder, *read_chain(folder)) for folder in _folders(options)], options)
    if options.json:
        print(to_json([_facts(each) for each in chains]))
        return 0
    console = Screen()
    if not chains:
        console.print("no run has left evidence yet")
    for each in chains:
        console.print(Text(printable(str(each.folder)), "bold"), soft_wrap=True)
        console.print(_table(each.chain))
        for line in ledger.lines_of(each.chain):
            if line.not_counted:
                told = f"{_numbers(line)} counts nowhere: {line.not_counted}"
                console.print(Text(printable(told), "dim"), soft_wrap=True)
        for problem in each.problems:
            console.print(Text(printable(problem.sentence), "red"), soft_wrap=True)
    return 0


def _facts(found: _Ledger) -> dict[str, object]:
    lines = [dataclasses.asdict(line) for line in ledger.lines_of(found.chain)]
    for line in lines:
        line["started_at"] = line["started_at"].isoformat() if line["started_at"] else None
    return {
        "chain": found.chain.name,
        "folder": str(found.folder),
        "runs": lines,
        "unread": [each.sentence for each in found.problems],
    }


def _table(chain: Chain) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in ("No", "Run", "Outcome", "Level", "RTA", "RPA", "Reviews"):  # the name of a run says when it began
        wraps = head in ("Outcome", "Reviews")
        made.add_column(head, overflow="fold", no_wrap=not wraps, min_width=12 if head == "Outcome" else None)
    for line in ledger.lines_of(chain):
        actuals = ["-" if each is None else show_duration(each) for each in (line.rta_seconds, line.rpa_seconds)]
        reviews = Text(printable("; ".join(line.reviews)))
        made.add_row(_numbers(line), line.run_id, Text(line.outcome), line.level, *actuals, reviews)
    return made


def _numbers(line: LedgerLine) -> str:
    return f"{line.sequence:04d}" + (f"-{line.to:04d}" if line.to > line.sequence else "")


# -- check ------------------------------------------------------------------------------------------------------------


def _check(options: argparse.Namespace) -> int:
    try:
        max_age = parse_duration(options.max_age)
    except ValueError as error:
        raise ConfigError(f"--max-age: {error}") from None
    given = read_public_key(Path(options.key)) if options.key else None
    path = Path(options.config) if options.config else None
    found = []
    for folder in _folders(options):
        chain, _ = read_chain(folder)
        key = given or _configured_key(path, chain)
        found.append(_Ledger(folder, chain, verify_chain(folder, key)))
    alarms = [*_missing(found, path, options), *_alarms(_chosen(found, options), path, max_age)]
    for alarm in alarms:
        print(printable(alarm.sentence))
    codes = {alarm.code for alarm in alarms}
    return next((code for code in (VERIFICATION_FAILED, COULD_NOT_RUN) if code in codes), 0)


def _configured_key(path: Path | None, chain: Chain) -> PublicKey | None:
    profile = chain.starts[-1].record.profile if chain.starts else ""
    configured = ConfigFile.read(path).evidence().get(profile)
    return read_public_key(Path(configured.public_key)) if configured and configured.public_key else None


def _alarms(chains: Sequence[_Ledger], path: Path | None, max_age: timedelta) -> list[Alarm]:
    now, targets = SystemClock().now(), ConfigFile.read(path).targets()
    found: list[Alarm] = []
    for each in chains:
        name = each.chain.starts[-1].record.target if each.chain.starts else ""
        every = targets[name].drill_every if name in targets else ledger.declared_interval(each.chain)
        found += ledger.alarms(each.chain, each.problems, now, max_age, every)
    return found


def _missing(chains: Sequence[_Ledger], path: Path | None, options: argparse.Namespace) -> list[Alarm]:
    """Return an alarm for each chain that should be there and is not: a simulated one never stands for it."""
    targets = ConfigFile.read(path).targets()
    wanted = [options.target] if options.target else [name for name, each in targets.items() if each.drill_every]
    found = []
    for name in wanted:
        config = _config(path, options.profile, name)
        if not any(each.is_of(config.profile_name, name) for each in chains):
            where = chain_name(config.profile_name, name)
            found.append(Alarm(COULD_NOT_RUN, f"{where}: expected a drill of target {name}, found that none ever came"))
    if not wanted and not _chosen(chains, options):
        which = f" with the profile {profile}" if (profile := _profile(options)) else ""
        found.append(Alarm(COULD_NOT_RUN, f"expected a chain of evidence{which}, found none: no drill ever came"))
    return found


def _config(path: Path | None, profile: str | None, target: str) -> Config:
    return configuration.load(path, profile=profile, target=target, environment=os.environ)


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, paths=("config", "key"))
