"""Until when what an incident has made stays: the tag by which a sweep knows its time, and what is kept for good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.guarded.guard import Guard
from drills.aws.guarded.rules import EXTENDS
from drills.aws.remedies import explain
from drills.aws.session import Clients
from drills.clock import Clock
from drills.errors import DrillError
from drills.model.instance import Resource

_RIGHTS = "see docs/incident.md for the rights that this needs, and run it again"


def set_until(
    clients: Clients, clock: Clock, run_id: str, things: Iterable[Resource], until: datetime
) -> tuple[str, ...]:
    """Let a sweep leave these things of a run alone until an instant; return why it could not be set, for each where it was not.

    A thing is looked at before: what does not carry the run's tag is not touched. A log group has the time of its instance.
    """
    guard, problems = Guard(clients, run_id, clock=clock), []
    for each in things:
        if each.kind not in EXTENDS:
            continue
        try:
            found = guard.prove(each.kind, each.id, each.resource_id)
            if not found:
                problems.append(f"{each.kind} {each.id} is not there any more, so that its time is not set")
            for mine in found:
                guard.extend(mine, until)
        except (ClientError, BotoCoreError) as error:
            problems.append(f"the time of {each.kind} {each.id} could not be set: {explain(error, _RIGHTS)}")
        except DrillError as error:
            problems.append(f"the time of {each.kind} {each.id} was not set: {error}")
    return tuple(problems)


def release(clients: Clients, clock: Clock, run_id: str, things: Iterable[Resource]) -> Iterator[Resource]:
    """Take the tags of drills off these things of a run, so that they stay for good; yield each when that is done.

    The password comes first and the copy last, a cluster after its instance: wherever it ends, nothing that the copy needs has a
    time that the copy does not have, and asking again goes on with what still carries the tags. Raises DrillError at the first
    that cannot be done.
    """
    guard = Guard(clients, run_id, clock=clock)
    for each in sorted(things, key=_kept_first):
        if each.kind not in EXTENDS:
            continue
        try:
            for mine in guard.prove(each.kind, each.id, each.resource_id):
                guard.release(mine)
        except (ClientError, BotoCoreError) as error:
            raise DrillError(
                f"the tags of {each.kind} {each.id} could not be taken off: {explain(error, _RIGHTS)}"
            ) from error
        yield each


def _kept_first(thing: Resource) -> int:
    return {"secret": 0, "db-instance": 2, "db-cluster": 3}.get(thing.kind, 1)
