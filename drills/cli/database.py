"""A database that a DSN names: its parameters and connections, and the table policies of the commands that read it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import conninfo
from pydantic import SecretStr

from drills import libpq
from drills.checks.base.session import Connection
from drills.errors import ConfigError, DrillError
from drills.model.policy import TablePolicy, parse_table_policy
from drills.private_process import bare
from drills.redaction import check_url, looks_secret, show_address

CONNECT_TIMEOUT_SECONDS = "10"


def add_dsn(command: argparse.ArgumentParser, whose: str, *, optional: bool = False) -> None:
    """Add the positional DSN, which is kept as a secret from here on."""
    told = f"libpq URL or keyword string of {whose}"
    command.add_argument("dsn", metavar="DSN", type=SecretStr, nargs="?" if optional else None, help=told)


def add_policy_option(command: argparse.ArgumentParser) -> None:
    """Add --policy, which may be given several times."""
    command.add_argument(
        "--policy", action="append", default=[], metavar="TABLE=POLICY",
        help="how a table that is written to is compared, as drill.toml has it: "
        "'public.orders=up to created_at', '…=at least 99 %%', '…=skip: REASON'; may be given again",
    )  # fmt: skip


def add_workers(command: argparse.ArgumentParser, default: int, told: str) -> None:
    """Add --workers."""
    command.add_argument("--workers", type=int, default=default, metavar="N", help=f"{told} (default: {default})")


def workers_of(options: argparse.Namespace) -> int:
    """Return with how many connections to read. Raises ConfigError."""
    if options.workers < 1:
        raise ConfigError(f"--workers: expected a number of connections from 1, found {options.workers}")
    return int(options.workers)


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


@dataclass(frozen=True, slots=True)
class Database:
    """The database that a DSN names, by libpq's parameters; those that are secrets show themselves as stars."""

    parameters: Mapping[str, SecretStr | str]

    @property
    def name(self) -> str:
        """The name of the database in the DSN, "" where it has none."""
        return str(self.parameters.get("dbname") or "")

    def with_settings(self, settings: Mapping[str, str]) -> Database:
        """Return the same database with further parameters."""
        return Database({**self.parameters, **settings})

    def connect(self, database: str = "") -> Connection:
        """Open a connection to the DSN's own database, or to another of its server. Errors are psycopg's, without its frames."""
        named = {"dbname": database} if database else {}
        try:
            return libpq.connect(**{**_plain(self.parameters), **named})
        except (psycopg.Error, UnicodeError) as error:
            raise bare(error) from None  # psycopg's frames hold the password

    def entered_name(self) -> str:
        """Return the name of the database as its server tells it; DrillError when it cannot be entered."""
        try:
            with self.connect() as connection:
                return connection.info.dbname
        except (psycopg.Error, UnicodeError) as error:
            sentence = f"expected to connect to the DSN's database, found: {' '.join(str(error).split())}"
            raise DrillError(sentence) from error


def _plain(parameters: Mapping[str, SecretStr | str]) -> dict[str, Any]:
    """Return the parameters with the values of secrets, at the last moment."""
    return {name: each.get_secret_value() if isinstance(each, SecretStr) else each for name, each in parameters.items()}


def parse_dsn(dsn: SecretStr) -> Database:
    """Return the database of a DSN. Nothing of it is repeated in an error: it may hold a password."""
    text = dsn.get_secret_value()
    check_url(text, "DSN")
    try:
        given = conninfo.conninfo_to_dict(text)
    except (psycopg.ProgrammingError, UnicodeError):  # its message can hold a part of the password
        raise ConfigError(
            "DSN: expected a libpq URL (postgresql://user@host/database) or a keyword string (host=… dbname=…), "
            f"found {show_address(text)}, which libpq does not understand; percent-encode what is special in a URL, and put a "
            "value with blanks in single quotes"
        ) from None
    found = {name: SecretStr(str(each)) if looks_secret(name) else str(each) for name, each in given.items()}
    found.setdefault("connect_timeout", CONNECT_TIMEOUT_SECONDS)
    found.setdefault("application_name", "drills")
    return Database(found)
