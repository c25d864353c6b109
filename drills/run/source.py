"""A source in the sandbox as a team would have it: an instance of its own, data, a canary, vaults, a backup, and a plan.

The stage of a run and `drills sandbox up --sample` make the same one. Nothing here writes a journal: the caller does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from drills.aws import read as aws
from drills.aws.databases.kinds import CLUSTER, KINDS
from drills.aws.session import Clients
from drills.aws.wait import wait_available
from drills.checks.base.session import Connector
from drills.checks.canary import writer
from drills.clock import Clock, wait_until
from drills.config.limits import timeout_key
from drills.config.load import Target
from drills.errors import RestoreFailed, SandboxError
from drills.model.instance import Instance, StatusChange
from drills.recovery.connect import Endpoint, connector
from drills.run import stage_service
from drills.run.scene import plan, protection
from drills.run.scene.plan import ROLE, PlanWanted
from drills.sandbox_client import SandboxControl

SAMPLE = "sample"
MASTER = "drills_master"


@dataclass(frozen=True, slots=True)
class SourceMaker:
    """Makes the source of `target` and what protects it; `scratch` are the clients of the side that drills restore on.

    `ca` is the authority of the sandbox's certificates, `poll` the seconds between two looks at a status. Methods raise
    SandboxError where what they asked for does not come about.
    """

    target_name: str
    target: Target
    clients: Clients
    scratch: Clients
    control: SandboxControl
    clock: Clock
    ca: Path
    poll: float

    def make(self, version: str | None, password: SecretStr, *, retention: int) -> Instance:
        """Return the instance as the runbook's team would have it: its own groups, encrypted; `retention` is in days."""
        rds, ec2 = self.clients.rds, self.clients.ec2
        name = self.target.instance
        vpc, subnets = stage_service.network(self.clients)
        group = ec2.create_security_group(GroupName=f"{name}-clients", Description="clients of the source", VpcId=vpc)
        rds.create_db_subnet_group(
            DBSubnetGroupName=f"{name}-subnets", DBSubnetGroupDescription="of the source", SubnetIds=subnets
        )
        asked: dict[str, Any] = {
            "MasterUsername": MASTER,
            "MasterUserPassword": password.get_secret_value(),
            "DBSubnetGroupName": f"{name}-subnets",
            "VpcSecurityGroupIds": [group["GroupId"]],
            "StorageEncrypted": True,
            "KmsKeyId": protection.make_key(self.clients),
            "Tags": [{"Key": key, "Value": value} for key, value in self.target.tags.items()],
            **({"EngineVersion": version} if version else {}),
        }
        kind = KINDS[self.target.kind]
        member = {"PubliclyAccessible": False, "Engine": kind.engine}
        if kind is CLUSTER:
            rds.create_db_cluster(
                DBClusterIdentifier=name, Engine=kind.engine, BackupRetentionPeriod=max(1, retention), **asked
            )
            rds.create_db_instance(
                DBInstanceIdentifier=f"{name}-1", DBClusterIdentifier=name, DBInstanceClass="db.r6g.large", **member
            )
        else:
            storage = {"DBInstanceClass": "db.t4g.medium", "AllocatedStorage": 20, "BackupRetentionPeriod": retention}
            rds.create_db_instance(DBInstanceIdentifier=name, **storage, **member, **asked)
        return self.wait_available()

    def wait_available(self) -> Instance:
        """Return the source once it is available; SandboxError with the server's message where it never will be."""
        changes: list[StatusChange] = []
        try:
            return wait_available(
                lambda: aws.describe_instance(self.clients, self.target.instance, KINDS[self.target.kind]),
                self.clock,
                every=self.poll,
                timeout=self.target.timeout.total_seconds(),
                key=timeout_key(self.target_name),
                on_change=changes.append,
            )
        except RestoreFailed as error:
            reason = str(self.control.instance(self.target.instance)["reason"]) or str(error)
            raise SandboxError(
                f"expected PostgreSQL to start for the source, found: {' '.join(reason.split())}"
            ) from error

    def connector(self, instance: Instance, password: SecretStr) -> Connector:
        """Return what opens sessions of the source's master user."""
        return connector(Endpoint(instance.host, instance.port, instance.master_username, password, self.ca))

    def make_vaults(self) -> None:
        """Make the vault, and the one for copies where the target names one, on the side that drills restore on."""
        if self.target.vault is None:
            raise SandboxError('expected a vault for the target in drill.toml, found none: set vault = "…"')
        self.clients.backup.create_backup_vault(BackupVaultName=self.target.vault)
        if self.target.copy_vault:
            self.scratch.backup.create_backup_vault(BackupVaultName=self.target.copy_vault)
        protection.protect(self.clients, self.target.vault, ROLE)

    def back_up(self, instance: Instance) -> str:
        """Return an on-demand backup through AWS Backup, followed to its end and copied; the ARN of its recovery point."""
        backup, target = self.clients.backup, self.target
        self.wait_available()  # an instance that still backs up automatically takes no other backup
        job = backup.start_backup_job(
            BackupVaultName=target.vault,
            ResourceArn=instance.arn,
            IamRoleArn=self._role,
            Lifecycle={"DeleteAfterDays": 1},
        )["BackupJobId"]
        self._wait_for_job("backup", lambda: backup.describe_backup_job(BackupJobId=job))
        point = str(backup.describe_backup_job(BackupJobId=job)["RecoveryPointArn"])
        if target.copy_vault:
            account, region = self.scratch.account, self.scratch.region
            copy = backup.start_copy_job(
                RecoveryPointArn=point,
                SourceBackupVaultName=target.vault,
                DestinationBackupVaultArn=f"arn:aws:backup:{region}:{account}:backup-vault:{target.copy_vault}",
                IamRoleArn=self._role,
            )["CopyJobId"]
            self._wait_for_job("copy", lambda: backup.describe_copy_job(CopyJobId=copy)["CopyJob"])
        return point

    def plan_backups(self, instance: Instance, rpo_seconds: float | None) -> None:
        """Make a plan that protects the source alone (drills/run/scene/plan.py)."""
        wanted = PlanWanted(f"{instance.id}-backups", str(self.target.vault), (instance.arn,), rpo_seconds)
        plan.make(self.clients, wanted, self.clock.now())

    @property
    def _role(self) -> str:
        return plan.role_arn(self.clients)

    def _wait_for_job(self, kind: str, describe: Callable[[], dict[str, Any]]) -> None:
        """Wait until a job of AWS Backup has ended; SandboxError where it did not complete."""

        def state() -> str | None:
            found = str(describe()["State"])
            return None if found in ("CREATED", "PENDING", "RUNNING") else found

        timeout = self.target.timeout.total_seconds()
        ended = wait_until(state, timeout, self.clock, every=self.poll, what=f"the {kind} job")
        if ended != "COMPLETED":
            raise SandboxError(f"expected the {kind} job to end COMPLETED, found {ended}: see the sandbox's log")


def beat(connect: Connector, database: str, beats: int) -> None:
    """Write that many beats of the canary, which is installed before the first."""
    with connect(database) as connection:
        writer.install(connection)
        for _ in range(beats):
            writer.beat(connection)
