"""The instances that a restored cluster gets: a restore makes none (RDS API reference, RestoreDBClusterFromSnapshot)."""

from __future__ import annotations

from botocore.exceptions import ClientError

from drills.aws.calls import outcome
from drills.aws.wait import OPERATIONAL
from drills.cutover import database
from drills.cutover.environment import Environment
from drills.cutover.model import NewMember, State
from drills.cutover.plan import create_call
from drills.errors import RestoreFailed


def give_first(env: Environment, state: State, identity: str) -> None:
    """Ask for the first instance of a restored cluster, its writer, once it takes one; not for one that is there."""

    def takes_one() -> bool:
        seen = database.found_by_id(env, identity)
        if not seen.members and seen.instance.status in database.UNMODIFIABLE:
            raise RestoreFailed(
                f"expected the restored cluster {seen.instance.id} to become available, it is {seen.instance.status}: read its "
                "events with describe-events and remove the cause"
            )
        return bool(seen.members) or seen.instance.status in OPERATIONAL

    advice = f"read its events, or raise {env.timeout_key}"
    env.wait(takes_one, env.timeout, f"the restored cluster {identity} to be available", advice)
    if not database.found_by_id(env, identity).members:
        _create(env, state, identity, state.opening.new_members[0])


def give_others(env: Environment, state: State) -> None:
    """Ask for the readers once the writer is available: the first instance that is available is the writer."""
    identity, readers = state.restored_resource_id, state.opening.new_members[1:]
    if not readers:
        return
    database.until_available(env, identity)
    there = _names(env, identity)
    for each in readers:
        if each.name not in there:
            _create(env, state, identity, each)


def _create(env: Environment, state: State, identity: str, member: NewMember) -> None:
    try:
        env.perform(create_call(state.opening, member), identity)
    except ClientError as error:  # a repeated request whose first answer was lost finds its instance in the cluster
        if not outcome.says_exists(error) or member.name not in _names(env, identity):
            raise


def _names(env: Environment, identity: str) -> set[str]:
    return {str(each["DBInstanceIdentifier"]) for each in database.found_by_id(env, identity).members}
