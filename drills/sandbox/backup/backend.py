"""AWS Backup for RDS instances, put together; a room for each of its parts: backup_vaults.py, backup_jobs.py and so on.

A recovery point of an RDS instance is a DB snapshot of type `awsbackup`, named `awsbackup:job-<uuid>`. Every operation
that is not here or in moto answers with an error that says so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from moto.backup.exceptions import ResourceNotFoundException
from moto.backup.models import backup_backends

from drills.sandbox.backup.base import BackupBase
from drills.sandbox.backup.schedules import materialise_all
from drills.sandbox.backup.testing import BackupTesting
from drills.sandbox.state import DataPlane

log = logging.getLogger(__name__)

BEAT = 1.0  # seconds between two looks at what has fallen due


class SandboxBackup(BackupTesting):
    """The AWS Backup of one region."""

    # -- tags and resources --------------------------------------------------------------------------------------

    def tags_of(self, arn: str) -> dict[str, str]:
        """ListTags: ResourceNotFoundException for an ARN that AWS Backup does not have."""
        plans = [plan.arn for plan in self.plans_in_force()] + [plan.arn for plan in self.testing_plans.values()]
        vaults = [vault.backup_vault_arn for vault in self.vaults.values()]
        reports = [report.report_plan_arn for report in self.report_plans.values()]
        if arn not in self.points and arn not in (*plans, *vaults, *reports):
            raise ResourceNotFoundException(f"Cannot find the resource {arn}.")
        return dict(self.tagger.get_tag_dict_for_resource(arn))

    def set_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        """TagResource; a point's tags are its snapshot's as well."""
        self.tag_resource(arn, dict(tags))
        self._pass_on(arn)

    def drop_tags(self, arn: str, keys: Sequence[str]) -> None:
        """UntagResource."""
        self.untag_resource(arn, list(keys))
        self._pass_on(arn)

    def _pass_on(self, arn: str) -> None:
        if arn in self.points:
            tags = self.points[arn].tags = self.tags_of(arn)
            self.snapshot_of(self.points[arn]).tags = [{"Key": key, "Value": value} for key, value in tags.items()]

    def protected(self, rows: Sequence[dict[str, Any]], arn: str) -> dict[str, Any]:
        """DescribeProtectedResource: the row of that resource."""
        for row in rows:
            if row["ResourceArn"] == arn:
                return row
        raise ResourceNotFoundException(f"The resource {arn} has no recovery point.")


def _backends(account: str) -> list[SandboxBackup]:
    return [each for each in list(backup_backends[account].values()) if isinstance(each, SandboxBackup)]


def run(account: str, until: datetime) -> None:
    """Do what has fallen due up to an instant, in every region. The plane's lock must be held."""
    backends = _backends(account)
    for backend in backends:
        backend.fire(until)
        backend.choose_tests(until)
    backends = _backends(account)  # a copy may have gone to a region that nobody had asked yet
    for backend in backends:
        backend.expire()
    materialise_all(backends)
    for backend in backends:
        backend.run_tests()
        if backend.horizon is None:
            backend.retry_jobs()
            backend.clean_up_tests()


def wind(plane: DataPlane, account: str, seconds: float) -> datetime:
    """Wind the clock forward over everything that falls due on the way; the new instant."""
    with plane.lock:
        run(account, plane.instant())
        BackupBase.horizon = plane.instant(seconds)
        try:
            run(account, BackupBase.horizon)
        finally:
            BackupBase.horizon = None
        return plane.clock.forward(seconds)


def install(plane: DataPlane, account: str) -> None:
    """Make this the AWS Backup of moto, before its first request, and let its schedules run."""
    SandboxBackup.plane = BackupBase.plane = plane
    backup_backends.backend = SandboxBackup
    backup_backends.clear()

    def beat() -> None:
        while plane.clock.wait_until(plane.clock.monotonic() + BEAT):
            try:
                with plane.lock:
                    run(account, plane.instant())
            except Exception:  # one that fails must not end all later ones
                log.exception("the backup schedules failed")

    plane.work("backup schedules", beat)
