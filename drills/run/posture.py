"""Judges the posture of a run's target, for the scenarios of features/backup/."""

from __future__ import annotations

from pathlib import Path

from drills.aws import settings
from drills.aws.recorder import CallRecorder
from drills.clock import SystemClock
from drills.model.finding import CheckResult
from drills.objectives import acknowledged
from drills.posture import judge
from drills.posture.observed import PostureSeen
from drills.posture.read import store_and_read
from drills.run import context


def judge_run(folder: Path) -> tuple[CheckResult, ...]:
    """Return every result. The configuration is kept with the run, and outside of a simulation where `drills posture` keeps it."""
    effective = context.read(folder).effective()
    clients, restore = context.identified_clients(
        effective, context.local_aws_of(folder), CallRecorder(folder, "features")
    )
    store = folder / "posture" if effective.simulated else settings.FOLDER
    now = SystemClock().now()
    facts = store_and_read(clients, restore, effective.target, store, now)
    results = acknowledged.acknowledge(judge.judge(facts), effective.target.known_differences(), now.date())
    context.observations_of(folder).note("", "", PostureSeen(now, facts.stored, results))
    return results
