"""`drills backup`: refused without an end of life, followed to its end, found in both places, counted nowhere."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from drills.aws import read as aws
from drills.cli import main as cli
from drills.cli.backup import BackupRequest, back_up, judge, whole_days
from drills.config.target import Target
from drills.errors import ConfigError, DrillError
from drills.model.point import RecoveryPoint
from drills.posture.points import newest
from tests.support.clock import HandClock
from tests.support.points import point_of
from tests.support.protected import VAULT, Protected, protected
from tests.support.rds import eventually

__all__ = ["protected"]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ARN = "arn:aws:rds:eu-central-1:123456789012:snapshot:awsbackup:job-1"
WANTED = BackupRequest(
    Target(instance="orders"), "orders", "arn:db", VAULT, "arn:role", 2, "20260101-120000-abcd", NOON
)
POINT = point_of(
    "awsbackup:job-1",
    vault=VAULT,
    created_at=NOON,
    completed_at=NOON,
    data_time=NOON,
    expires_at=NOON + timedelta(days=2),
    made_by_drill=True,
)


def test_a_job_that_may_have_been_started_is_named() -> None:
    """No answer says whether the job runs: how to see it, and that its point does not stay for ever."""

    def start_backup_job(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url="https://backup.example")

    clients: Any = SimpleNamespace(backup=SimpleNamespace(start_backup_job=start_backup_job))
    with pytest.raises(DrillError, match="whether it was is not known; see with aws backup list-backup-jobs ") as error:
        back_up(clients, WANTED, HandClock(), every=1.0, on_state=lambda _state: None)
    assert str(error.value).endswith("--by-resource-arn arn:db. Its recovery point is removed after 2 days")


def drills(protected: Protected, *more: str) -> int:
    """The exit code of `drills backup` in that sandbox."""
    return cli.main(["backup", "--config", str(protected.config), "--endpoint-url", protected.sandbox.endpoint, *more])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "--retain: expected how long the backup is kept"),
        (("--retain", "90m"), '--retain: expected whole days, at least "1d", found "90m"'),
        (("--retain", "36h"), "AWS Backup counts in days"),
        (("--retain", "soon"), "--retain: 'soon' is no duration"),
    ],
)
def test_a_backup_without_an_end_of_life_is_refused(
    options: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 before anything is asked: a backup without a lifecycle is kept for ever (Lifecycle, AWS Backup API)."""
    assert cli.main(["backup", *options]) == 2
    assert said in capsys.readouterr().err


@given(st.integers(1, 36_500))
def test_whole_days_are_days(days: int) -> None:
    """However they are written."""
    assert whole_days(f"{days}d") == whole_days(f"{days * 24}h") == days


@given(st.integers(1, 10_000).filter(lambda hours: hours % 24))
def test_parts_of_days_are_refused(hours: int) -> None:
    """Nothing is rounded in silence."""
    with pytest.raises(ConfigError):
        whole_days(f"{hours}h")


def test_a_point_as_it_was_asked_for_has_no_finding() -> None:
    """In the vault, among the snapshots, with its end and its tag."""
    assert judge(WANTED, ARN, POINT) == ()


@pytest.mark.parametrize(
    ("point", "found"),
    [
        (None, "none in either"),
        (replace(POINT, vault=None), "an RDS snapshot alone"),
        (replace(POINT, snapshot_id=""), "a recovery point of the vault alone"),
        (replace(POINT, expires_at=None), "for ever"),
        (replace(POINT, expires_at=NOON + timedelta(days=9)), "until 2026-01-10 12:00 UTC"),
        (replace(POINT, made_by_drill=False), "a snapshot without it"),
    ],
)
def test_each_thing_that_a_point_lacks_is_named(point: RecoveryPoint | None, found: str) -> None:
    """One finding with what to type."""
    (finding,) = judge(WANTED, ARN, point)

    assert (finding.found, finding.severity) == (found, "error")
    assert finding.message.startswith("aws ")


@pytest.mark.postgres
@pytest.mark.sandbox
def test_a_backup_is_found_in_both_places_and_counts_for_no_freshness(
    protected: Protected, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 0; the vault and RDS have it with its end and its tags; the newest point of the posture stays the plan's."""
    before = newest(protected.facts(tmp_path))
    assert drills(protected, "--retain", "3d", "--json") == 0
    captured = capsys.readouterr()
    facts = json.loads(captured.out)
    described = protected.clients.backup.describe_recovery_point(
        BackupVaultName=VAULT, RecoveryPointArn=facts["recovery_point"]
    )
    snapshot = protected.clients.rds.describe_db_snapshots(DBSnapshotIdentifier=facts["snapshot"])["DBSnapshots"][0]
    tags = {tag["Key"]: tag["Value"] for tag in snapshot["TagList"]}

    assert described["Status"] == "COMPLETED"
    assert described["Lifecycle"] == {"DeleteAfterDays": 3}
    assert described["IamRoleArn"] == protected.role_arn  # the plan's, as none was named
    assert tags["drills:run"] == facts["run_id"]
    assert (facts["vault"], facts["made_by_drill"], facts["findings"]) == (VAULT, True, [])
    assert captured.err.splitlines()[-1] == "backup job COMPLETED"
    after = newest(protected.facts(tmp_path))
    assert before is not None
    assert after == before


@pytest.mark.postgres
@pytest.mark.sandbox
def test_what_was_backed_up_is_said_for_people(protected: Protected, capsys: pytest.CaptureFixture[str]) -> None:
    """Where it is, what it holds, until when it is kept, and that it counts nowhere."""
    protected.instance.available()
    assert drills(protected, "--retain", "1d") == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == "SIMULATED: says nothing about recovery on AWS"
    assert lines[1].startswith("orders was backed up in ")
    assert lines[2].startswith(f"in the vault {VAULT}, and among the RDS snapshots as awsbackup:job-")
    assert "is kept until" in lines[3]
    assert lines[4].endswith("it counts for no freshness, and no drill restores it by itself")


@pytest.mark.postgres
@pytest.mark.sandbox
def test_a_job_that_fails_is_said_with_what_aws_backup_says(
    protected: Protected, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 12 with the state, the message and where to look."""
    protected.instance.available()
    protected.sandbox.control.arm("job-fails", service="backup", operation="StartBackupJob", times=1)

    assert drills(protected, "--retain", "1d") == 12
    said = capsys.readouterr().err
    assert "expected the backup job to complete, it is FAILED" in said
    assert "aws backup describe-backup-job --backup-job-id" in said
    protected.sandbox.control.clear_faults()


@pytest.mark.postgres
@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ("", ("--retain", "200d"), "expected 1 to 100 days, as the lock of the vault orders-vault demands"),
        ('instance = "nobody"', ("--retain", "1d"), 'expected an instance "nobody"'),
        ('vault = "nowhere"', ("--retain", "1d"), "aws backup create-backup-vault --backup-vault-name nowhere"),
    ],
)
def test_what_cannot_be_is_refused_before_a_job_is_started(
    protected: Protected,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: str,
    options: tuple[str, ...],
    said: str,
) -> None:
    """Exit 2: a retention outside of the lock, an instance or a vault that is not there."""
    text = protected.config.read_text()
    if change:
        text = "\n".join(line for line in text.splitlines() if not line.startswith(change.split()[0]))
        text = text.replace("[targets.orders]", f"[targets.orders]\n{change}")
    config = tmp_path / "drill.toml"
    config.write_text(text)
    jobs = len(protected.sandbox.control.calls(operation="StartBackupJob"))

    assert drills(replace(protected, config=config), *options) == 2
    assert said in capsys.readouterr().err
    assert len(protected.sandbox.control.calls(operation="StartBackupJob")) == jobs


@pytest.mark.postgres
@pytest.mark.sandbox
def test_a_role_must_be_known(protected: Protected, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a plan and an earlier job it is named, or the command is refused."""
    rds = protected.clients.rds
    rds.create_db_instance(
        DBInstanceIdentifier="alone",
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="owner",
        MasterUserPassword="made-for-a-test",
    )
    eventually(lambda: aws.describe_instance(protected.clients, "alone"), "the instance")
    config = tmp_path / "drill.toml"
    config.write_text(protected.config.read_text().replace("[targets.orders]", '[targets.orders]\ninstance = "alone"'))

    assert drills(replace(protected, config=config), "--retain", "1d") == 2
    assert "--role-arn: expected the role" in capsys.readouterr().err
    eventually(lambda: aws.describe_instance(protected.clients, "alone").status == "available", "alone")  # type: ignore[union-attr]
    assert drills(replace(protected, config=config), "--retain", "1d", "--role-arn", protected.role_arn) == 0
