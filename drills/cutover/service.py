"""The services of a target: what they were set to, their tasks, and the steps that stop and start them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drills.cutover import door
from drills.cutover.model import Opening, Remembered, Scaling
from drills.cutover.plan import ECS_DIMENSION, calls, count_call
from drills.cutover.world import World
from drills.errors import ConfigError, DrillError

_KINDS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
_IN_A_ROW = 3  # answers of the public address that must be the same


def remember(more: Mapping[str, Any], names: Sequence[str]) -> tuple[Remembered, ...]:
    """The services as they are now. Raises ConfigError for one that there is not."""
    return tuple(_remember(more, *name.split("/")) for name in names)


def _remember(more: Mapping[str, Any], cluster: str, name: str) -> Remembered:
    answer = more["ecs"].describe_services(cluster=cluster, services=[name])
    found = [each for each in answer["services"] if each["status"] == "ACTIVE"]
    if not found:
        raise ConfigError(f'expected the ECS service "{cluster}/{name}", found none: correct cutover.services')
    return Remembered(cluster, name, int(found[0]["desiredCount"]), _scaling(more, f"{cluster}/{name}"))


def _scaling(more: Mapping[str, Any], name: str) -> Scaling | None:
    found = more["application-autoscaling"].describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[f"service/{name}"], ScalableDimension=ECS_DIMENSION
    )["ScalableTargets"]
    if not found:
        return None
    suspended = found[0].get("SuspendedState") or {}
    first, second, third = (bool(suspended.get(kind)) for kind in _KINDS)
    return Scaling(int(found[0]["MinCapacity"]), int(found[0]["MaxCapacity"]), (first, second, third))


def suspend(world: World, opening: Opening) -> dict[str, Any]:
    """Suspend all scaling, and see it suspended."""
    for call in calls(opening, "suspend-scaling"):
        world.perform(call)
    for each in opening.services:
        now = _scaling(world.more, each.name)
        if now is not None and now.suspended != (True, True, True):
            raise DrillError(f"expected the scaling of {each.name} to be suspended, found {now.suspended}: suspend it")
    scaled = [each.name for each in opening.services if each.scaling]
    return {"suspended": scaled}


def stop(world: World, opening: Opening) -> dict[str, Any]:
    """Set every count to 0 and wait until no task is left. Raises DrillError where something raises a count again."""
    for each in opening.services:
        if _described(world, each)["desiredCount"]:
            world.perform(count_call(each, 0))
    for each in opening.services:
        _wait_for_none(world, each)
    return {"stopped": {each.name: each.desired for each in opening.services}}


def _wait_for_none(world: World, service: Remembered) -> None:
    def none_left() -> bool:
        seen = _described(world, service)
        if seen["desiredCount"]:
            raise DrillError(
                f"expected the desired count of {service.name} to stay 0, found that something has raised it to "
                f"{seen['desiredCount']}: find who does (scaling policies, a deployment, a schedule) and stop that"
            )
        return not (seen["runningCount"] or seen["pendingCount"] or tasks(world, service))

    seconds = world.config.service_timeout.total_seconds()
    advice = f"look at why they do not stop (aws ecs list-tasks --cluster {service.cluster} --service-name {service.service})"
    world.wait(none_left, seconds, f"no task of {service.name} to be left", advice)


def _described(world: World, service: Remembered) -> dict[str, Any]:
    answer = world.client("ecs").describe_services(cluster=service.cluster, services=[service.service])
    if not answer["services"]:
        raise DrillError(f"expected the service {service.name}, found that it is gone: make it again, then resume")
    return dict(answer["services"][0])


def tasks(world: World, service: Remembered) -> list[str]:
    """The tasks of a service that have not stopped, those that are still stopping too."""
    ecs = world.client("ecs")
    found = [
        str(arn)
        for status in ("RUNNING", "STOPPED")
        for page in ecs.get_paginator("list_tasks").paginate(
            cluster=service.cluster, serviceName=service.service, desiredStatus=status
        )
        for arn in page["taskArns"]
    ]
    left: list[str] = []
    for start in range(0, len(found), 100):  # DescribeTasks takes up to 100
        shown = ecs.describe_tasks(cluster=service.cluster, tasks=found[start : start + 100])["tasks"]
        left += [str(each["taskArn"]) for each in shown if each["lastStatus"] != "STOPPED"]
    return left


def resume_scaling(world: World, opening: Opening) -> dict[str, Any]:
    """Give each service the scaling that it had."""
    for call in calls(opening, "resume-scaling"):
        world.perform(call)
    return {"resumed": [each.name for each in opening.services if each.scaling]}


def start(world: World, opening: Opening, *, wait: bool = True) -> dict[str, Any]:
    """Ask for the remembered counts, and wait until as many tasks run; `wait` False: without a database none may stay."""
    for each in opening.services:
        if _described(world, each)["desiredCount"] < each.desired:
            world.perform(count_call(each, each.desired))

    if not wait:
        return {"counts": {each.name: each.desired for each in opening.services}}

    def running() -> bool:
        return all(_described(world, each)["runningCount"] >= each.desired for each in opening.services)

    seconds = world.config.service_timeout.total_seconds()
    world.wait(running, seconds, "the tasks of the services to run", "look at the services' events for why they do not")
    return {"counts": {each.name: each.desired for each in opening.services}}


# -- the public address -----------------------------------------------------------------------------------------------


def see_closed(world: World, opening: Opening) -> dict[str, Any]:
    """See the public address answer 503 several times in a row."""
    _steady(
        world, opening, lambda status, _: status == 503, "503", "find what still answers there (CDN, other services)"
    )
    return {"address": 503}


def see_open(world: World, opening: Opening, marker: str) -> dict[str, Any]:
    """See it answer 200, with the marker in what it answers where there is one."""
    what = "200 with the restored data" if marker else "200"
    _steady(
        world,
        opening,
        lambda status, body: status == 200 and marker in body,
        what,
        "look at the tasks' logs, and at whether the application connects to the restored instance",
    )
    return {"address": 200, "marker_seen": bool(marker)}


def _steady(world: World, opening: Opening, right: Any, what: str, advice: str) -> None:
    seen: list[str] = []
    in_a_row = 0

    def there() -> bool:
        nonlocal in_a_row
        status, body = door.ask(opening.public_url)
        seen[:] = [f"{status or 'none'}, {' '.join(body[:120].split())}"]
        in_a_row = in_a_row + 1 if right(status, body) else 0
        return in_a_row >= _IN_A_ROW

    seconds = world.config.service_timeout.total_seconds()
    try:
        world.wait(there, seconds, f"{opening.public_url} to answer {what}", advice)
    except DrillError as error:
        last = seen[-1] if seen else "nothing"
        raise type(error)(f"{error} (last answer: {last})") from error
