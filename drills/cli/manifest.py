"""`drills manifest`: fingerprints a database."""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path

import psycopg

from drills.checks import manifest
from drills.checks.base.lock_watch import ReadLimits
from drills.checks.base.outcome import first_line
from drills.checks.base.session import Connector, SingleDatabase
from drills.checks.content.fingerprint import FAST, STABLE
from drills.checks.manifest import Manifest
from drills.cli.common import Command
from drills.cli.database import (
    add_policy_option,
    database_name,
    own_connection,
    parse_dsn,
    policies_of,
    server_connector,
)
from drills.cli.evidence.signing import signer_of
from drills.clock import SystemClock
from drills.durations import parse_duration
from drills.errors import ConfigError, DrillError
from drills.evidence.manifests import sign_manifest, signature_path
from drills.files import write_atomically

EXAMPLE = """\
examples:
  drills manifest postgresql://reader@db.example.com/orders -o orders.json
  drills manifest "host=localhost dbname=orders" > orders.json
  drills manifest dbname=orders -o orders.json --key drill.pem     sealed: drills verify --public-key refuses an edited one
The password comes from the DSN, PGPASSWORD or ~/.pgpass. With -o a key is kept in FILE.key: keep both, and the key secret.
"""


def add_arguments(take: argparse.ArgumentParser) -> None:
    """Add the options of `drills manifest`."""
    take.add_argument("dsn", metavar="DSN", help="libpq URL or keyword string of the source")
    take.add_argument(
        "-o", "--output", metavar="FILE", help="where it is kept, with its key beside it (default: print it)"
    )
    take.add_argument(
        "--key", metavar="KEY", help="signs it, into FILE.sig: a PEM file, env:NAME, or the ARN of a key in AWS KMS"
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
    add_policy_option(take)
    take.add_argument(
        "--trust-code",
        action="store_true",
        help="run functions of the source with the login's rights, a superuser's too: only where you trust its owners",
    )


def run(options: argparse.Namespace) -> int:
    """Take the manifest and write it; DrillError, one sentence, where the source could not be read whole."""
    if options.workers < 1:
        raise ConfigError(f"--workers: expected a number of connections from 1, found {options.workers}")
    try:
        max_age = parse_duration(options.max_age).total_seconds()
    except ValueError as error:
        raise ConfigError(f"--max-age: {error}") from error
    if options.output and not Path(options.output).absolute().parent.is_dir():
        raise ConfigError(f"--output: expected a file in a folder that exists, found {options.output}")
    if options.key and not options.output:
        raise ConfigError("--key: expected --output FILE beside it, found none: the signature lies beside the file")
    signer = signer_of(options.key) if options.key else None
    policies = policies_of(options.policy)
    parameters = parse_dsn(options.dsn)
    name = database_name(parameters)
    connect: Connector = (
        server_connector(parameters) if options.all_databases else SingleDatabase(own_connection(parameters), name)
    )
    key = secrets.token_bytes(32) if options.output else None
    try:
        taken = manifest.take(
            connect,
            key=key,
            limits=ReadLimits(options.workers, max_age),
            clock=SystemClock(),
            policies=policies,
            algorithm=STABLE if options.portable else FAST,
            trust_code=options.trust_code,
        )
    except (psycopg.Error, UnicodeError) as error:
        reason = first_line(error) if isinstance(error, psycopg.Error) else "names that are not valid in its encoding"
        raise DrillError(f"expected to read the whole source, found: {reason}; no manifest was written") from error
    text = manifest.dump(taken, key)
    if note := _emptiness(taken):
        print(note, file=sys.stderr)
    if not options.output:
        print(text, end="")
        return 0
    path = Path(options.output)
    try:
        signature_path(path).unlink(missing_ok=True)  # of the manifest before
        manifest.write_key(path, key)
        write_atomically(path, text)
        if signer:
            sign_manifest(path, text.encode(), signer)
    except OSError as error:
        raise DrillError(f"expected to write {path}, found: {error.strerror}") from error
    print(_summary(taken, path), file=sys.stderr)
    if signer:
        print(f"{signature_path(path)}: signed, fingerprint {signer.fingerprint}", file=sys.stderr)
    return 0


def _emptiness(taken: Manifest) -> str:
    """Return a sentence about a source that holds nothing, "" where it holds rows or large objects."""
    rows = sum(table.rows for one in taken.databases.values() for table in one.contents.tables.values())
    unread = any(one.contents.unreadable or one.contents.damaged for one in taken.databases.values())
    if rows or unread or any(one.large_objects.objects for one in taken.databases.values()):
        return ""
    names = ", ".join(taken.databases)
    return (
        f"{names} holds no row: a verification against this manifest compares none and ends with 12; name the database "
        "that holds the data, or use drills verify --expect-empty"
    )


def _summary(taken: Manifest, path: Path) -> str:
    tables = [table for one in taken.databases.values() for table in one.contents.tables.values()]
    unread = sum(len(one.contents.unreadable) + len(one.contents.damaged) for one in taken.databases.values())
    held = max((one.held_seconds for one in taken.databases.values()), default=0.0)
    names = ", ".join(taken.databases)
    missing = f"; {unread} tables could not be read" if unread else ""
    return (
        f"{path}: {names}, {len(tables)} tables, {sum(table.rows for table in tables):,} rows; the snapshot was held for "
        f"{held:.1f} s by {taken.workers} connection{'s' if taken.workers > 1 else ''}{missing}"
    )


COMMAND = Command(EXAMPLE, add_arguments, run)
