"""Signing keys: P-256 alone, read where only their owner can read them, and never repeated in a message."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from drills.errors import ConfigError
from drills.evidence.keys import PASSPHRASE_VARIABLE, load_public_key, read_public_key, read_signer
from tests.support.evidence import OTHER, PRIVATE, PUBLIC, SIGNER

PKCS8 = serialization.PrivateFormat.PKCS8


def pem(key: PrivateKeyTypes, passphrase: str = "") -> bytes:
    """The PEM text of a key."""
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    return key.private_bytes(serialization.Encoding.PEM, PKCS8, encryption)


def written(path: Path, data: bytes, mode: int = 0o600) -> str:
    """A key's file with this mode."""
    path.write_bytes(data)
    path.chmod(mode)
    return str(path)


def test_a_signature_verifies_with_its_own_key_and_no_other() -> None:
    """What is signed is the data, by the key."""
    signature = SIGNER.sign(b"data")
    own = load_public_key(PUBLIC.encode(), "own")

    assert own.verify(b"data", signature)
    assert not own.verify(b"datb", signature)
    assert not own.verify(b"data", b"no signature")
    assert not load_public_key(OTHER.public_pem.encode(), "other").verify(b"data", signature)
    assert own.fingerprint == SIGNER.fingerprint != OTHER.fingerprint


def test_a_key_comes_from_a_file_or_a_variable(tmp_path: Path) -> None:
    """Both give the same signer, also where a secret store has written the line breaks as two characters."""
    file = written(tmp_path / "drill.pem", PRIVATE.encode())

    assert read_signer(file, {}).fingerprint == SIGNER.fingerprint
    assert read_signer("env:KEY", {"KEY": PRIVATE.replace("\n", "\\n")}).fingerprint == SIGNER.fingerprint


@pytest.mark.parametrize(
    ("key", "found"),
    [
        (ec.generate_private_key(ec.SECP384R1()), "secp384r1"),
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
        (rsa.generate_private_key(65537, 2048), "RSA"),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
    ],
)
def test_another_kind_of_key_is_refused(key: PrivateKeyTypes, found: str, tmp_path: Path) -> None:
    """The sentence says which kind was found, for a private and a public key alike."""
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ConfigError, match=f"expected an ECDSA key on P-256.*{found}"):
        read_signer(written(tmp_path / "drill.pem", pem(key)), {})
    with pytest.raises(ConfigError, match=f"expected an ECDSA key on P-256.*{found}"):
        load_public_key(public, "theirs")


def test_a_reader_is_not_told_to_make_a_key() -> None:
    """Whoever verifies takes another key; whoever signs makes one."""
    key = ec.generate_private_key(ec.SECP384R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    with pytest.raises(ConfigError, match=r"found .*secp384r1: take the one that signed it"):
        load_public_key(public, "theirs")
    with pytest.raises(ConfigError, match="make one with drills evidence keygen"):
        read_signer("env:KEY", {"KEY": pem(key).decode()})


def test_a_public_key_signs_nothing(tmp_path: Path) -> None:
    """It is called one, whoever can read its file: nobody is told to hide it."""
    for key, environment in (
        (written(tmp_path / "drill.pub.pem", PUBLIC.encode(), 0o644), {}),
        ("env:K", {"K": PUBLIC}),
    ):
        with pytest.raises(ConfigError, match="expected a private key, found a public one"):
            read_signer(key, environment)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The sentence says what to type."""
    file = written(tmp_path / "drill.pem", PRIVATE.encode(), mode)

    with pytest.raises(ConfigError, match=f"found mode {mode:04o}: chmod 600 {file}"):
        read_signer(file, {})


def test_an_encrypted_key_needs_its_passphrase(tmp_path: Path) -> None:
    """It comes from the environment, and neither it nor the key is repeated."""
    key = ec.generate_private_key(ec.SECP256R1())
    file = written(tmp_path / "drill.pem", pem(key, "correct horse"))

    assert read_signer(file, {PASSPHRASE_VARIABLE: "correct horse"}).sign(b"data")
    with pytest.raises(ConfigError, match=f"expected its passphrase in {PASSPHRASE_VARIABLE}, found none"):
        read_signer(file, {})
    with pytest.raises(ConfigError, match="does not open the key") as caught:
        read_signer(file, {PASSPHRASE_VARIABLE: "battery staple"})
    assert "battery" not in str(caught.value)


def test_a_passphrase_that_is_not_needed_does_no_harm() -> None:
    """A variable that is set for one key does not keep another from being read."""
    assert read_signer("env:KEY", {"KEY": PRIVATE, PASSPHRASE_VARIABLE: "unused"}).fingerprint == SIGNER.fingerprint


@pytest.mark.parametrize(
    ("key", "environment", "sentence"),
    [
        ("env:KEY", {}, "expected a private key as PEM text in the variable KEY, found nothing"),
        ("env:KEY", {"KEY": "hunter2"}, "found something else"),
        ("env:KEY", {"KEY": PUBLIC}, "expected a private key"),
        ("absent.pem", {}, "found no file: make one with drills evidence keygen"),
        (".", {}, "expected a"),
    ],
)
def test_what_is_no_key_is_named_and_not_repeated(key: str, environment: dict[str, str], sentence: str) -> None:
    """A wrong value may still be a secret."""
    with pytest.raises(ConfigError, match=sentence) as caught:
        read_signer(key, environment)
    assert "hunter2" not in str(caught.value)


def test_a_public_key_is_no_private_one(tmp_path: Path) -> None:
    """Who hands over a private key as the public one is told, and nothing is checked with it."""
    with pytest.raises(ConfigError, match="expected a public key, found a private one"):
        load_public_key(PRIVATE.encode(), "drill.pem")
    with pytest.raises(ConfigError, match="expected a public key, found: No such file"):
        read_public_key(tmp_path / "absent.pem")
    with pytest.raises(ConfigError, match="found something else"):
        load_public_key(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "broken")
