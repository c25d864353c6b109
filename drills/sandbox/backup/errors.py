"""Errors of AWS Backup that moto does not have (AWS Backup API reference, "Common Errors" and each operation's page)."""

from __future__ import annotations

from moto.backup.exceptions import BackupClientError


class MissingParameterValueException(BackupClientError):
    """A required member is missing."""

    def __init__(self, name: str) -> None:
        super().__init__("MissingParameterValueException", f"{name} is required.")


class AccessDeniedException(BackupClientError):
    """A vault's access policy denies the action."""

    code = 403

    def __init__(self, message: str) -> None:
        super().__init__("AccessDeniedException", message)
