"""The evidence of a small recovery, made with the functions that a drill calls: what was observed, and a record of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.runner import build_result
from drills.checks.observed import Conclusion, Took
from drills.checks.owner import queries
from drills.model.finding import CheckResult, Finding, Verdict
from drills.model.record import SCHEMA_VERSION, Promise, Restoration, RunRecord
from drills.model.timing import Objectives, Phase
from drills.objectives import recovery_time, verdicts
from drills.objectives.recovery_time import DeclaredTime
from drills.recovery.judged import verdict_of
from drills.recovery.observed import Configuration, QueriesSeen
from drills.replay.bundle import Evidence, Observation
from tests.support.clock import NOON

COPY = "drill-1-recovery"
BLOCKING = ("connection", "queries", "invariants")
WARNING = Finding("indexes", "warning", "public.a_key", "valid", "invalid", "the index public.a_key is invalid")
ERROR = Finding("files", "error", "public.a", "8192 bytes", "0 bytes", "public.a is too short: 0 bytes, expected 8192")
OUTCOMES = {
    "connection": CheckOutcome(2),
    "invariants": CheckOutcome(3),
    "indexes": CheckOutcome(7, (WARNING,)),
    "files": CheckOutcome(9, (ERROR,)),
}


def observations() -> tuple[Observation, ...]:
    """What each check observed, as a run notes it."""
    found = [Observation("", "", "", configuration()), Observation(COPY, "queries", "", QueriesSeen((), 0.5))]
    for name, outcome in OUTCOMES.items():
        found.append(Observation(COPY, name, "", Conclusion("objects", verb="checked", outcome=outcome)))
        found.append(Observation(COPY, name, "", Took(0.25)))
    return tuple(found)


def configuration() -> Configuration:
    """A target with an objective, as a run notes it."""
    return Configuration("orders", {"instance": "orders", "rto": "1h"}, "sandbox", "eu-central-1")


def checks() -> tuple[CheckResult, ...]:
    """The results that follow, in their order."""
    results = [dataclasses.replace(queries.judge(()), seconds=0.5)]
    results += [
        dataclasses.replace(build_result(name, outcome, "objects", verb="checked"), seconds=0.25)
        for name, outcome in OUTCOMES.items()
    ]
    order = ["connection", "queries", "invariants", "indexes", "files"]
    blocked = [dataclasses.replace(each, blocking=each.name in BLOCKING) for each in results]
    return tuple(sorted(blocked, key=lambda each: order.index(each.name)))


def record(**changes: Any) -> RunRecord:
    """The record that follows from the observations: verification failed, since a file is too short."""
    phases = (
        Phase("restore", NOON, 0.0, NOON + timedelta(seconds=60), 60.0, "rta"),
        Phase("run the blocking checks", NOON + timedelta(seconds=60), 60.0, NOON + timedelta(seconds=70), 70.0, "rta"),
    )
    restoration = Restoration("recovery", None, COPY, checks=checks())
    goals = Objectives(3600.0, None)
    rta = recovery_time.measure(phases, DeclaredTime(), restoration)
    judged = [recovery_time.judge(rta[0], goals), *_verdicts(restoration.checks)]
    opening = RunRecord(
        SCHEMA_VERSION,
        "1",
        "sandbox",
        True,
        NOON,
        "0",
        objectives=goals,
        phases=phases,
        restorations=(restoration,),
        measurements=rta,
        verdicts=tuple(judged),
        promises=(Promise("id", "feature", "a promise", "failed"),),
        pytest_status=1,
    )
    codes = verdicts.exit_codes(opening)
    return dataclasses.replace(opening, code=codes[0], all_codes=codes, **changes)


def _verdicts(results: Sequence[CheckResult]) -> list[Verdict]:
    return [verdict_of(each, each.requirement) for each in results]


def evidence(known: RunRecord | None = None) -> Evidence:
    """The evidence with its own record, or with another one."""
    return Evidence(known or record(), configuration(), observations(), (), None, None)
