"""Implements moto's backend of AWS Backup with the sandbox's own service.

A recovery point of an RDS instance is a DB snapshot, and one of an Aurora cluster a DB cluster snapshot, of type `awsbackup`, named
`awsbackup:job-<uuid>`; one of a DynamoDB table, an EFS file system or an S3 bucket is AWS Backup's own, one of an EBS volume a
snapshot of EC2. Every operation that is neither in drills/sandbox/backup/answers nor in moto answers with an error that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from moto.backup.models import BackupBackend
from moto.core.resource_tagging import TaggedResource
from moto.dynamodb.models import dynamodb_backends
from moto.ec2.models import ec2_backends
from moto.efs.models import efs_backends
from moto.rds.models import rds_backends

from drills.sandbox.backup.region import FastForward, Region, ResourceTags
from drills.sandbox.backup.service import BackupService
from drills.sandbox.base.url_table import UrlTable
from drills.sandbox.dynamodb.backend import SandboxDynamoDB
from drills.sandbox.ec2.backend import SandboxEC2
from drills.sandbox.efs.backend import SandboxEFS
from drills.sandbox.rds.backend import SandboxRDS
from drills.sandbox.s3.backend import of_account
from drills.sandbox.state import DataPlane


class SandboxBackup(BackupBackend):
    """What moto knows of the AWS Backup of one region: URLs, taggable resources and report plans are moto's own."""

    def __init__(
        self,
        region_name: str,
        account_id: str,
        plane: DataPlane,
        fast_forward: FastForward,
        find_region: Callable[[str], BackupService],
        urls: UrlTable,
    ) -> None:
        super().__init__(region_name, account_id)
        self._urls = urls
        rds = rds_backends[account_id][region_name]
        dynamodb = dynamodb_backends[account_id][region_name]
        assert isinstance(rds, SandboxRDS)
        ec2 = ec2_backends[account_id][region_name]
        assert isinstance(dynamodb, SandboxDynamoDB)
        efs = efs_backends[account_id][region_name]
        assert isinstance(ec2, SandboxEC2)
        assert isinstance(efs, SandboxEFS)
        region = Region(
            account_id,
            region_name,
            plane,
            rds,
            dynamodb,
            ec2,
            efs,
            of_account(account_id),
            ResourceTags(self.tagger),
            fast_forward,
        )
        self.service = BackupService(region, find_region, self._report_plan_arns)

    @property
    def _url_module(self) -> UrlTable:
        return self._urls

    def _report_plan_arns(self) -> list[str]:
        return [plan.report_plan_arn for plan in self.report_plans.values()]

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        """Yield what the Resource Groups Tagging API lists of AWS Backup: the vaults."""
        for vault in self.service.vaults:
            arn = vault.backup_vault_arn
            yield TaggedResource(arn, self.service.region.tags.of(arn), "backup:backup-vault")
