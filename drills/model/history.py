"""The values that runs are compared with over time: a line of the history, the group that it belongs to, the trend.

All are frozen. A `Trend` stands in the run record as it was known at the run's end, so that its reports can be made again
from the record alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

# The outcome of a run, by the first of its exit codes (docs/reference/exit-codes.md).
RunOutcome = Literal[
    "passed", "objective missed", "verification failed", "could not run", "left behind", "not sealed", "not ended"
]
NOT_VERIFIED = (
    "not verified"  # what "could not run" is called of a run that went to its end and could not verify something
)
# The kind of a size: the data in the databases where a run knows it, else the storage allocated to the point.
SizeOf = Literal["data", "storage", ""]


@dataclass(frozen=True, slots=True)
class GroupKey:
    """The properties that two runs must share before their numbers are compared.

    `dbi_resource_id` is empty in the sandbox, where every run makes its source anew; `seed` says with which data. `sample` is
    which recovery point was drilled (newest, oldest, random, copy, named, moment): an old one has old data. `tier` is how much
    the run did. A part that a run never came to know is empty.
    """

    target: str
    profile: str
    simulated: bool
    account: str = ""
    region: str = ""
    scenario: str = ""
    instance_id: str = ""
    dbi_resource_id: str = ""
    seed: str = ""
    instance_class: str = ""
    point_kind: str = ""
    rto_clock: str = "declaration"
    sample: str = "newest"
    tier: str = "full"


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A run in the history. `not_counted` says why the run counts nowhere, "" for one that counts.

    `instance_class` within the key is the class that was restored to; durations are in seconds, None is "not measured" or
    "no objective". `drill_every_seconds` is how often a drill was declared to be due at the time. `not_verified`: a run that "could
    not run" by its exit code went to its end and could not verify something; earlier lines do not say.
    """

    run_id: str
    started_at: datetime
    ended_at: datetime | None
    key: GroupKey
    outcome: RunOutcome
    code: int | None
    all_codes: tuple[int, ...] = ()
    not_counted: str = ""
    rta_seconds: float | None = None
    rpa_seconds: float | None = None
    rpa_source: str = ""
    rto_seconds: float | None = None
    rpo_seconds: float | None = None
    size_bytes: int | None = None
    allocated_gib: int | None = None
    source_class: str = ""
    dbi_resource_id: str = ""
    drill_every_seconds: float | None = None
    tool_version: str = ""
    forecast: Literal["hit", "miss", ""] = ""  # how the forecast of the day before came true, "" where none was scored
    not_verified: bool = False


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """A run as the trend shows it; `not_verified` as in its line."""

    run_id: str
    at: datetime
    outcome: RunOutcome
    rta_seconds: float | None
    rpa_seconds: float | None
    rto_seconds: float | None
    rpo_seconds: float | None
    size_bytes: int | None = None
    rpa_method: str = ""
    not_verified: bool = False

    @property
    def became(self) -> str:
        """What became of the run, in words."""
        return NOT_VERIFIED if self.not_verified else self.outcome


@dataclass(frozen=True, slots=True)
class Series:
    """The statistics of one actual over the runs of a group, in seconds. `n` counts the runs whose number counts.

    RPA has one for each `method` that it was measured by ("canary", "freshness query"): a change of the method is no trend.

    `objective` is the newest one; `margin` is what it leaves beside the maximum. `p95` is an upper bound of the 95th
    percentile with 95 % confidence, None where there are too few runs to give one. `slope` is in seconds a run.
    """

    name: Literal["RTA", "RPA"]
    n: int
    objective: float | None = None
    last: float | None = None
    median: float | None = None
    maximum: float | None = None
    margin: float | None = None
    p95: float | None = None
    slope: float | None = None
    warnings: tuple[str, ...] = ()
    method: str = ""


@dataclass(frozen=True, slots=True)
class DrillGap:
    """A stretch longer than the declared interval without a drill that could be judged; `missed` counts the drills left out."""

    from_at: datetime
    to_at: datetime
    missed: int


@dataclass(frozen=True, slots=True)
class Trend:
    """The runs of one group, as they were known at `as_of`.

    `judged` are the runs that ended with a verdict, `passed` those of them that held every promise; `pass_rate_at_least`
    is the lower bound of the pass rate with 95 % confidence. `could_not_run` are apart from both. `not_counted` is why
    this run itself is none of them. `forecasts_scored` are the runs whose restore preflight had foreseen the day before as
    accepted or refused, and `forecasts_hit` those that came out so. `elsewhere` counts runs of the target in other groups,
    `problems` say what of the history could not be read or written.
    """

    as_of: datetime
    key: GroupKey
    points: tuple[HistoryPoint, ...] = ()
    series: tuple[Series, ...] = ()
    passed: int = 0
    judged: int = 0
    could_not_run: int = 0
    pass_rate_at_least: float | None = None
    gaps: tuple[DrillGap, ...] = ()
    drill_every_seconds: float | None = None
    not_counted: str = ""
    elsewhere: int = 0
    problems: tuple[str, ...] = ()
    size_of: SizeOf = ""
    forecasts_hit: int = 0
    forecasts_scored: int = 0
