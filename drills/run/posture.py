"""The posture of a run's target, judged once for the promises of features/backup/."""

from __future__ import annotations

from pathlib import Path

from drills.aws import settings
from drills.clock import SystemClock
from drills.model.finding import CheckResult
from drills.posture import judge
from drills.posture.read import look
from drills.run import context


def judge_run(folder: Path) -> tuple[CheckResult, ...]:
    """Every result. The configuration is kept with the run, and outside of a simulation where `drills posture` keeps it."""
    effective = context.read(folder).effective()
    clients, restore = context.identified_clients(effective, context.service_of(folder))
    store = folder / "posture" if effective.simulated else settings.FOLDER
    facts = look(clients, restore, effective.target, store, SystemClock().now())
    return judge.judge(facts)
