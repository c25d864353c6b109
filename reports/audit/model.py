"""The values of the matrix of a period. All are frozen; instants are aware UTC datetimes, durations seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from reports.audit.span import Period
from reports.controls import ControlRow

# How a run stands in the population. "done" ran to a verdict and passed, "failed" ran to a verdict and did not.
Standing = Literal["done", "failed", "could not run", "aborted", "no drill"]
STANDINGS: tuple[Standing, ...] = ("done", "failed", "could not run", "aborted", "no drill")
JUDGED: tuple[Standing, ...] = ("done", "failed")


@dataclass(frozen=True, slots=True)
class PeriodRun:
    """A run as the matrix has it. `said` is its verdict or why it is none, in a sentence.

    `digest` is the SHA-256 of its bundle's SHA256SUMS in hexadecimal, "" where it has no bundle; `place` says then what is
    known of it from where. `level` is that of the evidence as its record has it. `rows` are the controls beside it, empty
    where there is no bundle: what nobody else can check supports nothing. `review` is what the newest
    review record says.
    """

    run_id: str
    target: str
    profile: str
    simulated: bool
    started_at: datetime
    standing: Standing
    said: str
    chain: str = ""
    sequence: int | None = None
    digest: str = ""
    level: str = ""
    place: str = ""
    rta_seconds: float | None = None
    rpa_seconds: float | None = None
    rows: tuple[ControlRow, ...] = ()
    review: str = ""
    drill_every_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Every run that is known, oldest first, and what of the evidence does not add up, a sentence each."""

    runs: tuple[PeriodRun, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MissedDrills:
    """Drills that fell due one after another while none came: the first and the last of these instants, and how many."""

    first: datetime
    last: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Population:
    """The drills of one target in the period, beside what its interval asks for.

    `expected` is the least number of drills that the interval asks for up to the end of the period, or up to now; None
    where none is declared, and for a simulation, which meets no expectation. `missed` are the stretches of the
    period in which drills fell due and none came.
    """

    target: str
    profile: str
    simulated: bool
    every_seconds: float | None
    expected: int | None
    missed: tuple[MissedDrills, ...]
    runs: tuple[PeriodRun, ...]

    def count(self, *standings: Standing) -> int:
        """Return how many runs stand like that."""
        return sum(each.standing in standings for each in self.runs)


@dataclass(frozen=True, slots=True)
class ControlInPeriod:
    """A control over the runs of a period: those that support it, of them those whose test failed, and those that speak
    against it. `why_not` is the reason of the newest run that does not support it, where none does.
    """

    row: ControlRow
    supported_by: tuple[PeriodRun, ...]
    failed: tuple[PeriodRun, ...]
    against: tuple[PeriodRun, ...]
    why_not: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """What an auditor asks of a period: populations, controls, and what of the evidence does not add up.

    `until` is the end of the period, or where that lies ahead, when the matrix was made.
    """

    period: Period
    made_at: datetime
    until: datetime
    populations: tuple[Population, ...]
    controls: tuple[ControlInPeriod, ...]
    problems: tuple[str, ...]

    @property
    def runs(self) -> tuple[PeriodRun, ...]:
        """Every run of the period, by target, oldest first."""
        return tuple(run for each in self.populations for run in each.runs)
