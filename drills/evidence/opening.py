"""From the configuration to what seals and what stores: here AWS and the time stamp's service are first reached for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from drills.clock import SystemClock
from drills.config.evidence import EvidenceConfig, is_bucket, is_kms_key
from drills.errors import ConfigError
from drills.evidence.keys import PublicKey, Signer, read_public_key, read_signer
from drills.evidence.seal import Seal
from drills.evidence.timestamp import TimeStamper

if TYPE_CHECKING:
    from drills.aws.session import Clients
    from drills.evidence.store import Store


def open_seal(config: EvidenceConfig, environment: Mapping[str, str], clients: Callable[[], Clients]) -> Seal:
    """Return how evidence is sealed; unsigned where no key is configured.

    `clients` opens the clients of AWS, and is called for a key in KMS alone. Raises ConfigError for a key that cannot be
    used or that does not fit `public_key`, NotSealed where KMS does not answer.
    """
    if not config.key:
        return Seal()
    signer = open_signer(config.key, environment, clients)
    expected = configured_key(config)
    if expected and expected.fingerprint != signer.fingerprint:
        raise ConfigError(
            f"{config.key}: expected the key whose public key is {config.public_key} ({expected.fingerprint[:16]}…), "
            f"found another ({signer.fingerprint[:16]}…): correct evidence.key or evidence.public_key"
        )
    return seal_with(signer, config)


def configured_key(config: EvidenceConfig) -> PublicKey | None:
    """Return the public key that a configuration names, None where it names none. Raises ConfigError."""
    return read_public_key(Path(config.public_key)) if config.public_key else None


def seal_with(signer: Signer, config: EvidenceConfig) -> Seal:
    """Return how a signer seals: with the time stamps and the lock of the configuration, wherever its key lies."""
    stamp = TimeStamper(config.timestamp_url) if config.timestamp_url else None
    return Seal(signer, stamp, config.timestamp_url or "", locked=config.lock == "compliance")


def open_signer(key: str, environment: Mapping[str, str], clients: Callable[[], Clients]) -> Signer:
    """Return the signer of a PEM file, of `env:NAME`, or of the ARN of a key in KMS, in the region that its ARN names."""
    if not is_kms_key(key):
        return read_signer(key, environment)
    from drills.evidence.kms import KmsSigner

    return KmsSigner(clients().client("kms", key.split(":")[3]), key)


def open_store(config: EvidenceConfig, clients: Callable[[], Clients]) -> Store | None:
    """Return the second place of evidence, None where there is none. `clients` is called for S3 alone; calls no AWS yet."""
    if not config.store:
        return None
    from drills.evidence.store import FolderStore, S3Store

    if not is_bucket(config.store):
        return FolderStore(Path(config.store))
    return S3Store(clients().client("s3"), config.store, config.lock, config.retain, SystemClock().now)
