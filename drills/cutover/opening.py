"""What a cut-over must know before it changes anything, read from AWS, the old server and the stored copies."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from botocore.exceptions import ClientError

from drills.aws import read as aws
from drills.aws.settings import settings_from
from drills.cutover import compare, door, service
from drills.cutover.database import STUCK, raw_by_name
from drills.cutover.model import Chosen, Opening, Position, Promised, Remembered
from drills.cutover.wanted import wanted_of, wanted_of_metadata
from drills.cutover.world import World
from drills.errors import ConfigError, DrillError, NoRecoveryPoint
from drills.model.point import RecoveryPoint
from drills.recovery import selection

_LEAVING = ("deleting", "deleted")
_LONGEST_NAME = 63  # characters of an instance's identifier


@dataclass(frozen=True, slots=True)
class Wish:
    """Which recovery point the operator wants, and what they know better: `at` None and `latest` False take a snapshot."""

    point: str = ""  # an ARN, or the name of a snapshot
    at: datetime | None = None
    latest: bool = False
    before: datetime | None = None
    job: bool = False
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)


def look(world: World, names: tuple[str, str, str], wish: Wish) -> Opening:
    """Read everything; `names` are the cut-over's id, the target's name and the profile's. Changes nothing."""
    instance = world.target.instance
    raw = raw_by_name(world.clients.rds, instance)
    position = _position(instance, raw)
    source = str(raw["DbiResourceId"]) if raw else ""
    chosen = choose(world, raw, wish)
    wanted, wanted_from, left = _configuration(world, raw, chosen)
    restored, renamed = _names(world, position)
    address = (raw or {}).get("Endpoint") or {}
    return Opening(
        id=names[0],
        target=names[1],
        profile=names[2],
        instance=instance,
        renamed=renamed,
        restored=restored,
        aside=f"{instance[: _LONGEST_NAME - 11]}-aside-{names[0][-4:]}",
        position=position,
        source_resource_id=source,
        chosen=chosen,
        wanted=wanted,
        wanted_from=wanted_from,
        left=left,
        services=_services(world, wish.counts),
        public_url=world.config.public_url,
        address=f"{address.get('Address', '')}:{address.get('Port', 0)}" if address else "",
        server_settings=_server_settings(world, raw) if position == "healthy" else {},
        public_status=door.ask(world.config.public_url)[0],
        verification_group=world.target.restore.security_group or "",
        promised=_promised(world),
    )


def _promised(world: World) -> Promised:
    """The target's objectives and allowances, but for the cut-over's: that one is measured here."""
    declared = world.target.allowances.declared(world.target.rto_clock)
    return Promised(world.target.objectives(), dataclasses.replace(declared, cut_over=0.0), world.simulated)


def _position(instance: str, raw: Mapping[str, Any] | None) -> Position:
    if raw is None:
        return "gone"
    status = str(raw["DBInstanceStatus"])
    if status in _LEAVING:
        raise DrillError(f"expected {instance!r} to be there or gone, found it {status}: run again once it is gone")
    if status == "available":
        return "healthy"
    if status in STUCK:
        return "stuck"
    raise DrillError(
        f"expected {instance!r} to be available, or in a state that it cannot leave, found it {status}: wait"
    )


def _names(world: World, position: Position) -> tuple[str, str]:
    """The name that is restored under, and the source's afterwards; both must be free."""
    instance = world.target.instance
    renamed = (world.config.renamed or f"{instance[: _LONGEST_NAME - 4]}-old") if position == "healthy" else ""
    restored = (
        (world.config.restored or f"{instance[: _LONGEST_NAME - 9]}-restored") if position == "stuck" else instance
    )
    for name, key in ((renamed, "renamed"), (restored if position == "stuck" else "", "restored")):
        if name and raw_by_name(world.clients.rds, name) is not None:
            raise DrillError(
                f"expected the name {name!r} to be free, found an instance that has it: remove or rename that one, or give "
                f"another name as cutover.{key}"
            )
    return restored, renamed


def _services(world: World, counts: Mapping[str, int]) -> tuple[Remembered, ...]:
    found = service.remember(world.more, world.config.services)
    for name in counts:
        if name not in world.config.services:
            raise ConfigError(f"--count: expected a service of cutover.services, found {name!r}")
    known = tuple(dataclasses.replace(each, desired=counts.get(each.name, each.desired)) for each in found)
    if not any(each.desired for each in known):
        raise DrillError(
            "expected services that run, found every desired count at 0, so that none would be started again: "
            "say how many with --count CLUSTER/SERVICE=N"
        )
    return known


def _server_settings(world: World, raw: Mapping[str, Any] | None) -> dict[str, str]:
    try:
        return compare.read_server(world.connect(aws.read_instance(dict(raw or {}))))
    except psycopg.Error:
        return {}  # the comparison says that it could not be made


# -- the configuration ------------------------------------------------------------------------------------------------


def _configuration(
    world: World, raw: Mapping[str, Any] | None, chosen: Chosen
) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """What the restored instance must have, where that is known from, and every setting for the comparison."""
    if raw is not None:
        left = compare.read_left(world.clients, world.target.instance)
        return wanted_of(settings_from(raw)), "the old instance", left
    stored = compare.stored_left(world.clients, world.target.instance)
    if stored is not None:
        left, when = stored
        return wanted_of(compare.of_json(left)), f"the copy that drills posture kept, of {when}", left
    if world.target.vault and chosen.arn:
        try:
            metadata = world.clients.backup.get_recovery_point_restore_metadata(
                BackupVaultName=world.target.vault, RecoveryPointArn=chosen.arn
            )["RestoreMetadata"]
        except ClientError as error:
            raise _unknown(world, aws.error_text(error)) from error
        return wanted_of_metadata(metadata), "the recovery point (GetRecoveryPointRestoreMetadata)", {}
    raise _unknown(world, "the recovery point is not one of a vault")


def _unknown(world: World, why: str) -> DrillError:
    return DrillError(
        f"expected to know the configuration of {world.target.instance!r}, found the instance gone, no copy that drills "
        f"posture kept, and {why}: restore by hand, or name a point of the vault with --point"
    )


# -- the recovery point -----------------------------------------------------------------------------------------------


def choose(world: World, raw: Mapping[str, Any] | None, wish: Wish) -> Chosen:
    """The moment or the point that the wish means. Raises NoRecoveryPoint, or ConfigError for a name that there is not."""
    if wish.latest or wish.at:
        if wish.job:
            raise ConfigError("--job: expected a recovery point, found a moment; leave --at or --job out")
        return _moment(world, raw, wish)
    points = aws.recovery_points(world.clients, world.target.instance, world.target.vault)
    if wish.job:  # AWS Backup knows no snapshot but its own, which would be told when the source is renamed already
        points = tuple(each for each in points if each.vault)
    point = _named(points, wish.point) if wish.point else _newest(world, points, raw, wish.before)
    if point.snapshot_id and not wish.job:
        return Chosen("snapshot", point.arn, point.snapshot_id, data_time=point.data_time)
    if not world.config.restore_role:
        raise ConfigError(
            "expected cutover.restore_role, the role that AWS Backup restores with, found none: a restore job needs one"
        )
    return Chosen("job", point.arn, point.snapshot_id, data_time=point.data_time)


def _named(points: Sequence[RecoveryPoint], name: str) -> RecoveryPoint:
    found = next((each for each in points if name in (each.arn, each.snapshot_id)), None)
    if found is None:
        there = ", ".join(each.snapshot_id or each.arn for each in points[:10]) or "none"
        raise ConfigError(f"--point: expected a recovery point of the target, found {name!r}; there are {there}")
    return found


def _newest(
    world: World, points: Sequence[RecoveryPoint], raw: Mapping[str, Any] | None, before: datetime | None
) -> RecoveryPoint:
    """The newest usable one, or the last before a time. That instant is judged by the data, not by when it was usable."""
    early = [each for each in points if before is None or (each.data_time is not None and each.data_time <= before)]
    living = str(raw["DbiResourceId"]) if raw else None
    choice = selection.choose_newest(early, dbi_resource_id=living, usable_at=world.clock.now())
    if choice.point is None:
        raise NoRecoveryPoint(selection.explain_none(world.target.instance, world.target.vault, choice))
    return choice.point


def _moment(world: World, raw: Mapping[str, Any] | None, wish: Wish) -> Chosen:
    if raw is not None:
        source, latest = str(raw["DbiResourceId"]), raw.get("LatestRestorableTime")
    else:
        kept = aws.automated_backup(world.clients, world.target.instance, None)
        if kept is None:
            raise NoRecoveryPoint(
                f"expected automated backups of {world.target.instance!r} to be retained, found none: choose a point"
            )
        source, latest = str(kept["DbiResourceId"]), (kept.get("RestoreWindow") or {}).get("LatestTime")
    if latest is None:
        raise NoRecoveryPoint(
            f"expected {world.target.instance!r} to be restorable to a moment, found no such time yet"
        )
    if wish.at and wish.at > latest:
        raise ConfigError(f"--at: expected a moment up to {latest:%Y-%m-%d %H:%M:%S} UTC, found {wish.at.isoformat()}")
    moment = None if wish.latest else wish.at
    return Chosen("moment", moment=moment, latest=wish.latest, data_time=moment or latest, source_resource_id=source)
