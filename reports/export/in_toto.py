"""A run as an in-toto statement about a test (https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md).

A recovery point has no digest, which a subject must have: the subjects are the files of the evidence, and the recovery point
stands in the predicate. What a reader must not take for a test that passed is at most WARNED, a simulated run above all: who
reads the result alone, without our own fields, is not misled. Pure.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from drills.model.record import Promise, RunRecord
from reports import words
from reports.export.names import NAMESPACE, one_line
from reports.view.whom import by_whom

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
Result = Literal["PASSED", "WARNED", "FAILED"]


def render(record: RunRecord, digests: Mapping[str, str]) -> str:
    """Return the statement as JSON. `digests` are the SHA-256 of the run's files, in hexadecimal, by relative path."""
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": digests[name]}} for name in sorted(digests)],
        "predicateType": PREDICATE,
        "predicate": _predicate(record, digests),
    }
    return json.dumps(statement, indent=2, ensure_ascii=False) + "\n"


def result_of(record: RunRecord) -> Result:
    """Return the result: FAILED for every exit code but 0, WARNED for a run that passed and counts nowhere as a drill."""
    if record.code != 0 or record.interrupted_by:
        return "FAILED"
    return "WARNED" if record.simulated or words.stamps(record) else "PASSED"


def _predicate(record: RunRecord, digests: Mapping[str, str]) -> dict[str, Any]:
    passed = [each for each in record.promises if each.outcome == "passed"]
    failed = [each for each in record.promises if each.outcome in ("failed", "broken")]
    skipped = [each for each in record.promises if each.outcome == "skipped"]
    warned = result_of(record) == "WARNED" or record.simulated
    return {
        "result": result_of(record),
        "configuration": _configuration(record, digests),
        **({"url": record.initiator.job} if record.initiator.job.startswith(("https://", "http://")) else {}),
        "passedTests": [] if warned else [_name(each) for each in passed],
        "warnedTests": [_name(each) for each in passed] if warned else [],
        "failedTests": [_name(each) for each in failed],
        NAMESPACE: _ours(record) | {"skippedTests": [_name(each) for each in skipped]},
    }


def _name(promise: Promise) -> str:
    return one_line(f"{promise.feature}: {promise.name}")


def _configuration(record: RunRecord, digests: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what the run was configured by: its settings, and the commit of the suite where that is known."""
    name = "config.json" if "config.json" in digests else "drill.json"
    found: list[dict[str, Any]] = [{"name": name, "digest": {"sha256": digests[name]}}]
    if re.fullmatch(r"[0-9a-f]{40}", record.commit):
        found.append({"name": "drills", "digest": {"gitCommit": record.commit}})
    return found


def _ours(record: RunRecord) -> dict[str, Any]:
    point = next((each.point for each in record.restorations if each.purpose == "recovery"), None)
    return {
        "run": record.run_id,
        "stamps": words.stamps(record),
        "simulated": record.simulated,
        "headline": words.headline(record),
        "exitCodes": list(record.all_codes),
        "initiator": dataclasses.asdict(record.initiator) | {"told": by_whom(record)},
        "trigger": record.trigger,
        "target": record.target.name if record.target else "",
        "recoveryPoint": point.arn if point else "",
        "verdicts": {each.name: each.outcome for each in record.verdicts},
    }
