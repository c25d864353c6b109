"""The services of a target: their settings and tasks, and the steps that stop and start them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drills.cutover.environment import Environment
from drills.cutover.model import Opening, RememberedService, Scaling
from drills.cutover.plan import ECS_DIMENSION, calls, count_call
from drills.errors import ConfigError, DrillError

_KINDS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
_CONSECUTIVE_ANSWERS = 3  # answers of the public address that must be the same


def read_services(more: Mapping[str, Any], names: Sequence[str]) -> tuple[RememberedService, ...]:
    """Return the services as they are now. Raises ConfigError for one that there is not."""
    return tuple(_read_service(more, *name.split("/")) for name in names)


def _read_service(more: Mapping[str, Any], cluster: str, name: str) -> RememberedService:
    answer = more["ecs"].describe_services(cluster=cluster, services=[name])
    found = [each for each in answer["services"] if each["status"] == "ACTIVE"]
    if not found:
        raise ConfigError(f'expected the ECS service "{cluster}/{name}", found none: correct cutover.services')
    return RememberedService(cluster, name, int(found[0]["desiredCount"]), _scaling(more, f"{cluster}/{name}"))


def _scaling(more: Mapping[str, Any], name: str) -> Scaling | None:
    found = more["application-autoscaling"].describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[f"service/{name}"], ScalableDimension=ECS_DIMENSION
    )["ScalableTargets"]
    if not found:
        return None
    suspended = found[0].get("SuspendedState") or {}
    first, second, third = (bool(suspended.get(kind)) for kind in _KINDS)
    return Scaling(int(found[0]["MinCapacity"]), int(found[0]["MaxCapacity"]), (first, second, third))


def suspend(env: Environment, opening: Opening) -> dict[str, Any]:
    """Suspend all scaling, and verify that it is suspended."""
    for call in calls(opening, "suspend-scaling"):
        env.perform(call)
    for each in opening.services:
        now = _scaling(env.more_clients, each.name)
        if now is not None and now.suspended != (True, True, True):
            raise DrillError(f"expected the scaling of {each.name} to be suspended, found {now.suspended}: suspend it")
    scaled = [each.name for each in opening.services if each.scaling]
    return {"suspended": scaled}


def stop(env: Environment, opening: Opening) -> dict[str, Any]:
    """Set every count to 0 and wait until no task is left. Raises DrillError where something raises a count again."""
    for each in opening.services:
        if _describe(env, each)["desiredCount"]:
            env.perform(count_call(each, 0))
    for each in opening.services:
        _wait_for_none(env, each)
    return {"stopped": {each.name: each.desired for each in opening.services}}


def _wait_for_none(env: Environment, service: RememberedService) -> None:
    def none_left() -> bool:
        seen = _describe(env, service)
        if seen["desiredCount"]:
            raise DrillError(
                f"expected the desired count of {service.name} to stay 0, found that something has raised it to "
                f"{seen['desiredCount']}: find who does (scaling policies, a deployment, a schedule) and stop that"
            )
        return not (seen["runningCount"] or seen["pendingCount"] or tasks(env, service))

    seconds = env.config.service_timeout.total_seconds()
    command = f"aws ecs list-tasks --cluster {service.cluster} --service-name {service.service}"
    advice = f"find out why they do not stop ({command}), or raise {env.service_key}"
    env.wait(none_left, seconds, f"no task of {service.name} to be left", advice)


def _describe(env: Environment, service: RememberedService) -> dict[str, Any]:
    answer = env.client("ecs").describe_services(cluster=service.cluster, services=[service.service])
    if not answer["services"]:
        raise DrillError(f"expected the service {service.name}, found that it is gone: make it again, then resume")
    described: dict[str, Any] = answer["services"][0]
    return described


def tasks(env: Environment, service: RememberedService) -> list[str]:
    """Return the tasks of a service that have not stopped, those that are still stopping too."""
    ecs = env.client("ecs")
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
        described = ecs.describe_tasks(cluster=service.cluster, tasks=found[start : start + 100])["tasks"]
        left += [str(each["taskArn"]) for each in described if each["lastStatus"] != "STOPPED"]
    return left


def resume_scaling(env: Environment, opening: Opening) -> dict[str, Any]:
    """Give each service the scaling that it had."""
    for call in calls(opening, "resume-scaling"):
        env.perform(call)
    return {"resumed": [each.name for each in opening.services if each.scaling]}


def start(env: Environment, opening: Opening, *, wait: bool = True) -> dict[str, Any]:
    """Ask for the remembered counts, and wait until as many tasks run; `wait` False: without a database none may stay."""
    for each in opening.services:
        if _describe(env, each)["desiredCount"] < each.desired:
            env.perform(count_call(each, each.desired))

    if not wait:
        return {"counts": {each.name: each.desired for each in opening.services}}

    def running() -> bool:
        return all(_describe(env, each)["runningCount"] >= each.desired for each in opening.services)

    seconds = env.config.service_timeout.total_seconds()
    env.wait(
        running,
        seconds,
        "the tasks of the services to run",
        f"read the services' events for why they do not, or raise {env.service_key}",
    )
    return {"counts": {each.name: each.desired for each in opening.services}}


# -- the public address -----------------------------------------------------------------------------------------------


def wait_until_closed(env: Environment, opening: Opening) -> dict[str, Any]:
    """Wait until the public address answers 503 several times in a row."""
    _wait_for_answer(
        env, opening, lambda status, _: status == 503, "503", "find what still answers there (CDN, other services)"
    )
    return {"address": 503}


def wait_until_open(env: Environment, opening: Opening, marker: str) -> dict[str, Any]:
    """Wait until it answers 200, with the marker in the answer where there is one."""
    what = "200 with the restored data" if marker else "200"
    _wait_for_answer(
        env,
        opening,
        lambda status, body: status == 200 and marker in body,
        what,
        "read the tasks' logs, and check whether the application connects to the restored instance",
    )
    return {"address": 200, "marker_seen": bool(marker)}


def _wait_for_answer(env: Environment, opening: Opening, right: Any, what: str, advice: str) -> None:
    seen: list[str] = []
    in_a_row = 0

    def there() -> bool:
        nonlocal in_a_row
        status, body = env.watch.ask(opening.public_url)
        seen[:] = [f"{status or 'none'}, {' '.join(body[:120].split())}"]
        in_a_row = in_a_row + 1 if right(status, body) else 0
        return in_a_row >= _CONSECUTIVE_ANSWERS

    seconds = env.config.service_timeout.total_seconds()
    try:
        env.wait(there, seconds, f"{opening.public_url} to answer {what}", f"{advice}, or raise {env.service_key}")
    except DrillError as error:
        last = seen[-1] if seen else "nothing"
        raise type(error)(f"{error} (last answer: {last})") from error
