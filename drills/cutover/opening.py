"""Reads what a cut-over must know before it changes anything, from AWS, the old server and the stored copies."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from botocore.exceptions import ClientError

from drills.aws import read as aws
from drills.aws.databases.kinds import CLUSTER
from drills.aws.remedies import error_text
from drills.aws.settings import settings_from
from drills.aws.wait import OPERATIONAL
from drills.cutover import compare, service
from drills.cutover.configuration import cluster_configuration, configuration_from, configuration_from_metadata
from drills.cutover.database import BEING_DELETED, UNMODIFIABLE, raw_by_name
from drills.cutover.databases import cluster, found
from drills.cutover.environment import Environment
from drills.cutover.model import Opening, Position, RecoveryObjectives, RememberedService, RestoreChoice
from drills.errors import ConfigError, DrillError, NoRecoveryPoint
from drills.model.point import RecoveryPoint
from drills.recovery import selection


@dataclass(frozen=True, slots=True)
class RecoveryRequest:
    """The operator's choice of a recovery point and of task counts; `at` None and `latest` False take a snapshot."""

    point: str = ""  # an ARN, or the name of a snapshot
    at: datetime | None = None
    latest: bool = False
    before: datetime | None = None
    job: bool = False
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)


def read_opening(env: Environment, names: tuple[str, str, str], request: RecoveryRequest) -> Opening:
    """Read everything; `names` are the cut-over's id, the target's name and the profile's. Changes nothing."""
    instance = env.target.instance
    seen = found.by_name(env.clients, instance, env.kind)
    raw = seen.raw if seen else None
    position = _position(instance, raw)
    source = str(raw["DbiResourceId"]) if raw else ""
    chosen = choose(env, raw, request)
    wanted, wanted_from, left = _configuration(env, raw, chosen)
    restored, renamed = _names(env, position)
    aside = f"{instance[: cluster.LONGEST_NAME - 11]}-aside-{names[0][-4:]}"
    address = (raw or {}).get("Endpoint") or {}
    return Opening(
        id=names[0],
        target=names[1],
        profile=names[2],
        instance=instance,
        renamed=renamed,
        restored=restored,
        aside=aside,
        position=position,
        source_resource_id=source,
        chosen=chosen,
        wanted=wanted,
        wanted_from=wanted_from,
        left=left,
        services=_services(env, request.counts),
        public_url=env.config.public_url,
        address=f"{address.get('Address', '')}:{address.get('Port', 0)}" if address else "",
        server_settings=_server_settings(env, seen) if seen and position == "healthy" else {},
        public_status=env.watch.ask(env.config.public_url)[0],
        verification_group=env.target.restore.security_group or "",
        promised=_objectives(env),
        members=cluster.members_of(env, seen, renamed),
        new_members=cluster.new_members(env, seen, left, (restored, aside)) if env.kind is CLUSTER else (),
    )


def _objectives(env: Environment) -> RecoveryObjectives:
    """Return the target's objectives and allowances, but for the cut-over's: that one is measured here."""
    declared = env.target.allowances.declared(env.target.rto_clock)
    return RecoveryObjectives(env.target.objectives(), dataclasses.replace(declared, cut_over=0.0), env.simulated)


def _position(instance: str, raw: Mapping[str, Any] | None) -> Position:
    if raw is None:
        return "gone"
    status = str(raw["DBInstanceStatus"])
    if status in BEING_DELETED:
        raise DrillError(f"expected {instance!r} to be there or gone, found it {status}: run again once it is gone")
    if status in OPERATIONAL:
        return "healthy"
    if status in UNMODIFIABLE:
        return "stuck"
    raise DrillError(
        f"expected {instance!r} to be available, or in a state that it cannot leave, found it {status}: wait"
    )


def _names(env: Environment, position: Position) -> tuple[str, str]:
    """Return the name that is restored under, and the source's afterwards; both must be free."""
    instance = env.target.instance
    renamed = (env.config.renamed or cluster.with_end(instance, "-old")) if position == "healthy" else ""
    restored = (env.config.restored or cluster.with_end(instance, "-restored")) if position == "stuck" else instance
    for name, key in ((renamed, "renamed"), (restored if position == "stuck" else "", "restored")):
        if name and raw_by_name(env, name) is not None:
            raise DrillError(
                f"expected the name {name!r} to be free, found an instance that has it: remove or rename that one, or give "
                f"another name as cutover.{key}"
            )
    return restored, renamed


def _services(env: Environment, counts: Mapping[str, int]) -> tuple[RememberedService, ...]:
    found = service.read_services(env.more_clients, env.config.services)
    for name in counts:
        if name not in env.config.services:
            raise ConfigError(f"--count: expected a service of cutover.services, found {name!r}")
    known = tuple(dataclasses.replace(each, desired=counts.get(each.name, each.desired)) for each in found)
    if not any(each.desired for each in known):
        raise DrillError(
            "expected services that run, found every desired count at 0, so that none would be started again: "
            "say how many with --count CLUSTER/SERVICE=N"
        )
    return known


def _server_settings(env: Environment, seen: found.Found) -> dict[str, str]:
    try:
        return compare.read_server(env.connect(seen.instance))
    except psycopg.Error:
        return {}  # the comparison says that it could not be made


# -- the configuration ------------------------------------------------------------------------------------------------


def _configuration(
    env: Environment, raw: Mapping[str, Any] | None, chosen: RestoreChoice
) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """Return the configuration to restore with, its source, and every setting for the comparison."""
    if raw is not None:
        left = compare.read_configuration(env.clients, env.target.instance, env.kind)
        wanted = cluster_configuration(raw) if env.kind is CLUSTER else configuration_from(settings_from(raw))
        return wanted, f"the old {env.kind.name}", left
    stored = compare.stored_configuration(env.clients, env.target.instance, env.kind)
    if stored is not None:
        left, when = stored
        return (
            configuration_from(compare.from_json(left), env.kind),
            f"the copy that drills posture kept, of {when}",
            left,
        )
    if env.target.vault and chosen.arn:
        try:
            metadata = env.clients.backup.get_recovery_point_restore_metadata(
                BackupVaultName=env.target.vault, RecoveryPointArn=chosen.arn
            )["RestoreMetadata"]
        except ClientError as error:
            raise _unknown(env, error_text(error)) from error
        return (
            configuration_from_metadata(metadata, env.kind),
            "the recovery point (GetRecoveryPointRestoreMetadata)",
            {},
        )
    raise _unknown(env, "the recovery point is not one of a vault")


def _unknown(env: Environment, why: str) -> DrillError:
    return DrillError(
        f"expected to know the configuration of {env.target.instance!r}, found the instance gone, no copy that drills "
        f"posture kept, and {why}: restore by hand, or name a point of the vault with --point"
    )


# -- the recovery point -----------------------------------------------------------------------------------------------


def choose(env: Environment, raw: Mapping[str, Any] | None, request: RecoveryRequest) -> RestoreChoice:
    """Return the requested moment or point. Raises NoRecoveryPoint, or ConfigError for a name that does not exist."""
    if request.latest or request.at:
        if request.job:
            raise ConfigError("--job: expected a recovery point, found a moment; leave --at or --job out")
        return _moment(env, raw, request)
    points = aws.recovery_points(env.clients, env.target.instance, env.target.vault, env.kind)
    if request.job:  # AWS Backup knows no snapshot but its own, which would be told when the source is renamed already
        points = tuple(each for each in points if each.vault)
    point = _named(points, request.point) if request.point else _newest(env, points, raw, request.before)
    if point.snapshot_id and not request.job:
        version = point.engine_version if env.kind is CLUSTER else ""
        return RestoreChoice(
            "snapshot", point.arn, point.snapshot_id, data_time=point.data_time, engine_version=version
        )
    if not env.config.restore_role:
        raise ConfigError(
            "expected cutover.restore_role, the role that AWS Backup restores with, found none: a restore job needs one"
        )
    return RestoreChoice("job", point.arn, point.snapshot_id, data_time=point.data_time)


def _named(points: Sequence[RecoveryPoint], name: str) -> RecoveryPoint:
    found = next((each for each in points if name in (each.arn, each.snapshot_id)), None)
    if found is None:
        there = ", ".join(each.snapshot_id or each.arn for each in points[:10]) or "none"
        raise ConfigError(f"--point: expected a recovery point of the target, found {name!r}; there are {there}")
    return found


def _newest(
    env: Environment, points: Sequence[RecoveryPoint], raw: Mapping[str, Any] | None, before: datetime | None
) -> RecoveryPoint:
    """Return the newest usable one, or the last before a time. That instant is judged by the data, not by when it was usable."""
    early = [each for each in points if before is None or (each.data_time is not None and each.data_time <= before)]
    living = str(raw["DbiResourceId"]) if raw else None
    choice = selection.choose_newest(early, dbi_resource_id=living, usable_at=env.clock.now())
    if choice.point is None:
        raise NoRecoveryPoint(selection.explain_none(env.target.instance, env.target.vault, choice))
    return choice.point


def _moment(env: Environment, raw: Mapping[str, Any] | None, request: RecoveryRequest) -> RestoreChoice:
    if raw is not None:
        source, latest = str(raw["DbiResourceId"]), raw.get("LatestRestorableTime")
    else:
        kept = aws.automated_backup(env.clients, env.target.instance, None, env.kind)
        if kept is None:
            raise NoRecoveryPoint(
                f"expected automated backups of {env.target.instance!r} to be retained, found none: choose a point"
            )
        source, latest = env.kind.resource_of(kept), (kept.get("RestoreWindow") or {}).get("LatestTime")
    if latest is None:
        raise NoRecoveryPoint(f"expected {env.target.instance!r} to be restorable to a moment, found no such time yet")
    if request.at and request.at > latest:
        raise ConfigError(
            f"--at: expected a moment up to {latest:%Y-%m-%d %H:%M:%S} UTC, found {request.at.isoformat()}"
        )
    moment = None if request.latest else request.at
    return RestoreChoice(
        "moment", moment=moment, latest=request.latest, data_time=moment or latest, source_resource_id=source
    )
