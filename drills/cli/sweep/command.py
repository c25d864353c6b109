"""`drills sweep`: shows what earlier runs left in AWS, and removes what is past its time and nothing else."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from drills.aws.clock_offset import ClockOffsetProbe
from drills.aws.guarded.permits import Role
from drills.aws.session import Clients
from drills.cli.common import TARGET_OPTIONS, Command
from drills.cli.sweep.show import SweepReport, facts, place_of, show
from drills.cli.target import OpenTarget, open_target
from drills.clock import SystemClock
from drills.config.load import AwsProfile, targets_of
from drills.errors import ConfigError, DrillError
from drills.model.instance import OF_DATABASES, ResourceKind
from drills.printable import to_json
from drills.screen import Screen
from drills.sweep.find import Found, find
from drills.sweep.leftovers import earliest_now, standing_of
from drills.sweep.remove import remove
from drills.sweep.result import Swept

EXAMPLE = """\
examples:
  drills sweep --profile aws --dry-run       what runs left in every account and region that the profile allows
  drills sweep --profile aws                 … and remove what is past its time
  drills sweep --profile aws --json          the same as facts, for a monitor
What is in its time belongs to a run that may still go on. What tells no time is shown with what to type, and stays.
"""
EXIT_CODES = """\
exit codes: 0 nothing is left that is past its time; 12 something could not be looked at; 13 something past its time, or of a run
and without a time that can be read, is still there; 2 wrong usage or configuration"""


@dataclass(frozen=True, slots=True)
class _Side:
    """One account and region, the target whose limits hold for what is removed there, and what is looked for."""

    clients: Clients
    reached: OpenTarget
    kinds: tuple[ResourceKind, ...] = (
        OF_DATABASES  # of others alone where a target is one: each takes rights of its own
    )

    @property
    def place(self) -> str:
        """The account and region, as shown."""
        return place_of(self.clients.account, self.clients.region)


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the options of `drills sweep`."""
    command.add_argument("--dry-run", action="store_true", help="show what there is, and remove nothing")
    command.add_argument("--json", action="store_true", help="print the facts as JSON")


def run(options: argparse.Namespace) -> int:
    """Look, remove what is past its time unless --dry-run, and show; the exit code."""
    sides, unread = _sides(options)
    unlisted: dict[str, Sequence[ResourceKind]] = {}
    swept: list[Swept] = []
    for side in sides:
        found, results = _sweep(side, dry_run=options.dry_run)
        swept += results
        unread += found.unread
        unlisted[side.place] = found.unlisted
    kinds = {side.place: side.kinds for side in sides}
    report = SweepReport(sides[0].reached.config, [*kinds], swept, unread, options.dry_run, unlisted, kinds)
    if options.json:
        print(to_json(facts(report)))
    else:
        show(report, Screen())
    return report.exit_code


def _sides(options: argparse.Namespace) -> tuple[list[_Side], list[str]]:
    """Return each account and region that the profile allows and a target leads to, once; and why a target led nowhere."""
    names = [options.target] if options.target else targets_of(Path(options.config) if options.config else None)
    found: dict[tuple[str, str], _Side] = {}
    unread = []
    for name in names:
        try:
            role: Role = "reads" if options.dry_run else "sweep"
            reached = open_target(argparse.Namespace(**vars(options) | {"target": name}), role, role, tables=True)
        except ConfigError:
            raise
        except DrillError as error:
            unread.append(f"target {name}: {error}")
            continue
        for clients in _places(reached):
            place = (clients.account, clients.region)
            side = found.get(place, _Side(clients, reached))
            found[place] = dataclasses.replace(side, kinds=(*side.kinds, *_others(reached, side.kinds)))
    if not found:
        raise DrillError("; ".join(unread))
    return list(found.values()), unread


def _others(reached: OpenTarget, known: tuple[ResourceKind, ...]) -> tuple[ResourceKind, ...]:
    """Return what runs of a target make that is no database, where it is not looked for yet."""
    other = reached.config.target.other
    return () if other is None or other.makes in known else (other.makes,)


def _places(reached: OpenTarget) -> Iterator[Clients]:
    """Yield clients for each region that the profile allows, in the source's account and in that of the copies."""
    profile, bases = reached.config.profile, (reached.clients, reached.restore)
    regions = profile.regions if isinstance(profile, AwsProfile) else tuple(each.region for each in bases)
    for base in bases:
        yield from (base.in_region(region) for region in regions)


def _sweep(side: _Side, *, dry_run: bool) -> tuple[Found, list[Swept]]:
    """Return what is in one account and region, and what became of each thing."""
    clock, clients, config = SystemClock(), side.clients, side.reached.config
    probe = ClockOffsetProbe(clock)
    probe.watch(clients.rds, clients.ec2)
    found = find(clients, side.kinds)
    now = side.reached.now if side.reached.url else earliest_now(clock.now(), probe.offset())
    past = [each for each in found.leftovers if standing_of(each, now) == "past"]
    removed = {}
    if past and not dry_run:
        every = config.profile.poll_every.total_seconds()
        removed = remove(clients, past, clock, every=every, limit=config.limits.clean_up)
    results = [Swept(each, standing_of(each, now), now, removed.get((each.kind, each.id))) for each in found.leftovers]
    return found, results


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, parents=(TARGET_OPTIONS,), paths=("config",))
