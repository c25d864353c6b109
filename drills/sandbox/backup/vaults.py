"""Backup vaults: encryption key, lock, access policy, notifications."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from moto.backup.exceptions import (
    AlreadyExistsException,
    InvalidParameterValueException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from moto.kms.models import kms_backends

from drills.sandbox.backup.base import BackupBase, required
from drills.sandbox.backup.models import RecoveryPoint, Vault

_NAME = re.compile(r"[a-zA-Z0-9_-]{2,50}")
_LONGEST = 36_500  # days
MANAGED = "alias/aws/backup"  # the key of a vault for which none is named


class BackupVaults(BackupBase):
    """The vaults of one region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.points: dict[str, RecoveryPoint] = {}

    def create_backup_vault(  # type: ignore[override]
        self,
        backup_vault_name: str,
        backup_vault_tags: Mapping[str, str] | None,
        encryption_key_arn: str | None,
        creator_request_id: str | None,
    ) -> Vault:
        """CreateBackupVault; without a key it is the one that AWS manages."""
        if not _NAME.fullmatch(backup_vault_name):
            raise InvalidParameterValueException(
                f"The backup vault's name {backup_vault_name!r} must be 2 to 50 letters, digits, - or _."
            )
        if backup_vault_name in self.vaults:
            raise AlreadyExistsException("Backup vault with the same name already exists")
        vault = Vault(
            backup_vault_name,
            self.arn_of("backup-vault", backup_vault_name),
            self._key(encryption_key_arn) if encryption_key_arn else self._managed_key(),
            self.now(),
            creator_request_id,
        )
        self.vaults[backup_vault_name] = vault
        if backup_vault_tags:
            self.tag_resource(vault.backup_vault_arn, dict(backup_vault_tags))
        return vault

    def _managed_key(self) -> str:
        kms = kms_backends[self.account_id][self.region_name]
        for key in kms.keys.values():
            if MANAGED in key.aliases:
                return str(key.arn)
        made = kms.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "The key of AWS Backup", None)
        kms.create_alias(made.id, MANAGED)
        return str(made.arn)

    def _key(self, key: str) -> str:
        try:
            return str(kms_backends[self.account_id][self.region_name].describe_key(key).arn)
        except Exception as error:
            raise InvalidParameterValueException(f"The KMS key {key} does not exist in {self.region_name}.") from error

    def points_in(self, vault: str) -> list[RecoveryPoint]:
        """The recovery points of a vault, oldest first."""
        self.vault(vault)
        return sorted((p for p in self.points.values() if p.vault == vault), key=lambda p: p.created_at)

    def delete_backup_vault(self, backup_vault_name: str) -> None:
        """DeleteBackupVault: refused while the vault holds recovery points."""
        vault = self.vault(backup_vault_name)
        if self.points_in(backup_vault_name):
            raise InvalidRequestException(
                f"Backup vault cannot be deleted because it contains recovery points: {backup_vault_name}"
            )
        del self.vaults[backup_vault_name]
        self.tagger.delete_all_tags_for_resource(vault.backup_vault_arn)

    # -- lock ----------------------------------------------------------------------------------------------------

    def lock_vault(self, name: str, given: Mapping[str, Any]) -> None:
        """PutBackupVaultLockConfiguration: from the lock date on, it cannot be changed."""
        vault = self.vault(name)
        self._still_changeable(vault)
        low, high = given.get("MinRetentionDays"), given.get("MaxRetentionDays")
        for key, value, least in (
            ("MinRetentionDays", low, 1),
            ("MaxRetentionDays", high, 1),
            ("ChangeableForDays", given.get("ChangeableForDays"), 3),
        ):
            if value is not None and not least <= value <= _LONGEST:
                raise InvalidParameterValueException(f"{key} must be {least} to {_LONGEST} days, not {value}.")
        if low is not None and high is not None and low > high:
            raise InvalidParameterValueException("MinRetentionDays cannot be greater than MaxRetentionDays")
        changeable = given.get("ChangeableForDays")
        vault.locked, vault.min_retention_days, vault.max_retention_days = True, low, high
        vault.lock_date = self.now() + timedelta(days=changeable) if changeable is not None else None

    def unlock_vault(self, name: str) -> None:
        """DeleteBackupVaultLockConfiguration."""
        vault = self.vault(name)
        self._still_changeable(vault)
        vault.locked, vault.min_retention_days, vault.max_retention_days, vault.lock_date = False, None, None, None

    def _still_changeable(self, vault: Vault) -> None:
        if vault.lock_date is not None and vault.lock_date <= self.now():
            raise InvalidRequestException(
                f"The lock of the backup vault {vault.backup_vault_name} is immutable since {vault.lock_date:%F %T}Z."
            )

    # -- access policy and notifications -------------------------------------------------------------------------

    def put_policy(self, name: str, policy: str | None) -> None:
        """PutBackupVaultAccessPolicy: kept as given; statements that are honoured: see `denied`."""
        vault = self.vault(name)
        try:
            statements(policy or "")
        except ValueError as error:
            raise InvalidParameterValueException(f"The vault's policy is no policy document: {error}") from error
        vault.policy = policy

    def policy_of(self, name: str) -> str:
        """GetBackupVaultAccessPolicy: ResourceNotFoundException where there is none."""
        policy = self.vault(name).policy
        if policy is None:
            raise ResourceNotFoundException(f"The backup vault {name} has no access policy.")
        return policy

    def put_notifications(self, name: str, given: Mapping[str, Any]) -> None:
        """PutBackupVaultNotifications: kept and shown; nothing is sent."""
        required(given, "SNSTopicArn", "BackupVaultEvents")
        self.vault(name).notifications = {key: given[key] for key in ("SNSTopicArn", "BackupVaultEvents")}

    def notifications_of(self, name: str) -> dict[str, Any]:
        """GetBackupVaultNotifications: ResourceNotFoundException where there are none."""
        found = self.vault(name).notifications
        if not found:
            raise ResourceNotFoundException(f"The backup vault {name} has no notifications.")
        return found


def statements(policy: str) -> list[Mapping[str, Any]]:
    """The statements of a policy document; ValueError for what is none."""
    document = json.loads(policy)
    found = document.get("Statement") if isinstance(document, dict) else None
    found = [found] if isinstance(found, dict) else found
    if not isinstance(found, list) or not all(isinstance(each, dict) and "Effect" in each for each in found):
        raise ValueError("it needs a Statement with an Effect")
    return found


def denied(vault: Vault, action: str, resource: str) -> bool:
    """Whether the vault's policy denies everyone an action on a resource.

    Honoured are statements without Condition whose Principal is `*`: the sandbox knows no identities. What names
    somebody, and what allows, is kept and shown only.
    """
    for each in statements(vault.policy) if vault.policy else ():
        principal = each.get("Principal")
        everyone = principal == "*" or (isinstance(principal, dict) and "*" in _listed(principal.get("AWS")))
        if (
            each["Effect"] == "Deny"
            and everyone
            and "Condition" not in each
            and any(fnmatch.fnmatchcase(action.lower(), each.lower()) for each in _listed(each.get("Action")))
            and any(fnmatch.fnmatchcase(resource, each) for each in _listed(each.get("Resource")))
        ):
            return True
    return False


def _listed(value: Any) -> Iterable[str]:
    return [value] if isinstance(value, str) else [str(each) for each in value or ()]
