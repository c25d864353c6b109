"""Objectives, and the measurements held against them: phases, moments, query timings, data loss."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Objectives:
    """The owner's objectives; None where none is set."""

    rto_seconds: float | None
    rpo_seconds: float | None
    rto_clock: Literal["disruption", "declaration"] = "declaration"


@dataclass(frozen=True, slots=True)
class Disaster:
    """The instant at which the drill says the source was lost, and how that instant was chosen."""

    at: datetime
    mode: Literal["now", "random", "before-next-point"]
    seed: int | None = None
    declared_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """A named stretch of a run. `start_seconds` and `end_seconds` count from the start of the run, monotonic.

    `clock` says whose clock runs during it: "rta" (counts against the RTO) or "" (outside the recovery).
    An open phase has no end yet. `source` says whose clock gave the two instants.
    """

    name: str
    started_at: datetime
    start_seconds: float
    ended_at: datetime | None = None
    end_seconds: float | None = None
    clock: Literal["rta", ""] = ""
    note: str = ""
    source: str = "own clock"

    @property
    def seconds(self) -> float | None:
        """How long it took, None while it is open."""
        return None if self.end_seconds is None else self.end_seconds - self.start_seconds


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant of the recovery, and its source: an AWS field, or this machine's own clock.

    `seconds` counts from the start of the run, monotonic; None for an instant that this process did not live through.
    """

    name: str
    at: datetime
    source: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """By how many seconds AWS's clock is ahead of this machine's: between these two, by the `Date` of its answers.

    Each answer narrows the two. `low_seconds` above `high_seconds`: answers contradict each other, so that one of the
    clocks was set meanwhile.
    """

    low_seconds: float
    high_seconds: float
    answers: int
    source: str = "Date header of AWS's answers"


@dataclass(frozen=True, slots=True)
class OperationCalls:
    """How many calls of an operation, such as "rds.DescribeDBInstances", AWS answered, and how often one had to be repeated."""

    operation: str
    calls: int
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class QueryTiming:
    """The durations of one of the owner's queries, run by run: the first is the cold one. `reason`: why it did not run."""

    name: str
    database: str
    target_seconds: float | None
    seconds: tuple[float, ...] = ()
    reason: str = ""

    @property
    def cold(self) -> float | None:
        """The first run, which nothing had read for before."""
        return self.seconds[0] if self.seconds else None

    @property
    def warm(self) -> float | None:
        """The last run, None where there was only one."""
        return self.seconds[-1] if len(self.seconds) > 1 else None

    @property
    def is_fast(self) -> bool:
        """Whether one of the runs met the target; without a target every answer is fast enough."""
        if self.target_seconds is None:
            return bool(self.seconds)
        return any(took <= self.target_seconds for took in self.seconds)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measured actual (RTA or RPA) with the evidence beside the number. `seconds` None means "not measured".

    "RTA" is the one that is held against the RTO, with the declared allowances; "RTA of the recovery" is measured alone.
    `notes` must stand wherever the number stands.
    """

    name: Literal["RTA", "RPA", "RTA of the recovery"]
    seconds: float | None
    from_at: datetime | None
    to_at: datetime | None
    source: str
    sentence: str
    slowest_phase: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataLoss:
    """The data that a recovery loses, in seconds, as one of three methods measures it; None where it cannot.

    `by`: "policy" is the worst case of the schedule, "api" what the AWS APIs say of the recovery point, "data" what the
    restored data say. `reaches_to` is the instant that the data reach to by it, `source` the field or row that said so.
    `upper_bound`: no more than this was lost, and perhaps less.
    """

    by: Literal["policy", "api", "data"]
    seconds: float | None
    reaches_to: datetime | None
    source: str
    sentence: str
    upper_bound: bool = False


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The most data that the backup schedule can lose, whatever this run measured; None where nothing bounds the loss.

    `seconds` is judged against the RPO; the largest gap between runs lies between `gap_from` and `gap_to`, the worst case
    between `from_at` and `to_at`, under the named `reading` of a change of clocks where readings differ.
    `continuous_seconds` is what point-in-time recovery by RDS's own backups would lose. `observed_*` is the largest gap
    between the scheduled recovery points that exist, with the jobs that failed in it.
    """

    seconds: float | None
    one_missed_seconds: float | None
    sentence: str
    rules: tuple[str, ...] = ()
    gap_seconds: float | None = None
    gap_from: datetime | None = None
    gap_to: datetime | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None
    reading: str = ""
    notes: tuple[str, ...] = ()
    continuous_seconds: float | None = None
    observed_seconds: float | None = None
    observed_from: datetime | None = None
    observed_to: datetime | None = None
    observed_points: int = 0
    observed_jobs: tuple[str, ...] = ()
