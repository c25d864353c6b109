"""Restores a recovery point to a scratch instance that answers queries, phase by phase."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from botocore.exceptions import ClientError
from pydantic import SecretStr

from drills.aws import cleanup
from drills.aws import read as aws
from drills.aws.databases.kinds import CLUSTER
from drills.aws.databases.requests import ScratchGroups
from drills.aws.guarded.guard import Protected, set_password_of_restore_test
from drills.aws.guarded.names import ScratchName, ScratchNames
from drills.aws.lineage import read_lineage
from drills.aws.scratch import Scratch, remaining_resources
from drills.aws.wait import OPERATIONAL, is_settled, wait_available
from drills.checks.base.session import Connector
from drills.clock import wait_until
from drills.errors import RestoreFailed
from drills.model.instance import Instance, Resource, StatusChange
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.objectives import timeline
from drills.recovery import engine_version
from drills.recovery.connect import (
    Endpoint,
    refuse_source,
    resolve_by_system,
    wait_for_connection,
    wait_for_name,
)
from drills.recovery.handover import MarkMoment, unmarked
from drills.recovery.resuming import copy_tags
from drills.recovery.setup import Setup, addressed
from drills.recovery.volume import on_the_way, unanswered

MAINTENANCE_DATABASE = "postgres"
PASSWORD_ATTEMPTS = 5
LINEAGE = "lineage"  # what the calls are made for, in the record of them
EnterPhase = Callable[[str], None]
SetPassword = Callable[[str, SecretStr], None]  # of an instance, by its name
Purpose = Literal["recovery", "rehearsal", "moment"]


@dataclass(frozen=True, slots=True)
class RestoredCopy:
    """A restored copy that answers, and how to reach it."""

    restoration: Restoration
    instance: Instance
    connect: Connector
    groups: ScratchGroups | None = None  # that it was asked to be in; None where AWS Backup chose them


def restore(
    setup: Setup, point: RecoveryPoint, source: Instance | None, *, purpose: Purpose, enter: EnterPhase
) -> RestoredCopy:
    """Restore `point` to a scratch instance of this run and wait until a query is answered there.

    `enter` begins a phase of the run record. Raises RestoreFailed when AWS refuses or the copy never answers.
    """
    if purpose == "recovery" and setup.journal.record.resumed_from:
        return _go_on(setup, point, source, enter)
    mark = setup.journal.mark if purpose == "recovery" else unmarked
    names = ScratchNames.of(setup.journal.record.owner, purpose)
    tags = setup.tags() | (copy_tags(setup.journal.record, point) if purpose == "recovery" else {})
    scratch = _scratch(setup, tags)
    monitor = _InstanceMonitor(
        setup, names.instance, _initial_restoration(setup, point, source, names.instance, purpose), mark
    )
    monitor.note()
    chosen, point = point, addressed(point, setup.scratch_clients)
    if setup.needs_copy(point):
        _refuse_moment(point)
        enter("copy the snapshot")
        point = copy_snapshot(setup, point, names.snapshot)
    enter("request the restore")
    support = engine_version.support_for(setup.scratch_clients, point, source, setup.expires(), setup.kind)
    monitor.note(engine=support)
    if purpose == "recovery":
        setup.journal.append("notes", *engine_version.notes(support))
    groups = scratch.make_groups(names, point, source)
    scratch.restore(names, groups, point, source, support.setting)
    mark(timeline.ACCEPTED)
    enter("restore")
    if purpose == "recovery":  # read while RDS restores, so that it costs the recovery no time
        monitor.note_lineage(chosen)
    _give_writer(scratch, names, monitor, source, enter)
    copy = _open(setup, scratch.set_password, monitor, source, enter, mark)
    return dataclasses.replace(copy, groups=groups)


def _scratch(setup: Setup, tags: dict[str, str]) -> Scratch:
    return Scratch(setup.scratch_clients, setup.target.restore, setup.journal, tags, setup.clients, setup.kind)


def _give_writer(
    scratch: Scratch,
    names: ScratchNames,
    monitor: _InstanceMonitor,
    source: Instance | None,
    enter: EnterPhase,
    cluster: str = "",
) -> None:
    """Wait until a restored cluster takes an instance, without which it never answers, and ask for one; nothing for an instance."""
    if scratch.kind is CLUSTER and not monitor.until_restored().instance_class:
        enter("create the instance of the cluster")
        scratch.add_writer(names, source, cluster)


def _go_on(setup: Setup, point: RecoveryPoint, source: Instance | None, enter: EnterPhase) -> RestoredCopy:
    """Open the copy that the resumed run has begun to restore from `point`; RDS goes on with it by itself."""
    names = ScratchNames.of(setup.journal.record.owner, "recovery")
    scratch = _scratch(setup, setup.tags())
    opening = _initial_restoration(setup, point, source, names.instance, "recovery")
    monitor = _InstanceMonitor(setup, names.instance, opening, setup.journal.mark)
    monitor.note()
    enter("restore")
    monitor.note_lineage(point)
    _give_writer(scratch, names, monitor, source, enter)
    copy = _open(setup, scratch.set_password, monitor, source, enter, setup.journal.mark)
    return dataclasses.replace(copy, groups=scratch.groups_of(names))


def open_restored(
    setup: Setup, point: RecoveryPoint, source: Instance | None, made: Instance, enter: EnterPhase
) -> RestoredCopy:
    """Open the instance or cluster `made` by a restore test of AWS Backup from `point`, with a password of this run's own.

    No moments are marked: the recovery was AWS Backup's. Raises RestoreFailed when it never answers.
    """
    protected = Protected(
        frozenset({setup.target.instance}), frozenset({source.dbi_resource_id} if source else frozenset())
    )

    def set_password(_: str, password: SecretStr) -> None:
        set_password_of_restore_test(setup.scratch_clients, made, protected, password, setup.kind)

    monitor = _InstanceMonitor(
        setup, made.id, _initial_restoration(setup, point, source, made.id, "recovery"), unmarked
    )
    enter("wait for the instance")
    monitor.note_lineage(point)
    names = ScratchNames.of(setup.journal.record.owner, "recovery")
    _give_writer(_scratch(setup, setup.tags()), names, monitor, source, enter, made.id)
    return _open(setup, set_password, monitor, source, enter, unmarked)


def _open(
    setup: Setup,
    set_password: SetPassword,
    monitor: _InstanceMonitor,
    source: Instance | None,
    enter: EnterPhase,
    mark: MarkMoment,
) -> RestoredCopy:
    """Wait until the instance is available, set a password of this run's own, and wait until a query is answered."""
    instance = monitor.until_available()
    refuse_source(instance, source)
    if instance.created_at:
        mark(timeline.CREATED[setup.kind.name], source=setup.kind.created, at=instance.created_at)
    enter("set the password")
    password = SecretStr(secrets.token_urlsafe(24))
    setup.handover.keep(instance, password)
    instance = _apply(set_password, monitor, instance, password)
    setup.handover.give(instance)
    endpoint = Endpoint(instance.host, instance.port, instance.master_username, password, setup.ca_bundle)
    return RestoredCopy(monitor.restoration, instance, _wait_until_connected(setup, endpoint, enter, mark))


def _apply(ask: SetPassword, monitor: _InstanceMonitor, instance: Instance, password: SecretStr) -> Instance:
    """Set the password, and wait until it is applied; the instance may leave `available` again before.

    RDS refuses changes of an instance that is not available (ModifyDBInstance, InvalidDBInstanceState).
    """
    for _ in range(PASSWORD_ATTEMPTS):
        try:
            ask(instance.id, password)
        except ClientError as error:
            if not aws.error_code(error).startswith(("InvalidDBInstanceState", "InvalidDBClusterState")):
                raise
            instance = monitor.until_available()
            continue
        return monitor.until_available()
    raise RestoreFailed(
        f"expected instance {instance.id!r} to stay available until its password is set, it left that status "
        f"{PASSWORD_ATTEMPTS} times: read its events with describe-events"
    )


def _wait_until_connected(setup: Setup, endpoint: Endpoint, enter: EnterPhase, mark: MarkMoment) -> Connector:
    """Wait until the copy's name resolves, and then until it answers."""
    timeout, every = setup.target.timeout.total_seconds(), setup.poll_seconds
    enter("resolve the DNS name")
    resolvers = (*((setup.resolve,) if setup.resolve else ()), resolve_by_system)
    wait_for_name(endpoint, resolvers, setup.clock, timeout=timeout, key=setup.timeout_key, every=every)
    mark(timeline.RESOLVED)
    enter("connect")
    connect = setup.observations.statements.recording(setup.connector(endpoint, setup.resolve))
    tell = setup.journal.waits_for
    wait_for_connection(
        connect, MAINTENANCE_DATABASE, setup.clock, timeout=timeout, key=setup.timeout_key, every=every, tell=tell
    )
    mark(timeline.CONNECTED)
    return connect


def _refuse_moment(point: RecoveryPoint) -> None:
    """Refuse a moment in another region or under another key, which RestoreDBInstanceToPointInTime cannot restore to."""
    if point.kind == "continuous":
        raise RestoreFailed(
            "expected to restore to a moment in the source's own region and under its own key, found restore.region or "
            "restore.kms_key: leave them out for this target, or drill a copy (--sample copy)"
        )


def copy_snapshot(setup: Setup, point: RecoveryPoint, copy_id: ScratchName) -> RecoveryPoint:
    """Copy a point's snapshot under a name of this run's own, wait until it is available, and return the copy.

    Raises RestoreFailed when AWS refuses, the copy fails, or it is not available within the target's timeout.
    """

    def available() -> bool:
        status = aws.snapshot_status(setup.scratch_clients, copy_id, setup.kind)
        if status == "failed":
            raise RestoreFailed(
                f"expected the copy {copy_id!r} of {point.arn} to become available, RDS says that it failed: read its "
                "events with describe-events, and see whether the key may be used"
            )
        return status == "available"

    _scratch(setup, setup.tags()).copy_snapshot(point, copy_id, source_region=setup.region_of(point))
    timeout = setup.target.timeout.total_seconds()
    try:
        what = f"the copy {copy_id!r} to be available"
        wait_until(available, timeout, setup.clock, every=setup.poll_seconds, what=what)
    except TimeoutError as error:
        raise RestoreFailed(
            f"{error}: read the snapshot's status with aws rds describe-db-snapshots, or raise {setup.timeout_key}"
        ) from error
    return dataclasses.replace(point, snapshot_id=copy_id, kind="manual", made_by_drill=True)


def remove_resources(setup: Setup) -> tuple[Resource, ...]:
    """Remove everything that the run's record still holds; return what is still there. A snapshot that is left is noted."""
    unanswered.settle(setup)
    made_of = on_the_way.made_of(setup)
    left = cleanup.remove_all(
        setup.scratch_clients,
        setup.journal,
        setup.clock,
        every=setup.poll_seconds,
        limit=setup.target.run_limits(setup.name, sandboxed=setup.uses_demo_data).clean_up,
    )
    on_the_way.note(setup, made_of)
    return left


def clean_up(setup: Setup) -> tuple[Resource, ...]:
    """Remove everything that the run made, and mark when nothing of it was left; return what is still there."""
    journal = setup.journal
    if remaining_resources(journal.record.resources):
        journal.enter("clean up")
    left = remove_resources(setup)
    cleaned = any(moment.name == timeline.CLEAN for moment in journal.record.moments)
    if journal.record.resources and not left and not cleaned:
        journal.mark(timeline.CLEAN)
    return left


def _initial_restoration(
    setup: Setup, point: RecoveryPoint, source: Instance | None, instance_id: str, purpose: Purpose
) -> Restoration:
    return Restoration(
        purpose=purpose,
        point=point,
        instance_id=instance_id,
        source_class=source.instance_class if source else "",
        expectation=setup.expectation,
    )


class _InstanceMonitor:
    """Polls one scratch instance and keeps its status changes in the run record as they are seen."""

    def __init__(self, setup: Setup, instance_id: str, restoration: Restoration, mark: MarkMoment) -> None:
        self._setup = setup
        self._id = instance_id
        self._mark = mark
        self._has_endpoint = False
        self.restoration = restoration

    def note(self, **changes: object) -> None:
        self.restoration = dataclasses.replace(self.restoration, **changes)  # type: ignore[arg-type]
        self._setup.journal.restoration(self.restoration)

    def note_lineage(self, point: RecoveryPoint) -> None:
        with self._setup.clients.within(LINEAGE):
            lineage = read_lineage(self._setup.side_of(point), point)
        self.note(point=dataclasses.replace(point, lineage=lineage))

    def _changed(self, change: StatusChange) -> None:
        timed = dataclasses.replace(change, seconds=self._setup.journal.elapsed())
        self.note(statuses=(*self.restoration.statuses, timed))

    def _describe(self) -> Instance | None:
        instance = aws.describe_instance(self._setup.scratch_clients, self._id, self._setup.kind)
        if instance and instance.host and not self._has_endpoint:
            self._has_endpoint = True
            self._mark(timeline.ENDPOINT)
        return instance

    def until_restored(self) -> Instance:
        """Return a cluster once it takes an instance."""
        return self._wait(settled=lambda cluster: cluster.status in OPERATIONAL)

    def _wait(self, settled: Callable[[Instance], bool] = is_settled) -> Instance:
        return wait_available(
            self._describe,
            self._setup.clock,
            every=self._setup.poll_seconds,
            timeout=self._setup.target.timeout.total_seconds(),
            key=self._setup.timeout_key,
            on_change=self._changed,
            settled=settled,
        )

    def until_available(self) -> Instance:
        instance = self._wait()
        seen = ("host", "port", "instance_class", "engine_version", "storage_type", "storage_gib")
        self.note(**{name: getattr(instance, name) for name in seen})
        return instance
