"""The review of a run: what a person decided about its bundle, added later and sealed by itself.

A drill shows what was; that somebody looked at it, decided, and mended what it found is what a review shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import TypeAdapter

from drills.evidence.start import read_versioned
from drills.history.line import outcome_of, verdict_of, why_not_counted
from drills.model.evidence import EvidenceLevel
from drills.model.finding import CheckResult
from drills.model.phases import current_name
from drills.model.record import RunRecord
from drills.printable import to_json

REVIEW_VERSION = 1
ReviewVerdict = Literal["accepted", "rejected"]


@dataclass(frozen=True, slots=True)
class Correction:
    """What is done about a finding. `object` is what the finding is about, `retest` the run that tested it again."""

    object: str
    action: str
    ticket: str = ""
    retest: str = ""


@dataclass(frozen=True, slots=True)
class ReviewRecord:
    """What a person decided about a bundle, whose SHA256SUMS has the digest `bundle`.

    `number` counts the reviews of that bundle from 1. `not_corrected` are the findings of the bundle that no review so far
    has a corrective action for.
    """

    schema_version: int
    chain: str
    sequence: int
    run_id: str
    number: int
    bundle: str
    reviewed_at: datetime
    verdict: ReviewVerdict
    reviewer: str
    role: str
    plan_version: str
    level: EvidenceLevel
    key: str
    tool_version: str
    corrections: tuple[Correction, ...] = ()
    not_corrected: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the review's file without its ending."""
        return f"{self.sequence:04d}-review-{self.number}"


_ADAPTER: TypeAdapter[ReviewRecord] = TypeAdapter(ReviewRecord)


def review_json(record: ReviewRecord) -> bytes:
    """Return the record as JSON."""
    return (to_json(_ADAPTER.dump_python(record, mode="json")) + "\n").encode()


def read_review(data: bytes, name: str) -> ReviewRecord:
    """Read a review. Raises ConfigError, one sentence, for what is none or from a newer version of the project."""
    found: ReviewRecord = read_versioned(_ADAPTER, data, name, "a review", REVIEW_VERSION)
    return found


def findings_of(record: RunRecord) -> tuple[str, ...]:
    """Return what a review has to answer for: objects that differ, objectives and other verdicts that were not met, failures.

    A rehearsal's findings are wanted, and acknowledged ones are answered for in drill.toml.
    """
    findings = [finding for check in _recovery_checks(record) for finding in check.findings]
    wrong = [each for each in findings if each.severity == "error" and not each.acknowledged]
    named = {each.check for each in wrong}  # whose objects stand for the verdict on the check
    found = [each.object for each in wrong]
    found += [each.name for each in record.verdicts if each.outcome == "missed" and each.name not in named]
    found += [each.name for each in record.unverified]
    found += [each.phase or "the run" for each in record.failures]
    return tuple(dict.fromkeys(found))


def _recovery_checks(record: RunRecord) -> list[CheckResult]:
    return [check for each in record.restorations if each.purpose == "recovery" for check in each.checks]


def not_corrected(findings: Sequence[str], reviews: Sequence[ReviewRecord]) -> tuple[str, ...]:
    """Return the findings that no review has a corrective action for."""
    corrected = {correction.object for review in reviews for correction in review.corrections}
    return tuple(each for each in findings if each not in corrected)


def why_no_retest(finding: str, reviewed: RunRecord, retest: RunRecord) -> str:
    """Return why a later run did not show that a finding of the reviewed run is mended, "" where it did.

    It has to have come to a verdict, and passed what found it: the check, the objective, or the phase that failed.
    """
    if why_not_counted(retest) or outcome_of(retest) in ("could not run", "not ended"):
        return f"it came to no verdict: {verdict_of(retest)}"
    known = _recovery_checks(reviewed)
    checks = {found.check for check in known for found in check.findings if found.object == finding}
    if checks:
        outcomes = [(check.name, check.outcome) for check in _recovery_checks(retest)]
    elif any(each.name == finding for each in reviewed.verdicts):
        checks, outcomes = {finding}, [(each.name, each.outcome) for each in retest.verdicts]
    else:
        return _why_phase_failed(finding, retest)
    told = [f"{name}: {outcome}" for name, outcome in outcomes if name in checks and outcome != "met"]
    told += [f"{name}: not judged" for name in sorted(checks - {name for name, _ in outcomes})]
    return ", ".join(dict.fromkeys(told))


def _why_phase_failed(phase: str, retest: RunRecord) -> str:
    if phase == "the run":
        return retest.failures[0].sentence if retest.failures else ""
    if failed := [each for each in retest.failures if current_name(each.phase) == current_name(phase)]:
        return failed[0].sentence
    passed = any(current_name(each.name) == current_name(phase) and each.ended_at for each in retest.phases)
    return "" if passed else f'it has no phase "{phase}" that ended'
