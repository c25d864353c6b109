"""Objectives against actuals, and the exit codes that follow."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.model.finding import Verdict
from drills.model.instance import Resource
from drills.model.record import Failure, Promise, RunRecord
from drills.model.timing import Measurement, Objectives, Phase
from drills.objectives.recovery_time import measure_rta
from drills.objectives.verdicts import exit_codes, judge_rto

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEPT = Promise("a", "feature", "kept", "passed")
RECORD = RunRecord(1, "run", "sandbox", True, NOON, "0", promises=(KEPT,), pytest_status=0)


def phases(*lengths: float) -> tuple[Phase, ...]:
    """Contiguous phases: the first and the last outside the recovery, the others inside."""
    made, at = [], 0.0
    for number, seconds in enumerate(lengths):
        start, at = at, at + seconds
        inside = 0 < number < len(lengths) - 1
        made.append(
            Phase(
                f"phase {number}",
                NOON + timedelta(seconds=start),
                start,
                NOON + timedelta(seconds=at),
                at,
                "rta" if inside else "",
            )
        )
    return tuple(made)


@given(st.lists(st.floats(min_value=0.001, max_value=1e5), min_size=3, max_size=9))
def test_rta_is_the_sum_of_the_phases_that_count(lengths: list[float]) -> None:
    """RTA adds up the phases from the clock's start to the last blocking check and no other."""
    measured = measure_rta(phases(*lengths))

    assert measured.seconds == pytest.approx(sum(lengths[1:-1]), rel=1e-6)


def test_the_slowest_phase_is_named() -> None:
    """Whoever must shorten a recovery is told where the time went."""
    began, ended = NOON + timedelta(seconds=9), NOON + timedelta(seconds=17)
    told = "usable after 8.0 s; slowest phase 'phase 2', 5.0 s"

    assert measure_rta(phases(9, 1, 5, 2, 9)) == Measurement(
        "RTA", 8.0, began, ended, "own clock, monotonic", told, "phase 2"
    )
    assert measure_rta(phases(9, 0, 0.5, 9)).slowest_phase == "phase 2"
    assert measure_rta(phases(9, 0, 9)).sentence == "usable after 0.0 s; slowest phase 'phase 1', 0.0 s"


def test_no_recovery_means_rta_not_measured() -> None:
    """Without a counted phase there is no number, and a required objective is not verified."""
    nothing = Measurement("RTA", None, None, None, "own clock", "RTA was not measured: no recovery took place")
    verdict = judge_rto(measure_rta(()), Objectives(60, None))

    assert measure_rta(()) == nothing
    assert verdict.outcome == "not verified"


@pytest.mark.parametrize(("objective", "outcome"), [(5.0, "met"), (4.9, "missed")])
def test_an_objective_is_met_up_to_and_including_its_limit(objective: float, outcome: str) -> None:
    """An actual equal to its objective meets it; anything longer misses it."""
    assert judge_rto(measure_rta(phases(1, 5, 1)), Objectives(objective, None)).outcome == outcome


LEFT = {"resources": (Resource("db-instance", "drill-x", "left"),), "pytest_status": 1}


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, (0,)),
        ({"promises": ()}, (12,)),
        ({"promises": (replace(KEPT, outcome="skipped"),)}, (12,)),
        ({"promises": (KEPT, replace(KEPT, outcome="broken"))}, (12,)),
        ({"pytest_status": 1}, (12,)),
        ({"verdicts": (Verdict("rto", "missed", "", exit_code=10),), "pytest_status": 1}, (10,)),
        ({"verdicts": (Verdict("catalog", "missed", ""), Verdict("rpo", "missed", "", exit_code=10))}, (11, 10)),
        ({"verdicts": (Verdict("content", "not verified", ""),)}, (12,)),
        ({"verdicts": (Verdict("amcheck", "not verified", "", "optional"),)}, (0,)),
        ({"resources": (Resource("db-instance", "drill-x", "left"),)}, (13,)),
        ({"resources": (Resource("db-instance", "orders-prod", "in use"),)}, (13,)),
        ({"resources": (Resource("db-instance", "orders-prod-aside-abcd", "kept"),)}, (0,)),
        ({"resources": (Resource("db-instance", "drill-x", "left"),), "pytest_status": 1}, (12, 13)),
        ({**LEFT, "promises": (KEPT, replace(KEPT, outcome="failed", tags=("cleanup",)))}, (13,)),
        ({**LEFT, "promises": (KEPT, replace(KEPT, outcome="failed", tags=("drill",)))}, (12, 13)),
        ({"failures": (Failure("no server", 12),)}, (12,)),
        ({"interrupted_by": "SIGTERM"}, (12,)),
    ],
)
def test_exit_codes_come_from_the_record(changes: dict[str, object], codes: tuple[int, ...]) -> None:
    """Verdicts, failures and what is left decide; pytest's status adds 12 only where nothing else explains it."""
    assert exit_codes(replace(RECORD, **changes)) == codes  # type: ignore[arg-type]


def test_a_small_share_of_an_objective_is_not_rounded_to_nothing() -> None:
    """Two seconds of half an hour are less than a hundredth of it, and not none of it."""
    short = judge_rto(measure_rta((Phase("restore", NOON, 0.0, NOON, 2.0, clock="rta"),)), Objectives(1800.0, None))
    assert short.sentence.endswith("within the RTO of 30 m (less than 0.01x)")
    long = judge_rto(measure_rta((Phase("restore", NOON, 0.0, NOON, 900.0, clock="rta"),)), Objectives(1800.0, None))
    assert long.sentence.endswith("(0.50x)")
