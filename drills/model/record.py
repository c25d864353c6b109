"""The run record and its parts, which the engine passes around.

All are frozen. Instants are aware UTC datetimes, `*_seconds` are floats in seconds, `*_bytes` integers. `RunRecord` is
what `drill.json` holds; drills/record.py reads and writes it and makes its JSON Schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from drills.model.coverage import Coverage
from drills.model.engine import EngineSupport
from drills.model.evidence import EvidenceSummary, Initiator, PlanReferences
from drills.model.finding import CheckResult, NotChecked, Verdict
from drills.model.forecast import ScoredForecast
from drills.model.history import Trend
from drills.model.incident import Incident
from drills.model.instance import OTHERS, Resource, SourceKind, StatusChange
from drills.model.point import RecoveryPoint, RefusedPoint
from drills.model.price import Part, RunPrice
from drills.model.restore_job import RestoreTest
from drills.model.timing import (
    ClockOffset,
    DataLoss,
    Disaster,
    Measurement,
    Moment,
    Objectives,
    OperationCalls,
    Phase,
    QueryTiming,
    WorstCase,
)

SCHEMA_VERSION = 1

Expectation = Literal["at backup", "stored", "stored later", "source now", "none"]
PromiseOutcome = Literal["passed", "failed", "broken", "skipped"]
DEFAULT = "default"  # where a setting came from that nobody gave


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective setting and where it came from ("drill.toml", "DRILL_PROFILE", "--seed", "default")."""

    name: str
    value: str
    origin: str


def value_of(settings: Sequence[Setting], name: str) -> str:
    """Return the value of a setting, "" where it is not among these."""
    return next((each.value for each in settings if each.name == name), "")


@dataclass(frozen=True, slots=True)
class ExpectedPromise:
    """A scenario that belongs to the run. `recovers`: its steps restore a copy, or use the one that was restored."""

    feature: str
    name: str
    recovers: bool = False


@dataclass(frozen=True, slots=True)
class Promise:
    """A scenario, as pytest ended it. `reason` is the failure's or the skip's sentence.

    `left_out` is True for one that neither the suite nor its configuration skipped, but a plugin or a conftest.
    """

    id: str
    feature: str
    name: str
    outcome: PromiseOutcome
    seconds: float = 0.0
    reason: str = ""
    tags: tuple[str, ...] = ()
    left_out: bool = False


@dataclass(frozen=True, slots=True)
class Hydration:
    """The result of reading every block of the copy once: amount, duration, and what no query reads from end to end."""

    relations: int
    size_bytes: int
    seconds: float
    not_read: tuple[NotChecked, ...] = ()


@dataclass(frozen=True, slots=True)
class Restoration:
    """One restore to one scratch instance: point, instance, statuses, checks. A run has one, plus its rehearsals and the
    moments that it was restored to beside the recovery.
    """

    purpose: Literal["recovery", "rehearsal", "moment"]
    point: RecoveryPoint | None
    instance_id: str
    instance_class: str = ""
    source_class: str = ""
    host: str = ""
    port: int = 0
    engine_version: str = ""
    expectation: Expectation = "none"
    statuses: tuple[StatusChange, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    damage: tuple[str, ...] = ()
    queries: tuple[QueryTiming, ...] = ()
    hydration: Hydration | None = None
    engine: EngineSupport | None = None  # None where somebody else asked for the restore
    storage_type: str = ""
    storage_gib: int | None = None
    charged: tuple[Part, ...] = ()  # of what is no database: what it is billed by, as AWS described it


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run could not go on: the sentence, the exit code that it gives, and the phase that it happened in."""

    sentence: str
    exit_code: int
    phase: str = ""


@dataclass(frozen=True, slots=True)
class TargetSummary:
    """The target at the time of the run."""

    name: str
    instance_id: str
    vault: str | None
    engine_version: str = ""
    dbi_resource_id: str = ""
    databases: tuple[str, ...] = ()
    size_bytes: int | None = None
    data: str = ""
    account: str = ""
    region: str = ""
    kind: str = ""  # one of OTHERS, "" of a database


@dataclass(frozen=True, slots=True)
class ResumedFrom:
    """The run whose copy a run goes on with. `point` is the ARN of the recovery point that the copy was restored from.

    `disaster_at` and `declared_at` are that run's; `source` says where they were found, in its record or in the copy's tags.
    """

    run_id: str
    declared_at: datetime
    disaster_at: datetime
    point: str
    source: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One execution, whole: the only source of every report.

    `simulated` is True for everything made outside the `aws` profile; `partial` for a run in which something of what was
    expected did not run, which counts nowhere as a drill: `expected` has the scenarios, `missing` what of them and of the
    required verdicts is not there. `code` and `all_codes` are set when the run has ended, and so is `history`: the trend as
    it was known then.
    """

    schema_version: int
    run_id: str
    profile: str
    simulated: bool
    started_at: datetime
    tool_version: str
    commit: str = ""
    target: TargetSummary | None = None
    objectives: Objectives = field(default_factory=lambda: Objectives(None, None))
    settings: tuple[Setting, ...] = ()
    environment: tuple[Setting, ...] = ()
    partial: bool = False
    partial_reason: str = ""
    interrupted_by: str = ""
    disaster: Disaster | None = None
    refused_points: tuple[RefusedPoint, ...] = ()
    restorations: tuple[Restoration, ...] = ()
    phases: tuple[Phase, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    losses: tuple[DataLoss, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    worst_case: WorstCase | None = None
    promises: tuple[Promise, ...] = ()
    resources: tuple[Resource, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    pytest_status: int | None = None
    ended_at: datetime | None = None
    wall_seconds: float | None = None
    code: int | None = None
    all_codes: tuple[int, ...] = ()
    moments: tuple[Moment, ...] = ()
    clock_offset: ClockOffset | None = None
    history: Trend | None = None
    expected: tuple[ExpectedPromise, ...] = ()
    missing: tuple[str, ...] = ()
    clean_up_seconds: float = 0.0  # that all clean-ups of the run together took
    evidence: EvidenceSummary | None = None  # None where no evidence is kept
    aborted_in: str = ""  # the phase in which the run was interrupted
    trigger: str = ""  # why the run was made: "schedule", "release", "manual" or "retest of <run>"
    plan: PlanReferences = field(default_factory=PlanReferences)
    initiator: Initiator = field(default_factory=Initiator)
    forecast: ScoredForecast | None = None  # None where none could be scored
    aws_calls: tuple[OperationCalls, ...] = ()  # the most frequent first; those of the run's own processes
    resumed_from: ResumedFrom | None = None  # whose names and tags what it works with carries
    restore_test: RestoreTest | None = None  # of a run that validated one, and restored nothing itself
    price: RunPrice | None = None  # None in records of before it was kept
    coverage: Coverage | None = None  # of a target that is compared within a budget
    incident: Incident | None = None  # of a restore on the day of a disaster, whose copy stays

    @property
    def owner(self) -> str:
        """The run's id that what it works with in AWS carries, in name and tag: its own, or that of the run that it resumes."""
        return self.resumed_from.run_id if self.resumed_from else self.run_id

    @property
    def kind(self) -> SourceKind:
        """Whether the target is an instance, an Aurora cluster, or what else than a database."""
        if self.target and self.target.kind in OTHERS:
            return OTHERS[self.target.kind].source
        return "cluster" if value_of(self.settings, "target.cluster") else "instance"

    @property
    def is_of_database(self) -> bool:
        """Whether the target is a database: nothing else has an engine, a canary or a query."""
        return self.kind in ("instance", "cluster")

    @property
    def unverified(self) -> tuple[Verdict, ...]:
        """The required verdicts that nothing could verify."""
        return tuple(
            each for each in self.verdicts if each.outcome == "not verified" and each.requirement == "required"
        )
