"""Run records that look like real ones: a green drill, one that misses its RTO and finds differences, one cut short.

All instants are counted from START, so that a test can compute any number another way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from drills.model.finding import CheckResult, Finding, NotChecked, Verdict
from drills.model.instance import Resource, StatusChange
from drills.model.point import RecoveryPoint, RefusedPoint
from drills.model.record import Failure, Promise, Restoration, RunRecord, Setting, TargetSummary
from drills.model.timing import Disaster, Measurement, Objectives, Phase, WorstCase

START = datetime(2026, 11, 23, 14, 15, 3, tzinfo=UTC)
RUN_ID = "20261123-141503-a1b2"
SCRATCH = f"drill-{RUN_ID}-r1"
SCHEDULE = "the schedule can lose 5 m, with one missed run 10 m"
POINT_ARN = "arn:aws:rds:eu-central-1:123456789012:snapshot:awsbackup:job-5a0c27c1-6f0e-4d7e-a1de-7a4c7e0f8a11"

# name, seconds, whose clock
PHASES: tuple[tuple[str, float, Literal["rta", ""]], ...] = (
    ("start the sandbox", 2.1, ""),
    ("load the data", 3.4, ""),
    ("beat the canary", 1.0, ""),
    ("take the manifest", 1.3, ""),
    ("back up", 4.2, ""),
    ("write after the backup", 2.0, ""),
    ("choose the recovery point", 0.05, "rta"),
    ("restore", 9.7, "rta"),
    ("set the master password", 0.6, "rta"),
    ("connect", 0.04, "rta"),
    ("blocking checks", 1.1, "rta"),
    ("compare the content", 2.4, ""),
    ("rehearse a damaged backup", 8.8, ""),
    ("remove what was made", 3.1, ""),
)


def at(seconds: float) -> datetime:
    """The instant `seconds` after the run began."""
    return START + timedelta(seconds=seconds)


def phases_of(table: Sequence[tuple[str, float, Literal["rta", ""]]], *, open_last: bool = False) -> tuple[Phase, ...]:
    """Contiguous phases with these lengths in seconds; the last one without an end when `open_last`."""
    made: list[Phase] = []
    begin = 0.0
    for name, seconds, clock in table:
        end = begin + seconds
        made.append(Phase(name, at(begin), begin, ended_at=at(end), end_seconds=end, clock=clock))
        begin = end
    if open_last:
        made[-1] = dataclasses.replace(made[-1], ended_at=None, end_seconds=None)
    return tuple(made)


def recovery_point() -> RecoveryPoint:
    """The recovery point that the drill took."""
    return RecoveryPoint(
        arn=POINT_ARN,
        kind="awsbackup",
        snapshot_id=POINT_ARN.rsplit(":snapshot:", 1)[1],
        vault="drill-vault",
        status="COMPLETED",
        instance_id="myappdbprod",
        dbi_resource_id="db-7QXW3ZJ5LHO2KVRN",
        created_at=at(8),
        completed_at=at(12),
        data_time=at(9),
        data_time_source="SnapshotDatabaseTime",
        expires_at=at(86400),
        engine_version="16.9",
        allocated_gib=20,
        encrypted=True,
        kms_key_id="arn:aws:kms:eu-central-1:123456789012:key/0b1d5f54-6a8e-4a6e-9d0c-4f0c8a1f2b3c",
        made_by_drill=True,
    )


def checks() -> tuple[CheckResult, ...]:
    """Results of an untouched copy, with everything that was left out."""
    return (
        CheckResult(
            "connection", "met", "connected over TLS as the master user", blocking=True, compared=1, seconds=0.04
        ),
        CheckResult("catalog", "met", "412 catalog entries are the same", blocking=True, compared=412, seconds=0.5),
        CheckResult("canary", "met", "the chain of 42 beats is unbroken", blocking=True, compared=42, seconds=0.1),
        CheckResult("invariants", "met", "3 of 3 invariants hold", blocking=True, compared=3, seconds=0.2),
        CheckResult(
            "content",
            "met",
            "12 tables hold the same rows",
            compared=12,
            seconds=2.2,
            not_checked=(NotChecked("table shop.event_2019", 'policy "skip" in drill.toml: archived'),),
        ),
        CheckResult("large objects", "met", "7 large objects are the same", compared=7, seconds=0.1),
        CheckResult("sequences", "met", "9 sequences stand where they should", compared=9, seconds=0.1),
        CheckResult(
            "amcheck",
            "not verified",
            "the extension amcheck is not in the bundled PostgreSQL",
            requirement="impossible",
        ),
    )


def promises() -> tuple[Promise, ...]:
    """Scenarios of a green run, one of them not allowed in its profile."""
    feature = "A lost database comes back"
    names = (
        "The newest recovery point meets the recovery time",
        "No more data is lost than was agreed",
        "The restored copy has the schema that it should have",
        "The restored copy has the rows that it should have",
    )
    return (
        *(Promise(f"recovery::{i}", feature, name, "passed", seconds=0.3 + i) for i, name in enumerate(names)),
        Promise("rehearsal::0", "A damaged backup is noticed", "A missing row is named", "passed", 8.8),
        Promise(
            "cutover::0",
            "The service moves over",
            "The application finds its database under the old name",
            "skipped",
            0.0,
            "the profile sandbox does not allow @cutover",
            ("cutover",),
        ),
    )


def resources(instance: Literal["planned", "made", "gone", "left"] = "gone") -> tuple[Resource, ...]:
    """What a run makes; `instance` is the state of the scratch instance."""
    gone = at(39) if instance == "gone" else None
    note = "" if instance == "gone" else "DeleteDBInstance: InvalidDBInstanceState"
    return (
        Resource("db-subnet-group", SCRATCH, "gone", "123456789012", "eu-central-1", made_at=at(14), gone_at=at(39)),
        Resource(
            "security-group", "sg-0a1b2c3d", "gone", "123456789012", "eu-central-1", made_at=at(14), gone_at=at(39)
        ),
        Resource("db-parameter-group", SCRATCH, "gone", "123456789012", "eu-central-1", made_at=at(14), gone_at=at(39)),
        Resource("db-instance", SCRATCH, instance, "123456789012", "eu-central-1", note, at(14.1), gone),
    )


def _restorations() -> tuple[Restoration, ...]:
    rehearsed = CheckResult(
        "content",
        "missed",
        "1 of 12 tables differs",
        blocking=False,
        compared=12,
        findings=(
            Finding(
                check="content",
                severity="error",
                object="table shop.customer",
                expected="2,000 rows",
                found="1,999 rows",
                message="a row is missing",
                query="select * from shop.customer where customer_id = 1742",
            ),
        ),
    )
    statuses = (
        StatusChange(at(14.2), "creating"),
        StatusChange(at(19.0), "backing-up"),
        StatusChange(at(21.5), "modifying", ("master password",)),
        StatusChange(at(23.7), "available"),
    )
    return (
        Restoration(
            "recovery",
            recovery_point(),
            SCRATCH,
            instance_class="db.t4g.medium",
            source_class="db.m6g.large",
            host="localhost",
            port=54321,
            engine_version="16.9",
            expectation="at backup",
            statuses=statuses,
            checks=checks(),
        ),
        Restoration(
            "rehearsal",
            recovery_point(),
            f"{SCRATCH[:-1]}2",
            engine_version="16.9",
            expectation="at backup",
            statuses=(StatusChange(at(30.0), "creating"), StatusChange(at(36.0), "available")),
            checks=(rehearsed,),
            damage=("one row of shop.customer removed from the stored snapshot",),
        ),
    )


def green_drill() -> RunRecord:
    """A simulated drill that held every promise."""
    wall = sum(seconds for _, seconds, _ in PHASES)
    rta = sum(seconds for _, seconds, clock in PHASES if clock == "rta")
    return RunRecord(
        schema_version=1,
        run_id=RUN_ID,
        profile="sandbox",
        simulated=True,
        started_at=START,
        tool_version="0.1.0",
        commit="3f2a9c1",
        target=TargetSummary(
            name="orders",
            instance_id="myappdbprod",
            vault="drill-vault",
            engine_version="16.9",
            dbi_resource_id="db-7QXW3ZJ5LHO2KVRN",
            databases=("orders",),
            size_bytes=48_234_496,
            data="built-in order book, 100,412 rows",
        ),
        objectives=Objectives(1800.0, 300.0),
        settings=(
            Setting("profile", "sandbox", "default"),
            Setting("target", "orders", "drill.toml"),
            Setting("rto", "30 m", "drill.toml"),
            Setting("rpo", "5 m", "drill.toml"),
            Setting("postgres", "system", "--postgres"),
        ),
        environment=(
            Setting("python", "3.12.3", "this machine"),
            Setting("postgresql", "16.9", "the system's server"),
            Setting("moto", "5.2.5", "this environment"),
        ),
        disaster=Disaster(at(14.0), "now", declared_at=at(14.0)),
        refused_points=(
            RefusedPoint(POINT_ARN[:-4] + "9c02", "status EXPIRED: only COMPLETED points can be restored"),
        ),
        restorations=_restorations(),
        phases=phases_of(PHASES),
        measurements=(
            Measurement(
                "RTA",
                rta,
                at(14.0),
                at(14.0 + rta),
                "own clock, monotonic",
                "usable after 11.5 s",
                slowest_phase="restore",
            ),
            Measurement("RPA", 4.8, at(9.2), at(14.0), "canary", "4.8 s of data lost, by canary"),
        ),
        verdicts=(
            Verdict("rto", "met", "usable after 11.5 s: within the RTO of 30 m (0.01x)", exit_code=10),
            Verdict("rpo", "met", "4.8 s of data lost, by canary: within the RPO of 5 m (0.02x)", exit_code=10),
            Verdict("rpo by policy", "met", f"{SCHEDULE}: within the RPO of 5 m", exit_code=10),
            Verdict("verification", "met", "7 checks met, none missed"),
        ),
        worst_case=WorstCase(
            300.0, 600.0, SCHEDULE, rules=("RDS automated backups, continuous",), continuous_seconds=300.0
        ),
        promises=promises(),
        resources=resources(),
        not_checked=(NotChecked("parity of the AWS configuration", "not part of this version"),),
        notes=("the source went on writing for 2.0 s after the backup, so that there was something to lose",),
        pytest_status=0,
        ended_at=at(wall),
        wall_seconds=wall,
        code=0,
        all_codes=(0,),
    )


def failing_drill() -> RunRecord:
    """A drill on AWS that missed its RTO, measured no RPA, found differences and could not remove its instance."""
    minutes: tuple[tuple[str, float, Literal["rta", ""]], ...] = (
        ("choose the recovery point", 2.0, "rta"),
        ("restore", 2410.0, "rta"),
        ("set the master password", 41.0, "rta"),
        ("connect", 0.2, "rta"),
        ("blocking checks", 33.0, "rta"),
        ("compare the content", 310.0, ""),
        ("remove what was made", 405.0, ""),
    )
    rta = sum(seconds for _, seconds, clock in minutes if clock == "rta")
    wall = sum(seconds for _, seconds, _ in minutes)
    findings = (
        Finding(
            "catalog",
            "error",
            "column shop.order_line.quantity",
            "default 1",
            "no default",
            "a column default is missing",
            "select column_default from information_schema.columns where table_name = 'order_line'",
        ),
        Finding(
            "catalog", "error", "grant on table shop.customer", "SELECT to reporting", "nothing", "a grant is missing"
        ),
        Finding(
            "sequences",
            "error",
            "sequence shop.customer_order_customer_order_id_seq_with_a_name_as_long_as_postgresql_lets_one_be",
            "position 30,001",
            "position 1",
            "the next insert would meet a key that is there",
        ),
        Finding("content", "warning", "table shop.<audit>", "checksum 5c1e", "checksum 99ab", "rows differ & more"),
        *(
            Finding("large objects", "error", f"large object {16400 + i}", "1,024 bytes", "absent", "it is missing")
            for i in range(6)
        ),
    )
    failed = tuple(
        dataclasses.replace(
            check,
            outcome="missed",
            sentence="1 difference" if len(own) == 1 else f"{len(own)} differences",
            findings=own,
        )
        if (own := tuple(finding for finding in findings if finding.check == check.name))
        else check
        for check in checks()
    )
    green = green_drill()
    recovery = dataclasses.replace(green.restorations[0], checks=failed, expectation="stored", host="", port=0)
    return dataclasses.replace(
        green,
        profile="aws",
        simulated=False,
        objectives=Objectives(1800.0, 3600.0, "disruption"),
        disaster=Disaster(at(0), "random", seed=90125, declared_at=at(0)),
        restorations=(recovery,),
        phases=phases_of(minutes),
        worst_case=None,
        measurements=(
            Measurement("RTA", rta, at(0), at(rta), "own clock, monotonic", "usable after 41 m 26 s", "restore"),
            Measurement("RPA", None, None, at(0), "", "RPA was not measured: nothing in the data can tell"),
        ),
        verdicts=(
            Verdict("rto", "missed", "usable after 41 m 26 s: beyond the RTO of 30 m (1.38x)", exit_code=10),
            Verdict("rpo", "not verified", "RPA was not measured: nothing in the data can tell", exit_code=10),
            Verdict("verification", "missed", "10 differences in 4 checks"),
        ),
        promises=(
            *(
                dataclasses.replace(promise, outcome="failed", reason=reason)
                for promise, reason in zip(
                    promises()[:2],
                    ("usable after 41 m 26 s: beyond the RTO of 30 m (1.38x)", "RPA was not measured"),
                    strict=True,
                )
            ),
            dataclasses.replace(promises()[2], outcome="broken", reason="connection to the scratch instance was lost"),
            *promises()[3:],
        ),
        resources=resources("left"),
        pytest_status=1,
        ended_at=at(wall),
        wall_seconds=wall,
        code=11,
        all_codes=(11, 10, 12, 13),
    )


def interrupted_drill() -> RunRecord:
    """A filtered run that was stopped in the middle of its restore."""
    green = green_drill()
    return dataclasses.replace(
        green,
        partial=True,
        partial_reason="filtered with -k recovery",
        interrupted_by="SIGTERM",
        restorations=(dataclasses.replace(green.restorations[0], checks=(), host="", port=0),),
        phases=phases_of(PHASES[:8], open_last=True),
        worst_case=None,
        measurements=(),
        verdicts=(),
        promises=(),
        resources=resources("made"),
        failures=(
            Failure("the restore did not end: SIGTERM came after 4.1 s; run the drill again", 12, "restore"),
            Failure(f"the scratch instance {SCRATCH} is still there; run drills sweep", 13, "remove what was made"),
        ),
        pytest_status=2,
        ended_at=at(20),
        wall_seconds=20.0,
        code=12,
        all_codes=(12, 13),
    )


def running_drill() -> RunRecord:
    """A run in the middle of its restore, as another process sees it."""
    return dataclasses.replace(
        green_drill(),
        restorations=(),
        phases=phases_of(PHASES[:8], open_last=True),
        worst_case=None,
        measurements=(),
        verdicts=(),
        promises=(),
        pytest_status=None,
        ended_at=None,
        wall_seconds=None,
        code=None,
        all_codes=(),
    )
