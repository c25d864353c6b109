"""Findings, check results and verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["met", "missed", "not verified"]


Requirement = Literal["required", "optional", "impossible"]


Severity = Literal["error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference between what was expected and what was found. Holds no row value.

    `acknowledged` is the owner's mark of a known difference (drills/model/acknowledgement.py), empty on any other.
    """

    check: str
    severity: Severity
    object: str
    expected: str
    found: str
    message: str
    query: str = ""
    acknowledged: str = ""

    @property
    def mark(self) -> str:
        """The owner's mark as it stands behind the finding wherever that is shown, "" where there is none."""
        return f" ({self.acknowledged})" if self.acknowledged else ""


@dataclass(frozen=True, slots=True)
class NotChecked:
    """Something that was not compared, or not exactly, and why."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The observations of one check and its outcome.

    `compared` counts the objects (tables, sequences, catalog entries, canary rows …) that were really compared; a check
    that compared nothing is never "met". `unverified` counts those of `not_checked` that should have been compared.
    """

    name: str
    outcome: Outcome
    sentence: str
    requirement: Requirement = "required"
    blocking: bool = False
    compared: int = 0
    findings: tuple[Finding, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    seconds: float = 0.0
    unverified: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judgement with its sentence. `exit_code` is what it contributes to the run's codes when it is not met."""

    name: str
    outcome: Outcome
    sentence: str
    requirement: Requirement = "required"
    exit_code: int = 11

    @property
    def why_open(self) -> str:
        """What a promise says that stands on this verdict where it is not verified."""
        return f"{self.name} was not verified: {self.sentence}"
