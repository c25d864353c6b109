"""Applies the owner's acknowledgements of known differences to the results of checks. Pure.

An acknowledged finding stays where it is, marked, as a warning: it fails nothing. It counts again once its entry has
ended, once something else is found there, and where it is an error and the entry does not say `severity = "error"`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import date

from drills.model.acknowledgement import Acknowledgement
from drills.model.finding import CheckResult, Finding, Outcome
from drills.plural import counted


def acknowledge(
    results: Sequence[CheckResult], entries: Sequence[Acknowledgement], today: date
) -> tuple[CheckResult, ...]:
    """Return the results with the acknowledged findings marked, and judged by those that remain."""
    return tuple(_judge_rest(result, [_mark(each, entries, today) for each in result.findings]) for result in results)


def remarks(results: Sequence[CheckResult], entries: Sequence[Acknowledgement], today: date) -> tuple[str, ...]:
    """Return a sentence for each entry that acknowledges nothing, and what to do about it.

    An entry whose check is not among the results is passed over: nothing can be said about it.
    """
    judged = {result.name for result in results}
    findings = [finding for result in results for finding in result.findings]
    said = (_remark(entry, findings, today) for entry in entries if entry.check in judged)
    return tuple(sentence for sentence in said if sentence)


def _mark(finding: Finding, entries: Sequence[Acknowledgement], today: date) -> Finding:
    entry = next((each for each in entries if not _obstacle(each, finding, today)), None)
    return dataclasses.replace(finding, severity="warning", acknowledged=str(entry)) if entry else finding


def _judge_rest(result: CheckResult, findings: Sequence[Finding]) -> CheckResult:
    """Judge a missed result again: it is met where all of its errors are acknowledged and nothing was left unread."""
    known = [finding for finding in findings if finding.acknowledged]
    if not known:
        return result
    result = dataclasses.replace(result, findings=tuple(findings))
    errors = [finding for finding in findings if finding.severity == "error"]
    if result.outcome != "missed":
        return result
    note = f"{counted(len(known), 'known difference')} acknowledged"
    if errors:
        more = f" and {len(errors) - 1} more" if len(errors) > 1 else ""
        return dataclasses.replace(result, sentence=f"{errors[0].message}{more}; {note}")
    outcome: Outcome = "met"
    sentence = f"{result.compared:,} compared, no other difference; {note}"
    if result.unverified:
        outcome, sentence = "not verified", f"{result.unverified} not compared; {note}"
    return dataclasses.replace(result, outcome=outcome, sentence=sentence)


def _obstacle(entry: Acknowledgement, finding: Finding, today: date) -> str:
    """Return why an entry does not cover a finding: "other" for that of another object, else a sentence; "" if it does."""
    if (entry.check, entry.object) != (finding.check, finding.object):
        return "other"
    if entry.found != finding.found:
        return f"something else is found there now: {finding.found}; it counts"
    if entry.until < today:
        return f"it ended on {entry.until}; the difference counts again: mend it, or acknowledge it anew"
    if finding.severity == "error" and entry.severity != "error":
        return 'the difference is an error: it counts unless the entry says severity = "error"'
    return ""


def _remark(entry: Acknowledgement, findings: Sequence[Finding], today: date) -> str:
    reasons = list(_obstacles(entry, findings, today))
    if "" in reasons:
        return ""
    reason = next(iter(reasons), "nothing differs there any more: remove the entry from drill.toml")
    return f"acknowledged difference {entry.check}: {entry.object}: {reason}"


def _obstacles(entry: Acknowledgement, findings: Sequence[Finding], today: date) -> Iterator[str]:
    for finding in findings:
        if (obstacle := _obstacle(entry, finding, today)) != "other":
            yield obstacle
