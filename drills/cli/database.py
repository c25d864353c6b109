"""A database that a DSN names: its parameters and connections, and the table policies of the commands that read it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg import conninfo

from drills.checks.base.session import Connection, Connector
from drills.errors import ConfigError, DrillError
from drills.model.policy import TablePolicy, parse_table_policy
from drills.redaction import check_url, show_address

CONNECT_TIMEOUT_SECONDS = "10"


def add_policy_option(command: argparse.ArgumentParser) -> None:
    """Add --policy, which may be given several times."""
    command.add_argument(
        "--policy", action="append", default=[], metavar="TABLE=POLICY",
        help="how a table that is written to is compared, as drill.toml has it: "
        "'public.orders=up to created_at', '…=at least 99 %%', '…=skip: REASON'; may be given again",
    )  # fmt: skip


def policies_of(given: Sequence[str]) -> dict[str, TablePolicy]:
    """Return the table policies given as TABLE=POLICY. Raises ConfigError."""
    policies: dict[str, TablePolicy] = {}
    for text in given:
        table, _, policy = (part.strip() for part in text.partition("="))
        if not re.fullmatch(r"(?s).+\..+", table):
            raise ConfigError(
                f"--policy: expected a table with its schema, as in 'public.orders=skip: logs', found {text!r}"
            )
        if table in policies:
            raise ConfigError(f"--policy: expected one policy for {table}, found two: leave one out")
        try:
            policies[table] = parse_table_policy(policy)
        except ValueError as error:
            raise ConfigError(f"--policy: expected {error} for {table}, found {policy!r}") from error
    return policies


def parse_dsn(dsn: str) -> dict[str, Any]:
    """Return the parameters of a DSN. Nothing of it is repeated in an error: it may hold a password."""
    check_url(dsn, "DSN")
    try:
        parameters: dict[str, Any] = conninfo.conninfo_to_dict(dsn)
    except (psycopg.ProgrammingError, UnicodeError):  # its message can hold a part of the password
        raise ConfigError(
            "DSN: expected a libpq URL (postgresql://user@host/database) or a keyword string (host=… dbname=…), "
            f"found {show_address(dsn)}, which libpq does not understand; percent-encode what is special in a URL, and put a "
            "value with blanks in single quotes"
        ) from None
    parameters.setdefault("connect_timeout", CONNECT_TIMEOUT_SECONDS)
    parameters.setdefault("application_name", "drills")
    return parameters


def server_connector(parameters: dict[str, Any]) -> Connector:
    """Return a connector to the databases of the DSN's server."""

    def connect(database: str) -> Connection:
        return psycopg.connect(**{**parameters, "dbname": database}, autocommit=True)

    return connect


def own_connection(parameters: dict[str, Any]) -> Callable[[], Connection]:
    """Return what opens a connection to the DSN's own database."""
    return lambda: psycopg.connect(**parameters, autocommit=True)


def database_name(parameters: dict[str, Any]) -> str:
    """Return the DSN's database; DrillError when it cannot be entered."""
    try:
        with psycopg.connect(**parameters, autocommit=True) as connection:
            return connection.info.dbname
    except (psycopg.Error, UnicodeError) as error:
        raise DrillError(f"expected to connect to the DSN's database, found: {' '.join(str(error).split())}") from error
