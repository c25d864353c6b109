"""Certificates like those of Amazon RDS, and like those of others, made here."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BEGAN = datetime(2021, 5, 21, tzinfo=UTC)
RDS = ("Amazon Web Services, Inc.", "Amazon RDS", "Amazon RDS eu-central-1 Root CA RSA2048 G1")


@functools.cache
def root(organisation: str, unit: str, name: str, days: int = 36525) -> str:
    """A self-signed root with this subject, valid for so many days from 2021 on, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    parts = (
        (NameOID.ORGANIZATION_NAME, organisation),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
        (NameOID.COMMON_NAME, name),
    )
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in parts if value])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(BEGAN).not_valid_after(BEGAN + timedelta(days=days))
    made = builder.sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()
