"""An authority for time stamps on this machine: `openssl ts` behind HTTP on loopback."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.answering import Request, answering

CONFIG = """\
[tsa]
default_tsa = authority
[authority]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True)
class Authority:
    """A running authority: its address and the certificate (PEM) that vouches for it."""

    url: str
    certificate: Path


@contextmanager
def authority(folder: Path) -> Iterator[Authority]:
    """Run an authority. `/` stamps, `/refused` refuses, `/broken` answers with something else, `/down` with HTTP 503."""
    _make_certificates(folder)
    (folder / "tsa.cnf").write_text(CONFIG)
    (folder / "serial").write_text("01\n")

    def answer(request: Request) -> tuple[int, bytes]:
        query = folder / "request.tsq"
        query.write_bytes(b"no request" if request.path == "/refused" else request.body)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", query.name]
        reply = subprocess.run(command, cwd=folder, capture_output=True).stdout
        return 503 if request.path == "/down" else 200, b"no reply" if request.path == "/broken" else reply

    with answering("POST", answer) as url:
        yield Authority(f"{url}/", folder / "ca.pem")


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """One authority for the tests of a module."""
    with authority(tmp_path_factory.mktemp("tsa")) as running:
        yield running


def _make_certificates(folder: Path) -> None:
    now = datetime.now(UTC)
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("ca", "tsa")}
    names = {name: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in keys}
    for name, key in keys.items():
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[name])
            .issuer_name(names["ca"])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=name == "ca", path_length=None), critical=True)
        )
        if name == "tsa":
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(usage, critical=True)
        certificate = builder.sign(keys["ca"], hashes.SHA256())
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    text = keys["tsa"].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "tsa.key").write_bytes(text)
