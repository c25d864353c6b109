"""`drills manifest` and `drills verify`: fingerprint a database, and compare another one with that."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import conninfo
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drills.checks import manifest
from drills.checks.fingerprint import FAST, STABLE
from drills.checks.invariants import load
from drills.checks.judged import first_line
from drills.checks.manifest import Manifest
from drills.checks.session import Connection, Connector, Single
from drills.checks.verify import exit_code, verify
from drills.checks.watch import Reading
from drills.clock import SystemClock
from drills.config_models import TablePolicy, parse_table_policy
from drills.durations import parse_duration
from drills.errors import ConfigError, DrillError
from drills.model import CheckResult, Finding
from drills.record import write_atomically
from drills.usage import Parser, described, exit_code_of

COMMANDS = ("manifest", "verify")
CONNECT_TIMEOUT_SECONDS = "10"
MANIFEST_EXAMPLE = """\
examples:
  drills manifest postgresql://reader@db.example.com/orders -o orders.json
  drills manifest "host=localhost dbname=orders" > orders.json
The password comes from the DSN, PGPASSWORD or ~/.pgpass. With -o a key is kept in FILE.key: keep both, and the key secret.
"""
VERIFY_EXAMPLE = """\
examples:
  drills verify postgresql://reader@copy.example.com/orders --against orders.json
  drills verify "host=localhost dbname=orders_copy" --against orders.json --scratch --json
  drills verify dbname=orders_copy --against orders.json --policy 'public.orders=up to created_at'
A manifest that is compared up to a watermark has to be taken with the same --policy.
"""
_STYLES = {"error": "bold red", "warning": "yellow", "information": "dim"}
_SEVERITIES = tuple(_STYLES)


def add(commands: Any, described: Callable[[str, str], dict[str, Any]]) -> None:
    """Add both commands to the command line."""
    take = commands.add_parser("manifest", **described("fingerprint a database", MANIFEST_EXAMPLE))
    take.add_argument("dsn", metavar="DSN", help="libpq URL or keyword string of the source")
    take.add_argument(
        "-o", "--output", metavar="FILE", help="where it is kept, with its key beside it (default: print it)"
    )
    take.add_argument("--all-databases", action="store_true", help="every database of the server, not the DSN's alone")
    take.add_argument(
        "--portable",
        action="store_true",
        help="fingerprints that hold on every version and platform; about half as fast",
    )
    take.add_argument("--workers", type=int, default=1, metavar="N", help="connections that read at once (default: 1)")
    take.add_argument(
        "--max-age", default="10m", metavar="DURATION", help="how long the snapshot may be held at most (default: 10m)"
    )
    _add_policies(take)
    compare = commands.add_parser("verify", **described("compare a database with a manifest", VERIFY_EXAMPLE))
    compare.add_argument("dsn", metavar="DSN", help="libpq URL or keyword string of the copy")
    compare.add_argument("--against", required=True, metavar="FILE", help="the manifest")
    compare.add_argument(
        "--invariants", metavar="FOLDER", help="SQL files that select the rows which break what is always true"
    )
    _add_policies(compare)
    compare.add_argument("--json", action="store_true", help="print the results as JSON")
    compare.add_argument(
        "--scratch",
        action="store_true",
        help="the copy is there to be checked alone: amcheck may be created in it, and is rolled back",
    )


def _add_policies(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--policy", action="append", default=[], metavar="TABLE=POLICY",
        help="how a table that is written to is compared, as drill.toml has it: "
        "'public.orders=up to created_at', '…=at least 99 %%', '…=skip: REASON'; may be given again",
    )  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """`drills manifest …` and `drills verify …`, without loading the rest of the command line."""
    parser = Parser(prog="drills")
    add(parser.add_subparsers(dest="command", required=True, metavar="COMMAND"), described)
    options = parser.parse_args(arguments)
    return exit_code_of(lambda: run(options))


def run(options: argparse.Namespace) -> int:
    """Carry out one of the commands; DrillError, one sentence, where it could not."""
    return _manifest(options) if options.command == "manifest" else _verify(options)


def policies_of(given: Sequence[str]) -> dict[str, TablePolicy]:
    """Table policies as TABLE=POLICY gives them; ConfigError, one sentence, for what is none."""
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


# -- where a database is ----------------------------------------------------------------------------------------------


def reach(dsn: str) -> dict[str, Any]:
    """The parameters of a DSN. Nothing of it is repeated in an error: it may hold a password."""
    try:
        parameters: dict[str, Any] = conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        raise ConfigError(
            "DSN: expected a libpq URL (postgresql://user@host/database) or a keyword string (host=… dbname=…), "
            "found something that libpq does not understand; percent-encode what is special in a URL"
        ) from error
    parameters.setdefault("connect_timeout", CONNECT_TIMEOUT_SECONDS)
    parameters.setdefault("application_name", "drills")
    return parameters


def connector(parameters: dict[str, Any]) -> Connector:
    """Connects to the database of a name on the DSN's server."""

    def connect(database: str) -> Connection:
        return psycopg.connect(**{**parameters, "dbname": database}, autocommit=True)

    return connect


def _open(parameters: dict[str, Any]) -> Callable[[], Connection]:
    return lambda: psycopg.connect(**parameters, autocommit=True)


def _own_name(parameters: dict[str, Any]) -> str:
    """The DSN's database; DrillError when it cannot be entered."""
    try:
        with psycopg.connect(**parameters, autocommit=True) as connection:
            return connection.info.dbname
    except (psycopg.Error, UnicodeError) as error:
        raise DrillError(f"expected to connect to the DSN's database, found: {' '.join(str(error).split())}") from error


# -- drills manifest --------------------------------------------------------------------------------------------------


def _manifest(options: argparse.Namespace) -> int:
    if options.workers < 1:
        raise ConfigError(f"--workers: expected a number of connections from 1, found {options.workers}")
    try:
        max_age = parse_duration(options.max_age).total_seconds()
    except ValueError as error:
        raise ConfigError(f"--max-age: {error}") from error
    if options.output and not Path(options.output).absolute().parent.is_dir():
        raise ConfigError(f"--output: expected a file in a folder that exists, found {options.output}")
    policies = policies_of(options.policy)
    parameters = reach(options.dsn)
    name = _own_name(parameters)
    connect: Connector = connector(parameters) if options.all_databases else Single(_open(parameters), name)
    key = secrets.token_bytes(32) if options.output else None
    try:
        taken = manifest.take(
            connect,
            key=key,
            reading=Reading(options.workers, max_age),
            clock=SystemClock(),
            policies=policies,
            algorithm=STABLE if options.portable else FAST,
        )
    except (psycopg.Error, UnicodeError) as error:
        said = first_line(error) if isinstance(error, psycopg.Error) else "names that are not valid in its encoding"
        raise DrillError(f"expected to read the whole source, found: {said}; no manifest was written") from error
    text = manifest.dump(taken)
    if not options.output:
        print(text, end="")
        return 0
    path = Path(options.output)
    try:
        manifest.write_key(path, key)
        write_atomically(path, text)
    except OSError as error:
        raise DrillError(f"expected to write {path}, found: {error.strerror}") from error
    print(_told(taken, path), file=sys.stderr)
    return 0


def _told(taken: Manifest, path: Path) -> str:
    tables = [table for one in taken.databases.values() for table in one.contents.tables.values()]
    unread = sum(len(one.contents.unreadable) + len(one.contents.damaged) for one in taken.databases.values())
    held = max((one.held_seconds for one in taken.databases.values()), default=0.0)
    names = ", ".join(taken.databases)
    missing = f"; {unread} tables could not be read" if unread else ""
    return (
        f"{path}: {names}, {len(tables)} tables, {sum(table.rows for table in tables):,} rows; the snapshot was held for "
        f"{held:.1f} s by {taken.workers} connection{'s' if taken.workers > 1 else ''}{missing}"
    )


# -- drills verify ----------------------------------------------------------------------------------------------------


def _verify(options: argparse.Namespace) -> int:
    path = Path(options.against)
    try:
        expected = manifest.load(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "no text"
        raise ConfigError(f"--against: expected a manifest, found {path}: {said}") from error
    key = manifest.read_key(path)
    rules = load(Path(options.invariants)) if options.invariants else ()
    policies = policies_of(options.policy)
    parameters = reach(options.dsn)
    _own_name(parameters)
    connect: Connector = Single(_open(parameters), expected.only) if expected.only else connector(parameters)
    results = verify(
        connect, expected, clock=SystemClock(), key=key, policies=policies, scratch=options.scratch, rules=rules
    )
    code = exit_code(results)
    if options.json:
        print(json.dumps(_facts(expected, results, code), indent=1, ensure_ascii=False))
    else:
        _show(expected, results, Console())
    return code


def _facts(expected: Manifest, results: Sequence[CheckResult], code: int) -> dict[str, Any]:
    return {
        "manifest": {
            "taken_at": expected.taken_at.isoformat(),
            "databases": list(expected.databases),
            "server_version_num": expected.server_version_num,
            "system_identifier": expected.system_identifier,
        },
        "exit_code": code,
        "results": [dataclasses.asdict(result) for result in results],
    }


def _show(expected: Manifest, results: Sequence[CheckResult], console: Console) -> None:
    """The checks, then what differs, then what was not compared."""
    console.print(
        f"against {', '.join(expected.databases)} as of {expected.taken_at:%Y-%m-%d %H:%M:%S %Z}", markup=False
    )
    checks = Table(box=None, pad_edge=False)
    for heading in ("check", "outcome", "what was seen"):
        checks.add_column(heading, overflow="fold")
    for result in results:
        outcome = result.outcome if result.requirement == "required" else f"{result.outcome} ({result.requirement})"
        style = {"met": "green", "missed": "bold red"}.get(result.outcome, "yellow")
        checks.add_row(printable(result.name), Text(outcome, style=style), printable(result.sentence))
    console.print(checks)
    findings = [finding for result in results for finding in result.findings]
    if findings:
        console.print()
        console.print(_findings(findings))
    left = [item for result in results for item in result.not_checked]
    if left:
        console.print("\nnot checked, or not exactly:")
        for item in left:
            console.print(printable(f"  {item.what}: {item.reason}"), soft_wrap=True)


def _findings(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False, show_lines=False)
    for heading in ("severity", "object", "expected", "found", "query"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        table.add_row(
            Text(finding.severity, style=_STYLES[finding.severity]),
            *(printable(text) for text in (finding.object, finding.expected, finding.found, finding.query)),
        )
    return table


def printable(text: str) -> Text:
    """Text for the terminal, in which no name of the database's can write over anything."""
    return Text("".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text))
