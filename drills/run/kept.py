"""What a cut-over makes in AWS and does not delete, as resources of the run that makes it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from drills.cutover.model import State
from drills.cutover.plan import group_name
from drills.cutover.show import rollback_command
from drills.model.instance import COPIES, Resource, ResourceKind


def kept_resources(state: State, account: str, region: str, given: Sequence[str] = ()) -> tuple[Resource, ...]:
    """Return the restored instance and the verification group as the journal tells them, from before each is asked for.

    Until the rollback has ended they are "in use", and their note has the command that leads the service back; then they are
    "kept", and it has the one that removes them. A group that the configuration names is none of them. `given` are the options
    that lead to the target.
    """
    back = rollback_command(state, given)
    return tuple(_of(state, kind, name, (told, back), (account, region)) for kind, name, told in _made(state, region))


def _made(state: State, region: str) -> Iterator[tuple[ResourceKind, str, str]]:
    """Yield kind, name and how it is removed, for each thing that was made or asked for."""
    opening, known = state.opening, state.restored_resource_id
    aside = state.mode == "back" and "move-aside" in state.done  # which has looked for it by its tag
    if known or (_begun(state, "restore") and not aside):
        name = opening.aside if aside else opening.restored
        for each in opening.new_members:
            own = each.aside if aside else each.name
            place = f"--db-instance-identifier {own}{_option(region)}"
            yield "db-instance", own, f"to remove it, before its cluster: aws rds delete-db-instance {place}"
        yield opening.kind.copy, name, _delete(state, name, region)
    if not opening.verification_group and (state.group or _begun(state, "verification-group")):
        name = group_name(opening)
        found = f"aws ec2 describe-security-groups --filters Name=group-name,Values={name}{_option(region)}"
        group = state.group or f"$({found} --query 'SecurityGroups[].GroupId' --output text)"
        when = "once the restored instance is gone" if known else "to remove it"
        yield "security-group", name, f"{when}: aws ec2 delete-security-group --group-id {group}{_option(region)}"


def _delete(state: State, name: str, region: str) -> str:
    what = f"db-{state.opening.kind.name}"
    place = f"--{what}-identifier {name}{_option(region)}"
    protected = bool(state.opening.wanted.get("DeletionProtection"))
    first = f"aws rds modify-{what} {place} --no-deletion-protection --apply-immediately && " if protected else ""
    if not state.writes_opened_at:
        return f"to remove it: {first}aws rds delete-{what} {place} --skip-final-snapshot"
    last = f"--final-db-snapshot-identifier {name}-final"
    return f"it has what was written while it served; to remove it: {first}aws rds delete-{what} {place} {last}"


def _of(state: State, kind: ResourceKind, name: str, told: tuple[str, str], place: tuple[str, str]) -> Resource:
    """Return the resource; `told` are how it is removed, and the command that rolls the cut-over back."""
    removal, back = told
    step = "restore" if kind in COPIES else "verification-group"
    known = state.restored_resource_id if kind in COPIES else state.group
    certain = "" if known else "it may have been made; "
    opening, made_at = state.opening, _done_at(state, step)
    if state.mode == "back" and state.ended:
        note = f"{certain}kept on purpose, since the cut-over {opening.id} deletes nothing; {removal}"
        return Resource(kind, name, "kept", *place, note, made_at)
    note = f"{certain}the cut-over {opening.id} is not rolled back: {back}"
    return Resource(kind, name, "in use", *place, note, made_at)


def _option(region: str) -> str:
    return f" --region {region}" if region else ""


def _begun(state: State, step: str) -> bool:
    return any(each.event == "begin" and each.step == step for each in state.entries)


def _done_at(state: State, step: str) -> datetime | None:
    return next((each.at for each in state.entries if each.event == "done" and each.step == step), None)
