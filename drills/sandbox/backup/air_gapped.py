"""Logically air-gapped vaults, and through whom another account restores from one: a share of RAM, or a team that approves.

Sources: AWS Backup developer guide, "Logically air-gapped vault"
(https://docs.aws.amazon.com/aws-backup/latest/devguide/logicallyairgappedvault.html) and "Multi-party approval for logically
air-gapped vaults" (https://docs.aws.amazon.com/aws-backup/latest/devguide/multipartyapproval.html). Which resource types one takes
is in "Feature availability by resource": no RDS instances, and of Aurora clusters the encrypted ones.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from moto.backup.exceptions import InvalidParameterValueException, InvalidRequestException, ResourceNotFoundException
from moto.ram.models import ResourceShare, ram_backends

from drills.sandbox.backup.errors import AccessDeniedException
from drills.sandbox.backup.kinds.protected import AURORA, FULLY_MANAGED, RDS, S3
from drills.sandbox.backup.models import AIR_GAPPED, RESTORE_ACCESS, RecoveryPoint, Vault
from drills.sandbox.backup.points import Points
from drills.sandbox.backup.region import Region
from drills.sandbox.backup.validation import MAX_RETENTION_DAYS, require_members
from drills.sandbox.backup.vaults import Vaults
from drills.sandbox.rds.keys import Keys

SHORTEST_DAYS = 7  # "The minimum value accepted is 7 days" (API reference, CreateLogicallyAirGappedBackupVault)
# why a point is not copied into such a vault; the sentences without AWS's words are the sandbox's own
INSTANCE = "RDS instances are not supported in a logically air-gapped vault."
UNENCRYPTED = "Unencrypted Amazon Aurora clusters are not supported for logically air-gapped vault."
NO_BUCKETS = "This sandbox keeps no S3 buckets in a logically air-gapped vault; AWS Backup does."
UNDER_AWS_KEY = "Resources encrypted with AWS managed keys are not supported for copy to logically air-gapped vaults."


class Holder(Protocol):
    """The AWS Backup of a region, as far as it keeps vaults and points."""

    @property
    def region(self) -> Region:
        """The account and region."""

    @property
    def vaults(self) -> Vaults:
        """Its vaults."""

    @property
    def points(self) -> Points:
        """Its points."""


def refusal_of(vault: Vault, point: RecoveryPoint, keys: Keys) -> str:
    """Return why a vault takes no such point, whose key is one of `keys`; "" where it does.

    What AWS Backup does not manage fully "must be encrypted with an AWS Key Management Service customer managed key or be
    unencrypted" (developer guide, "Primary backups to logically air-gapped vaults").
    """
    if vault.vault_type != AIR_GAPPED:
        return ""
    if point.resource_type == RDS:
        return INSTANCE
    if point.resource_type == S3:
        return NO_BUCKETS
    if point.resource_type in FULLY_MANAGED:
        return ""
    if not point.kms_key_id:
        return UNENCRYPTED if point.resource_type == AURORA else ""
    return "" if keys.is_customers(point.kms_key_id) else UNDER_AWS_KEY


def let_vaults_be_shared() -> None:
    """Have moto's RAM share vaults, which it has no word for."""
    kinds = ResourceShare.SHAREABLE_RESOURCES
    if "backup-vault" not in kinds:
        kinds.append("backup-vault")


class AirGappedVaults:
    """The air-gapped vaults of one region, and those of other accounts that this account may restore from.

    `find_region` returns the AWS Backup of the region of a vault's ARN.
    """

    def __init__(self, here: Holder, find_region: Callable[[str], Holder]) -> None:
        self._here = here
        self._region = here.region
        self._find_region = find_region

    def create(self, name: str, request: Mapping[str, Any]) -> Vault:
        """CreateLogicallyAirGappedBackupVault: locked from its first moment; without a key under one that AWS owns."""
        require_members(request, "MinRetentionDays", "MaxRetentionDays")
        low, high = request["MinRetentionDays"], request["MaxRetentionDays"]
        if not SHORTEST_DAYS <= low <= high <= MAX_RETENTION_DAYS:
            raise InvalidParameterValueException(
                f"MinRetentionDays must be at least {SHORTEST_DAYS} and at most MaxRetentionDays, found {low} and {high}."
            )
        vault = self._here.vaults.create(
            name, request.get("BackupVaultTags"), request.get("EncryptionKeyArn"), request.get("CreatorRequestId")
        )
        if not request.get("EncryptionKeyArn"):
            vault.encryption_key_arn = ""
        vault.vault_type, vault.locked, vault.lock_date = AIR_GAPPED, True, vault.creation_date
        vault.min_retention_days, vault.max_retention_days = low, high
        return vault

    # -- multi-party approval -------------------------------------------------------------------------------------

    def associate(self, name: str, request: Mapping[str, Any]) -> None:
        """AssociateBackupVaultMpaApprovalTeam, of a vault that has no team yet."""
        require_members(request, "MpaApprovalTeamArn")
        vault = self._here.vaults.get(name)
        if vault.vault_type != AIR_GAPPED:
            raise InvalidRequestException(f"The backup vault {name} is not logically air-gapped.")
        if vault.team_arn:
            raise NotImplementedError("Changing the approval team of a vault is absent from this sandbox.")
        vault.team_arn = request["MpaApprovalTeamArn"]

    def request_access(self, request: Mapping[str, Any]) -> Vault:
        """CreateRestoreAccessBackupVault: CREATING until somebody decides (`/_sandbox/approval`)."""
        require_members(request, "SourceBackupVaultArn")
        source = self._vault_at(request["SourceBackupVaultArn"])
        if source is None or source.vault_type != AIR_GAPPED:
            raise ResourceNotFoundException(f"Backup vault {request['SourceBackupVaultArn']} not found")
        if not source.team_arn:
            raise InvalidRequestException(f"The backup vault {source.backup_vault_name} has no approval team.")
        name = request.get("BackupVaultName") or f"{source.backup_vault_name}-access"
        vault = self._here.vaults.create(name, request.get("BackupVaultTags"), None, request.get("CreatorRequestId"))
        vault.vault_type, vault.state, vault.encryption_key_arn = RESTORE_ACCESS, "CREATING", ""
        vault.source_arn, vault.team_arn = source.backup_vault_arn, source.team_arn
        _, _, team = source.team_arn.rpartition("/")
        vault.session_arn = f"arn:aws:mpa:us-east-1:{self._region.account}:session/{team}/{uuid.uuid4()}"
        vault.locked, vault.min_retention_days, vault.max_retention_days = (
            source.locked,
            source.min_retention_days,
            source.max_retention_days,
        )
        return vault

    # -- who may see and restore what -------------------------------------------------------------------------------

    def holder_of(self, name: str, account: str | None) -> tuple[Holder, Vault]:
        """Return who keeps the points of the vault that a request names, and the vault that they are in.

        `account` is the BackupVaultAccountId of the request. AccessDeniedException for what is not shared: with "Insufficient
        privileges" AWS answers a request about a shared vault that does not name its account.
        """
        if account in (None, self._region.account):
            return self._behind(self._here.vaults.get(name))
        arn = f"arn:aws:backup:{self._region.name}:{account}:backup-vault:{name}"
        vault = self._vault_at(arn)
        if vault is None or not self._is_shared(vault):
            raise AccessDeniedException("Insufficient privileges to perform this action.")
        return self._find_region(arn), vault

    def _behind(self, vault: Vault) -> tuple[Holder, Vault]:
        """Return what is behind a vault: of one for access, once it is approved, that which it gives access to."""
        source = self._vault_at(vault.source_arn) if vault.source_arn and vault.state == "AVAILABLE" else None
        return (self._here, vault) if source is None else (self._find_region(vault.source_arn), source)

    def point(self, arn: str) -> tuple[Holder, RecoveryPoint]:
        """Return a point that this account may restore and who keeps it; ResourceNotFoundException."""
        own = self._here.points.find(arn)
        if own is not None:
            return self._here, own
        parts = arn.split(":")
        if len(parts) > 5 and parts[2] == "backup" and parts[3] == self._region.name:
            holder = self._find_region(f"arn:aws:backup:{parts[3]}:{parts[4]}:backup-vault:any")
            point = holder.points.find(arn)
            if point is not None and self._may_restore(holder.vaults.get(point.vault)):
                return holder, point
        raise ResourceNotFoundException(f"Cannot find recovery point {arn}.")

    def _may_restore(self, vault: Vault) -> bool:
        approved = any(
            each.source_arn == vault.backup_vault_arn and each.state == "AVAILABLE" for each in self._here.vaults
        )
        return approved or self._is_shared(vault)

    def _vault_at(self, arn: str) -> Vault | None:
        return self._find_region(arn).vaults.find(arn.rpartition(":")[2])

    def _is_shared(self, vault: Vault) -> bool:
        """Return whether RAM shares an air-gapped vault with this account. The sandbox asks for no acceptance."""
        _, _, _, region, owner, *_ = vault.backup_vault_arn.split(":")
        return vault.vault_type == AIR_GAPPED and any(
            share.status == "ACTIVE"
            and vault.backup_vault_arn in share.resource_arns
            and self._region.account in share.principals
            for share in ram_backends[owner][region].resource_shares
        )
