"""What AWS Backup has backed up in a sandbox: the job on demand, its recovery point, and the restores of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.support.rds import ROLE, eventually
from tests.support.sandbox import RunningSandbox


@dataclass(frozen=True)
class KeptSource:
    """A thing that AWS Backup has backed up: its ARN, and the job."""

    sandbox: RunningSandbox
    arn: str
    job: dict[str, Any]

    @property
    def point(self) -> str:
        """The ARN of its recovery point."""
        return str(self.job["RecoveryPointArn"])

    @property
    def backup(self) -> Any:
        """AWS Backup."""
        return self.sandbox.client("backup")

    def ended(self, job: str) -> dict[str, Any]:
        """A restore job once it has ended."""

        def probe() -> dict[str, Any] | None:
            seen = dict(self.backup.describe_restore_job(RestoreJobId=job))
            return None if seen["Status"] in ("PENDING", "RUNNING") else seen

        return dict(eventually(probe, "the restore job to end"))


def take(sandbox: RunningSandbox, arn: str, vault: str) -> dict[str, Any]:
    """A backup job on demand that has completed."""
    backup = sandbox.client("backup")
    job = backup.start_backup_job(BackupVaultName=vault, ResourceArn=arn, IamRoleArn=ROLE)["BackupJobId"]
    eventually(lambda: backup.describe_backup_job(BackupJobId=job)["State"] == "COMPLETED", "the backup job")
    return dict(backup.describe_backup_job(BackupJobId=job))


def forget(sandbox: RunningSandbox, vault: str) -> None:
    """Remove a vault with every recovery point in it, and the plans that back up into it."""
    backup = sandbox.client("backup")
    for plan in plans_into(sandbox, vault):
        for selection in backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"]:
            backup.delete_backup_selection(BackupPlanId=plan, SelectionId=selection["SelectionId"])
        backup.delete_backup_plan(BackupPlanId=plan)
    for point in backup.list_recovery_points_by_backup_vault(BackupVaultName=vault)["RecoveryPoints"]:
        backup.delete_recovery_point(BackupVaultName=vault, RecoveryPointArn=point["RecoveryPointArn"])
    backup.delete_backup_vault(BackupVaultName=vault)


def plans_into(sandbox: RunningSandbox, vault: str) -> list[str]:
    """The ids of the plans that back up into a vault."""
    backup = sandbox.client("backup")
    ids = [each["BackupPlanId"] for each in backup.list_backup_plans()["BackupPlansList"]]
    rules = {each: backup.get_backup_plan(BackupPlanId=each)["BackupPlan"]["Rules"] for each in ids}
    return [each for each, of in rules.items() if any(rule["TargetBackupVaultName"] == vault for rule in of)]
