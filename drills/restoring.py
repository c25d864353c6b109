"""From a recovery point to a scratch instance that answers queries, phase by phase."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Literal

from drills.checks.invariants import Rules
from drills.checks.session import Connector
from drills.clock import Clock, wait_until
from drills.config import Target
from drills.connect import Endpoint, Resolver, connector, wait_for_connection
from drills.errors import RestoreFailed
from drills.model import Expectation, Instance, RecoveryPoint, Requirement, Resource, Restoration, StatusChange
from drills.record import Journal
from drills.sources import aws, cleanup
from drills.sources.poller import wait_available
from drills.sources.scratch import Scratch, ScratchNames, scratch_tags
from drills.sources.session import Clients

MAINTENANCE_DATABASE = "postgres"
EnterPhase = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a drill works with; one value, so that a test can build it as the command line does.

    `clients` act where the source is and `scratch_clients` where copies are restored; the two may be one. `rules` are
    what the owner says is always true of the data.
    """

    name: str
    target: Target
    clients: Clients
    scratch_clients: Clients
    journal: Journal
    clock: Clock
    poll_seconds: float
    ca_bundle: Path | None
    scenario: str | None = None
    expectation: Expectation = "none"
    rules: Rules = field(default_factory=Rules)
    resolve: Resolver | None = None  # asked before the system resolves a copy's name

    def tags(self) -> dict[str, str]:
        """The tags of everything that this run makes."""
        record = self.journal.record
        expires = record.started_at.astimezone(UTC) + self.target.time_to_live
        return scratch_tags(record.run_id, self.name, expires.isoformat(timespec="seconds"), self.target.tags)

    def needs_copy(self) -> bool:
        """RDS restores in the snapshot's own region and under its own key: another one means copying it first."""
        elsewhere = self.scratch_clients.region != self.clients.region
        return elsewhere or self.target.restore.kms_key is not None

    def requirement(self, check: str, usual: Requirement) -> Requirement:
        """What the check is on this target: the owner's rule, else what it usually is."""
        rule = self.target.checks.get(check)
        return rule.requirement if rule else usual

    def allowance_seconds(self) -> float:
        """The declared time for what a drill cannot measure; it counts when the RTO's clock starts at the disruption."""
        if self.target.rto_clock == "declaration":
            return 0.0
        return (self.target.allowances.detection + self.target.allowances.decision).total_seconds()


@dataclass(frozen=True, slots=True)
class Restored:
    """A restored copy that answers, and how to reach it."""

    restoration: Restoration
    instance: Instance
    connect: Connector


def restore(
    setup: Setup,
    point: RecoveryPoint,
    source: Instance | None,
    *,
    purpose: Literal["recovery", "rehearsal"],
    enter: EnterPhase,
) -> Restored:
    """Restore `point` to a scratch instance of this run and wait until a query is answered there.

    `enter` begins a phase of the run record. Raises RestoreFailed when AWS refuses or the copy never answers.
    """
    names = ScratchNames.of(setup.journal.record.run_id, purpose)
    scratch = Scratch(setup.scratch_clients, setup.target.restore, setup.journal, setup.tags())
    follow = _Follower(setup, names.instance, _opening(setup, point, source, names.instance, purpose))
    follow.note()
    if setup.needs_copy():
        enter("copy the snapshot")
        point = copy_snapshot(setup, point, f"{names.instance}-copy")
    enter("request the restore")
    groups = scratch.make_groups(names, point, source)
    scratch.restore(names, groups, point)
    enter("restore")
    instance = follow.until_available()
    enter("set the password")
    password = secrets.token_urlsafe(24)
    scratch.set_password(instance.id, password)
    instance = follow.until_available()
    enter("connect")
    endpoint = Endpoint(instance.host, instance.port, instance.master_username, password, setup.ca_bundle)
    connect = connector(endpoint, setup.resolve)
    wait_for_connection(
        connect,
        MAINTENANCE_DATABASE,
        setup.clock,
        timeout=setup.target.timeout.total_seconds(),
        every=setup.poll_seconds,
    )
    return Restored(follow.restoration, instance, connect)


def copy_snapshot(setup: Setup, point: RecoveryPoint, copy_id: str) -> RecoveryPoint:
    """Copy a point's snapshot under a name of this run's own, wait until it is available, and return the copy.

    Raises RestoreFailed when AWS refuses, the copy fails, or it is not available within the target's timeout.
    """

    def available() -> bool:
        status = aws.snapshot_status(setup.scratch_clients, copy_id)
        if status == "failed":
            raise RestoreFailed(
                f"expected the copy {copy_id!r} of {point.arn} to become available, RDS says that it failed: read its "
                "events with describe-events, and see whether the key may be used"
            )
        return status == "available"

    scratch = Scratch(setup.scratch_clients, setup.target.restore, setup.journal, setup.tags())
    scratch.copy_snapshot(point, copy_id, source_region=setup.clients.region)
    timeout = setup.target.timeout.total_seconds()
    try:
        wait_until(
            available,
            timeout,
            setup.clock,
            every=setup.poll_seconds,
            what=f"the copy {copy_id!r} to be available",
        )
    except TimeoutError as error:
        raise RestoreFailed(f"{error}: look at the snapshot's status in the console or with the AWS CLI") from error
    return dataclasses.replace(point, snapshot_id=copy_id, kind="manual", made_by_drill=True)


def remove_made(setup: Setup) -> tuple[Resource, ...]:
    """Remove everything that the run's record still holds; return what is still there."""
    return cleanup.remove_all(
        setup.scratch_clients,
        setup.journal,
        setup.clock,
        every=setup.poll_seconds,
        timeout=setup.target.timeout.total_seconds(),
    )


def _opening(
    setup: Setup,
    point: RecoveryPoint,
    source: Instance | None,
    instance_id: str,
    purpose: Literal["recovery", "rehearsal"],
) -> Restoration:
    return Restoration(
        purpose=purpose,
        point=point,
        instance_id=instance_id,
        source_class=source.instance_class if source else "",
        expectation=setup.expectation,
    )


class _Follower:
    """Polls one scratch instance and keeps its status changes in the run record as they are seen."""

    def __init__(self, setup: Setup, instance_id: str, restoration: Restoration) -> None:
        self._setup = setup
        self._id = instance_id
        self.restoration = restoration

    def note(self, **changes: object) -> None:
        self.restoration = dataclasses.replace(self.restoration, **changes)  # type: ignore[arg-type]
        self._setup.journal.restoration(self.restoration)

    def _changed(self, change: StatusChange) -> None:
        self.note(statuses=(*self.restoration.statuses, change))

    def until_available(self) -> Instance:
        instance = wait_available(
            lambda: aws.describe_instance(self._setup.scratch_clients, self._id),
            self._setup.clock,
            every=self._setup.poll_seconds,
            timeout=self._setup.target.timeout.total_seconds(),
            on_change=self._changed,
        )
        self.note(
            host=instance.host,
            port=instance.port,
            instance_class=instance.instance_class,
            engine_version=instance.engine_version,
        )
        return instance
