"""Judges the restore tests of AWS Backup about the source: whether there are any, and how the last one ended."""

from __future__ import annotations

from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.posture.facts import Document, PostureFacts, RestoreTest
from drills.posture.judgement import Judgement, count_noun

NAME = "restore testing"
RUNNING = ("PENDING", "RUNNING")


def restore_testing(facts: PostureFacts) -> CheckResult:
    """Return the last restore test of each plan that tests the source has succeeded; that there is a plan is no duty."""
    judged = Judgement(NAME)
    if not judged.was_read("restore testing plans", facts.tests) or isinstance(facts.tests, NotVerified):
        return judged.result("", requirement="optional")
    for each in facts.tests:
        _last_of(judged, facts, each)
    nothing = "" if judged.unread else "no restore testing plan of AWS Backup tests it: drills alone do"
    tested = f"{count_noun(judged.compared, 'restore testing plan')} of AWS Backup restored it"
    return judged.result(tested, nothing=nothing, requirement="optional")


def _last_of(judged: Judgement, facts: PostureFacts, test: RestoreTest) -> None:
    if not judged.was_read(f"restore jobs of {test.name}", test.jobs) or isinstance(test.jobs, NotVerified):
        return
    ended = [each for each in test.jobs if each["Status"] not in RUNNING]
    last = max(ended, key=lambda each: each["CreationDate"], default=None)
    if last is None:
        judged.find(
            "information",
            test.name,
            expected="a restore test of the last 30 days",
            found="none: the plan names it and has not restored it",
            remedy=f"aws backup get-restore-testing-plan --restore-testing-plan-name {test.name}: see its schedule and its vaults",
        )
        return
    judged.count()
    if failure := _failure(last):
        judged.find(
            "error",
            f"restore job {last['RestoreJobId']}",
            expected=f"the last restore test of {test.name} to restore the {facts.subject.word}",
            found=failure,
            remedy=f"aws backup describe-restore-job --restore-job-id {last['RestoreJobId']}, correct that, and restore it again",
        )


def _failure(job: Document) -> str:
    """Return how a job failed or what its validation found wrong, "" for one that did not."""
    if job["Status"] != "COMPLETED":
        return f"{job['Status']}: {' '.join(str(job.get('StatusMessage') or 'it says no more').split())}"
    if job.get("ValidationStatus") == "FAILED":
        message = " ".join(str(job.get("ValidationStatusMessage") or "it says no more").split())
        return f"restored, and its validation FAILED: {message}"
    return ""
