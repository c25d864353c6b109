"""The KMS of moto, except that databases become inaccessible with their key, that key states are AWS's, and that a digest is
signed and verified as it is (moto hashes it again).

See "Key states of AWS KMS keys" in the AWS KMS Developer Guide
(https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html).
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import moto.kms.urls
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.core.exceptions import JsonRESTError
from moto.kms.models import Key, KmsBackend, kms_backends
from moto.kms.responses import KmsResponse
from moto.kms.utils import ECDSAPrivateKey
from moto.rds.models import rds_backends

from drills.sandbox.base.moto_backends import install_backend
from drills.sandbox.base.url_table import UrlTable
from drills.sandbox.rds.backend import SandboxRDS
from drills.sandbox.state import DataPlane


class Digest(bytes):
    """A message that was hashed before it was sent: MessageType DIGEST (API reference, Sign and Verify)."""


class SandboxKmsResponse(KmsResponse):
    """Tells a digest from a message, and lists grants without a member of moto's own."""

    def list_grants(self) -> str:
        """ListGrants."""
        answer = json.loads(super().list_grants())
        answer.pop("GrantCount", None)
        return json.dumps(answer)

    def _get_param(self, param_name: str, if_none: Any = None) -> Any:
        value = super()._get_param(param_name, if_none)
        hashed = param_name == "Message" and super()._get_param("MessageType") == "DIGEST"
        return Digest(value) if hashed else value


_URLS = UrlTable(moto.kms.urls.url_bases, {"{0}/$": SandboxKmsResponse.dispatch})


class SandboxKMS(KmsBackend):
    """The KMS of one region."""

    def __init__(self, region_name: str, account_id: str, *, plane: DataPlane) -> None:
        super().__init__(region_name, account_id)
        self._plane = plane

    @property
    def _url_module(self) -> Any:
        return _URLS

    def sign(self, key_id: str, message: bytes, signing_algorithm: str) -> tuple[str, bytes, str]:
        """Sign."""
        answer = super().sign(key_id, message, signing_algorithm)
        found = self._elliptic(key_id, message)
        if found is None:
            return answer
        key, algorithm = found
        return answer[0], key.private_key.sign(message, algorithm), answer[2]

    def verify(self, key_id: str, message: bytes, signature: bytes, signing_algorithm: str) -> tuple[str, bool, str]:
        """Verify."""
        answer = super().verify(key_id, message, signature, signing_algorithm)
        found = self._elliptic(key_id, message)
        if found is None:
            return answer
        key, algorithm = found
        try:
            key.private_key.public_key().verify(signature, message, algorithm)
        except InvalidSignature:
            return answer[0], False, answer[2]
        return answer[0], True, answer[2]

    def _elliptic(self, key_id: str, message: bytes) -> tuple[ECDSAPrivateKey, ec.ECDSA] | None:
        """Return the key and the algorithm for a digest; None where moto's answer is right."""
        key = self.describe_key(key_id).private_key
        if not isinstance(message, Digest) or not isinstance(key, ECDSAPrivateKey):
            return None
        name = key.valid_signing_algorithms[0]
        algorithms: dict[str, hashes.HashAlgorithm] = {
            "256": hashes.SHA256(),
            "384": hashes.SHA384(),
            "512": hashes.SHA512(),
        }
        hashed = algorithms[name[-3:]]
        if len(message) != hashed.digest_size:
            raise JsonRESTError("ValidationException", f"Digest is invalid length for algorithm {name}.")
        return key, ec.ECDSA(Prehashed(hashed))

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
        self._plane.at_least(self._plane.asked_at(), timedelta(days=days).total_seconds())
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
