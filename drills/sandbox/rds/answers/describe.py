"""Answers about RDS itself: quotas, certificates, engine versions, orderable classes, engine defaults."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from moto.rds.exceptions import InvalidParameterValue

from drills.sandbox.postgres import parameters
from drills.sandbox.postgres.binaries import Binaries
from drills.sandbox.rds.limits import CERTIFICATES, check_certificate
from drills.sandbox.rds.quotas import Quotas

_CLASSES = (
    "db.t4g.micro", "db.t4g.small", "db.t4g.medium", "db.t4g.large", "db.m6g.large", "db.m6g.xlarge", "db.m7g.large",
    "db.r6g.large", "db.r6g.xlarge", "db.r7g.large",
)  # fmt: skip
_RELEASED = 2007  # PostgreSQL 14 was released in 2021, and a major version each year since (https://www.postgresql.org/support/versioning/)


def account_quotas(quotas: Quotas) -> list[dict[str, Any]]:
    """Return the AccountQuotas of DescribeAccountAttributes."""
    return [{"AccountQuotaName": name, "Used": used, "Max": most} for name, (used, most) in quotas.usage().items()]


def certificates(identifier: str | None, ca_path: Path, region: str) -> list[dict[str, Any]]:
    """Return the Certificates of DescribeCertificates: the authority behind the ports' certificates, under each of AWS's names."""
    if identifier is not None:
        check_certificate(identifier)
    found = _certificate(ca_path)
    return [
        found
        | {
            "CertificateIdentifier": name,
            "CertificateType": "CA",
            "CertificateArn": f"arn:aws:rds:{region}::cert:{name}",
            "CustomerOverride": False,
        }
        for name in CERTIFICATES
        if identifier in (None, name)
    ]


def _certificate(path: Path) -> dict[str, Any]:
    found = x509.load_pem_x509_certificate(path.read_bytes())
    valid: tuple[datetime, datetime] = (found.not_valid_before_utc, found.not_valid_after_utc)
    return {"Thumbprint": found.fingerprint(hashes.SHA1()).hex(), "ValidFrom": valid[0], "ValidTill": valid[1]}


def engine_default_parameters(family: str, binaries: Binaries | None) -> list[dict[str, Any]]:
    """Return the Parameters of DescribeEngineDefaultParameters: what a server has without a parameter group's values."""
    if binaries is None or not family.startswith("postgres"):
        raise InvalidParameterValue(f"ParameterGroupFamily {family} is not a valid parameter group family")
    return parameters.describe_parameters(binaries.folder, {}, None)


def engine_versions(available: Iterable[Binaries], engine: str | None, version: str | None) -> list[dict[str, Any]]:
    """Return the DBEngineVersions of DescribeDBEngineVersions: the available servers."""
    return [
        {
            "Engine": "postgres",
            "EngineVersion": each.version,
            "MajorEngineVersion": str(each.major),
            "DBParameterGroupFamily": f"postgres{each.major}",
            "DBEngineDescription": "PostgreSQL",
            "DBEngineVersionDescription": f"PostgreSQL {each.version} ({each.origin})",
            "ExportableLogTypes": ["postgresql", "upgrade"],
            "Status": "available",
        }
        for each in available
        if engine in (None, "postgres") and _matches(each, version)
    ]


def major_engine_versions(available: Iterable[Binaries], engine: str | None, major: str | None) -> list[dict[str, Any]]:
    """Return the DBMajorEngineVersions of DescribeDBMajorEngineVersions: the major versions of the available servers."""
    majors = sorted({each.major for each in available})
    return [
        {"Engine": "postgres", "MajorEngineVersion": str(each), "SupportedEngineLifecycles": _lifecycles(each)}
        for each in majors
        if engine in (None, "postgres") and major in (None, str(each))
    ]


def _lifecycles(major: int) -> list[dict[str, Any]]:
    """Return the standard support until the last day of February five years and some months after a version's release, and three
    years of Extended Support after it, as RDS had it for PostgreSQL 11 and 12 (Amazon RDS User Guide, "Amazon RDS Extended
    Support charges").
    """
    year = _RELEASED + major + 6
    standard, extended = (_last_of_february(each) for each in (year, year + 3))
    periods = (
        ("open-source-rds-standard-support", _last_of_february(year - 5), standard),
        ("open-source-rds-extended-support", standard + timedelta(milliseconds=1), extended),
    )
    return [
        {"LifecycleSupportName": name, "LifecycleSupportStartDate": start, "LifecycleSupportEndDate": end}
        for name, start, end in periods
    ]


def _last_of_february(year: int) -> datetime:
    return datetime(year, 3, 1, tzinfo=UTC) - timedelta(milliseconds=1)


def orderable_options(
    available: Iterable[Binaries], region: str, version: str | None, instance_class: str | None
) -> list[dict[str, Any]]:
    """Return the OrderableDBInstanceOptions: every available server in some classes. A class changes no server here."""
    return [
        {
            "Engine": "postgres",
            "EngineVersion": each.version,
            "DBInstanceClass": name,
            "LicenseModel": "postgresql-license",
            "AvailabilityZones": [{"Name": f"{region}{zone}"} for zone in "abc"],
            "MultiAZCapable": True,
            "Vpc": True,
            "SupportsStorageEncryption": True,
            "StorageType": "gp3",
            "MinStorageSize": 20,
            "MaxStorageSize": 65536,
        }
        for each in available
        for name in _CLASSES
        if instance_class in (None, name) and _matches(each, version)
    ]


def _matches(binaries: Binaries, version: str | None) -> bool:
    """Return whether a server has this version: "15" stands for every 15.x."""
    return not version or (binaries.version + ".").startswith(version + ".")
