"""The KMS of moto, except that databases become inaccessible with their key, and that key states are AWS's.

See "Key states of AWS KMS keys" in the AWS KMS Developer Guide
(https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import moto.kms.urls
from moto.core.exceptions import JsonRESTError
from moto.kms.models import Key, KmsBackend, kms_backends
from moto.rds.models import rds_backends

from drills.sandbox.base.moto_backends import install_backend
from drills.sandbox.rds.backend import SandboxRDS
from drills.sandbox.state import DataPlane


class SandboxKMS(KmsBackend):
    """The KMS of one region."""

    def __init__(self, region_name: str, account_id: str, *, plane: DataPlane) -> None:
        super().__init__(region_name, account_id)
        self._plane = plane

    @property
    def _url_module(self) -> Any:
        return moto.kms.urls

    def disable_key(self, key_id: str) -> None:
        """DisableKey: the databases that it encrypts become inaccessible."""
        key = self._in_state(key_id, "Enabled", "Disabled")
        super().disable_key(key.id)
        self._lose(key)

    def enable_key(self, key_id: str) -> None:
        """EnableKey; inaccessible instances have to be started."""
        super().enable_key(self._in_state(key_id, "Enabled", "Disabled").id)

    def cancel_key_deletion(self, key_id: str) -> None:
        """CancelKeyDeletion: the key is disabled afterwards."""
        super().cancel_key_deletion(self._in_state(key_id, "PendingDeletion").id)

    def schedule_key_deletion(self, key_id: str, pending_window_in_days: int) -> float:
        """ScheduleKeyDeletion: inaccessible at once, deleted after 7 to 30 days of the sandbox's clock."""
        key = self._in_state(key_id, "Enabled", "Disabled")
        if not 7 <= pending_window_in_days <= 30:
            raise JsonRESTError("ValidationException", "PendingWindowInDays must be between 7 and 30.")
        super().schedule_key_deletion(key.id, pending_window_in_days)
        due = self._plane.instant() + timedelta(days=pending_window_in_days)
        key.deletion_date = due.replace(tzinfo=None)
        self._plane.work(f"delete {key.id}", lambda: self._delete(key, pending_window_in_days))
        self._lose(key)
        return due.timestamp()

    def _delete(self, key: Key, days: int) -> None:
        due = key.deletion_date
        self._plane.at_least(self._plane.clock.monotonic(), timedelta(days=days).total_seconds())
        with self._plane.lock:
            if key.key_state == "PendingDeletion" and key.deletion_date == due:
                self.keys.pop(key.id, None)

    def _in_state(self, key_id: str, *states: str) -> Key:
        key = self.keys[self.any_id_to_key_id(key_id)]
        if key.key_state not in states:
            message = "is pending deletion" if key.key_state == "PendingDeletion" else "is not pending deletion"
            raise JsonRESTError("KMSInvalidStateException", f"{key.arn} {message}.")
        return key

    def _lose(self, key: Key) -> None:
        rds = rds_backends[self.account_id][self.region_name]
        assert isinstance(rds, SandboxRDS)
        rds.key_access.lose(key.arn)


def install(plane: DataPlane) -> None:
    """Make this the KMS of moto; before its first request."""
    install_backend(kms_backends, SandboxKMS, plane=plane)
