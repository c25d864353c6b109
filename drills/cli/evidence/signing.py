"""The key that an option names, as drill.toml would name it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from drills.config.evidence import Key
from drills.errors import ConfigError
from drills.evidence.keys import Signer
from drills.evidence.opening import open_signer

if TYPE_CHECKING:
    from drills.aws.session import Clients


def signer_of(key: str, option: str = "--key", clients: Callable[[], Clients] | None = None) -> Signer:
    """Return the signer of a PEM file, `env:NAME`, or the ARN of a key in AWS KMS, by the caller's own credentials or by `clients`.

    Raises ConfigError for what is no key, NotSealed where KMS does not answer.
    """
    try:
        named: str = TypeAdapter(Key).validate_python(key)
    except ValidationError as error:
        raise ConfigError(f"{option}: {error.errors(include_url=False)[0]['msg']}") from None

    def by_caller() -> Clients:
        from drills.aws.session import open_clients
        from drills.config.profiles import AwsProfile

        return open_clients(AwsProfile(regions=(named.split(":")[3],)), environment=os.environ, role="evidence")

    return open_signer(named, os.environ, clients or by_caller)
