"""Elastic Load Balancing (v2) as moto has it, with a front door that answers for each application load balancer.

The load balancer's DNSName is `localhost:<port>`: `http://<DNSName>/` works on this machine for as long as it exists.
The door is open while it has an HTTP listener; the one with the lowest port decides. HTTPS and TCP listeners are kept
and shown, and nothing answers for them.
"""

from __future__ import annotations

import itertools
from typing import Any

import moto.elbv2.urls
from moto.elbv2.exceptions import TargetGroupNotFoundError
from moto.elbv2.models import ELBv2Backend, FakeHealthStatus, FakeListener, FakeLoadBalancer, elbv2_backends

from drills.sandbox.service.front_door import Fixed, Forward, FrontDoor, page
from drills.sandbox.service.listener_rules import Asked, action_for, groups_of, location, turn
from drills.sandbox.service.targets import HealthCheck, Target, TargetBook
from drills.sandbox.state import DataPlane

_IDLE_TIMEOUT = 60.0  # seconds; the attribute idle_timeout.timeout_seconds changes it


class SandboxELB(ELBv2Backend):
    """The load balancers of one region. The class attributes are set once, before the first request."""

    plane: DataPlane
    book: TargetBook
    doors: dict[str, FrontDoor]

    @property
    def _url_module(self) -> Any:
        return moto.elbv2.urls

    def create_load_balancer(self, *more: Any, **rest: Any) -> FakeLoadBalancer:
        """CreateLoadBalancer: its port is held from now on."""
        balancer = super().create_load_balancer(*more, **rest)
        if balancer.type == "application":
            requests = itertools.count()
            door = FrontDoor(lambda asked, query, port: self._decide(balancer, asked, (query, port), next(requests)))
            self.doors[balancer.arn] = door
            balancer.dns_name = f"localhost:{door.port}"
        return balancer

    def delete_load_balancer(self, arn: str) -> None:
        """DeleteLoadBalancer: its port refuses and is given back."""
        super().delete_load_balancer(arn)
        for group in self.target_groups.values():
            group.load_balancer_arns = [each for each in group.load_balancer_arns if each != arn]
        if door := self.doors.pop(arn, None):
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
        if door := self.doors.get(arn):
            if self._listener(self.load_balancers[arn]) is None:
                door.shut()
            else:
                door.open()

    def _listener(self, balancer: FakeLoadBalancer) -> FakeListener | None:
        of_http = [each for each in list(balancer.listeners.values()) if each.protocol == "HTTP"]
        return min(of_http, key=lambda each: int(each.port), default=None)

    # called in the door's threads, without the data plane's lock: a request must not wait for a backup
    def _decide(self, balancer: FakeLoadBalancer, asked: Asked, wire: tuple[str, int], number: int) -> Forward | Fixed:
        listener = self._listener(balancer)
        rules = [(each.priority, each.conditions, each.actions) for each in listener.rules.values()] if listener else []
        action = action_for(rules, asked)
        if action is None:
            return page(503)
        match action.type:
            case "forward":
                return self._forward(balancer, turn(groups_of(action.data), number), number)
            case "fixed-response":
                said = action.data["FixedResponseConfig"]
                kind = said.get("ContentType") or "text/plain"
                return Fixed(
                    int(said["StatusCode"]), str(said.get("MessageBody") or "").encode(), f"{kind}; charset=utf-8"
                )
            case "redirect":
                said = action.data["RedirectConfig"]
                status = int(str(said.get("StatusCode", "HTTP_302")).removeprefix("HTTP_"))
                return Fixed(status, b"", "text/html", location(said, asked, wire[1], wire[0]))
        return page(503)

    def _forward(self, balancer: FakeLoadBalancer, group: str | None, number: int) -> Forward | Fixed:
        targets = [each for each in self.book.of_group(group or "") if each.state in ("healthy", "unhealthy")]
        # "If a target group contains only unhealthy registered targets, the load balancer routes requests to all"
        able = [each for each in targets if each.state == "healthy"] or targets
        if not able:
            return page(503)
        idle = float(balancer.attrs.get("idle_timeout.timeout_seconds") or _IDLE_TIMEOUT)
        return Forward(able[number % len(able)].local_port, idle)

    def describe_target_health(self, target_group_arn: str, targets: list[dict[str, Any]]) -> list[FakeHealthStatus]:
        """DescribeTargetHealth: of the tasks behind the group, and of what was registered by hand.

        What was registered by hand is no process of this sandbox: nothing answers there.
        """
        group = self.target_groups.get(target_group_arn)
        if group is None:
            raise TargetGroupNotFoundError()
        used = self._any_listener_using(target_group_arn)
        mine = self.book.of_group(target_group_arn)
        by_hand = [
            Target(target_group_arn, "", each["Id"], int(each["Port"] or 0), 0, "unhealthy", *_UNANSWERED)
            for each in group.targets.values()
        ]
        there = [*mine, *by_hand]
        asked = [(each["Id"], each.get("Port")) for each in targets or ()]
        wanted = [each for each in there if not asked or any(_is(each, *pair) for pair in asked)]
        strange = [(name, port) for name, port in asked if not any(_is(each, name, port) for each in there)]
        shown = [_status(each, used, group.health_check_port) for each in wanted]
        for name, port in strange:
            health = group.health_for({"Id": name, "Port": port or group.port}, self.ec2_backend)
            health.status = "unused"
            shown.append(health)
        return shown


_UNANSWERED = ("Target.Timeout", "Request timed out")


def _is(target: Target, name: str, port: Any) -> bool:
    return target.id == name and (port is None or int(port) == target.port)


def _status(target: Target, used: bool, check_port: str | None) -> FakeHealthStatus:
    state, reason, description = target.state, target.reason, target.description
    if not used:
        state, reason = "unused", "Target.NotInUse"
        description = "Target group is not configured to receive traffic from the load balancer"
    return FakeHealthStatus(
        target.id, str(target.port), _port_shown(check_port, target), state, reason or None, description or None
    )


def _port_shown(check_port: str | None, target: Target) -> str:
    return str(target.port) if check_port in (None, "traffic-port") else str(check_port)


def health_check_of(arn: str) -> HealthCheck:
    """What a target group asks of its targets; the usual where the group is gone."""
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


def install(plane: DataPlane, book: TargetBook) -> None:
    """Make this the Elastic Load Balancing of moto; before its first request."""
    doors: dict[str, FrontDoor] = {}
    SandboxELB.plane, SandboxELB.book, SandboxELB.doors = plane, book, doors

    def close_all() -> None:
        for door in list(doors.values()):
            door.close()

    plane.at_end(close_all)
    elbv2_backends.backend = SandboxELB
    elbv2_backends.clear()
