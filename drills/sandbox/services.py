"""Puts ECS together: tasks are targets of what stands before them."""

from __future__ import annotations

from drills.sandbox import ecs
from drills.sandbox.state import DataPlane
from drills.sandbox.targets import HealthCheck, TargetBook


def install(plane: DataPlane) -> None:
    """Make this the ECS of moto; before its first request."""
    book = TargetBook(plane, lambda _group: HealthCheck(), ecs.task_changed)
    ecs.install(plane, plane.state / "tls" / "ca.pem", book)
