"""`drills run --once-per`: the options, and what they say of the chain as it is here."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import get_args
from zoneinfo import ZoneInfo

from drills.config.load import Config
from drills.config.objectives import TiersTable
from drills.errors import ConfigError
from drills.evidence.check import is_chain
from drills.evidence.folder import read_chain
from drills.evidence.keeper import chain_of
from drills.evidence.recent.once import Once
from drills.model.period import PeriodKind, period_of
from drills.model.record import Setting

DEFAULT_ZONE = "Etc/UTC"
_DAMAGED = (
    "--once-per: expected a run that counts, found --damage beside it, which counts nowhere: leave one of them out"
)


def add_arguments(run: argparse.ArgumentParser) -> None:
    """Add the options with which a scheduler may fire twice."""
    run.add_argument(
        "--once-per",
        metavar="PERIOD",
        choices=get_args(PeriodKind),
        help="begin no run where the target has one in this period already; that is said, with that run's exit code",
    )
    run.add_argument(
        "--timezone", metavar="ZONE", help=f"of the periods, such as Europe/Berlin (default: {DEFAULT_ZONE})"
    )


def of_options(options: argparse.Namespace, config: Config, now: datetime) -> Once | None:
    """Return in which period a run is made once; None where it is made anyway. Raises ConfigError."""
    if options.once_per is None:
        if not options.member:  # of a fleet another target may have periods
            _check_zone_alone(options, (config,))
        return None
    if options.damage:
        raise ConfigError(_DAMAGED)
    return Once(period_of(options.once_per, zone_of(options), now), now, config.limits.total_seconds)


def check_fleet(options: argparse.Namespace, configs: Iterable[Config]) -> None:
    """Refuse what would be refused of each run of a fleet. Raises ConfigError."""
    if options.once_per is None:
        _check_zone_alone(options, configs)
    elif options.damage:
        raise ConfigError(_DAMAGED)


def _check_zone_alone(options: argparse.Namespace, configs: Iterable[Config]) -> None:
    if options.timezone and all(each.target.tiers == TiersTable() for each in configs):
        raise ConfigError("--timezone: expected --once-per beside it, found it alone: it is the period that has a zone")


def zone_of(options: argparse.Namespace) -> ZoneInfo:
    """Return the zone of the periods. Raises ConfigError."""
    name = options.timezone or DEFAULT_ZONE
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ConfigError(
            f'--timezone: expected a zone of the IANA time zone database, such as Europe/Berlin, found "{name}": correct it'
        ) from error


def counting(once: Once | None, config: Config, settings: Sequence[Setting]) -> str:
    """Return why the run would not begin, by the chain of this machine alone; "" where it would. For a dry run."""
    folder = chain_of(config)
    if once is None or not is_chain(folder):
        return ""
    return next((str(each) for each in once.counting(read_chain(folder)[0], settings)), "")
