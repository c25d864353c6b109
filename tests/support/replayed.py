"""The evidence of a small recovery, made with the functions that a drill calls: what was observed, and a record of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from drills.aws.guarded.names import ScratchNames
from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.runner import build_result
from drills.checks.observed import Conclusion, Took, adapter_of
from drills.checks.owner import queries
from drills.evidence.folder import sha256
from drills.evidence.start import config_json, start_json, summary_of
from drills.model.evidence import EvidenceSummary
from drills.model.finding import CheckResult, Finding, Verdict
from drills.model.instance import Resource
from drills.model.record import SCHEMA_VERSION, Promise, Restoration, RunRecord, TargetSummary
from drills.model.timing import Moment, Objectives, OperationCalls, Phase
from drills.objectives import recovery_time, verdicts
from drills.objectives.recovery_time import DeclaredTime
from drills.record import to_json
from drills.recovery.judged import verdict_of
from drills.recovery.observed import Configuration, QueriesSeen
from drills.replay.bundle import Announced, Evidence, Observation
from drills.replay.shapes import Feature, Scenario, Step
from tests.support.clock import NOON
from tests.support.ledger import draft

COPY = ScratchNames.of("1", "recovery").instance
IDENTITY = "db-AAAAAAAAAAAAAAAAAAAAAAAAAA"
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
        Phase("request the restore", NOON, 0.0, NOON + timedelta(seconds=5), 5.0, "rta"),
        Phase("restore", NOON + timedelta(seconds=5), 5.0, NOON + timedelta(seconds=60), 60.0, "rta"),
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
        target=TargetSummary("orders", "orders", None),
        promises=(Promise("id", "feature", "a promise", "failed", tags=("drill",)),),
        resources=(Resource("db-instance", COPY, "gone", resource_id=IDENTITY),),
        aws_calls=(OperationCalls("rds.RestoreDBInstanceFromDBSnapshot", 1, 2),),
        moments=(Moment("blocking checks passed", NOON + timedelta(seconds=70), "own clock", 70.0),),
        ended_at=NOON + timedelta(seconds=70),
        wall_seconds=70.0,
        evidence=EvidenceSummary("sandbox-orders", 1),
        pytest_status=1,
    )
    codes = verdicts.exit_codes(opening)
    place = summary_of(draft(opening), digest_of(opening), "")
    return dataclasses.replace(opening, code=codes[0], all_codes=codes, evidence=place, **changes)


def digest_of(known: RunRecord) -> str:
    """The digest of the start record."""
    return sha256(start_json(draft(known)))


def calls() -> tuple[dict[str, Any], ...]:
    """The request for the copy, as the run noted it."""
    call = {
        "number": 1,
        "operation": "rds.RestoreDBInstanceFromDBSnapshot",
        "at": (NOON + timedelta(seconds=4)).isoformat(),
        "side": "source",
        "region": "eu-central-1",
        "process": "features",
        "for": "features",
        "parameters": {"DBInstanceIdentifier": COPY, "DBSnapshotIdentifier": "snapshot"},
        "status": 200,
        "request_id": "1",
        "error": None,
        "repeated": 2,
        "answer": {
            "DBInstance": {
                "DBInstanceIdentifier": COPY,
                "DbiResourceId": IDENTITY,
                "DBInstanceStatus": "creating",
            }
        },
    }
    return (call,)


def scenarios() -> list[Feature]:
    """What pytest-bdd wrote."""
    steps: list[Step] = [{"result": {"status": "failed"}}]
    promise: Scenario = {"name": "a promise", "id": "id", "tags": [{"name": "drill"}], "steps": steps}
    return [{"name": "feature", "elements": [promise]}]


def _verdicts(results: Sequence[CheckResult]) -> list[Verdict]:
    return [verdict_of(each, each.requirement) for each in results]


def evidence(known: RunRecord | None = None) -> Evidence:
    """The evidence with its own record, or with another one."""
    own = record()
    start, config = Announced(draft(own), digest_of(own)), config_json(own.settings)
    return Evidence(known or own, configuration(), observations(), calls(), None, scenarios(), start, config)


def written(folder: Path) -> Path:
    """The evidence as the files of a folder, which is made."""
    known = record()
    noted = [
        {
            "copy": each.copy,
            "check": each.check,
            "database": each.database,
            "kind": each.seen.KIND,
            "value": adapter_of(type(each.seen)).dump_python(each.seen, mode="json"),
        }
        for each in observations()
    ]
    (folder / "raw/aws").mkdir(parents=True)
    operation = {"operation": calls()[0]["operation"], "calls": calls()}
    (folder / "raw/aws/0001-RestoreDBInstanceFromDBSnapshot.json").write_text(json.dumps(operation))
    (folder / "drill.json").write_text(to_json(known))
    (folder / "start.json").write_bytes(start_json(draft(known)))
    (folder / "config.json").write_bytes(config_json(known.settings))
    (folder / "observations.json").write_text(json.dumps({"format": 1, "observations": noted}))
    (folder / "raw/cucumber.json").write_text(json.dumps(scenarios()))
    return folder
