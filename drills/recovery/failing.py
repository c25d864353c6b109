"""Turns the errors of AWS's and PostgreSQL's clients into the drill's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import read as aws
from drills.checks.base.outcome import first_line
from drills.errors import DrillError


@contextmanager
def translate_client_errors() -> Iterator[None]:
    """Raise what boto3 and psycopg raise as a DrillError with one sentence."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise DrillError(aws.refusal(error)) from error
    except psycopg.Error as error:
        raise DrillError(
            f"the connection to the scratch instance failed: {first_line(error)}; read its server's log"
        ) from error
