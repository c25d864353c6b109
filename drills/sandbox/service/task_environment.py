"""The environment of an ECS task's process: the container definition's variables and secrets.

ECS API reference, ContainerDefinition and Secret; "Pass sensitive data to an Amazon ECS container" in the ECS Developer
Guide for the forms of valueFrom: a secret's ARN, optionally with `:json-key:version-stage:version-id` behind it, or a
parameter's name or ARN.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_SECRET_PARTS = 7  # arn:partition:secretsmanager:region:account:secret:name, then what chooses a value in it


class SecretUnavailable(Exception):
    """A secret of the task cannot be read; the message is what ECS writes into stoppedReason."""


def serving_container(containers: Sequence[Mapping[str, Any]], balanced: str = "") -> Mapping[str, Any]:
    """Return the container that gets the real process: the load balancer's, else the first essential one."""
    named = [each for each in containers if each.get("name") == balanced]
    essential = [each for each in containers if each.get("essential", True)]
    return [*named, *essential, *containers][0]


def environment_of(
    container: Mapping[str, Any], overrides: Mapping[str, Any], account: str, region: str
) -> dict[str, str]:
    """Return the container's variables and secrets, with the overrides of RunTask. Raises SecretUnavailable."""
    found = {pair["name"]: str(pair.get("value", "")) for pair in container.get("environment") or ()}
    for secret in container.get("secrets") or ():
        found[secret["name"]] = _value(str(secret["valueFrom"]), account, region)
    for override in overrides.get("containerOverrides") or ():
        if override.get("name") == container.get("name"):
            found |= {pair["name"]: str(pair.get("value", "")) for pair in override.get("environment") or ()}
    return found


def with_defaults(environment: Mapping[str, str], ca: Path) -> dict[str, str]:
    """Return the environment with sslmode verify-full unless it names another, as RDS recommends.

    A file of the image is not on this machine: a PGSSLROOTCERT that names no file becomes the sandbox's CA file.
    """
    found = {"PGSSLMODE": "verify-full", **environment}
    if not os.path.isfile(found.get("PGSSLROOTCERT", "")):
        found["PGSSLROOTCERT"] = str(ca)
    return found


def _value(source: str, account: str, region: str) -> str:
    try:
        if ":secretsmanager:" in source:
            return _secret(source, account)
        return _parameter(source, account, region)
    except SecretUnavailable:
        raise
    except Exception as error:  # moto's backends raise many kinds for what is not there
        reason = getattr(error, "message", None) or str(error)
        raise SecretUnavailable(_unable(source, str(reason))) from error


def _secret(source: str, account: str) -> str:
    from moto.secretsmanager.models import secretsmanager_backends

    parts = source.split(":")
    key, stage, version = [*parts[_SECRET_PARTS:], "", "", ""][:3]
    backend = secretsmanager_backends[account][parts[3]]
    found = backend.get_secret_value(":".join(parts[:_SECRET_PARTS]), version or None, stage or None)  # type: ignore[arg-type]
    text = str(found.get("SecretString") or "")
    if not key:
        return text
    try:
        value = json.loads(text)[key]
    except (ValueError, KeyError, TypeError) as error:
        raise SecretUnavailable(
            _unable(source, f"retrieved secret from Secrets Manager did not contain json key {key}")
        ) from error
    return value if isinstance(value, str) else json.dumps(value)


def _parameter(source: str, account: str, region: str) -> str:
    from moto.ssm.models import ssm_backends

    region = source.split(":")[3] if source.startswith("arn:") else region
    for parameter in ssm_backends[account][region].get_parameters([source]).values():
        return str(parameter.decrypt(parameter.value))
    raise SecretUnavailable(_unable(source, f"invalid parameters: {source}"))


def _unable(source: str, reason: str) -> str:
    where = "Secrets Manager" if ":secretsmanager:" in source else "SSM Parameter Store"
    return (
        "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from "
        f"{where}: {source}: {reason}"
    )
