"""The posture of the target's backups: whether everything that a recovery needs is in place."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_bdd import then, when

from drills.errors import CheckUnavailable
from drills.model.finding import CheckResult
from drills.run import posture as run_posture

Results = dict[str, CheckResult]


@pytest.fixture(scope="session")
def posture(run_folder: Path) -> tuple[CheckResult, ...]:
    """Evaluate the posture, once a run."""
    return run_posture.judge_run(run_folder)


@when("the posture of its backups is evaluated", target_fixture="results")
def posture_is_evaluated(posture: tuple[CheckResult, ...]) -> Results:
    """Read the backup plans, jobs, vaults, keys, roles and recovery points; nothing is changed or restored."""
    return {result.name: result for result in posture}


@then("the last backup job completed")
def last_job_completed(results: Results) -> None:
    """Assert that the last backup job which has ended is COMPLETED; a plan's job counts before one on demand."""
    assert_result(results, "jobs")


@then("its newest backup is younger than the recovery point objective")
def newest_backup_is_recent(results: Results) -> None:
    """Assert that the data of the newest usable recovery point are at most as old as the RPO."""
    assert_result(results, "freshness")


@then("its backup plan loses no more than the recovery point objective in the worst case")
def plan_is_frequent_enough(results: Results) -> None:
    """Assert that the worst case of the backup schedule is within the RPO."""
    assert_result(results, "schedule")


@then("a backup plan selects it")
def plan_covers_the_database(results: Results) -> None:
    """Assert that a backup plan selects the instance."""
    assert_result(results, "protection")


@then("the backup service can assume the role that makes its backups")
def role_can_be_assumed(results: Results) -> None:
    """Assert that the trust policy of each backup role lets AWS Backup assume it."""
    assert_result(results, "role")


@then("its automated backups are enabled and up to date")
def automated_backups_are_on(results: Results) -> None:
    """Assert that RDS keeps automated backups and that a time of the last hour can be restored."""
    assert_result(results, "automated backups")


@then("the key of its newest backup is enabled and usable by the account that restores")
def key_is_usable(results: Results) -> None:
    """Assert the state and the policy of the KMS key of the newest usable recovery point."""
    assert_result(results, "key")


@then("its backup vaults exist and their keys are enabled")
def vaults_are_usable(results: Results) -> None:
    """Assert that each vault which the target or its plans name exists and has an enabled key; a missing lock is a warning."""
    assert_result(results, "vaults")


@then("the groups and the quotas that a restore needs are available")
def restore_needs_are_there(results: Results) -> None:
    """Assert that the subnet, security and parameter groups exist and that the quotas leave room for an instance."""
    assert_result(results, "restore needs")


@then("a recent copy of its configuration is stored")
def configuration_is_stored(results: Results) -> None:
    """Assert that the configuration of this very instance was stored within the last two days."""
    assert_result(results, "stored configuration")


def assert_result(results: Results, name: str) -> None:
    """Pass a result that is met and fail a missed one; raise CheckUnavailable where any part of it could not be read."""
    result = results[name]
    if result.outcome == "not verified" or result.not_checked:
        unread = "; ".join(f"{each.what}: {each.reason}" for each in result.not_checked) or result.sentence
        raise CheckUnavailable(f"{name} was not verified: {unread}")
    if result.outcome != "met":
        raise AssertionError(f"{result.sentence}; to do: {result.findings[0].message}")
