"""The steps, each a function of the environment and the state of the cut-over. Every one may be repeated.

A step reads what is there before it acts, so that one that was interrupted, or done already by somebody else, is
recognised. It returns what it found out, which the journal keeps.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from drills.aws.databases.kinds import INSTANCE
from drills.cutover import afterwards, compare, data, database, service
from drills.cutover.databases import found, members
from drills.cutover.environment import Environment
from drills.cutover.model import OPEN_WRITES, State
from drills.cutover.plan import calls, production_groups
from drills.cutover.show import next_command
from drills.errors import DrillError
from drills.model.instance import Instance

StepFunction = Callable[[Environment, State], dict[str, Any]]
_SESSIONS_END_WITHIN = 30.0  # seconds for what stopped tasks leave behind
_HOOK_WITHIN = 600.0
_HOOK_OUTPUT = 200  # characters of a hook's output that the journal keeps


def _restored(env: Environment, state: State) -> Instance:
    return database.by_id(env, state.restored_resource_id)


def _sessions_within(env: Environment) -> float:
    return min(_SESSIONS_END_WITHIN, env.config.service_timeout.total_seconds())


def _shut_off_source(env: Environment, state: State) -> dict[str, Any]:
    database.set_groups(env, state.opening.source_resource_id, [state.group])
    return {"shut_off": state.opening.source_resource_id}


def _sessions(env: Environment, state: State) -> dict[str, Any]:
    return database.wait_for_no_sessions(env, state.opening.source_resource_id, _sessions_within(env))


def _rename(env: Environment, state: State) -> dict[str, Any]:
    opening = state.opening
    asides = {each.resource_id: each.aside for each in opening.members}
    database.rename_all(env, opening.source_resource_id, opening.renamed, asides)
    return {"renamed": opening.renamed}


def _restore(env: Environment, state: State) -> dict[str, Any]:
    made = database.restore(env, state)
    if state.opening.new_members:
        members.give_first(env, state, str(made["restored_resource_id"]))
    return made


def _settle(env: Environment, state: State) -> dict[str, Any]:
    members.give_others(env, state)
    settled = database.settle(env, state)
    instance = _restored(env, state)
    return {**settled, "address": f"{instance.host}:{instance.port}"}


def _compare(env: Environment, state: State) -> dict[str, Any]:
    return compare.compare_configuration(env, state, _restored(env, state))


def _verify(env: Environment, state: State) -> dict[str, Any]:
    found = data.check_data(env, state, _restored(env, state))
    return {**found, "admits_while_verified": list(_restored(env, state).security_groups)}


def _open_writes(env: Environment, state: State) -> dict[str, Any]:
    groups, kind = production_groups(state.opening), env.kind.name
    if not groups:
        raise DrillError(
            "expected to know the security groups that the application comes in through, found none: add them to the "
            f"restored {kind} by hand (aws rds modify-db-{kind} --db-{kind}-identifier {state.opening.restored} "
            "--vpc-security-group-ids …), and go on with the services by hand"
        )
    database.set_groups(env, state.restored_resource_id, groups)
    return {"opened_to": groups}


def _switch(env: Environment, state: State) -> dict[str, Any]:
    instance = _restored(env, state)
    return _point_application(env, state, f"{instance.host}:{instance.port}")


def _point_application(env: Environment, state: State, address: str) -> dict[str, Any]:
    """Run the hook that points the application to an address, or ask a person to do it."""
    if env.config.switch:
        host, _, port = address.rpartition(":")
        return {"switched_to": address, "hook": _hook(env, host, port)}
    if env.acknowledged.switched:
        return {"switched_to": address, "hook": "by hand"}
    raise DrillError(
        f"expected the application to be led to {address}, which no hook does (cutover.switch): do it by hand, then "
        f"{next_command('resume', state.opening.id, env.given, '--switched')}"
    )


def _hook(env: Environment, host: str, port: str) -> str:
    words = [each.replace("{host}", host).replace("{port}", port) for each in env.config.switch]
    try:
        ran = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_HOOK_WITHIN, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DrillError(f"expected the hook {words[0]} to run, found: {error}: correct cutover.switch") from error
    if ran.returncode:
        output = " ".join((ran.stderr or ran.stdout).split())[-_HOOK_OUTPUT:]
        raise DrillError(
            f"expected the hook {words[0]} to succeed, found exit status {ran.returncode}: {output}: correct it"
        )
    return " ".join(ran.stdout.split())[:_HOOK_OUTPUT]


def _start(env: Environment, state: State) -> dict[str, Any]:
    there = state.mode == "forward" or state.opening.position == "healthy"
    return service.start(env, state.opening, wait=there)


def _see_open(env: Environment, state: State) -> dict[str, Any]:
    return service.wait_until_open(env, state.opening, str(state.facts.get("marker", "")))


def _old_idle(env: Environment, state: State) -> dict[str, Any]:
    try:
        return database.wait_for_no_sessions(env, state.opening.source_resource_id, _sessions_within(env))
    except DrillError as error:
        if "who is connected" not in str(error):
            raise
        return {"old_idle": f"not verified: {error}"}


def _remove_old(env: Environment, state: State) -> dict[str, Any]:
    """Remove the old one, which was asked for by name; a final snapshot and the automated backups stay."""
    opening, identity = state.opening, state.opening.source_resource_id
    seen = found.by_identity(env.clients, identity, env.kind)
    unprotect, *instances, delete = calls(opening, "remove-old")
    if seen is not None and seen.raw["DBInstanceStatus"] != "deleting":
        if seen.instance.id != opening.renamed:
            raise DrillError(
                f"expected the old {env.kind.name} under {opening.renamed!r}, found another name: check which one it is"
            )
        if seen.instance.deletion_protection:
            env.perform(unprotect, identity)
        if seen.members or env.kind is INSTANCE:
            database.until_available(env, identity)
        there = {str(each["DBInstanceIdentifier"]): each for each in seen.members}
        for call in instances:
            member = there.get(str(call.parameters["DBInstanceIdentifier"]))
            if member is not None and member["DBInstanceStatus"] != "deleting":
                env.perform(call, str(member["DbiResourceId"]))
        env.perform(delete, identity)

    def gone() -> bool:
        return database.raw_by_id(env, identity) is None

    env.wait(gone, env.timeout, f"{state.opening.renamed} to be gone", f"read its events, or raise {env.timeout_key}")
    return {"removed": state.opening.renamed, "final_snapshot": delete.parameters["FinalDBSnapshotIdentifier"]}


# -- the way back -----------------------------------------------------------------------------------------------------


def _stop_again(env: Environment, state: State) -> dict[str, Any]:
    service.suspend(env, state.opening)
    return service.stop(env, state.opening)


def _move_aside(env: Environment, state: State) -> dict[str, Any]:
    raw = database.find_restored(env, state)
    if raw is None:
        return {"aside": ""}
    identity, name, status = str(raw["DbiResourceId"]), str(raw["DBInstanceIdentifier"]), str(raw["DBInstanceStatus"])
    kind, wanted = env.kind.name, state.opening.new_members
    if status in database.UNMODIFIABLE:
        raise DrillError(
            f"expected to rename {name!r}, found it {status}, from where RDS lets nobody rename it; this command deletes "
            f"nothing: aws rds delete-db-{kind} --db-{kind}-identifier {name} --skip-final-snapshot, once gone resume"
        )
    group = state.group or str(database.ensure_group(env, state.opening)["verification_group"])
    database.set_groups(env, identity, [group])
    there = {str(each["DBInstanceIdentifier"]): str(each["DbiResourceId"]) for each in _members(env, identity)}
    asides = {there[each.name]: each.aside for each in wanted if each.name in there}
    database.rename_all(env, identity, state.opening.aside, asides)
    return {"aside": state.opening.aside, "restored_resource_id": identity}


def _members(env: Environment, identity: str) -> tuple[found.Raw, ...]:
    return database.found_by_id(env, identity).members


def _shut_restored(env: Environment, state: State) -> dict[str, Any]:
    raw = database.find_restored(env, state)
    if raw is None or raw["DBInstanceStatus"] in database.UNMODIFIABLE or not state.group:
        return {"shut_off": ""}
    database.set_groups(env, str(raw["DbiResourceId"]), [state.group])
    return {"shut_off": str(raw["DBInstanceIdentifier"]), "restored_resource_id": str(raw["DbiResourceId"])}


def _switch_back(env: Environment, state: State) -> dict[str, Any]:
    if not any(each.event == "begin" and each.step == "switch" for each in state.entries):
        return {"switched_to": state.opening.address}
    return _point_application(env, state, state.opening.address)


def _rename_back(env: Environment, state: State) -> dict[str, Any]:
    names = {each.resource_id: each.name for each in state.opening.members}
    return database.rename_all(env, state.opening.source_resource_id, state.opening.instance, names)


def _open_source(env: Environment, state: State) -> dict[str, Any]:
    groups = production_groups(state.opening)
    database.set_groups(env, state.opening.source_resource_id, groups)
    return {"opened_to": groups}


def _see_back(env: Environment, state: State) -> dict[str, Any]:
    """Return the address answers as before; where it answered nothing good before there is nothing to wait for."""
    if state.opening.position == "healthy" and state.opening.public_status == 200:
        return service.wait_until_open(env, state.opening, "")
    status, _ = env.watch.ask(state.opening.public_url)
    return {"address": status, "address_before": state.opening.public_status}


STEPS: Mapping[str, StepFunction] = {
    "suspend-scaling": lambda env, state: service.suspend(env, state.opening),
    "stop-tasks": lambda env, state: service.stop(env, state.opening),
    "address-closed": lambda env, state: service.wait_until_closed(env, state.opening),
    "verification-group": lambda env, state: database.ensure_group(env, state.opening),
    "shut-off-source": _shut_off_source,
    "sessions": _sessions,
    "rename": _rename,
    "restore": _restore,
    "settle": _settle,
    "compare": _compare,
    "verify": _verify,
    OPEN_WRITES: _open_writes,
    "switch": _switch,
    "resume-scaling": lambda env, state: service.resume_scaling(env, state.opening),
    "start-tasks": _start,
    "address-open": _see_open,
    "old-idle": _old_idle,
    "afterwards": afterwards.check_backups,
    "remove-old": _remove_old,
    "stop-again": _stop_again,
    "move-aside": _move_aside,
    "shut-restored": _shut_restored,
    "switch-back": _switch_back,
    "rename-back": _rename_back,
    "open-source": _open_source,
    "address-back": _see_back,
}
