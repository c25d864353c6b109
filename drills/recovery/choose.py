"""Reads the recovery points of a target and chooses the selected one (drills/recovery/selection.py)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from drills.aws import read as aws
from drills.aws.databases.kinds import Kind
from drills.aws.databases.requests import family_of
from drills.aws.session import Clients
from drills.config.load import Target
from drills.errors import NoRecoveryPoint
from drills.model.instance import Instance
from drills.model.point import Choice, PointSelector, RecoveryPoint, Window
from drills.recovery import selection
from drills.recovery.observed import SeedDrawn
from drills.recovery.resuming import keep_point
from drills.recovery.setup import Setup


class Drilled(Protocol):
    """What points are read for: a `Setup`, or what preflight foresees a drill by."""

    @property
    def target(self) -> Target:
        """The target."""
        ...

    @property
    def kind(self) -> Kind:
        """How RDS names databases such as the target's."""
        ...

    @property
    def clients(self) -> Clients:
        """The side of the source."""
        ...

    @property
    def scratch_clients(self) -> Clients:
        """The side that copies are restored on."""
        ...

    @property
    def scenario(self) -> str | None:
        """The scenario that is drilled."""
        ...


def points_of(setup: Drilled) -> tuple[RecoveryPoint, ...]:
    """Return every recovery point of the target on the side of the source; where copies are asked for also those of their vault.

    Copies lie where drills restore: in the region and account of `restore`, which is another one where that says so.
    They answer another disaster, so that they are no part of the schedule on the side of the source.
    """
    target = setup.target
    points = aws.recovery_points(setup.clients, target.instance, target.vault, setup.kind)
    if target.copy_vault is None or (target.copy_vault == target.vault and not target.restore.apart):
        return points
    copies = {
        point.arn: point
        for point in aws.recovery_points(setup.scratch_clients, target.instance, target.copy_vault, setup.kind)
        if point.vault == target.copy_vault
    }
    here = tuple(point for point in points if point.arn not in copies)
    scenario = setup.target.scenario(setup.scenario)
    wanted = target.sample.kind in ("copy", "named") or (scenario is not None and "copy" in scenario.points)
    return (*here, *copies.values()) if wanted else here


def choose(setup: Setup, points: Sequence[RecoveryPoint], source: Instance | None, disaster_at: datetime) -> Choice:
    """Return the point that the sample names, or that of the copy which a run goes on with; what was refused, and why."""
    sample = setup.target.sample
    if sample.moment is not None:
        return choose_moment(setup, source, sample.moment, disaster_at)
    scenario = setup.target.scenario(setup.scenario)
    seed = secrets.randbelow(2**31)
    setup.observations.note("", "", SeedDrawn(seed))
    choice = selection.choose(
        sample,
        points,
        dbi_resource_id=source.dbi_resource_id if source else None,
        usable_at=disaster_at,
        kinds=scenario.points if scenario else (),
        seed=seed,
    )
    return keep_point(setup.journal.record.resumed_from, choice, points)


def point_at(setup: Setup, source: Instance | None, moment: datetime, disaster_at: datetime) -> RecoveryPoint:
    """Return the point that a restore to `moment` comes to; NoRecoveryPoint where it cannot be restored."""
    choice = choose_moment(setup, source, moment, disaster_at)
    if choice.point is None:
        sample = PointSelector("moment", moment.isoformat(), moment=moment)
        raise NoRecoveryPoint(selection.explain_none(setup.target.instance, setup.target.vault, choice, sample))
    return choice.point


def restore_window(setup: Setup) -> Window | None:
    """Return the period that the living source can be restored to; None where there is none."""
    kind = setup.kind
    source = aws.describe_instance(setup.clients, setup.target.instance, kind)
    resource_id = source.dbi_resource_id if source else None
    return aws.window_of(aws.automated_backup(setup.clients, setup.target.instance, resource_id, kind))


def choose_moment(setup: Drilled, source: Instance | None, moment: datetime, disaster_at: datetime) -> Choice:
    """Return the point that a restore to `moment` comes to, or none with the reason."""
    kind, resource_id = setup.kind, source.dbi_resource_id if source else None
    raw = aws.automated_backup(setup.clients, setup.target.instance, resource_id, kind)
    described = aws.read_continuous(raw or {kind.identifier: setup.target.instance}, kind)
    return selection.choose_moment(moment, aws.window_of(raw), described, usable_at=disaster_at)


def choice_notes(setup: Setup, choice: Choice, source: Instance | None) -> tuple[str, ...]:
    """Return the notes about the chosen point: how it was chosen, and whether its version is still production's."""
    found = []
    sample = setup.target.sample
    if sample.kind != "newest":
        found.append(f"not the newest recovery point is drilled but {sample.description}")
    if choice.seed is not None:
        found.append(
            f"the recovery point was drawn with seed {choice.seed}: --sample random:{choice.seed} draws it again"
        )
    point = choice.point
    if point is not None and point.engine_version and sample.kind != "newest":
        status = aws.version_status(setup.scratch_clients, point.engine_version, setup.kind)
        found += version_notes(point.engine_version, source.engine_version if source else "", status)
    return tuple(found)


def version_notes(version: str, production: str, status: str) -> list[str]:
    """Return the notes about a backup's PostgreSQL version; `status` is its status in RDS, "" where it has none. Pure.

    RDS restores a backup of a withdrawn version with an upgrade, or not at all ("Upgrading the PostgreSQL DB engine").
    """
    found = []
    if status != "available":
        says = status or "withdrawn"
        found.append(
            f"the backup is of PostgreSQL {version}, which RDS calls {says}: its restore may be upgraded or refused"
        )
    if production and family_of(production) != family_of(version):
        found.append(
            f"the backup is of PostgreSQL {version} and production runs {production}: the copy's parameter group is of "
            f"the family {family_of(version)}"
        )
    return found


def manifest_matches(taken_at: datetime, setup: Setup, point: RecoveryPoint) -> bool:
    """Return whether a manifest can be of this point. The newest one is what manifests are taken for; another one is older, and
    only what was taken before its data were saved, with no later backup in between, is of it.
    """
    if setup.target.sample.judges_rpo:
        return True
    manifest_of = setup.manifest_of
    if manifest_of:
        return manifest_of == point.arn
    return point.data_time is not None and taken_at <= point.data_time
