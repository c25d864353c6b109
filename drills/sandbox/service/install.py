"""Puts ECS and the load balancers together: tasks are targets, and targets are what a front door leads to."""

from __future__ import annotations

from drills.sandbox.service import ecs, elb
from drills.sandbox.service.targets import TargetBook
from drills.sandbox.state import DataPlane


def install(plane: DataPlane) -> None:
    """Make these the ECS and the Elastic Load Balancing of moto; before their first request."""
    book = TargetBook(plane, elb.health_check_of, ecs.task_changed)
    ecs.install(plane, plane.state / "tls" / "ca.pem", book)
    elb.install(plane, book)
