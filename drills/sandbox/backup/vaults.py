"""Backup vaults: encryption key, lock, access policy, notifications."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from moto.backup.exceptions import (
    AlreadyExistsException,
    InvalidParameterValueException,
    InvalidRequestException,
    ResourceNotFoundException,
)
from moto.kms.models import kms_backends

from drills.policy_statements import parse_policy
from drills.sandbox.backup.models import Vault
from drills.sandbox.backup.region import Region
from drills.sandbox.backup.validation import MAX_RETENTION_DAYS, require_members

MANAGED_KEY = "alias/aws/backup"  # the key of a vault for which none is named
_NAME = re.compile(r"[a-zA-Z0-9_-]{2,50}")


class Vaults:
    """The vaults of one region."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._vaults: dict[str, Vault] = {}

    def __iter__(self) -> Iterator[Vault]:
        """Iterate over the vaults in the order of their creation."""
        return iter(list(self._vaults.values()))

    def find(self, name: str) -> Vault | None:
        """Return the vault, None for an unknown name."""
        return self._vaults.get(name)

    def get(self, name: str) -> Vault:
        """Return the vault; ResourceNotFoundException for an unknown name."""
        if name not in self._vaults:
            raise ResourceNotFoundException(f"Backup vault {name} not found")
        return self._vaults[name]

    def arn_of(self, name: str) -> str:
        """Return the ARN of a vault of this region, whether it exists or not."""
        return self._region.arn_of("backup-vault", name)

    def create(
        self, name: str, tags: Mapping[str, str] | None, key_arn: str | None, creator_request_id: str | None
    ) -> Vault:
        """CreateBackupVault; without a key the vault gets the one that AWS manages."""
        if not _NAME.fullmatch(name):
            raise InvalidParameterValueException(
                f"The backup vault's name {name!r} must be 2 to 50 letters, digits, - or _."
            )
        if name in self._vaults:
            raise AlreadyExistsException("Backup vault with the same name already exists")
        key = self._key(key_arn) if key_arn else self._managed_key()
        vault = Vault(name, self.arn_of(name), key, self._region.now(), creator_request_id)
        self._vaults[name] = vault
        self._region.tags.add(vault.backup_vault_arn, tags)
        return vault

    def remove(self, vault: Vault) -> None:
        """Remove a vault, which must be empty, with its tags."""
        del self._vaults[vault.backup_vault_name]
        self._region.tags.remove_all(vault.backup_vault_arn)

    def _managed_key(self) -> str:
        kms = kms_backends[self._region.account][self._region.name]
        for key in kms.keys.values():
            if MANAGED_KEY in key.aliases:
                return str(key.arn)
        created = kms.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "The key of AWS Backup", None)
        created.key_manager = "AWS"  # moto calls every key the customer's
        kms.create_alias(created.id, MANAGED_KEY)
        return str(created.arn)

    def _key(self, key: str) -> str:
        try:
            return str(kms_backends[self._region.account][self._region.name].describe_key(key).arn)
        except Exception as error:
            raise InvalidParameterValueException(f"The KMS key {key} does not exist in {self._region.name}.") from error

    def key_type(self, arn: str | None) -> str | None:
        """Return EncryptionKeyType of a key of this region; of an empty ARN that of a key that AWS owns.

        None for one that AWS manages: the API reference has no word for it.
        """
        if arn == "":
            return "AWS_OWNED_KMS_KEY"
        key = kms_backends[self._region.account][self._region.name].keys.get((arn or "").rpartition("/")[2])
        return "CUSTOMER_MANAGED_KMS_KEY" if key is not None and key.key_manager == "CUSTOMER" else None

    # -- lock ----------------------------------------------------------------------------------------------------

    def lock(self, name: str, request: Mapping[str, Any]) -> None:
        """PutBackupVaultLockConfiguration: from the lock date on, the lock cannot be changed."""
        vault = self.get(name)
        self._require_changeable(vault)
        low, high = request.get("MinRetentionDays"), request.get("MaxRetentionDays")
        changeable = request.get("ChangeableForDays")
        for key, value, minimum in (
            ("MinRetentionDays", low, 1),
            ("MaxRetentionDays", high, 1),
            ("ChangeableForDays", changeable, 3),
        ):
            if value is not None and not minimum <= value <= MAX_RETENTION_DAYS:
                raise InvalidParameterValueException(
                    f"{key} must be {minimum} to {MAX_RETENTION_DAYS} days, not {value}."
                )
        if low is not None and high is not None and low > high:
            raise InvalidParameterValueException("MinRetentionDays cannot be greater than MaxRetentionDays")
        vault.locked, vault.min_retention_days, vault.max_retention_days = True, low, high
        vault.lock_date = self._region.now() + timedelta(days=changeable) if changeable is not None else None

    def unlock(self, name: str) -> None:
        """DeleteBackupVaultLockConfiguration."""
        vault = self.get(name)
        self._require_changeable(vault)
        vault.locked, vault.min_retention_days, vault.max_retention_days, vault.lock_date = False, None, None, None

    def _require_changeable(self, vault: Vault) -> None:
        if vault.lock_date is not None and vault.lock_date <= self._region.now():
            raise InvalidRequestException(
                f"The lock of the backup vault {vault.backup_vault_name} is immutable since {vault.lock_date:%F %T}Z."
            )

    # -- access policy and notifications -------------------------------------------------------------------------

    def put_policy(self, name: str, policy: str | None) -> None:
        """PutBackupVaultAccessPolicy: the document is stored as given; `denies` says what of it is enforced."""
        vault = self.get(name)
        try:
            parse_policy(policy or "")
        except ValueError as error:
            raise InvalidParameterValueException(f"The vault's policy is no policy document: {error}") from error
        vault.policy = policy

    def policy_of(self, name: str) -> str:
        """GetBackupVaultAccessPolicy: ResourceNotFoundException where there is none."""
        policy = self.get(name).policy
        if policy is None:
            raise ResourceNotFoundException(f"The backup vault {name} has no access policy.")
        return policy

    def put_notifications(self, name: str, request: Mapping[str, Any]) -> None:
        """PutBackupVaultNotifications: stored and described; nothing is sent."""
        require_members(request, "SNSTopicArn", "BackupVaultEvents")
        self.get(name).notifications = {key: request[key] for key in ("SNSTopicArn", "BackupVaultEvents")}

    def notifications_of(self, name: str) -> dict[str, Any]:
        """GetBackupVaultNotifications: ResourceNotFoundException where there are none."""
        found = self.get(name).notifications
        if not found:
            raise ResourceNotFoundException(f"The backup vault {name} has no notifications.")
        return found


def denies(vault: Vault, action: str, resource: str) -> bool:
    """Return whether the vault's policy denies everybody an action on a resource.

    The sandbox knows no identities. Hence it enforces Deny statements without Condition whose Principal is `*`; what
    names somebody and what allows something is stored and described only.
    """
    return any(
        each.effect == "Deny"
        and not each.conditional
        and each.names_principal("AWS", "*")
        and each.covers_action(action)
        and each.covers_resource(resource)
        for each in (parse_policy(vault.policy) if vault.policy else ())
    )
