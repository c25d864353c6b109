"""The lock of a target: it is drilled by one run at a time, whichever machine that is on.

A lease is a DB parameter group in the account and region of the copies, whose name follows from the source: the role of a drill
makes such groups anyway, they cost nothing, and CreateDBParameterGroup refuses a name that exists (RDS API reference,
DBParameterGroupAlreadyExists). Its tags say whose it is and until when, which is when the run's time to live ends: a run that died
holds its target no longer. A lease is never extended, written over or removed by another run: who takes over makes the next number,
then looks again, and gives way to any other lease that is alive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import owned
from drills.aws.calls import outcome
from drills.aws.cleanup import removal_command
from drills.aws.guarded.names import LOCK_PREFIX, LockName
from drills.aws.read import EXPIRES_TAG, HOLDER_TAG, is_not_found, parse_expiry, refusal, tags_by_key
from drills.aws.scratch import Scratch
from drills.aws.session import Clients
from drills.errors import ConfigError, DrillError, RestoreFailed
from drills.model.instance import Instance, Resource
from drills.record import RUN_ID, load
from drills.recovery.setup import Setup

_TRIES = 20  # at a number that others have taken and given back meanwhile
NO_LOCK = "no lock was taken: restore.lock is false, so that another run may drill the target meanwhile"


class TargetHeld(DrillError):
    """Another run drills the target."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as AWS shows it; `holder` and `expires` are tags, "" where there is none."""

    name: str
    holder: str
    expires: str

    @property
    def number(self) -> int:
        """Its number: the next lease of the target has one more. 0 where the name has none."""
        last = self.name.rpartition("-")[2]
        return int(last) if last.isdecimal() else 0


def stem_of(*source: str) -> str:
    """Return the name that all leases of a source begin with; the source's own name may be too long for it. Pure.

    `source` is its account, its region, its kind where it is no database, and its name: a table called as an instance is another.
    """
    digest = hashlib.sha256(":".join(source).encode()).hexdigest()
    return f"{LOCK_PREFIX}{digest[:16]}"


def is_alive(lease: Lease, own: Collection[str], now: datetime, is_over: Callable[[str], bool]) -> bool:
    """Return whether another run than `own` holds the target by this lease; one that cannot be read is taken for alive. Pure."""
    expires = parse_expiry(lease.expires)
    if lease.holder in own or (expires is not None and expires <= now):
        return False
    return not (lease.holder and is_over(lease.holder))


class TargetLock:
    """The lock of one target, for one run.

    `own` are the ids of the run and of those that it resumes, `source` is (account, region) of the source, with its kind where that
    is no database, and `is_over` says which runs have ended. `scratch` gives the lock HOLDER_TAG with the run's own id.
    """

    def __init__(
        self,
        clients: Clients,
        scratch: Scratch,
        own: Collection[str],
        source: tuple[str, ...],
        is_over: Callable[[str], bool],
    ) -> None:
        self._clients = clients
        self._scratch = scratch
        self._own = own
        self._source = source
        self._is_over = is_over

    def take(self, instance_id: str, instance: Instance | None, now: datetime) -> str:
        """Take the lock, which the clean-up of the run gives back; return its name.

        Raises TargetHeld where another run has it, DrillError where AWS does not let this one have it.
        """
        stem = stem_of(*self._source, instance_id)
        try:
            for left in reversed(range(_TRIES)):
                known = self._leases(stem)
                self._give_way(known, instance_id, now)
                name = LockName(f"{stem}-{max((each.number for each in known), default=0) + 1}")
                if self._make(name, stem, instance_id, instance, now, again=left > 0):
                    break
            self._give_way(self._leases(stem), instance_id, now)
        except (ClientError, BotoCoreError) as error:
            raise DrillError(f"expected to read whether another run drills {instance_id}: {refusal(error)}") from error
        return name

    def _make(
        self, name: LockName, stem: str, instance_id: str, instance: Instance | None, now: datetime, *, again: bool
    ) -> bool:
        """Make the lease; False, where it may be tried `again`, when another run had that number and has given it back."""
        try:
            self._scratch.make_lock(name, instance)
        except RestoreFailed as error:
            self._give_way(self._leases(stem), instance_id, now)  # somebody was quicker
            if again and isinstance(error.__cause__, ClientError) and outcome.says_exists(error.__cause__):
                return False
            raise DrillError(
                f"expected to take the lock of {instance_id}, so that no other run drills it meanwhile: {error}: allow "
                f"rds:CreateDBParameterGroup on {LOCK_PREFIX}*, or set lock = false in the target's restore table where nothing "
                "else drills it"
            ) from error
        return True

    def _give_way(self, leases: tuple[Lease, ...], instance_id: str, now: datetime) -> None:
        for lease in leases:
            if is_alive(lease, self._own, now, self._is_over):
                raise TargetHeld(self._sentence(lease, instance_id))

    def _sentence(self, lease: Lease, instance_id: str) -> str:
        expires = parse_expiry(lease.expires)
        until = f"until {expires:%Y-%m-%d %H:%M:%S} UTC at the latest" if expires else "and no time that can be read"
        held = Resource("db-parameter-group", lease.name, "made", region=self._clients.region)
        return (
            f"expected nobody else to drill {instance_id} now, found run {lease.holder or 'of an unknown id'} at it, {until}: let "
            f"it end; where its machine is gone for good: {removal_command(held)}"
        )

    def _leases(self, stem: str) -> tuple[Lease, ...]:
        found: list[Lease] = []
        for page in self._clients.rds.get_paginator("describe_db_parameter_groups").paginate():
            for raw in page["DBParameterGroups"]:
                name = raw["DBParameterGroupName"]
                if name.startswith(f"{stem}-"):
                    found += self._lease(name, raw)
        return tuple(found)

    def _lease(self, name: str, raw: dict[str, Any]) -> list[Lease]:
        """Return what the tags of a lock say; nothing of one that its run or a sweep has removed since it was listed."""
        try:
            tags = tags_by_key(owned.tags_of(self._clients, raw))
        except ClientError as error:
            if is_not_found(error):
                return []
            raise
        return [Lease(name, tags.get(HOLDER_TAG, ""), tags.get(EXPIRES_TAG, ""))]


def lock_of(setup: Setup, source: Clients, own: Iterable[str] = ()) -> TargetLock:
    """Return the lock of a run for what lies where `source` acts; `own` are the ids of the runs that it resumes."""
    run_id = setup.journal.record.run_id
    tags = setup.tags() | {HOLDER_TAG: run_id}
    scratch = Scratch(setup.scratch_clients, setup.target.restore, setup.journal, tags, setup.clients)
    kind, is_over = setup.target.record_kind, over_here(setup.journal.folder.parent)
    place = (source.account, source.region, *((kind,) if kind else ()))
    return TargetLock(setup.scratch_clients, scratch, {run_id, *own}, place, is_over)


def over_here(out: Path) -> Callable[[str], bool]:
    """Return what says of a run whether it has ended, by its record below `out`: runs of other machines have none there."""

    def is_over(run_id: str) -> bool:
        if not RUN_ID.fullmatch(run_id):
            return False
        try:
            return load(out / run_id).ended_at is not None
        except ConfigError:
            return False

    return is_over
