"""The values that the engine passes about and the run record is made of.

All are frozen. Instants are aware UTC datetimes, `*_seconds` are floats in seconds, `*_bytes` integers. `RunRecord` is
what `drill.json` holds; drills/record.py reads and writes it and makes its JSON Schema.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from drills.history_model import Trend

SCHEMA_VERSION = 1

Outcome = Literal["met", "missed", "not verified"]
Requirement = Literal["required", "optional", "impossible"]
Severity = Literal["error", "warning", "information"]
Expectation = Literal["at backup", "stored", "source now", "none"]
PromiseOutcome = Literal["passed", "failed", "broken", "skipped"]
ResourceState = Literal["planned", "made", "gone", "left"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective setting and where it came from ("drill.toml", "DRILL_PROFILE", "--seed", "default")."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Objectives:
    """What the owner promised; None where nothing was promised."""

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
class Instance:
    """A database instance as DescribeDBInstances shows it; `host` and `port` are empty and 0 while it is being made.

    `pending` names what has been asked for and is not applied yet: pending values and parameter groups not in sync.
    """

    id: str
    arn: str
    dbi_resource_id: str
    status: str
    engine: str
    engine_version: str
    instance_class: str
    master_username: str
    host: str = ""
    port: int = 0
    pending: tuple[str, ...] = ()
    subnet_group: str = ""
    vpc_id: str = ""
    subnet_ids: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    parameter_group: str = ""
    publicly_accessible: bool = False
    deletion_protection: bool = False
    backup_retention_days: int = 0
    log_exports: tuple[str, ...] = ()
    cluster_id: str = ""
    created_at: datetime | None = None
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RecoveryPoint:
    """One thing that can be restored, as the AWS Backup and RDS APIs describe it.

    `data_time` is the instant the data reaches to, and `data_time_source` the API field that said so
    (`SnapshotDatabaseTime`, else `OriginalSnapshotCreateTime`, else the backup job's start).
    """

    arn: str
    kind: Literal["awsbackup", "manual", "automated", "continuous", "copy"]
    snapshot_id: str
    vault: str | None
    status: str
    instance_id: str
    dbi_resource_id: str | None
    created_at: datetime | None
    completed_at: datetime | None
    data_time: datetime | None
    data_time_source: str
    expires_at: datetime | None = None
    engine_version: str = ""
    allocated_gib: int | None = None
    encrypted: bool = False
    kms_key_id: str | None = None
    made_by_drill: bool = False


@dataclass(frozen=True, slots=True)
class RefusedPoint:
    """A recovery point that was looked at and not taken, and why."""

    arn: str
    reason: str


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A status that AWS reported for the scratch instance, when it was first seen, and what was still pending then.

    `seconds` counts from the start of the run, monotonic; None where that is not known.
    """

    at: datetime
    status: str
    pending: tuple[str, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """A named stretch of a run. `start_seconds` and `end_seconds` count from the start of the run, monotonic.

    `clock` says whose clock runs during it: "rta" (counts against the RTO) or "" (outside the recovery).
    An open phase has no end yet. `source` says who told the two instants.
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
    """An instant of the recovery, and whose word it is: an AWS field, or this machine's own clock.

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
class QueryTiming:
    """How long one of the owner's queries took, run by run: the first is the cold one. `reason`: why it did not run."""

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


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference between what was expected and what was found. Holds no row value (DESIGN.md)."""

    check: str
    severity: Severity
    object: str
    expected: str
    found: str
    message: str
    query: str = ""


@dataclass(frozen=True, slots=True)
class NotChecked:
    """Something that was not compared, or not exactly, and why."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check observed and how it was judged.

    `compared` counts the objects (tables, sequences, catalog entries, canary rows …) that were really compared; a check
    that compared nothing is never "met".
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
class Loss:
    """How much data a recovery loses, by one of three ways of knowing it, in seconds; None where that way cannot tell.

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
class Verdict:
    """A judgement with its sentence. `exit_code` is what it contributes to the run's codes when it is not met."""

    name: str
    outcome: Outcome
    sentence: str
    requirement: Requirement = "required"
    exit_code: int = 11


@dataclass(frozen=True, slots=True)
class WorstCase:
    """What the backup schedule can lose, whatever this run measured; seconds are None where nothing bounds the loss.

    `seconds` is judged against the RPO; the largest gap between runs lies between `gap_from` and `gap_to`, the worst case
    between `from_at` and `to_at`, under the named `reading` of a change of clocks where readings differ.
    `continuous_seconds` is what point-in-time recovery by RDS's own backups would lose. `observed_*` is the largest gap
    between the scheduled recovery points that exist, with the jobs in it that came to nothing.
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


@dataclass(frozen=True, slots=True)
class Promise:
    """A scenario, as pytest ended it. `reason` is the failure's or the skip's sentence."""

    id: str
    feature: str
    name: str
    outcome: PromiseOutcome
    seconds: float = 0.0
    reason: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resource:
    """Something a run makes in AWS. Written as "planned" before the call that makes it; "gone" once seen to be gone."""

    kind: Literal["db-instance", "db-snapshot", "db-parameter-group", "db-subnet-group", "security-group", "log-group"]
    id: str
    state: ResourceState
    account: str = ""
    region: str = ""
    note: str = ""
    made_at: datetime | None = None
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hydration:
    """Every block of the copy was read once: how much, how long that took, and what no query reads from end to end."""

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


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run could not go on: the sentence, the exit code that it gives, and the phase that it happened in."""

    sentence: str
    exit_code: int
    phase: str = ""


@dataclass(frozen=True, slots=True)
class TargetSummary:
    """The target as the run knew it."""

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


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One execution, whole: the only source of every report.

    `simulated` is True for everything made outside the `aws` profile; `partial` for a run filtered by the caller, which
    counts nowhere as a drill. `code` and `all_codes` are set when the run has ended, and so is `history`: the trend as
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
    losses: tuple[Loss, ...] = ()
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
