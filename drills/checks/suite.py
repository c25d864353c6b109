"""Run the checks of a restored copy in their order: those that block, and those that run after RTA has stopped.

Each inspects every database in a transaction of its own and is judged against the manifest. Without a manifest a check
that needs one is "not verified", never met.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection
from datetime import datetime

from drills.checks.base import copy_code
from drills.checks.base.pool import pooled
from drills.checks.base.runner import NO_MANIFEST, timed
from drills.checks.base.session import Connector, database_names, snapshot
from drills.checks.canary import chain
from drills.checks.comparison import CheckRun, Comparison
from drills.checks.manifest_checks import entered_all
from drills.checks.observed import Took
from drills.checks.registry import CHECKS, CONNECTION
from drills.model.finding import CheckResult
from drills.model.policy import BLOCKING

__all__ = ["CONNECTION", "NO_MANIFEST", "Comparison", "blocking", "newest_canary", "remaining", "run"]


def blocking(comparison: Comparison, names: Collection[str] = BLOCKING) -> tuple[CheckResult, ...]:
    """Run the checks that must pass before a copy counts as usable: the connection, then those of `names`.

    Where a database cannot be entered, only those that the caller supplies are run after it.
    """
    with pooled(comparison.connect, comparison.clock) as connect:
        comparison = dataclasses.replace(comparison, connect=connect)
        (connection,) = run(comparison, (CONNECTION,))
        later = [name for name in names if name != CONNECTION]
        if not entered_all(connection):
            later = [name for name in later if name in comparison.supplied]
        results = (connection, *run(comparison, later))
    return tuple(dataclasses.replace(result, blocking=True) for result in results)


def remaining(comparison: Comparison, blocked: Collection[str] = BLOCKING) -> tuple[CheckResult, ...]:
    """Run the checks that are not in `blocked`, where those have been run before.

    Among them are the content of every table and large object, whether the copy is harmless, and the checks that need
    no manifest.
    """
    return run(comparison, [check.name for check in CHECKS if check.name not in {*blocked, CONNECTION}])


def run(comparison: Comparison, names: Collection[str]) -> tuple[CheckResult, ...]:
    """Run those of the named checks that apply to the comparison, in the registry's order."""
    with pooled(comparison.connect, comparison.clock) as connect:
        current = CheckRun(dataclasses.replace(comparison, connect=connect))
        observations = comparison.observations
        for check in CHECKS:
            if check.name not in names or not check.applies(comparison):
                continue
            observations.statements.check = check.name
            if check.name in comparison.supplied:  # whoever supplies a check times it
                current.results[check.name] = check.run(current)
            else:
                result = timed(comparison.clock, check.name, functools.partial(check.run, current), current.note_result)
                current.results[check.name] = result
                if check.name not in current.observed:
                    current.note_result(result)
                observations.note(check.name, "", Took(result.seconds))
    return tuple(current.results.values())


def newest_canary(connect: Connector) -> datetime | None:
    """Return the newest instant that a canary proves to be in the copy, over all databases; None without a canary."""
    newest = []
    for name in database_names(connect):
        with snapshot(connect, name) as connection:
            code = copy_code.find(connection, trusted=False)
            state = None if chain.unsafe(code) else chain.observe(connection)
        newest += [state.newest_at] if state else []
    return max(newest, default=None)
