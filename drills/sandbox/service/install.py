"""Builds ECS and the load balancers: tasks register as targets, and a load balancer forwards requests to its targets."""

from __future__ import annotations

from drills.sandbox.service import ecs, elb
from drills.sandbox.service.targets import TargetRegistry
from drills.sandbox.service.task_life import TaskHost, TaskLives
from drills.sandbox.service.task_process import ProcessStarter
from drills.sandbox.state import DataPlane


def install(plane: DataPlane) -> None:
    """Make these the ECS and the Elastic Load Balancing of moto; before their first request."""
    lives = TaskLives(plane)
    targets = TargetRegistry(plane, elb.health_check_of, lives.targets_changed)
    host = TaskHost(plane, ProcessStarter(plane.user), targets, plane.state / "tls" / "ca.pem")
    ecs.install(host, lives)
    elb.install(plane, targets)
