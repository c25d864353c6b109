"""`drills validate`: which job is meant, and what is done with the result once the checks have run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from drills.cli import main as cli
from drills.cli.evidence.of_run import Concluded
from drills.cli.validate import one
from drills.cli.validate.event import AskedJob, job_of_event, job_of_option
from drills.errors import ConfigError
from drills.evidence.bundle import Bundle
from drills.model.record import RunRecord
from drills.model.restore_job import RestoreJob, RestoreTest
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
    reached: Any = SimpleNamespace(restore=SimpleNamespace(backup=backup), config=None)
    assert one.validate(reached, RestoreJob("JOB-1", "COMPLETED")) == code
    assert backup.posted == []
    assert "nothing is posted" in capsys.readouterr().out
