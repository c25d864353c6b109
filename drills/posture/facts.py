"""The facts about a target's protection, as AWS's APIs give them: values and mappings alone, so that they can be recorded.

A fact that could not be read is a `NotVerified` with the right that it needs. `None` means that it does
not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from drills.model.parity import NotVerified
from drills.model.point import RecoveryPoint
from drills.model.timing import WorstCase
from drills.posture.subjects import INSTANCE, Subject

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Protection:
    """A plan that backs the source up: GetBackupPlan's answer, the selection, and by what that names it."""

    plan: Document
    selection: Document
    by: Literal["ARN", "tag", "everything"]
    since: datetime

    @property
    def name(self) -> str:
        """What people call the plan."""
        return str(self.plan["BackupPlan"]["BackupPlanName"])

    @property
    def rules(self) -> tuple[Document, ...]:
        """The rules of the plan, all of which back up what is selected."""
        return tuple(self.plan["BackupPlan"]["Rules"])


@dataclass(frozen=True, slots=True)
class Vault:
    """A vault: DescribeBackupVault's answer, its access policy, and the key that it encrypts with."""

    described: Document
    policy: Document | NotVerified | None
    key: Document | NotVerified | None

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.described["BackupVaultName"])


@dataclass(frozen=True, slots=True)
class Key:
    """A KMS key: its KeyMetadata and its policy."""

    metadata: Document
    policy: Document | NotVerified


@dataclass(frozen=True, slots=True)
class RestoreTest:
    """A restore testing plan that tests the source: GetRestoreTestingPlan's answer, and its jobs of the last 30 days about it."""

    plan: Document
    jobs: tuple[Document, ...] | NotVerified

    @property
    def name(self) -> str:
        """What people call the plan."""
        return str(self.plan["RestoreTestingPlanName"])


@dataclass(frozen=True, slots=True)
class RestoreNeeds:
    """The resources that a restore of the instance needs: None for what does not exist. Quotas by name: used and limit."""

    subnet_group: str
    subnets: Document | NotVerified | None
    security_groups: tuple[str, ...]
    groups_there: tuple[str, ...] | NotVerified
    parameter_group: str
    parameters: Document | NotVerified | None
    quotas: Mapping[str, tuple[int, int]] | NotVerified


@dataclass(frozen=True, slots=True)
class StoredConfiguration:
    """The stored copy of the configuration: of which instance, from when."""

    dbi_resource_id: str
    taken_at: datetime
    place: str


@dataclass(frozen=True, slots=True)
class OwnerPolicy:
    """The owner's requirements for backups, from drill.toml; None and 0 require nothing. Durations in seconds."""

    rpo_seconds: float | None = None
    retention: timedelta | None = None
    copies: int = 0


@dataclass(frozen=True, slots=True)
class PostureFacts:
    """Everything that posture judges, read at `now`.

    `instance` is the source as its own service describes it. `points` are the recovery points of the target, `vault_points` what
    its vault says of them, `copies` those in other vaults by ARN of these. `roles` holds the trust policy of each role that backs
    up or restores, `vaults` the vaults by ARN, `keys` the keys by ARN. `needs` and `stored` are of databases; `own` is what else a
    kind has read for judgements of its own.
    """

    now: datetime
    account: str
    region: str
    instance_id: str
    vault: str | None
    policy: OwnerPolicy
    restore_account: str
    restore_role: str | None
    instance: Document | None
    protections: tuple[Protection, ...] | NotVerified
    roles: Mapping[str, Document | NotVerified | None] = field(default_factory=dict)
    vaults: Mapping[str, Vault | NotVerified | None] = field(default_factory=dict)
    jobs: tuple[Document, ...] | NotVerified = ()
    points: tuple[RecoveryPoint, ...] | NotVerified = ()
    vault_points: tuple[Document, ...] | NotVerified = ()
    keys: Mapping[str, Key | NotVerified | None] = field(default_factory=dict)
    needs: RestoreNeeds | NotVerified | None = None
    stored: StoredConfiguration | NotVerified | None = None
    worst_case: WorstCase | NotVerified | None = None
    tests: tuple[RestoreTest, ...] | NotVerified = ()
    copies: Mapping[str, tuple[Document, ...] | NotVerified] = field(default_factory=dict)
    region_settings: Document | NotVerified | None = None
    subject: Subject = INSTANCE
    own: object = None

    @property
    def arn(self) -> str:
        """The ARN of the source, also when it is gone."""
        return self.subject.arn.format(region=self.region, account=self.account, name=self.instance_id)

    @property
    def resource_id(self) -> str | None:
        """The identity of the living source by which its recovery points are told from those of another one of its name."""
        identity = self.subject.identity
        return str(self.instance.get(identity, "")) if self.instance and identity else None

    @property
    def back_up(self) -> str:
        """What is typed to take a recovery point now."""
        if self.subject.on_demand:
            return "drills backup --retain"
        return (
            f"aws backup start-backup-job --backup-vault-name {self.vault or 'VAULT'} --resource-arn {self.arn} "
            "--iam-role-arn ROLE"
        )

    def vault_arn(self, name: str) -> str:
        """Return the ARN of a vault of this account and region."""
        return f"arn:aws:backup:{self.region}:{self.account}:backup-vault:{name}"
