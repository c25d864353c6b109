"""Each kind of recovery point that can be drilled, against the running sandbox, and what the three numbers come to there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drills.aws import read as aws
from drills.aws.session import Clients
from drills.checks.base.session import Connection
from drills.checks.canary import writer
from drills.checks.canary.chain import digest_of
from drills.checks.canary.writer import Beat
from drills.clock import SystemClock
from drills.config.objectives import Scenario
from drills.errors import NoRecoveryPoint
from drills.model.point import PointSelector, parse_point_selector
from drills.model.record import RunRecord
from drills.model.timing import DataLoss
from drills.objectives import data_loss
from drills.recovery import choose
from drills.recovery.drill import Drill
from tests.support.drill import INSTANCE, VAULT, Running, Staged, eventually, followed, open_database

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]
ELSEWHERE, COPIES = "eu-west-1", "drilled-copies"


@contextmanager
def sampled(staged: Staged, folder: Path, text: str, **options: Any) -> Iterator[Running]:
    """A drill of the recovery point that `text` names."""
    changes = {"sample": parse_point_selector(text)} | options.pop("changes", {})
    with staged.drill(folder, changes=changes, **options) as running:
        yield running


def numbers(record: RunRecord) -> dict[str, DataLoss]:
    """The three numbers of a record."""
    return {each.by: each for each in record.losses}


def rpa_of(record: RunRecord) -> float | None:
    """The RPA, of which there is one."""
    (found,) = [measured.seconds for measured in record.measurements if measured.name == "RPA"]
    return found


@pytest.fixture
def source(staged: Staged) -> Iterator[Connection]:
    """A session in the source's database; rows of the canary that a test wrote are gone afterwards."""
    with open_database(staged.clients(), INSTANCE, "postgres", staged.sandbox.ca) as session:
        rows = session.execute("select datname from pg_database where datname not in ('postgres', 'rdsadmin')")
        (name,) = [name for (name,) in rows if not name.startswith("template")]
    with open_database(staged.clients(), INSTANCE, name, staged.sandbox.ca) as session:
        last = writer.newest(session)
        assert last is not None
        yield session
        session.execute("delete from drill_canary.beat where seq > %s", (last.seq,))


# -- chosen, not restored ---------------------------------------------------------------------------------------------


def test_newest_oldest_named_and_random_are_told_apart(staged: Staged, tmp_path: Path) -> None:
    """The newest is AWS Backup's, the oldest the automated one; a seed draws the same point again and is in the notes."""
    points = aws.recovery_points(staged.clients(), INSTANCE, VAULT)
    (automated,) = [point for point in points if point.kind == "automated"]
    newest = next(point for point in points if point.snapshot_id == staged.point())
    chosen = {}
    for text in ("newest", "oldest", newest.arn, automated.snapshot_id, "random"):
        (tmp_path / text.replace(":", "-")).mkdir()
        with sampled(staged, tmp_path / text.replace(":", "-"), text) as running:
            chosen[text] = running.drill.choose().arn
            record = running.record

    assert chosen["newest"] == chosen[newest.arn] == newest.arn
    assert chosen["oldest"] == chosen[automated.snapshot_id] == automated.arn
    (seeded,) = [note for note in record.notes if "random:" in note]
    again = next(word for word in seeded.split() if word.startswith("random:"))
    with sampled(staged, tmp_path, again) as running:
        assert running.drill.choose().arn == chosen["random"]


def test_a_point_made_on_demand_counts_for_nothing_unless_it_is_named(staged: Staged, tmp_path: Path) -> None:
    """Tagged when it was ordered, and newer than all: neither the newest nor a reason for a disaster, but there by name."""
    clients = staged.clients()
    arn = followed(clients, INSTANCE).arn
    job = clients.backup.start_backup_job(
        BackupVaultName=VAULT,
        ResourceArn=arn,
        IamRoleArn=f"arn:aws:iam::{clients.account}:role/backup",
        RecoveryPointTags={aws.ON_DEMAND_TAG: "release-4.2"},
    )["BackupJobId"]
    eventually(lambda: clients.backup.describe_backup_job(BackupJobId=job)["State"] == "COMPLETED", "the backup")
    point = clients.backup.describe_backup_job(BackupJobId=job)["RecoveryPointArn"]
    try:
        (tmp_path / "newest").mkdir()
        with sampled(staged, tmp_path / "newest", "newest") as running:
            newest, record = running.drill.choose(), running.record
        with sampled(staged, tmp_path, point) as running:
            named = running.drill.choose()
    finally:
        followed(clients, INSTANCE)
        clients.backup.delete_backup_vault_access_policy(BackupVaultName=VAULT)  # it lets nobody delete a point
        clients.backup.delete_recovery_point(BackupVaultName=VAULT, RecoveryPointArn=point)

    assert newest.snapshot_id == staged.point()
    assert [one.reason for one in record.refused_points if one.arn == point] == ["made by a drill or on demand"]
    assert named.arn == point


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no-such-snapshot", "there is none of that name: name another one"),
        ("copy", "that a copy job made"),
        ("2020-01-01T00:00:00Z", "2020-01-01 00:00:00 UTC cannot be restored: before "),
        ("2100-01-01T00:00:00Z", "2100-01-01 00:00:00 UTC cannot be restored: after the disaster"),
    ],
)
def test_what_cannot_be_restored_is_refused_and_nothing_else_is(
    staged: Staged, tmp_path: Path, text: str, said: str
) -> None:
    """A missed objective, with the reason; no restore is asked for, and nothing is made."""
    before = len(staged.sandbox.control.calls())
    with sampled(staged, tmp_path, text) as running:
        with pytest.raises(NoRecoveryPoint) as raised:
            running.drill.recover()
        record = running.record

    assert said in str(raised.value)
    assert [(verdict.name, verdict.outcome) for verdict in record.verdicts] == [("recovery point", "missed")]
    assert record.resources == ()
    asked = {call["operation"] for call in staged.sandbox.control.calls()[before:]}
    assert not [name for name in asked if name.startswith("Restore")]


def test_a_point_newer_than_the_disaster_is_refused_even_by_name(staged: Staged, tmp_path: Path) -> None:
    """A disaster before it was usable cannot be recovered from it: the refusal says so, and there is no negative loss."""
    newest = staged.point()
    with staged.copied("later"):
        changes = {"disaster": "before-next-point", "sample": PointSelector("named", "later")}
        with staged.drill(tmp_path, changes=changes) as running:
            with pytest.raises(NoRecoveryPoint, match=r"usable from .*, after the disaster: name another one"):
                running.drill.recover()
            record = running.record

    assert newest
    assert record.losses == ()
    assert record.measurements == ()


def without_times(clients: Clients, *fields: str) -> Clients:
    """Clients of an RDS that does not tell these fields of a snapshot."""

    def strip(parsed: dict[str, Any], **_: Any) -> None:
        for snapshot in parsed.get("DBSnapshots", []):
            for field in fields:
                snapshot.pop(field, None)

    clients.rds.meta.events.register("after-call.rds.DescribeDBSnapshots", strip)
    return clients


@pytest.mark.parametrize(
    ("missing", "field"),
    [
        ((), "SnapshotDatabaseTime"),
        (("SnapshotDatabaseTime",), "OriginalSnapshotCreateTime"),
        (("SnapshotDatabaseTime", "OriginalSnapshotCreateTime"), "backup job's CreationDate"),
    ],
)
def test_the_number_by_api_names_its_field(staged: Staged, missing: tuple[str, ...], field: str) -> None:
    """The best field there is, down to the start of the backup job, never after the data's own time by more than a bit."""
    exact = {point.arn: point for point in aws.recovery_points(staged.clients(), INSTANCE, VAULT)}
    clients = without_times(staged.clients(), *missing)
    (point,) = [each for each in aws.recovery_points(clients, INSTANCE, VAULT) if each.kind == "awsbackup"]
    disaster = data_loss.Reference(SystemClock().now())
    found = data_loss.by_api(point, disaster)

    assert (point.data_time_source, found.source) == (field, field)
    assert found.sentence.endswith(f"by {field}")
    saved = exact[point.arn].data_time
    assert point.data_time is not None
    assert saved is not None
    jobs = clients.backup.list_backup_jobs()["BackupJobs"]
    (job,) = [each for each in jobs if each.get("RecoveryPointArn") == point.arn]
    bit = timedelta(seconds=1)  # some of them are told in whole seconds
    for at in (point.data_time, saved):
        assert job["CreationDate"] - bit <= at <= job["CompletionDate"] + bit


# -- restored ---------------------------------------------------------------------------------------------------------


def test_the_oldest_point_is_restored_and_its_age_is_not_judged(staged: Staged, tmp_path: Path) -> None:
    """It holds no canary and no query is configured: not measured by data, the API's number beside it, the RPO optional."""
    with sampled(staged, tmp_path, "oldest") as running:
        restoration = running.drill.recover()
        record = running.record

    found = numbers(record)
    disaster = record.disaster
    assert restoration.point is not None
    assert disaster is not None
    assert (restoration.point.kind, restoration.expectation) == ("automated", "none")
    assert (found["data"].seconds, rpa_of(record)) == (None, None)
    assert found["policy"].seconds is not None
    assert restoration.point.data_time is not None
    assert found["api"].seconds == (disaster.at - restoration.point.data_time).total_seconds()
    (rpo,) = [verdict for verdict in record.verdicts if verdict.name == "rpo"]
    assert (rpo.outcome, rpo.requirement) == ("not verified", "optional")
    assert any("not the newest recovery point is drilled but the oldest one" in note for note in record.notes)


def test_a_moment_comes_back_to_the_very_beat(staged: Staged, tmp_path: Path, source: Connection) -> None:
    """The beat before the moment is there, the one after it is not, and the loss is the distance that was staged."""
    before = writer.beat(source)
    row = source.execute("select pg_catalog.clock_timestamp()").fetchone()
    assert row is not None
    moment: datetime = row[0].astimezone(UTC)
    after = writer.beat(source)
    setup = staged.setup(tmp_path)
    eventually(
        lambda: (window := choose.restore_window(setup)) and window.latest >= moment, "the moment to be restorable"
    )
    with sampled(staged, tmp_path, moment.isoformat()) as running:
        restoration = running.drill.recover()
        assert running.drill.clean_up() == ()
        record = running.record

    found = numbers(record)
    assert before.at <= moment <= after.at
    assert found["data"].reaches_to == before.at
    assert rpa_of(record) == pytest.approx((moment - before.at).total_seconds(), abs=0.2)
    assert (found["api"].seconds, found["api"].source) == (0.0, "RestoreTime")
    assert restoration.point is not None
    assert (restoration.point.kind, restoration.point.data_time) == ("continuous", moment)
    assert {resource.state for resource in record.resources} == {"gone"}
    assert [check.outcome for check in restoration.checks if check.name == "data loss"] == ["met"]


def test_a_copy_in_another_region_is_restored_where_it_lies(staged: Staged, tmp_path: Path) -> None:
    """From the copies' vault, without copying it again; its data are the source's own time, not the copy's, and judged."""
    clients = staged.clients()
    there = dataclasses.replace(_in_region(staged, ELSEWHERE), account=clients.account)
    there.backup.create_backup_vault(BackupVaultName=COPIES)
    point = next(each.arn for each in aws.recovery_points(clients, INSTANCE, VAULT) if each.kind == "awsbackup")
    job = clients.backup.start_copy_job(
        RecoveryPointArn=point,
        SourceBackupVaultName=VAULT,
        DestinationBackupVaultArn=f"arn:aws:backup:{ELSEWHERE}:{clients.account}:backup-vault:{COPIES}",
        IamRoleArn=f"arn:aws:iam::{clients.account}:role/backup",
    )["CopyJobId"]
    eventually(
        lambda: clients.backup.describe_copy_job(CopyJobId=job)["CopyJob"]["State"] == "COMPLETED", "the copy job"
    )
    changes = {"sample": parse_point_selector("copy"), "copy_vault": COPIES}
    setup = dataclasses.replace(staged.setup(tmp_path, changes=changes), scratch_clients=there)
    setup.journal.enter("begin")
    drill = Drill(setup, staged.stored, staged.key)
    try:
        restoration = drill.recover()
    finally:
        assert drill.clean_up() == ()
    record = Running(drill, setup).record

    assert restoration.point is not None
    assert (restoration.point.kind, restoration.point.vault) == ("copy", COPIES)
    assert restoration.point.arn.split(":")[3] == ELSEWHERE
    assert {resource.kind for resource in record.resources} == {
        *("db-instance", "db-parameter-group", "db-subnet-group", "security-group")
    }
    assert {resource.region for resource in record.resources} == {ELSEWHERE}
    outcomes = {verdict.name: (verdict.outcome, verdict.requirement) for verdict in record.verdicts}
    assert (outcomes["rpo"], outcomes["content"]) == (("met", "required"), ("met", "required"))


def _in_region(staged: Staged, region: str) -> Clients:
    """Clients of the sandbox in another region."""
    clients = staged.clients()
    other = dataclasses.replace(staged.sandbox, region=region)
    services = {field.name: other.client(field.name) for field in dataclasses.fields(clients) if field.type == "Any"}
    return dataclasses.replace(clients, **services, region=region)


def test_a_canary_ahead_of_the_disaster_is_reported_as_that(staged: Staged, tmp_path: Path, source: Connection) -> None:
    """A source whose clock was an hour ahead: no number, a contradiction on record, and the RPO is not verified."""
    forged = _beat_ahead(source, timedelta(hours=1))
    clients = staged.clients()
    try:
        clients.rds.create_db_snapshot(DBInstanceIdentifier=INSTANCE, DBSnapshotIdentifier="ahead")
        eventually(lambda: aws.snapshot_status(clients, "ahead") == "available", "the snapshot")
        followed(clients, INSTANCE)
        eligible = Scenario(name="logical corruption", points=("manual",))
        changes = {"scenarios": (eligible,)}
        with staged.drill(tmp_path, scenario="logical corruption", changes=changes) as running:
            restoration = running.drill.recover()
            record = running.record
    finally:
        clients.rds.delete_db_snapshot(DBSnapshotIdentifier="ahead")

    found = numbers(record)
    assert (found["data"].seconds, found["data"].reaches_to, rpa_of(record)) == (None, forged.at, None)
    assert found["api"].seconds is not None
    verdicts = {verdict.name: verdict for verdict in record.verdicts}
    assert (verdicts["rpo"].outcome, verdicts["data loss"].outcome) == ("not verified", "not verified")
    assert "newer than the disaster" in verdicts["rpo"].sentence
    (check,) = [check for check in restoration.checks if check.name == "data loss"]
    assert [finding.object for finding in check.findings if finding.severity == "error"] == [
        "the newest restored row, by canary"
    ]


def _beat_ahead(session: Connection, by: timedelta) -> Beat:
    """A row as a clock that is ahead would have written it, with the digest that belongs to it."""
    row = session.execute("select seq, digest from drill_canary.beat order by seq desc limit 1").fetchone()
    assert row is not None
    seq, previous = row[0] + 1, row[1]
    at = SystemClock().now() + by
    digest = digest_of(previous, seq, at)
    session.execute("insert into drill_canary.beat values (%s, %s, %s, %s)", (seq, at, previous, digest))
    return Beat(seq, at, digest)


# -- versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "production", "status", "said"),
    [
        ("16.4", "16.9", "available", []),
        ("16.4", "16.9", "deprecated", ["which RDS calls deprecated"]),
        ("14.1", "16.9", "", ["which RDS calls withdrawn", "of the family postgres14"]),
        ("14.1", "", "available", []),
    ],
)
def test_an_old_version_is_told(version: str, production: str, status: str, said: list[str]) -> None:
    """What RDS says of the backup's version, and that its parameter group is of another family than production's."""
    told = choose.version_notes(version, production, status)

    assert len(told) == len(said)
    assert all(part in one for part, one in zip(said, told, strict=True))


def test_rds_is_asked_for_the_version(staged: Staged) -> None:
    """A version at hand is available, one that was never there is withdrawn."""
    clients = staged.clients()

    assert aws.version_status(clients, followed(clients, INSTANCE).engine_version) == "available"
    assert aws.version_status(clients, "9.6.1") == ""
