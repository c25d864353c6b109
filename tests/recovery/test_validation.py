"""The validation of restore tests: what may be touched, and which result is posted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from drills.aws.guarded.names import RESTORE_TEST_TAG
from drills.config.target import CheckRule, Target
from drills.errors import COULD_NOT_RUN, LEFT_BEHIND, VERIFICATION_FAILED, Refused, RestoreFailed
from drills.model.finding import CheckResult, Finding, Verdict
from drills.model.instance import Instance
from drills.model.record import Failure, RunRecord
from drills.model.restore_job import RestoreJob
from drills.recovery import validation
from tests.support.clock import NOON, HandClock

_DB = "arn:aws:rds:eu-central-1:123456789012:db:"
JOB = RestoreJob(
    "job-1",
    "COMPLETED",
    resource_type="RDS",
    source_arn=f"{_DB}orders",
    point_arn="arn:aws:rds:eu-central-1:123456789012:snapshot:awsbackup:job-1",
    vault_arn="arn:aws:backup:eu-central-1:123456789012:backup-vault:vault",
    created_arn=f"{_DB}awsbackup-restore-test-1",
    plan_arn="arn:aws:backup:eu-central-1:123456789012:restore-testing-plan:monthly-1",
    created_at=NOON,
)
MADE = Instance(
    id="awsbackup-restore-test-1",
    arn=JOB.created_arn,
    dbi_resource_id="db-B",
    status="available",
    engine="postgres",
    engine_version="16.9",
    instance_class="db.t3.micro",
    master_username="owner",
    created_at=NOON + timedelta(minutes=1),
    tags=((RESTORE_TEST_TAG, ""),),
)
RECORD = RunRecord(1, "20260101-120000-abcd", "aws", False, NOON, "0")


def _record(*verdicts: Verdict, **changes: Any) -> RunRecord:
    return replace(RECORD, verdicts=(Verdict("connection", "met", "it answers"), *verdicts), **changes)


def _check(job: RestoreJob, *protected: str) -> None:
    validation.check_job(job)
    validation.check_made(job, protected)


def test_what_a_restore_test_made_may_be_opened() -> None:
    """The job's own instance, tagged by AWS Backup, made after the job was."""
    _check(JOB, "orders")
    validation.check_instance(JOB, MADE)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"plan_arn": ""}, "found that somebody started job-1"),
        ({"resource_type": "EBS"}, "found one of EBS"),
        ({"created_arn": ""}, "expected the ARN of an RDS instance in the job job-1, found none"),
        ({"created_arn": "arn:aws:ec2:eu-central-1:123456789012:volume/vol-1"}, "expected the ARN of an RDS instance"),
        ({"created_arn": f"{_DB}orders"}, "found the source orders: it is not touched"),
        ({"created_arn": f"{_DB}billing"}, "found the source billing: it is not touched"),
    ],
)
def test_a_job_that_made_nothing_of_a_restore_test_is_refused(changes: dict[str, Any], said: str) -> None:
    """The password of an instance that somebody restored, or of a source of any target, is never changed."""
    with pytest.raises(Refused, match=said):
        _check(replace(JOB, **changes), "orders", "billing")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"arn": f"{_DB}another"}, "found the ARN"),
        ({"tags": (("name", RESTORE_TEST_TAG),)}, "found no tag awsbackup-restore-test"),
        ({"created_at": NOON - timedelta(hours=1)}, "before the job"),
    ],
)
def test_an_instance_that_the_job_did_not_make_is_refused(changes: dict[str, Any], said: str) -> None:
    """A name can be given to another instance; ARN, tag and creation tell them apart."""
    with pytest.raises(Refused, match=said):
        validation.check_instance(JOB, replace(MADE, **changes))


MISSED = Verdict("content", "missed", "public.secret_table lost 1 of 10 rows", exit_code=VERIFICATION_FAILED)
OPEN = Verdict("catalog", "not verified", "no manifest")
SLOW = Verdict("queries", "missed", "slow", exit_code=10)


@pytest.mark.parametrize(
    ("record", "give_up", "result"),
    [
        (_record(), False, "SUCCESSFUL"),
        (_record(replace(OPEN, requirement="optional")), False, "SUCCESSFUL"),
        (_record(MISSED), False, "FAILED"),
        (_record(SLOW), False, "FAILED"),
        (_record(MISSED, OPEN), False, "FAILED"),
        (_record(MISSED, failures=(Failure("it broke off", COULD_NOT_RUN),)), False, "FAILED"),
        (_record(OPEN), False, None),
        (_record(OPEN), True, "TIMED_OUT"),
        (_record(failures=(Failure("no connection", COULD_NOT_RUN),)), False, None),
        (_record(failures=(Failure("the lock is still there", LEFT_BEHIND),)), False, "SUCCESSFUL"),
        (_record(MISSED, failures=(Failure("the lock is still there", LEFT_BEHIND),)), False, "FAILED"),
        (_record(failures=(Failure("no connection", COULD_NOT_RUN),)), True, "TIMED_OUT"),
        (_record(interrupted_by="TERM"), True, None),
    ],
)
def test_a_result_says_what_was_found_and_nothing_is_posted_where_nothing_was(
    record: RunRecord, give_up: bool, result: str | None
) -> None:
    """A result ends the instance, so that what could not be verified gets none unless the owner gives it up."""
    posted, message = validation.judged(record, give_up=give_up)
    assert posted == result
    assert message.startswith("drills run 20260101-120000-abcd: ")


def test_a_message_names_checks_and_nothing_of_the_database() -> None:
    """It is kept by AWS Backup and read by whoever may list jobs; a simulated run says so there too."""
    _, message = validation.judged(_record(MISSED, simulated=True))
    assert message == (
        "drills run 20260101-120000-abcd: missed: content; 1 met. SIMULATED: says nothing about recovery on AWS."
    )
    many = [replace(MISSED, name=f"check {number}") for number in range(500)]
    assert len(validation.judged(_record(*many))[1]) == validation.LONGEST_MESSAGE


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        (_record(), "passed"),
        (_record(MISSED), "failed"),
        (_record(OPEN), "broken"),
        (_record(failures=(Failure("no connection", COULD_NOT_RUN),)), "broken"),
        (_record(interrupted_by="INT"), "broken"),
    ],
)
def test_the_promise_of_a_validation_passes_only_where_a_result_would(record: RunRecord, outcome: str) -> None:
    """What was not verified is never shown as passed."""
    assert validation.promise(record, "job-1").outcome == outcome


def test_a_job_that_still_runs_need_not_name_what_it_makes() -> None:
    """CreatedResourceArn may come with the end of the job; it is held against the instance then."""
    validation.check_job(replace(JOB, status="RUNNING", created_arn=""))


def _jobs(*answers: dict[str, Any]) -> Any:
    left = [{"RestoreJobId": "job-1", **answer} for answer in answers]
    return SimpleNamespace(backup=SimpleNamespace(describe_restore_job=lambda RestoreJobId: left.pop(0)))


def test_a_job_that_runs_is_waited_for() -> None:
    """An event may come, or a person may call, before AWS Backup says that the job has completed."""
    clients = _jobs({"Status": "PENDING"}, {"Status": "RUNNING"}, {"Status": "COMPLETED"})
    assert validation.follow(clients, "job-1", HandClock(), every=30.0, timeout=3600.0).status == "COMPLETED"


@pytest.mark.parametrize("status", ["FAILED", "ABORTED"])
def test_a_job_that_did_not_complete_is_told_with_aws_backups_reason(status: str) -> None:
    """There is nothing to look at, and that is not a passed validation."""
    clients = _jobs({"Status": status, "StatusMessage": "No default subnet detected in VPC"})
    with pytest.raises(RestoreFailed, match=f"found {status}: No default subnet detected in VPC"):
        validation.follow(clients, "job-1", HandClock(), every=30.0, timeout=3600.0)


class Found:
    """Checks that found the instance open to the world, and the content whole."""

    def blocking(self, *_: object) -> tuple[CheckResult, ...]:
        """Nothing blocks."""
        return ()

    def remaining(self, *_: object) -> tuple[CheckResult, ...]:
        """Both results."""
        message = "the scratch instance is not shut off"
        finding = Finding("isolation", "error", "egress of sg-1", "none", "0.0.0.0/0", message)
        return (
            CheckResult("isolation", "missed", message, compared=5, findings=(finding,)),
            CheckResult("content", "missed", "public.item lost 1 of 10 rows", compared=1),
        )

    def newest_canary(self, _: object) -> None:
        """There is none."""


def test_what_aws_backup_chose_is_shown_and_accuses_nobody() -> None:
    """The groups of a restore test's instance say nothing about the backup; they are listed with that reason."""
    nothing: Any = None
    isolation, content = validation.checks_for(Target(instance="orders"), Found()).remaining(nothing)
    assert (isolation.outcome, isolation.requirement, isolation.findings) == ("not verified", "optional", ())
    assert isolation.not_checked[0].what == "egress of sg-1"
    assert isolation.not_checked[0].reason.endswith("AWS Backup chose the groups of this instance; found 0.0.0.0/0")
    assert content.outcome == "missed"


def test_the_owners_rule_goes_before_what_a_restore_test_leaves_open() -> None:
    """Whoever chooses the groups with RestoreMetadataOverrides can have them judged."""
    target = Target(instance="orders").model_copy(update={"checks": {"isolation": CheckRule("required")}})
    nothing: Any = None
    isolation, _ = validation.checks_for(target, Found()).remaining(nothing)
    assert (isolation.outcome, len(isolation.findings)) == ("missed", 1)
