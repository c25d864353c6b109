"""What RDS for PostgreSQL refuses in a request, by what the request says alone.

The limits are those of the API reference
(https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html), for tags those of
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Tag.html.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from moto.rds.exceptions import InvalidParameterCombination, InvalidParameterValue, RDSClientError

from drills.sandbox.postgres import roles

CERTIFICATE = "rds-ca-rsa2048-g1"  # the certificate authority of new instances
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
CERTIFICATES = (CERTIFICATE, "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1")
PORTS = range(1150, 65536)

_USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_PASSWORD = re.compile(r"[!-~]*")
_ACCOUNT = re.compile(r"[0-9]{12}|all")
_RESERVED = roles.RESERVED | {"admin"}
_STORAGE = {  # GiB, by storage type
    "gp2": range(20, 65537),
    "gp3": range(20, 65537),
    "io1": range(100, 65537),
    "io2": range(100, 65537),
    "standard": range(5, 3073),
}
_PASSWORD_LENGTHS = range(8, 129)  # characters
_RETENTION = range(36)  # days
_TAG_SYMBOLS = frozenset("_.:/=+-@")


def check_new_instance(members: Mapping[str, Any]) -> None:
    """Raise InvalidParameterValue for a master user, database name or storage that RDS refuses."""
    check_owner(members, "db_name")
    check_storage(members.get("storage_type") or storage_type_of(members), members.get("allocated_storage"))


def check_owner(members: Mapping[str, Any], database: str) -> None:
    """Raise InvalidParameterValue for a master user, or the database named by the member `database`, that RDS refuses."""
    _check_username(str(members.get("master_username") or ""))
    check_password(str(members.get("master_user_password") or ""))
    name = members.get(database)
    if name and not _DATABASE.fullmatch(name):
        raise InvalidParameterValue(
            "DBName must begin with a letter and contain only alphanumeric characters or underscores."
        )


def storage_type_of(members: Mapping[str, Any]) -> str:
    """Return the storage type of an instance whose request names none."""
    return "io1" if members.get("iops") else "gp3"


def _check_username(name: str) -> None:
    if name.lower() in _RESERVED or name.lower().startswith("pg_"):
        raise InvalidParameterValue(f"MasterUsername {name} cannot be used as it is a reserved word used by the engine")
    if not _USERNAME.fullmatch(name):
        raise InvalidParameterValue(
            "The parameter MasterUsername must begin with a letter and contain only alphanumeric characters or underscores."
        )


def check_password(password: str) -> None:
    """Raise InvalidParameterValue for a master password of another length or with characters that RDS refuses."""
    if len(password) not in _PASSWORD_LENGTHS:
        raise InvalidParameterValue("The parameter MasterUserPassword must have from 8 to 128 characters.")
    if not _PASSWORD.fullmatch(password) or set(password) & set('/@"'):
        raise InvalidParameterValue(
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', "
            "'\"', ' ' may be used."
        )


def check_storage(kind: str, size: int | None) -> None:
    """Raise InvalidParameterValue for an unknown storage type, or a size in GiB that it cannot have; None is the least."""
    if kind not in _STORAGE:
        raise InvalidParameterValue(f"Invalid storage type: {kind}")
    if size is not None and int(size) not in _STORAGE[kind]:
        raise InvalidParameterValue(f"Invalid storage size for engine name postgres and storage type {kind}: {size}")


def grown_storage(present: int, wanted: int) -> int:
    """Return the size in GiB that ModifyDBInstance gives an instance of `present` GiB.

    RDS rounds an increase of less than 10 % up to one of 10 %
    (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html). Raises
    InvalidParameterCombination for less storage than there is.
    """
    if wanted < present:
        raise InvalidParameterCombination("Invalid storage size: an instance's storage can't be reduced.")
    return wanted if wanted == present else max(wanted, -(-present * 11 // 10))


def check_common(members: Mapping[str, Any]) -> None:
    """Raise the error of AWS for an authority, port or retention that no instance can have, new, restored or modified."""
    authority = members.get("ca_certificate_identifier")
    if authority:
        check_certificate(authority)
    port = members.get("port") or members.get("db_port_number")
    if port is not None and int(port) not in PORTS:
        raise InvalidParameterValue(f"Invalid port: {port}. The port must be from {PORTS.start} to {PORTS.stop - 1}.")
    days = members.get("backup_retention_period")
    if days is not None and int(days) not in _RETENTION:
        raise InvalidParameterValue(f"Invalid backup retention period: {days}. Retention period must be from 0 to 35.")


def check_certificate(identifier: str) -> None:
    """Raise CertificateNotFound for an authority that RDS does not have (any more)."""
    if identifier not in CERTIFICATES:
        raise RDSClientError("CertificateNotFound", f"Certificate not found: {identifier}")


def check_accounts(values: Iterable[str]) -> None:
    """Raise InvalidParameterValue unless a snapshot can be shared with each: an account's id, or `all`."""
    for value in values:
        if not _ACCOUNT.fullmatch(value):
            raise InvalidParameterValue(f"Invalid attribute value {value}: expected the id of an account, or all.")


def check_final_snapshot(name: str | None, *, skipped: bool) -> None:
    """Raise InvalidParameterCombination unless a deletion names its final snapshot or skips it, and not both."""
    if skipped and name:
        raise InvalidParameterCombination("FinalDBSnapshotIdentifier can't be specified with SkipFinalSnapshot.")
    if not skipped and not name:
        raise InvalidParameterCombination(
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
        )


def check_tags(tags: Iterable[Mapping[str, str]]) -> None:
    """Raise InvalidParameterValue for a tag that a user cannot give: reserved, too long, or with other characters."""
    for tag in tags:
        for name, text, lengths in (("Key", tag.get("Key"), range(1, 129)), ("Value", tag.get("Value"), range(257))):
            _check_tag_text(name, text or "", lengths)


def _check_tag_text(name: str, text: str, lengths: range) -> None:
    if text.lower().startswith(("aws:", "rds:")):
        raise InvalidParameterValue(f'Tag {name.lower()}s cannot start with the reserved prefix "{text[:4]}".')
    if len(text) not in lengths:
        raise InvalidParameterValue(
            f"Tag {name.lower()}s must have from {lengths.start} to {lengths.stop - 1} characters."
        )
    if any(unicodedata.category(each)[0] not in "LZN" and each not in _TAG_SYMBOLS for each in text):
        raise InvalidParameterValue(
            f"Tag {name.lower()}s may only contain unicode letters, digits, whitespace, or one of these symbols: "
            "_ . : / = + - @"
        )
