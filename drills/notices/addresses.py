"""Reads the addresses of services, which hold tokens: from a variable, a file that only its owner can read, or a secret.

They are returned and never written, logged or shown.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.read import error_code
from drills.config.notices import VARIABLE, is_secret
from drills.errors import ConfigError, DrillError


def read(urls: str, environment: Mapping[str, str], secretsmanager: Callable[[str], Any]) -> tuple[str, ...]:
    """Return the addresses, one a line of what is there; blank lines and those that begin with "#" are passed over.

    `secretsmanager` gives a client of a region. A secret holds lines, or JSON whose values are addresses. Raises ConfigError, and
    DrillError where AWS does not answer; neither repeats what was read.
    """
    if urls.startswith(VARIABLE):
        text = environment.get(urls.removeprefix(VARIABLE), "")
    elif is_secret(urls):
        text = _of_secret(urls, secretsmanager)
    else:
        text = _of_file(Path(urls))
    found = tuple(line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))
    if not found:
        raise ConfigError(f"{urls}: expected addresses of services such as mailto://…, found nothing: set it")
    return found


def _of_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode, data = stat.S_IMODE(os.fstat(file.fileno()).st_mode), file.read()
    except OSError as error:
        raise ConfigError(f"{path}: expected a file with addresses of services, found: {error.strerror}") from error
    if mode & 0o077:
        raise ConfigError(
            f"{path}: expected a file that only its owner can read, found mode {mode:04o}: chmod 600 {path}"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: expected UTF-8 text, found other bytes") from None


def _of_secret(arn: str, secretsmanager: Callable[[str], Any]) -> str:
    try:
        text = str(secretsmanager(arn.split(":")[3]).get_secret_value(SecretId=arn).get("SecretString") or "")
    except ClientError as error:
        raise DrillError(
            f"{arn}: expected a secret that can be read, found {error_code(error)}: the caller needs secretsmanager:GetSecretValue"
        ) from error
    except BotoCoreError as error:
        raise DrillError(f"{arn}: expected a secret that can be read, found: {error}") from error
    try:
        content = json.loads(text)
    except ValueError:
        return text
    return "\n".join(str(each) for each in content.values()) if isinstance(content, dict) else text
