"""Signing keys: ECDSA on P-256 with SHA-256, signatures in DER, so that `openssl dgst -sha256 -verify` can check them.

The one kind of key that OpenSSL 1.1 and 3, LibreSSL and AWS KMS treat alike. `cryptography` is loaded when a key is used.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from drills.errors import ConfigError
from drills.model.evidence import EvidenceLevel

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

PASSPHRASE_VARIABLE = "DRILL_EVIDENCE_PASSPHRASE"
CURVE = "secp256r1"  # the name that `cryptography` has for P-256 (FIPS 186-5)
_MAKE = "make one with drills evidence keygen"


class Signer(Protocol):
    """Who signs: a key in a file, in an environment variable or in AWS KMS.

    `public_pem` is its public key as PEM text, `fingerprint` the SHA-256 of that key's DER form (SubjectPublicKeyInfo) in
    hexadecimal, `level` what a signature of it is worth by itself.
    """

    @property
    def level(self) -> EvidenceLevel:
        """L1 for a key that whoever runs drills can read, L2 for one in AWS KMS."""

    @property
    def public_pem(self) -> str:
        """The public key, PEM."""

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the public key's DER form, hexadecimal."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature of the data, ECDSA with SHA-256, DER. DrillError where the key cannot be used."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that signatures are checked with. `name` says in sentences where it came from."""

    name: str
    pem: str
    fingerprint: str
    _key: EllipticCurvePublicKey

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Return whether the signature is of the data, by this key."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        try:
            self._key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


def is_signature(data: bytes) -> bool:
    """Return whether the bytes can be a signature at all: two numbers in DER, whoever made them and of whatever."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    try:
        decode_dss_signature(data)
    except ValueError:
        return False
    return True


class LocalSigner:
    """A signer with the private key in this process."""

    level: EvidenceLevel = "L1"

    def __init__(self, key: EllipticCurvePrivateKey, name: str) -> None:
        self._key = key
        public = _public(key.public_key(), name)
        self.public_pem = public.pem
        self.fingerprint = public.fingerprint

    def sign(self, data: bytes) -> bytes:
        """Return the signature of the data, DER."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))


def generate_pem(passphrase: str = "") -> str:
    """Return a new private key on P-256 as PEM text (PKCS 8), encrypted where there is a passphrase."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode("ascii")


def read_signer(key: str, environment: Mapping[str, str]) -> LocalSigner:
    """Return the signer of a PEM file, or of `env:NAME`, whose PEM text that variable of `environment` holds.

    An encrypted key is opened with the passphrase in DRILL_EVIDENCE_PASSPHRASE. Raises ConfigError, one sentence that never
    repeats what a key or a variable holds: another kind of key, a file that others can read, a wrong passphrase.
    """
    if key.startswith("env:"):
        variable = key.removeprefix("env:")
        # a CI secret store may keep line breaks as the two characters "\n"
        text = environment.get(variable, "").replace("\\n", "\n")
        if not text.strip():
            raise ConfigError(
                f"{key}: expected a private key as PEM text in the variable {variable}, found nothing: set it"
            )
        return _signer(text.encode(), key, environment)
    return _signer(_read_private(Path(key)), key, environment)


def read_public_key(path: Path) -> PublicKey:
    """Return the public key in a PEM file. Raises ConfigError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: expected a public key, found: {error.strerror}") from error
    return load_public_key(data, str(path))


def load_public_key(pem: bytes, name: str) -> PublicKey:
    """Return a public key from PEM or DER; `name` says in sentences where it came from. Raises ConfigError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    if b"PRIVATE KEY" in pem:
        raise ConfigError(f"{name}: expected a public key, found a private one: it belongs to nobody but its signer")
    load = serialization.load_pem_public_key if pem.lstrip().startswith(b"-----") else serialization.load_der_public_key
    try:
        return _public(load(pem), name)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(
            f"{name}: expected a public key as PEM text (-----BEGIN PUBLIC KEY-----), found something else"
        ) from error


def _read_private(path: Path) -> bytes:
    """Return a file's content. ConfigError where others than its owner could read the key."""
    try:
        with path.open("rb") as file:
            mode, data = stat.S_IMODE(os.fstat(file.fileno()).st_mode), file.read()
        _refuse_public(data, str(path))
        if mode & 0o077:
            raise ConfigError(
                f"{path}: expected a key that only its owner can read, found mode {mode:04o}: chmod 600 {path}"
            )
        return data
    except FileNotFoundError:
        raise ConfigError(f"{path}: expected a signing key, found no file: {_MAKE}, or name another") from None
    except OSError as error:
        raise ConfigError(f"{path}: expected a signing key, found: {error.strerror}") from error


def _refuse_public(pem: bytes, name: str) -> None:
    if b"PUBLIC KEY-----" in pem:
        raise ConfigError(f"{name}: expected a private key, found a public one, with which nothing can be signed")


def _signer(pem: bytes, name: str, environment: Mapping[str, str]) -> LocalSigner:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    _refuse_public(pem, name)
    passphrase = environment.get(PASSPHRASE_VARIABLE) or None
    encrypted = b"ENCRYPTED" in pem
    if encrypted and not passphrase:
        raise ConfigError(f"{name}: the key is encrypted: expected its passphrase in {PASSPHRASE_VARIABLE}, found none")
    try:
        key = serialization.load_pem_private_key(pem, passphrase.encode() if encrypted and passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if encrypted:
            sentence = f"the passphrase in {PASSPHRASE_VARIABLE} does not open the key, or it is damaged"
        else:
            sentence = (
                f"expected a private key as PEM text (-----BEGIN PRIVATE KEY-----), found something else: {_MAKE}"
            )
        raise ConfigError(f"{name}: {sentence}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != CURVE:
        raise ConfigError(f"{_wrong_kind(name, key)}: {_MAKE}")
    return LocalSigner(key, name)


def _public(key: Any, name: str) -> PublicKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != CURVE:
        raise ConfigError(f"{_wrong_kind(name, key)}: take the one that signed it from who made it")
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = key.public_bytes(serialization.Encoding.PEM, form).decode("ascii")
    der = key.public_bytes(serialization.Encoding.DER, form)
    return PublicKey(name, pem, hashlib.sha256(der).hexdigest(), key)


def _wrong_kind(name: str, key: Any) -> str:
    curve = getattr(getattr(key, "curve", None), "name", "")
    kind = type(key).__name__.removesuffix("PrivateKey").removesuffix("PublicKey").lstrip("_")
    found = f"an elliptic curve key on {curve}" if curve else f"one of kind {kind}"
    return f"{name}: expected an ECDSA key on P-256 ({CURVE}), found {found}"
