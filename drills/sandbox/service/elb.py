"""Elastic Load Balancing (v2): moto's backend with a front door for each application load balancer.

The load balancer's DNSName is `localhost:<port>`: `http://<DNSName>/` works on this machine for as long as it exists.
The door is open while the load balancer has an HTTP listener; the listener with the lowest port decides. HTTPS and TCP
listeners are stored and described, and nothing answers for them.
"""

from __future__ import annotations

import itertools
from typing import Any

import moto.elbv2.urls
from moto.elbv2.exceptions import TargetGroupNotFoundError
from moto.elbv2.models import ELBv2Backend, FakeHealthStatus, FakeListener, FakeLoadBalancer, elbv2_backends

from drills.sandbox.base.moto_backends import install_backend
from drills.sandbox.service.front_door import Fixed, Forward, FrontDoor, error_page
from drills.sandbox.service.listener_rules import (
    HttpRequest,
    action_for,
    choose_group,
    redirect_location,
    weighted_groups,
)
from drills.sandbox.service.targets import HealthCheck, Target, TargetRegistry
from drills.sandbox.state import DataPlane

_IDLE_TIMEOUT = 60.0  # seconds; the attribute idle_timeout.timeout_seconds changes it


class SandboxELB(ELBv2Backend):
    """The load balancers of one region; `doors` has the front doors of all regions by their load balancers' ARNs."""

    def __init__(
        self, region_name: str, account_id: str, *, targets: TargetRegistry, doors: dict[str, FrontDoor]
    ) -> None:
        super().__init__(region_name, account_id)
        self._targets = targets
        self._doors = doors

    @property
    def _url_module(self) -> Any:
        return moto.elbv2.urls

    def create_load_balancer(self, *more: Any, **rest: Any) -> FakeLoadBalancer:
        """CreateLoadBalancer: takes a port, which refuses until there is a listener."""
        balancer = super().create_load_balancer(*more, **rest)
        if balancer.type == "application":
            requests = itertools.count()
            door = FrontDoor(lambda request: self._decide(balancer, request, next(requests)))
            self._doors[balancer.arn] = door
            balancer.dns_name = f"localhost:{door.port}"
        return balancer

    def delete_load_balancer(self, arn: str) -> None:
        """DeleteLoadBalancer: releases its port."""
        super().delete_load_balancer(arn)
        for group in self.target_groups.values():
            group.load_balancer_arns = [each for each in group.load_balancer_arns if each != arn]
        if door := self._doors.pop(arn, None):
            door.close()

    def create_listener(self, *more: Any, **rest: Any) -> FakeListener:
        """CreateListener: the first one of HTTP opens the door."""
        listener = super().create_listener(*more, **rest)
        self._open_or_shut(listener.load_balancer_arn)
        return listener

    def delete_listener(self, listener_arn: str) -> FakeListener:
        """DeleteListener: the last one of HTTP shuts the door."""
        listener = super().delete_listener(listener_arn)
        self._open_or_shut(listener.load_balancer_arn)
        return listener

    def modify_listener(self, *more: Any, **rest: Any) -> FakeListener:
        """ModifyListener."""
        listener = super().modify_listener(*more, **rest)
        self._open_or_shut(listener.load_balancer_arn)
        return listener

    def _open_or_shut(self, arn: str) -> None:
        if door := self._doors.get(arn):
            if self._listener(self.load_balancers[arn]) is None:
                door.shut()
            else:
                door.open()

    def _listener(self, balancer: FakeLoadBalancer) -> FakeListener | None:
        of_http = [each for each in list(balancer.listeners.values()) if each.protocol == "HTTP"]
        return min(of_http, key=lambda each: int(each.port), default=None)

    # called in the door's threads, without the data plane's lock: a request must not wait for a backup
    def _decide(self, balancer: FakeLoadBalancer, request: HttpRequest, number: int) -> Forward | Fixed:
        listener = self._listener(balancer)
        rules = [(each.priority, each.conditions, each.actions) for each in listener.rules.values()] if listener else []
        action = action_for(rules, request)
        if action is None:
            return error_page(503)
        match action.type:
            case "forward":
                return self._forward(balancer, choose_group(weighted_groups(action.data), number), number)
            case "fixed-response":
                config = action.data["FixedResponseConfig"]
                kind = config.get("ContentType") or "text/plain"
                return Fixed(
                    int(config["StatusCode"]), str(config.get("MessageBody") or "").encode(), f"{kind}; charset=utf-8"
                )
            case "redirect":
                config = action.data["RedirectConfig"]
                status = int(str(config.get("StatusCode", "HTTP_302")).removeprefix("HTTP_"))
                return Fixed(status, b"", "text/html", redirect_location(config, request))
        return error_page(503)

    def _forward(self, balancer: FakeLoadBalancer, group: str | None, number: int) -> Forward | Fixed:
        targets = [each for each in self._targets.of_group(group or "") if each.state in ("healthy", "unhealthy")]
        # "If a target group contains only unhealthy registered targets, the load balancer routes requests to all"
        eligible = [each for each in targets if each.state == "healthy"] or targets
        if not eligible:
            return error_page(503)
        idle = float(balancer.attrs.get("idle_timeout.timeout_seconds") or _IDLE_TIMEOUT)
        return Forward(eligible[number % len(eligible)].local_port, idle)

    def describe_target_health(self, target_group_arn: str, targets: list[dict[str, Any]]) -> list[FakeHealthStatus]:
        """DescribeTargetHealth: of the group's tasks, and of targets that RegisterTargets added.

        The latter are no processes of this sandbox: nothing answers there, and they are unhealthy.
        """
        group = self.target_groups.get(target_group_arn)
        if group is None:
            raise TargetGroupNotFoundError()
        used = self._any_listener_using(target_group_arn)
        registered = [
            Target(target_group_arn, "", each["Id"], int(each["Port"] or 0), 0, "unhealthy", *_UNANSWERED)
            for each in group.targets.values()
        ]
        known = [*self._targets.of_group(target_group_arn), *registered]
        named = [(each["Id"], each.get("Port")) for each in targets or ()]
        chosen = [each for each in known if not named or any(_is(each, *pair) for pair in named)]
        unknown = [(name, port) for name, port in named if not any(_is(each, name, port) for each in known)]
        answer = [_status(each, used, group.health_check_port) for each in chosen]
        for name, port in unknown:
            health = group.health_for({"Id": name, "Port": port or group.port}, self.ec2_backend)
            health.status = "unused"
            answer.append(health)
        return answer


_UNANSWERED = ("Target.Timeout", "Request timed out")


def _is(target: Target, name: str, port: Any) -> bool:
    return target.id == name and (port is None or int(port) == target.port)


def _status(target: Target, used: bool, check_port: str | None) -> FakeHealthStatus:
    state, reason, description = target.state, target.reason, target.description
    if not used:
        state, reason = "unused", "Target.NotInUse"
        description = "Target group is not configured to receive traffic from the load balancer"
    return FakeHealthStatus(
        target.id, str(target.port), _check_port(check_port, target), state, reason or None, description or None
    )


def _check_port(check_port: str | None, target: Target) -> str:
    return str(target.port) if check_port in (None, "traffic-port") else str(check_port)


def health_check_of(arn: str) -> HealthCheck:
    """Return the health check of a target group; the default one for a group that is deleted."""
    region, account = arn.split(":")[3:5]
    group = elbv2_backends[account][region].target_groups.get(arn)
    if group is None:
        return HealthCheck()
    matcher = getattr(group, "matcher", None) or {}
    return HealthCheck(
        group.health_check_path or "/",
        str(matcher.get("HttpCode") or "200"),
        int(group.healthy_threshold_count or 5),
        int(group.unhealthy_threshold_count or 2),
    )


def install(plane: DataPlane, targets: TargetRegistry) -> None:
    """Make this the Elastic Load Balancing of moto; before its first request."""
    doors: dict[str, FrontDoor] = {}

    def close_all() -> None:
        for door in list(doors.values()):
            door.close()

    plane.at_end(close_all)
    install_backend(elbv2_backends, SandboxELB, targets=targets, doors=doors)
