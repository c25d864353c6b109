"""A known difference that its owner has acknowledged for a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from drills.model.finding import Severity


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One entry of `[[targets.NAME.acknowledged]]`: which finding, why, by whom, and the last day (UTC) that it holds.

    `found` is what the finding found, word for word: once something else is found there, the entry does not apply.
    `severity` is the gravest that it covers; "error" has to be written out.
    """

    check: str
    object: str
    found: str
    reason: str
    author: str
    until: date
    severity: Severity = "warning"

    def __str__(self) -> str:
        """The entry as the reports mark a finding with it."""
        return f"acknowledged until {self.until} by {self.author}: {self.reason}"
