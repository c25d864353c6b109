"""Checks the certificates that a copy on AWS is verified against: those of Amazon RDS, and none that anybody else signs with.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html has the bundles. Their certificates are of the
organisation "Amazon Web Services, Inc.", unit "Amazon RDS"; an authority of Amazon's own beside them ("Amazon Root CA 1") is taken.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from drills.config.load import AwsProfile, Config
from drills.errors import Refused

if TYPE_CHECKING:
    from cryptography import x509

BUNDLE = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
_ORGANISATIONS = frozenset({"Amazon Web Services, Inc.", "Amazon"})
_UNIT = "Amazon RDS"


def check_bundle(config: Config, now: datetime | None = None) -> None:
    """Refuse a profile of kind "aws" whose target names no bundle of Amazon RDS; other profiles pass.

    Every connection is made with sslmode verify-full, against this bundle: libpq's system store does not have RDS's roots.
    """
    if not isinstance(config.profile, AwsProfile):
        return
    path, key = config.target.restore.ca_bundle, f"targets.{config.target_name}.restore.ca_bundle"
    advice = f"download {BUNDLE} and name it there"
    if not path:
        raise Refused(f"expected {key} to name the certificates of Amazon RDS, found nothing: {advice}")
    from cryptography import x509  # which a profile of kind "aws" alone needs

    try:
        certificates = x509.load_pem_x509_certificates(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or "no certificates"
        raise Refused(
            f"expected {key} to name the certificates of Amazon RDS, found {path}: {what}: {advice}"
        ) from error
    _check_certificates(certificates, f"{key} = {path}", now or datetime.now(UTC), advice)


def _check_certificates(certificates: list[x509.Certificate], key: str, now: datetime, advice: str) -> None:
    """Refuse certificates of which none of RDS is valid, or one is of somebody else. Pure."""
    from cryptography.x509.oid import NameOID

    for each in certificates:
        if _part(each, NameOID.ORGANIZATION_NAME) not in _ORGANISATIONS:
            raise Refused(
                f"{key}: expected certificates of Amazon alone, found {each.subject.rfc4514_string()!r}, who could vouch for "
                f"any server: {advice}"
            )
    valid = [each for each in certificates if each.not_valid_before_utc <= now <= each.not_valid_after_utc]
    if not any(_part(each, NameOID.ORGANIZATIONAL_UNIT_NAME) == _UNIT for each in valid):
        raise Refused(f"{key}: expected a certificate of Amazon RDS that holds today, found none: {advice}")


def _part(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""
