"""What RDS for PostgreSQL refuses in a request for a new instance, by what the request says alone.

The limits are those of the API reference
(https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from moto.rds.exceptions import InvalidParameterValue

from drills.sandbox.postgres import roles

_USERNAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_PASSWORD = re.compile(r"[!-~]*")
_RESERVED = roles.RESERVED | {"admin"}
_LEAST_STORAGE = {"standard": 5}  # GiB; 20 for the other types
_PASSWORD_LENGTHS = range(8, 129)  # characters


def check_new_instance(members: Mapping[str, Any]) -> None:
    """Raise InvalidParameterValue for a master user, database name or storage that RDS refuses."""
    _check_username(str(members.get("master_username") or ""))
    _check_password(str(members.get("master_user_password") or ""))
    database = members.get("db_name")
    if database and not _DATABASE.fullmatch(database):
        raise InvalidParameterValue(
            "DBName must begin with a letter and contain only alphanumeric characters or underscores."
        )
    kind, size = str(members.get("storage_type") or "gp3"), int(members.get("allocated_storage") or 20)
    if size < _LEAST_STORAGE.get(kind, 20):
        raise InvalidParameterValue(f"Invalid storage size for engine name postgres and storage type {kind}: {size}")


def _check_username(name: str) -> None:
    if name.lower() in _RESERVED or name.lower().startswith("pg_"):
        raise InvalidParameterValue(f"MasterUsername {name} cannot be used as it is a reserved word used by the engine")
    if not _USERNAME.fullmatch(name):
        raise InvalidParameterValue(
            "The parameter MasterUsername must begin with a letter and contain only alphanumeric characters or underscores."
        )


def _check_password(password: str) -> None:
    if len(password) not in _PASSWORD_LENGTHS:
        raise InvalidParameterValue("The parameter MasterUserPassword must have from 8 to 128 characters.")
    if not _PASSWORD.fullmatch(password) or set(password) & set('/@"'):
        raise InvalidParameterValue(
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', "
            "'\"', ' ' may be used."
        )
