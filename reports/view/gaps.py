"""What a run left unverified: counted and listed here alone, for every block and every report. Pure."""

from __future__ import annotations

import re

from drills.model.finding import CheckResult, NotChecked, Verdict
from drills.model.record import RunRecord
from reports.words import recovery_checks

OF_THE_COPY = "of the copy"  # the kind of gap that is the whole copy, or all that it holds
# The checks that compare what a copy holds; of a volume and a file system it says that nobody read it.
CONTENT = ("content", "items", "objects", "contents")


def verdicts_beside_checks(record: RunRecord) -> list[Verdict]:
    """The verdicts that say something else than the recovery's checks, which have a table of their own."""
    told = {(check.name, check.outcome, check.sentence) for check in recovery_checks(record)}
    return [each for each in record.verdicts if (each.name, each.outcome, each.sentence) not in told]


def unverified_checks(record: RunRecord) -> list[CheckResult]:
    """The recovery's checks that were not verified."""
    return [each for each in recovery_checks(record) if each.outcome == "not verified"]


def things_not_compared(record: RunRecord) -> list[NotChecked]:
    """What checks that were made have left out or compared in part, and what the run itself says was not compared."""
    left = [
        NotChecked(f"{check.name}: {gap.what}", gap.reason)
        for check in recovery_checks(record)
        for gap in check.not_checked
    ]
    return list(dict.fromkeys([*record.not_checked, *left]))


def counted(number: int, kind: str) -> str:
    """A number of one of the kinds below in words: "1 check not verified"."""
    if kind == OF_THE_COPY:
        return "its content not compared"
    one = re.sub(r"\b(scenario|check|verdict|thing)s\b", r"\1", kind)
    return f"{number} {one if number == 1 else kind}"


def gaps(record: RunRecord) -> dict[str, list[NotChecked]]:
    """Everything that this run left unverified, each once, under what it is: scenarios, checks, verdicts, things."""
    found = {
        "scenarios that did not run": [
            NotChecked(name, "was expected of this run and did not run") for name in dict.fromkeys(record.missing)
        ],
        "checks not verified": [
            NotChecked(f"check {each.name} ({each.requirement})", each.sentence) for each in unverified_checks(record)
        ],
        "further verdicts not verified": [
            NotChecked(f"{each.name} ({each.requirement})", each.sentence)
            for each in verdicts_beside_checks(record)
            if each.outcome == "not verified"
        ],
        "things not compared, or not exactly": things_not_compared(record),
    }
    if unread := _unread(record):
        found[OF_THE_COPY] = [unread]
    return {kind: left for kind, left in found.items() if left}


def _unread(record: RunRecord) -> NotChecked | None:
    """Say that no check was made, or none that compares what the copy holds."""
    checks = recovery_checks(record)
    if not checks:
        return NotChecked("the restored copy", "no check was made in this run")
    if not any(each.name in CONTENT for each in checks):
        return NotChecked("its content", "no check of this run compared what the copy holds")
    return None


def left_out(record: RunRecord) -> str:
    """What was not verified and not compared, counted, in one line; "" where nothing was left out."""
    return ", ".join(counted(len(left), kind) for kind, left in gaps(record).items())
