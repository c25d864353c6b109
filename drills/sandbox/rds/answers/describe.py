"""Answers about RDS itself: quotas, certificates, engine versions, orderable classes, engine defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from moto.rds.exceptions import InvalidParameterValue

from drills.sandbox.postgres import parameters
from drills.sandbox.postgres.binaries import Binaries
from drills.sandbox.rds.limits import CERTIFICATES, check_certificate
from drills.sandbox.rds.quotas import Quotas

ENGINES: Mapping[str, str] = MappingProxyType({"postgres": "PostgreSQL", "aurora-postgresql": "Aurora PostgreSQL"})
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
    if binaries is None:
        raise InvalidParameterValue(f"ParameterGroupFamily {family} is not a valid parameter group family")
    return parameters.describe_parameters(binaries.folder, {}, None)


def engine_versions(available: Iterable[Binaries], engine: str | None, version: str | None) -> list[dict[str, Any]]:
    """Return the DBEngineVersions of DescribeDBEngineVersions: the available servers."""
    return [
        {
            "Engine": name,
            "EngineVersion": each.version,
            "MajorEngineVersion": str(each.major),
            "DBParameterGroupFamily": f"{name}{each.major}",
            "DBEngineDescription": description,
            "DBEngineVersionDescription": f"{description} {each.version} ({each.origin})",
            "ExportableLogTypes": ["postgresql", "upgrade"] if name == "postgres" else [],
            "Status": "available",
        }
        for name, description in ENGINES.items()
        for each in available
        if engine in (None, name) and _matches(each.version, version)
    ]


def major_engine_versions(available: Iterable[Binaries], engine: str | None, major: str | None) -> list[dict[str, Any]]:
    """Return the DBMajorEngineVersions of DescribeDBMajorEngineVersions: the major versions of the available servers."""
    majors = sorted({each.major for each in available})
    return [
        {"Engine": name, "MajorEngineVersion": str(each), "SupportedEngineLifecycles": _lifecycles(each)}
        for name in ENGINES
        for each in majors
        if engine in (None, name) and major in (None, str(each))
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


def orderable_options(available: Iterable[Binaries], region: str, engine: str) -> list[dict[str, Any]]:
    """Return the OrderableDBInstanceOptions: every available server in some classes. A class changes no server here."""
    aurora = engine != "postgres"
    storage = {} if aurora else {"MinStorageSize": 20, "MaxStorageSize": 65536}
    return [
        {
            "Engine": engine,
            "EngineVersion": each.version,
            "DBInstanceClass": name,
            "LicenseModel": "postgresql-license",
            "AvailabilityZones": [{"Name": f"{region}{zone}"} for zone in "abc"],
            "MultiAZCapable": not aurora,
            "Vpc": True,
            "SupportsStorageEncryption": True,
            "StorageType": "aurora" if aurora else "gp3",
            **storage,
        }
        for each in available
        for name in ((*_CLASSES, "db.serverless") if aurora else _CLASSES)
    ]


def is_wanted(option: Mapping[str, Any], version: str | None, instance_class: str | None) -> bool:
    """Return whether an OrderableDBInstanceOption is of the version and of the class that a request names, if any."""
    return instance_class in (None, option["DBInstanceClass"]) and _matches(option["EngineVersion"], version)


def _matches(actual: str, version: str | None) -> bool:
    """Return whether a server's version is the wanted one: "15" stands for every 15.x."""
    return not version or (actual + ".").startswith(version + ".")
