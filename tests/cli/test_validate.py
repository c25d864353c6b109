"""`drills validate`: which job is meant, and what is done with the result once the checks have run."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from drills.cli import main as cli
from drills.cli.evidence.of_run import Concluded
from drills.cli.validate import command, one
from drills.cli.validate.event import AskedJob, job_of_event, job_of_option
from drills.errors import ConfigError, DrillError
from drills.evidence.bundle import Bundle
from drills.model.record import RunRecord
from drills.model.restore_job import RestoreJob, RestoreTest
from drills.record import Journal
from drills.recovery import validation
from tests.support.clock import NOON

EVENT = {
    "version": "0",
    "source": "aws.backup",
    "detail-type": "Restore Job State Change",
    "account": "123456789012",
    "region": "eu-central-1",
    "detail": {"restoreJobId": "JOB-1", "status": "COMPLETED", "resourceType": "RDS"},
}
TEST = RestoreTest("JOB-1", "monthly-1", "awsbackup-restore-test-1", "arn", result="SUCCESSFUL", message="all met.")
BUNDLE = Bundle(Path("0001-run"), "0123", "L0")
RECORD = RunRecord(1, "20260101-120000-abcd", "aws", False, NOON, "0", restore_test=TEST)


def test_an_event_names_the_job_and_where_it_is() -> None:
    """Nothing else of it is taken: the job is read anew."""
    assert job_of_event(json.dumps(EVENT)) == AskedJob("JOB-1", "123456789012", "eu-central-1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no json", "expected the JSON of an event"),
        ("[]", "found another"),
        (json.dumps(EVENT | {"detail-type": "Backup Job State Change"}), "found another"),
        (json.dumps(EVENT | {"source": "mine"}), "found another"),
        (json.dumps(EVENT | {"detail": {}}), "detail.restoreJobId, found none"),
        (json.dumps(EVENT | {"detail": {"restoreJobId": "a b; c"}}), "detail.restoreJobId, found none"),
        (json.dumps(EVENT | {"detail": None}), "detail.restoreJobId, found none"),
    ],
)
def test_what_is_no_event_of_a_restore_job_is_refused(text: str, said: str) -> None:
    """A rule that sends other events, or a file that is none, is wrong usage."""
    with pytest.raises(ConfigError, match=said):
        job_of_event(text)


@given(st.text())
def test_any_text_is_an_event_or_refused(text: str) -> None:
    """What stdin brings ends in no traceback."""
    with pytest.raises(ConfigError):
        job_of_event(text)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("7F2B-1", AskedJob("7F2B-1")),
        (
            "arn:aws:backup:eu-central-1:123456789012:restore-job:7F2B-1",
            AskedJob("7F2B-1", "123456789012", "eu-central-1"),
        ),
        (
            "arn:aws:backup:eu-central-1:123456789012:restore-job/7F2B-1",
            AskedJob("7F2B-1", "123456789012", "eu-central-1"),
        ),
        ("arn:aws:rds:eu-central-1:123456789012:db:orders", None),
        ("arn:aws:backup", None),
    ],
)
def test_a_job_is_named_by_its_id_or_an_arn(text: str, asked: AskedJob | None) -> None:
    """The account and the region of an ARN are held against those that the target restores in."""
    if asked is None:
        with pytest.raises(ConfigError, match="--restore-job"):
            job_of_option(text)
    else:
        assert job_of_option(text) == asked


def test_options_that_do_not_fit_each_other_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 before anything is asked of AWS."""
    assert cli.main(["validate", "--restore-job", "J", "--since", "2d"]) == 2
    assert "--since: expected --plan beside it" in capsys.readouterr().err
    assert cli.main(["validate"]) == 2
    assert "expected --restore-job, --event or --plan" in capsys.readouterr().err


class Backup:
    """AWS Backup with one job, and what was posted to it."""

    def __init__(self, status: str = "", refusal: str = "") -> None:
        self.job = {"RestoreJobId": "JOB-1", "Status": "COMPLETED", "ValidationStatus": status}
        self.refusal = refusal
        self.posted: list[dict[str, str]] = []

    def describe_restore_job(self, **_: str) -> dict[str, str]:
        """The job."""
        return self.job

    def put_restore_validation_result(self, **asked: str) -> None:
        """Keep it, or refuse it."""
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal, "Message": "no"}}, "PutRestoreValidationResult")
        self.posted.append(asked)


def _post(backup: Backup, test: RestoreTest = TEST, code: int = 0) -> int:
    clients: Any = SimpleNamespace(backup=backup)
    return one._post(clients, test, BUNDLE, code)


def test_the_result_of_the_record_is_posted() -> None:
    """What was sealed is what AWS Backup gets, and the digest of the seal: it is a witness that nobody here can change."""
    backup = Backup()
    assert _post(backup) == 0
    assert backup.posted == [
        {
            "RestoreJobId": "JOB-1",
            "ValidationStatus": "SUCCESSFUL",
            "ValidationStatusMessage": "all met. Evidence: SHA256SUMS 0123",
        }
    ]


def test_validating_is_no_result_yet() -> None:
    """AWS Backup has a status for a validation that goes on (API reference, DescribeRestoreJob)."""
    backup = Backup("VALIDATING")
    assert _post(backup) == 0
    assert backup.posted


@pytest.mark.parametrize(("there", "code"), [("SUCCESSFUL", 0), ("FAILED", 12), ("TIMED_OUT", 12)])
def test_a_result_that_came_meanwhile_is_left_alone(there: str, code: int) -> None:
    """Two results would contradict each other; where the other one says something else, this run did not post its own."""
    backup = Backup(there)
    assert _post(backup) == code
    assert backup.posted == []


def test_a_result_that_could_not_be_posted_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    """AWS Backup would say TIMED_OUT, and nobody would know why."""
    assert _post(Backup(refusal="AccessDeniedException")) == 12
    assert "expected to post SUCCESSFUL" in capsys.readouterr().err
    assert _post(Backup(refusal="AccessDeniedException"), code=11) == 11


def test_without_a_result_nothing_is_posted() -> None:
    """Not verified is exit code 12, and the instance stays for another attempt."""
    backup = Backup()
    assert _post(backup, replace(TEST, result="")) == 12
    assert backup.posted == []


@pytest.mark.parametrize(("judged", "code"), [(0, 14), (14, 14), (11, 11)])
def test_nothing_is_posted_where_the_evidence_was_not_sealed(
    judged: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The instance is deleted after the post, so that it stays while its evidence is not safe."""
    backup = Backup()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(one, "open_for_run", lambda *_: None)
    monkeypatch.setattr(one, "_carry_out", lambda *_a, **_k: Concluded(replace(RECORD, code=judged), None))
    monkeypatch.setattr(validation, "check_job", lambda *_: None)
    target = SimpleNamespace(manifest=None)
    reached: Any = SimpleNamespace(restore=SimpleNamespace(backup=backup), config=SimpleNamespace(target=target))
    assert one.validate(reached, RestoreJob("JOB-1", "COMPLETED")) == code
    assert backup.posted == []
    assert "nothing is posted" in capsys.readouterr().out


def _opened(source: str, account: str = "123456789012") -> Any:
    """A target whose instance is `source`, as open_target returns it."""
    config = SimpleNamespace(target_name=source, target=SimpleNamespace(instance=source, kind="instance"))
    return SimpleNamespace(config=config, restore=SimpleNamespace(account=account, region="eu-central-1"))


def _options(**given: str | None) -> argparse.Namespace:
    return argparse.Namespace(**({"config": None, "target": None, "give_up": False} | given))


JOB = RestoreJob("JOB-1", "COMPLETED", source_arn="arn:aws:rds:eu-central-1:123456789012:db:billing")


def test_the_target_is_the_one_whose_source_the_job_restored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A plan tests many instances; what each should contain stands with its own target, in its own account."""
    (tmp_path / "drill.toml").write_text("[targets.orders]\n[targets.money]\ninstance = 'billing'\n")
    options = _options(config=str(tmp_path / "drill.toml"))
    opened: list[str] = []

    def reopen(wanted: argparse.Namespace, **roles: str) -> Any:
        opened.append(wanted.target)
        return _opened("billing")

    monkeypatch.setattr(command, "open_target", reopen)
    assert command._fitting(options, _opened("billing"), JOB).config.target_name == "billing"
    assert opened == []
    assert command._fitting(options, _opened("orders"), JOB).config.target_name == "billing"
    assert opened == ["money"]


@pytest.mark.parametrize(
    ("target", "account", "said"),
    [
        ("orders", "123456789012", 'expected a restore job of target "orders", found one of billing'),
        (None, "210987654321", "name the target with --target"),
    ],
)
def test_a_job_of_another_target_is_refused(
    target: str | None, account: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing is held against the manifest of another database, and no job is looked for in another account."""
    (tmp_path / "drill.toml").write_text("[targets.orders]\n[targets.billing]\n")
    monkeypatch.setattr(command, "open_target", lambda _, **roles: _opened("billing", account))
    options = _options(config=str(tmp_path / "drill.toml"), target=target)
    with pytest.raises(ConfigError, match=said):
        command._fitting(options, _opened("orders"), JOB)


def test_the_job_of_a_cluster_is_not_that_of_an_instance_of_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """RDS lets a cluster and an instance have one name; the target of each is its own."""
    (tmp_path / "drill.toml").write_text("[targets.billing]\n[targets.money]\ncluster = 'billing'\n")
    opened: list[str] = []

    def reopen(wanted: argparse.Namespace, **roles: str) -> Any:
        opened.append(wanted.target)
        return _opened("billing")

    monkeypatch.setattr(command, "open_target", reopen)
    of_cluster = dataclasses.replace(JOB, source_arn="arn:aws:rds:eu-central-1:123456789012:cluster:billing")
    command._fitting(_options(config=str(tmp_path / "drill.toml")), _opened("billing"), of_cluster)

    assert (of_cluster.source, of_cluster.kind, opened) == ("billing", "cluster", ["money"])


def test_a_job_without_a_target_is_refused(tmp_path: Path) -> None:
    """What is not configured is not guessed."""
    (tmp_path / "drill.toml").write_text("[targets.orders]\n")
    with pytest.raises(
        ConfigError, match="expected a restore job of a target of the configuration, found one of billing"
    ):
        command._fitting(_options(config=str(tmp_path / "drill.toml")), _opened("orders"), JOB)


def test_an_event_of_another_account_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The id alone could be another job's there."""
    monkeypatch.setattr(command, "open_target", lambda _, **roles: _opened("billing"))
    with pytest.raises(ConfigError, match=r"expected a job of account 123456789012, .* found one of 210987654321"):
        command._validate_job(_options(), AskedJob("JOB-1", "210987654321", "eu-central-1"))


def test_of_several_jobs_the_gravest_code_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One job that cannot be validated does not keep the others from it; none at all is no success."""
    found = [replace(JOB, id=each) for each in ("ok", "wrong", "strange")]
    codes = {"ok": 0, "wrong": 11}

    def validate(_options: argparse.Namespace, _reached: Any, job: RestoreJob) -> int:
        if job.id not in codes:
            raise ConfigError("no target")
        return codes[job.id]

    reached = _opened("billing")
    reached.now = NOON
    monkeypatch.setattr(command, "open_target", lambda _, **roles: reached)
    monkeypatch.setattr(command, "jobs_of_plan", lambda *_: iter(found))
    monkeypatch.setattr(command, "_validate_one", validate)
    assert command._validate_plan(_options(plan="monthly", since="2d")) == 2
    del found[2]
    assert command._validate_plan(_options(plan="monthly", since="2d")) == 11
    found.clear()
    with pytest.raises(
        DrillError, match="found none: AWS Backup leaves a resource without a fitting recovery point out"
    ):
        command._validate_plan(_options(plan="monthly", since=None))


def test_an_interrupted_validation_posts_nothing_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal ends the checks and not the record: it has its phase, exit code 12, and no result."""

    def stopped(*_: Any, **__: Any) -> RestoreJob:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("the signal ends this before")

    setup = SimpleNamespace(scratch_clients=None, poll_seconds=1.0, target=SimpleNamespace(timeout=timedelta(hours=1)))
    monkeypatch.setattr(one, "_setup", lambda *_: setup)
    monkeypatch.setattr(validation, "follow", stopped)
    journal = Journal.create(tmp_path, replace(RECORD, restore_test=None), origin=0.0)
    one._close(journal, one._check(_opened("billing"), journal, JOB), give_up=True)
    assert (journal.record.interrupted_by, journal.record.aborted_in) == ("SIGTERM", "wait for the restore job")
    assert journal.record.code == 12
    assert journal.record.restore_test is not None
    assert journal.record.restore_test.result == ""
