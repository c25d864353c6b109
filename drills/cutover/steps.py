"""Each step, as a function of the world and of where the cut-over stands. Every one may be repeated.

A step reads what is there before it acts, so that one that was interrupted, or done already by somebody else, is
recognised. It returns what it found out, which the journal keeps.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from drills.cutover import afterwards, compare, data, database, door, service
from drills.cutover.model import OPEN_WRITES, State
from drills.cutover.plan import calls, production_groups
from drills.cutover.world import World
from drills.errors import DrillError
from drills.model.instance import Instance

StepFunction = Callable[[World, State], dict[str, Any]]
_SESSIONS_END_WITHIN = 30.0  # seconds for what stopped tasks leave behind
_HOOK_WITHIN = 600.0
_REPEATABLE = 200  # characters of a hook's output that the journal keeps


def _restored(world: World, state: State) -> Instance:
    return database.by_id(world, state.restored_resource_id)


def _sessions_within(world: World) -> float:
    return min(_SESSIONS_END_WITHIN, world.config.service_timeout.total_seconds())


def _shut_off_source(world: World, state: State) -> dict[str, Any]:
    database.set_groups(world, state.opening.source_resource_id, [state.group])
    return {"shut_off": state.opening.source_resource_id}


def _sessions(world: World, state: State) -> dict[str, Any]:
    return database.see_no_sessions(world, state.opening.source_resource_id, _sessions_within(world))


def _rename(world: World, state: State) -> dict[str, Any]:
    database.rename(world, state.opening.source_resource_id, state.opening.renamed)
    return {"renamed": state.opening.renamed}


def _settle(world: World, state: State) -> dict[str, Any]:
    found = database.settle(world, state)
    instance = _restored(world, state)
    return {**found, "address": f"{instance.host}:{instance.port}"}


def _compare(world: World, state: State) -> dict[str, Any]:
    return compare.run(world, state, _restored(world, state))


def _verify(world: World, state: State) -> dict[str, Any]:
    found = data.run(world, state, _restored(world, state))
    return {**found, "admits_while_verified": list(_restored(world, state).security_groups)}


def _open_writes(world: World, state: State) -> dict[str, Any]:
    groups = production_groups(state.opening)
    if not groups:
        raise DrillError(
            "expected to know the security groups that the application comes in through, found none: add them to the "
            f"restored instance by hand (aws rds modify-db-instance --db-instance-identifier {state.opening.restored} "
            "--vpc-security-group-ids …), and go on with the services by hand"
        )
    database.set_groups(world, state.restored_resource_id, groups)
    return {"opened_to": groups}


def _switch(world: World, state: State) -> dict[str, Any]:
    instance = _restored(world, state)
    return _lead(world, state, f"{instance.host}:{instance.port}")


def _lead(world: World, state: State, address: str) -> dict[str, Any]:
    """Run the hook that leads the application to an address, or ask a person to do it."""
    if world.config.switch:
        host, _, port = address.rpartition(":")
        return {"switched_to": address, "hook": _hook(world, host, port)}
    if world.leave.switched:
        return {"switched_to": address, "hook": "by hand"}
    raise DrillError(
        f"expected the application to be led to {address}, which no hook does (cutover.switch): do it by hand, then "
        f"drills cutover resume {state.opening.id} --switched"
    )


def _hook(world: World, host: str, port: str) -> str:
    words = [each.replace("{host}", host).replace("{port}", port) for each in world.config.switch]
    try:
        ran = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_HOOK_WITHIN, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DrillError(f"expected the hook {words[0]} to run, found: {error}: correct cutover.switch") from error
    if ran.returncode:
        said = " ".join((ran.stderr or ran.stdout).split())[-_REPEATABLE:]
        raise DrillError(
            f"expected the hook {words[0]} to succeed, found exit status {ran.returncode}: {said}: mend it"
        )
    return " ".join(ran.stdout.split())[:_REPEATABLE]


def _start(world: World, state: State) -> dict[str, Any]:
    there = state.mode == "forward" or state.opening.position == "healthy"
    return service.start(world, state.opening, wait=there)


def _see_open(world: World, state: State) -> dict[str, Any]:
    return service.see_open(world, state.opening, str(state.facts.get("marker", "")))


def _old_idle(world: World, state: State) -> dict[str, Any]:
    try:
        return database.see_no_sessions(world, state.opening.source_resource_id, _sessions_within(world))
    except DrillError as error:
        if "who is connected" not in str(error):
            raise
        return {"old_idle": f"not verified: {error}"}


def _remove_old(world: World, state: State) -> dict[str, Any]:
    """Only once it was asked for by name; a final snapshot and the automated backups stay."""
    raw = database.raw_by_id(world.clients.rds, state.opening.source_resource_id)
    unprotect, delete = calls(state.opening, "remove-old")
    if raw is not None and raw["DBInstanceStatus"] != "deleting":
        if raw["DBInstanceIdentifier"] != state.opening.renamed:
            raise DrillError(
                f"expected the old instance under {state.opening.renamed!r}, found another name: look first"
            )
        if raw.get("DeletionProtection"):
            world.perform(unprotect)
        database.until_available(world, state.opening.source_resource_id)
        world.perform(delete)

    def gone() -> bool:
        return database.raw_by_id(world.clients.rds, state.opening.source_resource_id) is None

    world.wait(gone, world.timeout, f"{state.opening.renamed} to be gone", "look at its events")
    return {"removed": state.opening.renamed, "final_snapshot": delete.parameters["FinalDBSnapshotIdentifier"]}


# -- the way back -----------------------------------------------------------------------------------------------------


def _stop_again(world: World, state: State) -> dict[str, Any]:
    service.suspend(world, state.opening)
    return service.stop(world, state.opening)


def _move_aside(world: World, state: State) -> dict[str, Any]:
    raw = database.restored_of(world, state)
    if raw is None:
        return {"aside": ""}
    identity, name, status = str(raw["DbiResourceId"]), str(raw["DBInstanceIdentifier"]), str(raw["DBInstanceStatus"])
    if status in database.STUCK:
        raise DrillError(
            f"expected to rename {name!r}, found it {status}, from where RDS lets nobody rename it; this command deletes "
            f"nothing: aws rds delete-db-instance --db-instance-identifier {name} --skip-final-snapshot, once gone resume"
        )
    group = state.group or str(database.make_group(world, state.opening)["verification_group"])
    database.set_groups(world, identity, [group])
    database.rename(world, identity, state.opening.aside)
    return {"aside": state.opening.aside, "restored_resource_id": identity}


def _shut_restored(world: World, state: State) -> dict[str, Any]:
    raw = database.restored_of(world, state)
    if raw is None or raw["DBInstanceStatus"] in database.STUCK or not state.group:
        return {"shut_off": ""}
    database.set_groups(world, str(raw["DbiResourceId"]), [state.group])
    return {"shut_off": str(raw["DBInstanceIdentifier"]), "restored_resource_id": str(raw["DbiResourceId"])}


def _switch_back(world: World, state: State) -> dict[str, Any]:
    if not any(each.event == "begin" and each.step == "switch" for each in state.entries):
        return {"switched_to": state.opening.address}
    return _lead(world, state, state.opening.address)


def _rename_back(world: World, state: State) -> dict[str, Any]:
    return database.rename(world, state.opening.source_resource_id, state.opening.instance)


def _open_source(world: World, state: State) -> dict[str, Any]:
    groups = production_groups(state.opening)
    database.set_groups(world, state.opening.source_resource_id, groups)
    return {"opened_to": groups}


def _see_back(world: World, state: State) -> dict[str, Any]:
    """The address answers as before; where it answered nothing good before there is nothing to wait for."""
    if state.opening.position == "healthy" and state.opening.public_status == 200:
        return service.see_open(world, state.opening, "")
    status, _ = door.ask(state.opening.public_url)
    return {"address": status, "address_before": state.opening.public_status}


STEPS: Mapping[str, StepFunction] = {
    "suspend-scaling": lambda world, state: service.suspend(world, state.opening),
    "stop-tasks": lambda world, state: service.stop(world, state.opening),
    "address-closed": lambda world, state: service.see_closed(world, state.opening),
    "verification-group": lambda world, state: database.make_group(world, state.opening),
    "shut-off-source": _shut_off_source,
    "sessions": _sessions,
    "rename": _rename,
    "restore": database.restore,
    "settle": _settle,
    "compare": _compare,
    "verify": _verify,
    OPEN_WRITES: _open_writes,
    "switch": _switch,
    "resume-scaling": lambda world, state: service.resume_scaling(world, state.opening),
    "start-tasks": _start,
    "address-open": _see_open,
    "old-idle": _old_idle,
    "afterwards": afterwards.run,
    "remove-old": _remove_old,
    "stop-again": _stop_again,
    "move-aside": _move_aside,
    "shut-restored": _shut_restored,
    "switch-back": _switch_back,
    "rename-back": _rename_back,
    "open-source": _open_source,
    "address-back": _see_back,
}
