"""A sandbox of their own for the tests that move its clock forward, with one instance and what AWS Backup needs."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from drills.sandbox_client import SandboxControl
from tests.support.rds import ROLE, Instance, create, eventually
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox

DAY = 86_400.0
OTHER_REGION = "eu-west-1"


@dataclasses.dataclass(frozen=True)
class Shop:
    """A sandbox whose clock is moved forward, with the instance `orders`, which holds ten rows."""

    sandbox: RunningSandbox
    orders: Instance

    @property
    def backup(self) -> Any:
        """AWS Backup."""
        return self.sandbox.client("backup")

    @property
    def arn(self) -> str:
        """The ARN of the instance."""
        return str(self.orders.described()["DBInstanceArn"])

    def there(self) -> RunningSandbox:
        """The same sandbox in another region."""
        return dataclasses.replace(self.sandbox, region=OTHER_REGION)

    def forward(self, days: float) -> None:
        """Move the clock forward by days."""
        self.sandbox.control.forward(days * DAY)

    def plan(self, name: str, vault: str, **rule: Any) -> dict[str, Any]:
        """A new plan of one rule, as CreateBackupPlan answers."""
        rules = [{"RuleName": "only", "TargetBackupVaultName": vault, **rule}]
        return dict(self.backup.create_backup_plan(BackupPlan={"BackupPlanName": name, "Rules": rules}))

    def select(self, plan: dict[str, Any], **selection: Any) -> str:
        """Let a plan back something up, `orders` unless said otherwise; the selection's id."""
        wanted = {"SelectionName": "some", "IamRoleArn": ROLE, **(selection or {"Resources": [self.arn]})}
        answer = self.backup.create_backup_selection(BackupPlanId=plan["BackupPlanId"], BackupSelection=wanted)
        return str(answer["SelectionId"])

    def end(self, plan: dict[str, Any]) -> None:
        """Delete a plan with its selections."""
        for each in self.backup.list_backup_selections(BackupPlanId=plan["BackupPlanId"])["BackupSelectionsList"]:
            self.backup.delete_backup_selection(BackupPlanId=plan["BackupPlanId"], SelectionId=each["SelectionId"])
        self.backup.delete_backup_plan(BackupPlanId=plan["BackupPlanId"])

    def points(self, vault: str) -> list[dict[str, Any]]:
        """The recovery points of a vault, oldest first."""
        pages = self.backup.get_paginator("list_recovery_points_by_backup_vault").paginate(BackupVaultName=vault)
        return sorted((row for page in pages for row in page["RecoveryPoints"]), key=lambda row: row["CreationDate"])

    def back_up(self, vault: str, **more: Any) -> str:
        """A completed backup on demand; the point's ARN, which a job has that waited for the end of another one too."""
        self.orders.available()
        job = self.backup.start_backup_job(BackupVaultName=vault, ResourceArn=self.arn, IamRoleArn=ROLE, **more)
        return str(self.ended(job["BackupJobId"])["RecoveryPointArn"])

    def ended(self, job_id: str) -> dict[str, Any]:
        """A backup job once it has ended."""

        def probe() -> dict[str, Any] | None:
            job = dict(self.backup.describe_backup_job(BackupJobId=job_id))
            return None if job["State"] in ("CREATED", "PENDING", "RUNNING") else job

        return dict(eventually(probe, "the backup job to end"))

    def vault(self, name: str, **more: Any) -> str:
        """A new vault; its ARN."""
        return str(self.backup.create_backup_vault(BackupVaultName=name, **more)["BackupVaultArn"])

    def span(self, rows: list[dict[str, Any]]) -> set[timedelta]:
        """The distances between rows that follow each other."""
        dates = [row["CreationDate"] for row in rows]
        return {later - earlier for earlier, later in itertools.pairwise(dates)}


def once_a_day(control: SandboxControl) -> str:
    """A daily schedule that falls due once when the clock is moved by a day from now, and not near either end of that day."""
    return f"cron(0 {(control.now() + timedelta(hours=12)).hour} * * ? *)"


@pytest.fixture(scope="module", name="shop")
def open_shop() -> Iterator[Shop]:
    """One for a module; its tests name their vaults and plans apart. It is noon there: nothing falls due in the tests' own time."""
    sandbox = start_sandbox()
    now = sandbox.control.now()
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0)
    sandbox.control.forward((noon - now).total_seconds() % DAY)
    orders = create(sandbox, "orders", Tags=[{"Key": "backup", "Value": "daily"}], StorageEncrypted=True)
    orders.available()
    with orders.connect() as session:
        session.execute("CREATE TABLE item AS SELECT generate_series(1, 10) AS id")
    yield Shop(sandbox, orders)
    end_sandbox(sandbox)
