"""What a drill works with: its target, clients, clock and record, and what follows from them alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from drills.aws.databases.kinds import KINDS, Kind
from drills.aws.guarded.names import scratch_tags
from drills.aws.session import Clients
from drills.checks.base.session import Connector
from drills.checks.observed import NOT_NOTED, Observations
from drills.checks.owner.invariants import InvariantSet
from drills.checks.owner.queries import OF_SAMPLE, Query
from drills.clock import Clock
from drills.config.limits import expiry_of, timeout_key
from drills.config.load import Target
from drills.model.finding import Requirement
from drills.model.point import RecoveryPoint
from drills.model.record import Expectation
from drills.objectives.recovery_time import DeclaredTime
from drills.record import Journal
from drills.recovery.connect import Endpoint, Resolver, connector
from drills.recovery.handover import TO_NOBODY, Handover
from drills.recovery.manifest.expected import FindManifest


@dataclass(frozen=True, slots=True)
class Setup:
    """The collaborators and settings of a drill; one value, so that a test can build it as the command line does.

    `clients` act where the source is, `scratch_clients` where copies are restored; the two may be one. `rules` are the owner's.
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
    find_manifest: FindManifest | None = None  # searches the store that the target names, where it names one
    manifest_of: str = ""  # the ARN of the point that the manifest was taken for, where that is known
    rules: InvariantSet = field(default_factory=InvariantSet)
    resolve: Resolver | None = None  # asked before the system resolves a copy's name
    uses_demo_data: bool = False  # whether the source holds the sample application
    connector: Callable[[Endpoint, Resolver | None], Connector] = connector
    observations: Observations = NOT_NOTED
    handover: Handover = TO_NOBODY
    history: Path | None = None  # beside which it is kept what drills have proved

    @property
    def timeout_key(self) -> str:
        """Where drill.toml sets how long a change of an instance may take."""
        return timeout_key(self.name)

    @property
    def kind(self) -> Kind:
        """How RDS names databases such as the target's: an instance, or a cluster."""
        return KINDS[self.target.kind]

    def expires(self) -> datetime:
        """Return when what the run makes is past its time."""
        limits = self.target.run_limits(self.name, sandboxed=False)
        return expiry_of(self.journal.record.started_at, limits, self.target.time_to_live)

    def tags(self) -> dict[str, str]:
        """Return the tags of everything that this run makes."""
        record = self.journal.record
        return scratch_tags(record.owner, self.name, self.expires().isoformat(timespec="seconds"), self.target.tags)

    def needs_copy(self, point: RecoveryPoint) -> bool:
        """Return whether the snapshot must be copied first: RDS restores in its own region and under its own key."""
        return needs_copy(point, self.clients.region, self.scratch_clients, self.target)

    def region_of(self, point: RecoveryPoint) -> str:
        """Return the region that a point lies in, as its ARN says; the source's where it says none."""
        return region_of(point, self.clients.region)

    def side_of(self, point: RecoveryPoint) -> Clients:
        """Return the clients of the account and region that a point lies in: where copies are restored, or the source's."""
        there = self.scratch_clients
        parts = point.arn.split(":")
        return there if parts[3:5] == [there.region, there.account] else self.clients

    def requirement(self, check: str, usual: Requirement) -> Requirement:
        """Return the requirement of a check on this target: the owner's rule, else `usual`."""
        rule = self.target.checks.get(check)
        return rule.requirement if rule else usual

    def declared(self) -> DeclaredTime:
        """Return the declared time for what a drill cannot measure, and the clock that says what of it counts."""
        return self.target.allowances.declared(self.target.rto_clock)

    def queries(self) -> tuple[Query, ...]:
        """Return the owner's own queries; those of the sample application are asked where it is."""
        return tuple(
            Query(
                each.name,
                each.text(),
                each.target.total_seconds() if each.target else None,
                each.database or "",
                OF_SAMPLE if each.sample and not self.uses_demo_data else "",
            )
            for each in self.target.queries
        )


def region_of(point: RecoveryPoint, source_region: str) -> str:
    """Return the region that a point lies in, as its ARN says; the source's where it says none."""
    parts = point.arn.split(":")
    return (parts[3] if len(parts) > 3 else "") or source_region


def needs_copy(point: RecoveryPoint, source_region: str, restore: Clients, target: Target) -> bool:
    """Return whether the snapshot must be copied first: RDS restores in its own region and under its own key.

    It restores no snapshot that is both shared by another account and encrypted (RDS User Guide, "Sharing encrypted snapshots").
    """
    elsewhere = restore.region != region_of(point, source_region) or (point.encrypted and _is_shared(point, restore))
    return elsewhere or target.restore.kms_key is not None


def addressed(point: RecoveryPoint, restore: Clients) -> RecoveryPoint:
    """Return a point as the side that restores names its snapshot: that of another account by its ARN.

    RDS API reference, RestoreDBInstanceFromDBSnapshot: "If you are restoring from a shared manual DB snapshot, the
    DBSnapshotIdentifier must be the ARN of the shared DB snapshot."
    """
    return dataclasses.replace(point, snapshot_id=point.arn) if _is_shared(point, restore) else point


def _is_shared(point: RecoveryPoint, restore: Clients) -> bool:
    """Return whether a point lies in another account than the one that restores, which can only have been given a share in it."""
    parts = point.arn.split(":")
    return len(parts) > 4 and bool(restore.account) and parts[4] != restore.account
