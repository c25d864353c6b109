"""How many targets of a fleet are drilled at once, and how often all of them together may ask AWS."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping

from drills.config.load import AwsProfile, Config, SandboxProfile

AT_ONCE_ELSEWHERE = 4  # outside of the sandbox: restores at once, each of an instance that AWS bills
CALLS_PER_SECOND = 10.0  # of a fleet on AWS; RDS lets an account ask 12 times a second (drills/aws/calls/limit.py)


def at_once(options: argparse.Namespace, configs: Mapping[str, Config]) -> int:
    """Return how many targets are drilled at once: as asked, else one a processor in the sandbox, and four elsewhere."""
    if options.parallel:
        return int(options.parallel)
    sandboxed = all(isinstance(each.profile, SandboxProfile) for each in configs.values())
    return len(os.sched_getaffinity(0)) if sandboxed and hasattr(os, "sched_getaffinity") else AT_ONCE_ELSEWHERE


def calls_per_second(config: Config) -> float | None:
    """Return how often the fleet may ask AWS in a second."""
    if isinstance(config.profile, SandboxProfile):
        return None
    given = config.profile.calls_per_second
    return given or (CALLS_PER_SECOND if isinstance(config.profile, AwsProfile) else None)
