"""Judges the items of a copy beside what is expected of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from drills.model.finding import CheckResult, Finding
from drills.plural import counted
from drills.tables.fingerprint import Difference, Fingerprint, compare

CHECK = "items"


def judge(expected: Fingerprint, found: Fingerprint) -> CheckResult:
    """Return whether every item of the copy is one that was expected, and every expected one is there."""
    difference = compare(expected, found)
    told = f"{counted(found.count, 'item')} read, {counted(expected.count, 'item')} expected"
    if not difference:
        met = f"{told}: every attribute of every item is as it was"
        if not expected.count:
            return CheckResult(CHECK, "not verified", f"{told}: a table without items proves nothing", unverified=1)
        return CheckResult(CHECK, "met", met, compared=found.count)
    findings = tuple(_findings(difference))
    sentence = f"{told}: {'; '.join(each.message for each in findings)}"
    return CheckResult(CHECK, "missed", sentence, compared=found.count, findings=findings)


def _findings(difference: Difference) -> Iterator[Finding]:
    if difference.missing:
        yield _finding(f"at least {counted(difference.missing, 'item')} missing")
    if difference.added:
        yield _finding(f"at least {counted(difference.added, 'item')} that should not be there")
    if difference.exchanged:
        told = f"items with other keys, in {counted(difference.exchanged, 'share')} of the keys"
        yield _finding(told)
    if difference.changed:
        told = f"items with other attributes under the same keys, in {counted(difference.changed, 'share')} of the keys"
        yield _finding(told)


def _finding(told: str) -> Finding:
    return Finding(CHECK, "error", "content of the table", "the items as they were", told, told)
