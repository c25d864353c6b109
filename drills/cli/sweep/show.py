"""What a sweep found and did, for the terminal and as facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from drills.aws.read import parse_expiry
from drills.config.load import Config
from drills.errors import COULD_NOT_RUN, LEFT_BEHIND
from drills.model.instance import OF_DATABASES, ResourceKind
from drills.screen import printable
from drills.sweep.leftovers import OPEN, explain
from drills.sweep.result import Swept

NAMES: Mapping[ResourceKind, str] = {
    "db-instance": "instance",
    "db-cluster": "cluster",
    "db-snapshot": "snapshot",
    "db-cluster-snapshot": "cluster snapshot",
    "db-cluster-parameter-group": "cluster parameter group",
    "db-parameter-group": "parameter group",
    "db-subnet-group": "subnet group",
    "security-group": "security group",
    "log-group": "log group",
    "secret": "secret",
    "dynamodb-table": "table",
    "ebs-volume": "volume",
    "efs-file-system": "file system",
    "s3-bucket": "bucket",
}


_ANY = 10_000  # columns, of a terminal in which nothing is cut


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep looked at, found and did; `places` are accounts with a region, `unread` says what was not looked at.

    `unlisted` has the kinds that could not be listed, by place; `kinds` has all that were looked for there.
    """

    config: Config
    places: Sequence[str]
    swept: Sequence[Swept]
    unread: Sequence[str]
    dry_run: bool
    unlisted: Mapping[str, Sequence[ResourceKind]] = field(default_factory=dict)
    kinds: Mapping[str, Sequence[ResourceKind]] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """12 where something was not looked at, 13 where something is left for a sweep or a person to remove, else 0."""
        if self.unread:
            return COULD_NOT_RUN
        return LEFT_BEHIND if any(each.standing in OPEN and not each.gone for each in self.swept) else 0


def place_of(account: str, region: str) -> str:
    """Return a place as it is shown."""
    return f"account {account}, {region}"


def facts(report: SweepReport) -> dict[str, Any]:
    """Return what was found and done, as `--json` prints it."""
    return {
        "profile": report.config.profile_name,
        "simulated": report.config.simulated,
        "dry_run": report.dry_run,
        "looked_at": list(report.places),
        "not_looked_at": list(report.unread),
        "exit_code": report.exit_code,
        "leftovers": [_fact(each) for each in report.swept],
    }


def _fact(each: Swept) -> dict[str, Any]:
    thing = each.leftover
    expires = parse_expiry(thing.expires)
    return {
        "kind": thing.kind,
        "id": thing.id,
        "account": thing.account,
        "region": thing.region,
        "run_id": thing.run_id,
        "target": thing.target,
        "expires_at": expires.isoformat() if expires else None,
        "standing": each.standing,
        "removed": each.gone,
        "reason": each.reason,
    }


def show(report: SweepReport, console: Console) -> None:
    """Print what there is by account and region, then what stays with its reason and what to type, then the sum."""
    if report.config.simulated:
        console.print("SIMULATED: says nothing about recovery on AWS", style="yellow")
    for place in report.places:
        here = [each for each in report.swept if place_of(each.leftover.account, each.leftover.region) == place]
        asked = report.kinds.get(place, OF_DATABASES)
        console.print(printable(f"{place}: {_found(len(here), report.unlisted.get(place, ()), asked)}"))
        if here:
            _list(here, console)
    for each in report.swept:
        if each.reason and not (report.dry_run and each.standing == "past"):
            console.print()
            console.print(printable(f"{each.leftover.id}: {each.reason}"), soft_wrap=True)
    for sentence in report.unread:
        console.print()
        console.print(printable(f"not looked at: {sentence}"), soft_wrap=True)
    if report.swept:
        console.print()
        console.print(_sum(report))


def _found(number: int, unlisted: Sequence[ResourceKind], asked: Sequence[ResourceKind]) -> str:
    """Return how much there is; where a kind could not be listed, of what the number is."""
    if not unlisted:
        return f"{_counted(number)} with a drill's name or tag"
    kinds = ", ".join(f"{NAMES[kind]}s" for kind in unlisted)
    if len(unlisted) == len(asked):
        return "nothing could be listed"
    return f"{number or 'nothing'} found with a drill's name or tag among what could be listed; not listed: {kinds}"


def _list(here: Sequence[Swept], console: Console) -> None:
    """Print a table, or where a name would be broken in it, each name in a line of its own with the rest below."""
    table = _table(here)
    if Measurement.get(console, console.options.update(width=_ANY), table).maximum <= console.width:
        console.print(table)
        return
    for each in here:
        state, style = _state(each)
        console.print(printable(each.leftover.id), soft_wrap=True)
        console.print(Text(f"  {NAMES[each.leftover.kind]}, ").append(state, style=style))


def _table(here: Sequence[Swept]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(no_wrap=True)
    for each in here:
        state, style = _state(each)
        table.add_row(NAMES[each.leftover.kind], printable(each.leftover.id), Text(state, style=style))
    return table


def _state(each: Swept) -> tuple[str, str]:
    if each.gone:
        return "removed", "green"
    if each.removal is not None:
        return "still there", "bold red"
    styles = {"past": "bold red", "in time": ""}
    return explain(each.leftover, each.at), styles.get(each.standing, "yellow")


def _counted(number: int) -> str:
    return f"{number or 'no'} thing{'' if number == 1 else 's'}"


def _sum(report: SweepReport) -> str:
    past = [each for each in report.swept if each.standing == "past"]
    if report.dry_run:
        return f"{_counted(len(past))} past {'its' if len(past) == 1 else 'their'} time; nothing was removed"
    gone = sum(each.gone for each in past)
    return f"removed {_counted(gone)}, {len(past) - gone} past the time still there, {len(report.swept) - len(past)} left alone"
