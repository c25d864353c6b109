"""What goes wrong before AWS is asked at all: files of settings that do not hold together, and logins that fail.

What a program of `credential_process` writes is never repeated, since it may hold a secret: neither its output nor its errors.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

from botocore.credentials import ProcessProvider
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    CredentialRetrievalError,
    InfiniteLoopConfigError,
    InvalidConfigError,
    InvalidRetryConfigurationError,
    PartialCredentialsError,
    ProfileNotFound,
    UnknownCredentialError,
)

from drills.aws import remedies
from drills.errors import ConfigError, DrillError

_CONFIGURATION = (
    *(ConfigNotFound, ConfigParseError, InfiniteLoopConfigError, InvalidConfigError, InvalidRetryConfigurationError),
    *(PartialCredentialsError, ProfileNotFound, UnknownCredentialError),
)
_provider: Any = ProcessProvider  # botocore makes one for each profile of a chain, and lets nobody give it another
_retrieve = _provider._retrieve_credentials_using


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """Raise ConfigError for AWS settings on this machine that cannot be used, DrillError for a login that fails.

    Of botocore's errors no frame is kept, since frames hold credentials.
    """
    try:
        yield
    except BotoCoreError as error:
        kind = ConfigError if isinstance(error, _CONFIGURATION) else DrillError
        raise kind(f"expected to log in to AWS, found: {explain(error)}") from None
    except ValueError as error:  # a number among the settings that is none
        raise ConfigError(
            f"expected AWS settings that can be read, found: {error}: correct the AWS_… variables or the AWS configuration files"
        ) from None


def explain(error: ClientError | BotoCoreError) -> str:
    """Return what went wrong with a login, what it means and what to type next."""
    return remedies.explain(error, "log in, or name a credentials profile")


def hide_output_of_helpers() -> None:
    """Let no error of botocore quote what a `credential_process` writes, whichever provider of the chain has started it."""
    _provider._retrieve_credentials_using = _retrieve_quietly


@functools.wraps(_retrieve)
def _retrieve_quietly(provider: Any, command: str) -> Any:
    try:
        return _retrieve(provider, command)
    except OSError as error:
        found = f"the program could not be started ({error.strerror})"
    except (CredentialRetrievalError, ValueError, AttributeError, TypeError):  # the latter ones: no JSON, or no object
        found = "the program failed, or wrote no credentials (what it wrote may hold a secret and is not shown)"
    raise CredentialRetrievalError(provider=provider.METHOD, error_msg=found)
