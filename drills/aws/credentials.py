"""Finds the password of an existing role. It is returned and never written, logged or shown.

The scratch instance needs none of this: a drill gives it a random master password of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from drills.config.target import Credentials
from drills.errors import DrillError


@dataclass(frozen=True, slots=True)
class Login:
    """A user and password. `password` None: leave it out of the connection string, and libpq reads ~/.pgpass."""

    username: str | None
    password: SecretStr | None


def password_for(credentials: Credentials, *, environment: Mapping[str, str], secretsmanager: Any) -> Login:
    """Return the login of a target's existing role.

    The environment variable goes first, then the named Secrets Manager secret (`secretsmanager` is a boto3 client, used
    only when a secret is named), then ~/.pgpass. A secret is JSON with "password" and perhaps "username", as RDS makes
    them, or the plain password. Raises DrillError when a named secret cannot be read; nothing of it is in the error.
    """
    variable = credentials.password_variable
    if variable and environment.get(variable):
        return Login(credentials.username, SecretStr(environment[variable]))
    if credentials.secret_id:
        username, password = _read_secret(secretsmanager, credentials.secret_id)
        return Login(credentials.username or username, password)
    return Login(credentials.username, None)


def _read_secret(secretsmanager: Any, secret_id: str) -> tuple[str | None, SecretStr]:
    try:
        text = secretsmanager.get_secret_value(SecretId=secret_id).get("SecretString")
    except (BotoCoreError, ClientError) as error:
        raise DrillError(
            f"expected the Secrets Manager secret {secret_id!r} to be readable, found: {error}: "
            "correct credentials.secret_id or allow the drill's role to read it"
        ) from error
    if not text:
        raise _unusable(secret_id, "binary or empty")
    try:
        content = json.loads(text)
    except ValueError:
        return None, SecretStr(str(text))
    if not isinstance(content, dict):
        return None, SecretStr(str(text))
    password, username = content.get("password"), content.get("username")
    if not isinstance(password, str) or not password:
        raise _unusable(secret_id, 'JSON without a "password"')
    return username if isinstance(username, str) and username else None, SecretStr(password)


def _unusable(secret_id: str, found: str) -> DrillError:
    return DrillError(
        f"expected the Secrets Manager secret {secret_id!r} to be a password or JSON with one, found it {found}"
    )
