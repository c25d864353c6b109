"""What all of the sandbox's AWS Backup stands on: its errors, finding things, reading lifecycles."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from moto.backup.exceptions import BackupClientError, InvalidParameterValueException, ResourceNotFoundException
from moto.backup.models import BackupBackend, backup_backends
from moto.rds.models import rds_backends

from drills.sandbox.backup.models import Vault
from drills.sandbox.rds.backend import SandboxRDS
from drills.sandbox.state import DataPlane

_LONGEST = 36_500  # days


class MissingParameterValueException(BackupClientError):
    """A required member is not there."""

    def __init__(self, name: str) -> None:
        super().__init__("MissingParameterValueException", f"{name} is required.")


class AccessDeniedException(BackupClientError):
    """A vault's access policy forbids it."""

    code = 403

    def __init__(self, message: str) -> None:
        super().__init__("AccessDeniedException", message)


class BackupBase(BackupBackend):
    """The AWS Backup of one region. `plane` is set once, before the first request.

    `horizon` is set on the class while the clock is being wound forward, to the instant that it will show: what falls
    due until then is made with the instant at which it would have happened.
    """

    plane: DataPlane
    horizon: datetime | None = None
    vaults: dict[str, Vault]  # type: ignore[assignment]

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.tokens: dict[tuple[str, str], Any] = {}

    @property
    def _url_module(self) -> Any:
        from drills.sandbox.backup.responses import URLS

        return URLS

    @property
    def rds(self) -> SandboxRDS:
        """The RDS of the same account and region."""
        backend = rds_backends[self.account_id][self.region_name]
        assert isinstance(backend, SandboxRDS)
        return backend

    def now(self) -> datetime:
        """The sandbox's present instant."""
        return self.plane.instant()

    def vault(self, name: str) -> Vault:
        """The vault, or the error that AWS gives for an unknown one."""
        if name not in self.vaults:
            raise ResourceNotFoundException(f"Backup vault {name} not found")
        return self.vaults[name]

    def arn_of(self, kind: str, name: str) -> str:
        """The ARN of something of AWS Backup in this region."""
        return f"arn:aws:backup:{self.region_name}:{self.account_id}:{kind}:{name}"

    def once(self, operation: str, token: str | None) -> Any:
        """What an earlier request with this idempotency token made, or None."""
        return self.tokens.get((operation, token)) if token else None

    def remember(self, operation: str, token: str | None, made: Any) -> None:
        """Keep what a request made, for its repetition."""
        if token:
            self.tokens[operation, token] = made

    def elsewhere(self, vault_arn: str) -> BackupBase:
        """The AWS Backup of a vault's region; InvalidParameterValueException for what is no ARN of a vault here."""
        parts = vault_arn.split(":")
        if len(parts) != 7 or parts[2] != "backup" or parts[5] != "backup-vault":
            raise InvalidParameterValueException(f"Invalid backup vault ARN: {vault_arn}")
        if parts[4] != self.account_id:
            raise InvalidParameterValueException(f"This sandbox has one account, {self.account_id}, not {parts[4]}.")
        try:
            found = backup_backends[self.account_id][parts[3]]
        except KeyError as error:
            raise InvalidParameterValueException(f"Invalid region in the backup vault ARN: {vault_arn}") from error
        assert isinstance(found, BackupBase)
        return found


def new_id() -> str:
    """The id of a job, as AWS Backup writes them."""
    return str(uuid.uuid4()).upper()


def required(given: Mapping[str, Any], *names: str) -> None:
    """MissingParameterValueException for the first of these members that is not there."""
    for name in names:
        if not given.get(name):
            raise MissingParameterValueException(name)


def read_lifecycle(given: Mapping[str, Any] | None) -> dict[str, int]:
    """A lifecycle; -1 is kept for ever (API reference, Lifecycle)."""
    given = given or {}
    lifecycle = {name: int(given[name]) for name in ("MoveToColdStorageAfterDays", "DeleteAfterDays") if name in given}
    for name, days in lifecycle.items():
        if days != -1 and not 1 <= days <= _LONGEST:
            raise InvalidParameterValueException(f"{name} must be -1 or 1 to {_LONGEST}, not {days}.")
    cold, delete = lifecycle.get("MoveToColdStorageAfterDays", -1), lifecycle.get("DeleteAfterDays", -1)
    if cold > 0 and 0 < delete < cold + 90:
        raise InvalidParameterValueException(
            "DeleteAfterDays must be at least 90 days after MoveToColdStorageAfterDays."
        )
    return lifecycle
