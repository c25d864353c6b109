"""`drills notices`: what would be told of a run; sends it again, or a trial to everybody."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from drills.cli.common import CONFIG_OPTIONS, Command, run_folder
from drills.cli.evidence.configured import config_of
from drills.clock import SystemClock
from drills.config import load as configuration
from drills.config.load import Config
from drills.errors import COULD_NOT_RUN, ConfigError
from drills.model.notice import Notice
from drills.notices import compose
from drills.notices.fold import key_of, period_of
from drills.notices.send import deliver
from drills.printable import printable, to_json
from drills.record import load
from reports import redact

LATEST = "reports/out/latest"
EXAMPLE = """\
examples:
  drills notices                                     what is told of the latest run
  drills notices reports/out/20261123-141503-a1b2 --send     send it, whatever was told before
  drills notices --test                              a trial to everybody whom [notices] of drill.toml names
  drills notices --test --profile aws
"""
EXIT_CODES = """\
exit codes: 0 shown, or delivered to everybody; 12 a service did not take it; 2 wrong usage or configuration, or nobody is named"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `drills notices`."""
    parser.add_argument("run", nargs="?", metavar="RUN", help="folder of the run (default: the latest)")
    parser.add_argument("--send", action="store_true", help="send it to everybody, also where the same was told before")
    parser.add_argument("--test", action="store_true", help="send a trial that is about no run")
    parser.add_argument("--profile", metavar="NAME", help="with --test: profile of the configuration")
    parser.add_argument("--target", metavar="NAME", help="with --test: target of the configuration")
    parser.add_argument("--json", action="store_true", help="print facts as JSON")


def run(options: argparse.Namespace) -> int:
    """Show or send a notice. Raises ConfigError."""
    path = Path(options.config) if options.config else None
    if options.test:
        if options.run or options.send:
            raise ConfigError(
                "--test: expected it without a run and without --send, since a trial is about no run: leave them out"
            )
        config = configuration.load(
            path, profile=options.profile, target=options.target, environment=os.environ, tables=True
        )
        return _deliver(_trial(config), config, as_json=options.json)
    if options.profile or options.target:
        raise ConfigError("--profile, --target: expected them with --test alone: a run has its own; leave them out")
    record = load(run_folder(options.run or LATEST))
    config = config_of(path, record)
    notice = compose.of_run(redact.external(record) if config.notices.mask else record)
    if notice is None:
        print(f"nothing is told of run {record.run_id}: it has not ended, or counts nowhere and left nothing")
        return 0
    if options.send:
        return _deliver(notice, config, as_json=options.json)
    _show(notice, config, as_json=options.json)
    return 0


def _trial(config: Config) -> Notice:
    stamp = compose.STAMP if config.simulated else ""
    title = f"{stamp}trial of the notices of drills of {config.target_name} ({config.profile_name}): nothing happened"
    return Notice(("success",), config.profile_name, config.target_name, config.simulated, title)


def _period(config: Config) -> str:
    return period_of(config.notices.fold, SystemClock().now())


def _show(notice: Notice, config: Config, *, as_json: bool) -> None:
    key = key_of(notice, _period(config))
    told = bool(set(notice.kinds) & set(config.notices.on))
    if as_json:
        facts = {"kinds": notice.kinds, "title": notice.title, "lines": notice.lines, "key": key, "wanted": told}
        print(to_json(facts))
        return
    _print((notice.title, *notice.lines, f"key: {key}"))
    if not told:
        _print([f"not sent by itself: on of [notices] does not name {' and '.join(notice.kinds)}"])


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        print(printable(line))


def _deliver(notice: Notice, config: Config, *, as_json: bool) -> int:
    if not config.notices.wanted:
        raise ConfigError(
            f'[notices]: expected urls or topic for profile "{config.profile_name}", found neither: docs/notices.md says how'
        )
    deliveries = deliver(notice, config, os.environ, _period(config))
    if as_json:
        print(to_json([{"service": each.service, "problem": each.problem} for each in deliveries]))
    else:
        _print([f"{each.service}: {each.problem or 'delivered'}" for each in deliveries])
    return COULD_NOT_RUN if any(each.problem for each in deliveries) else 0


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, parents=(CONFIG_OPTIONS,), paths=("run", "config"))
