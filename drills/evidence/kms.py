"""A signing key in AWS KMS, of the key spec ECC_NIST_P256: the private key never leaves it.

Sign takes up to 4,096 bytes as a RAW message, and the digest of more (AWS KMS API reference, Sign,
https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html). Its signature is DER and is checked without AWS, with
openssl and the public key (https://docs.aws.amazon.com/kms/latest/developerguide/offline-operations.html).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.read import error_code
from drills.errors import ConfigError, NotSealed
from drills.evidence.keys import load_public_key
from drills.model.evidence import EvidenceLevel

SPEC = "ECC_NIST_P256"
LONGEST_MESSAGE = 4096  # bytes
T = TypeVar("T")


class KmsSigner:
    """A signer with its key in AWS KMS. Needs kms:GetPublicKey and kms:Sign."""

    level: EvidenceLevel = "L2"

    def __init__(self, client: Any, key: str) -> None:
        """Read the public key. Raises ConfigError for a key of another kind, NotSealed where KMS does not answer."""
        self._client, self._key = client, key
        answer = self._ask("kms:GetPublicKey", lambda: client.get_public_key(KeyId=key))
        found = answer.get("KeySpec", answer.get("CustomerMasterKeySpec")), answer["KeyUsage"]
        if found != (SPEC, "SIGN_VERIFY"):
            raise ConfigError(
                f"{key}: expected a KMS key of spec {SPEC} and usage SIGN_VERIFY, found {found[0]} and {found[1]}: "
                f"aws kms create-key --key-spec {SPEC} --key-usage SIGN_VERIFY"
            )
        self._public = load_public_key(answer["PublicKey"], key)
        self.public_pem = self._public.pem
        self.fingerprint = self._public.fingerprint

    def sign(self, data: bytes) -> bytes:
        """Return the signature of the data, DER. Raises NotSealed, also for a signature that the public key does not verify."""
        if len(data) <= LONGEST_MESSAGE:
            message, kind = data, "RAW"
        else:
            message, kind = hashlib.sha256(data).digest(), "DIGEST"
        answer = self._ask(
            "kms:Sign",
            lambda: self._client.sign(
                KeyId=self._key, Message=message, MessageType=kind, SigningAlgorithm="ECDSA_SHA_256"
            ),
        )
        signature = bytes(answer["Signature"])
        if not self._public.verify(data, signature):
            raise NotSealed(f"{self._key}: expected a signature that its public key verifies, found another: ask AWS")
        return signature

    def _ask(self, right: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except ClientError as error:
            raise NotSealed(
                f"{self._key}: expected to sign with it, found {error_code(error)}: the caller needs {right}, "
                "and the key has to be enabled"
            ) from error
        except BotoCoreError as error:
            raise NotSealed(f"{self._key}: expected to sign with it, found: {error}") from error
