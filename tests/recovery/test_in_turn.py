"""A drill within a budget goes by what earlier drills of its target have proved, and records what it has proved itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

import pytest

from drills.checks import manifest, suite
from drills.checks.base.session import SingleDatabase
from drills.checks.comparison import Comparison
from drills.checks.registry import CHECKS
from drills.clock import SystemClock
from drills.config.target import Target
from drills.history import coverage as kept
from drills.model.coverage import Coverage
from drills.model.finding import CheckResult
from drills.recovery.manifest import in_turn
from drills.recovery.setup import Setup
from drills.replay.recovery import Recovery
from drills.sandbox.postgres.cluster import Cluster
from tests.support.clock import NOON
from tests.support.cluster import default, state
from tests.support.replayed import evidence

__all__ = ["default", "state"]
pytestmark = pytest.mark.postgres
TABLES = "create table a (id int primary key); insert into a values (1), (2); create table b as select * from a"


class ContentAlone:
    """The check of the content, and no other."""

    def blocking(self, comparison: Comparison, names: Collection[str] = ()) -> tuple[CheckResult, ...]:
        """No check blocks."""
        return ()

    def remaining(self, comparison: Comparison, blocked: Collection[str] = ()) -> tuple[CheckResult, ...]:
        """The content."""
        return suite.remaining(comparison, {each.name for each in CHECKS} - {"content"})

    def newest_canary(self, connect: object) -> None:
        """There is no canary."""


def setup(run_id: str, target: Target, history: Path | None) -> Setup:
    """A drill of the target that has come to its comparison."""
    made = evidence()
    record = dataclasses.replace(made.record, run_id=run_id, partial=False, interrupted_by="")
    found = Recovery(made).setup("content", NOON, record)
    return dataclasses.replace(found, target=target, clock=SystemClock(), history=history)


def test_what_one_drill_has_proved_the_next_one_knows(default: Cluster, tmp_path: Path) -> None:
    """By the file beside the history; a target without a budget keeps nothing, and a file that cannot be read is a note."""
    with default.connect() as session:
        session.execute(TABLES.encode())
    connect = SingleDatabase(default.connect, "postgres")
    taken = manifest.take(connect)

    def drill(run_id: str, target: Target, history: Path | None = tmp_path / "history.jsonl") -> Setup:
        made = setup(run_id, target, history)
        in_turn.run_remaining(made, ContentAlone(), Comparison(connect, taken, made.clock))
        return made

    sample = Target(instance="orders", tier="sample")
    first = drill("run-1", sample).journal.record
    assert first.coverage
    assert first.coverage.is_full_proof
    assert first.coverage.budget_seconds == timedelta(minutes=5).total_seconds()
    assert kept.keep(tmp_path / "history.jsonl", first, SystemClock()) == ""

    short = Target.model_validate({"instance": "orders", "content_budget": "1ms"})
    second = drill("run-2", short).journal.record
    assert second.coverage
    assert [(each.proof.run_id, each.tables) for each in second.coverage.whole] == [("run-1", ("public.a", "public.b"))]
    assert (second.coverage.whole_now, second.coverage.unproved, second.coverage.outlook.drills) == (0, (), 0)

    unknown: Coverage | None = drill("run-3", short, None).journal.record.coverage
    assert unknown
    assert unknown.unproved == ("public.a", "public.b")
    assert drill("run-4", Target(instance="orders")).journal.record.coverage is None
    (tmp_path / kept.FILE).write_text("none\n", encoding="utf-8")
    assert any("could not be read" in note for note in drill("run-5", short).journal.record.notes)
