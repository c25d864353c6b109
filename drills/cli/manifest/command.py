"""`drills manifest`: fingerprints a database."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from drills.checks import manifest
from drills.checks.base.lock_watch import ReadLimits
from drills.checks.base.outcome import first_line
from drills.checks.base.session import Connector, SingleDatabase
from drills.checks.content.check import WHAT
from drills.checks.content.fingerprint import FAST, STABLE, STRONG, Algorithm
from drills.checks.manifest import Manifest
from drills.cli.common import TARGET_OPTIONS, Command
from drills.cli.database import add_dsn, add_policy_option, add_workers, parse_dsn, policies_of, workers_of
from drills.clock import SystemClock
from drills.durations import parse_duration
from drills.errors import ConfigError, DrillError
from drills.evidence.manifests import sign_manifest, signature_path
from drills.files import write_atomically
from drills.plural import counted, counted_of
from drills.printable import printable

if TYPE_CHECKING:
    from drills.cli.manifest.kept import Kept
    from drills.evidence.keys import Signer

EXAMPLE = """\
examples:
  drills manifest postgresql://reader@db.example.com/orders -o orders.json
  drills manifest "host=localhost dbname=orders" > orders.json
  drills manifest dbname=orders -o orders.json --key drill.pem     sealed: drills verify --public-key refuses an edited one
  drills manifest "host=replica,db user=drills_manifest dbname=orders target_session_attrs=prefer-standby" \\
      --all-databases --target myappdbprod --key manifests.pem
  drills manifest --from orders.json --target myappdbprod --key manifests.pem --point arn:aws:rds:…:snapshot:before-release
The password comes from the DSN, PGPASSWORD or ~/.pgpass. With -o a key is kept in FILE.key: keep both, and the key secret.
For a target it goes to the store that drill.toml names (targets.NAME.manifests), where a drill finds it: docs/manifests.md.
"""
_NAMED = 10  # tables that could not be read, at most
Pieces = Callable[[], Iterator[str]]
"""Gives a manifest's text, a piece at a time."""


def add_arguments(take: argparse.ArgumentParser) -> None:
    """Add the options of `drills manifest`."""
    add_dsn(take, "the source, required without --from", optional=True)
    take.add_argument(
        "-o", "--output", metavar="FILE", help="where it is kept, with its key beside it (default, and -: print it)"
    )
    take.add_argument(
        "--key", metavar="KEY", help="signs it, into FILE.sig: a PEM file, env:NAME, or the ARN of a key in AWS KMS"
    )
    _add_store_options(take)
    take.add_argument("--all-databases", action="store_true", help="every database of the server, not the DSN's alone")
    method = take.add_mutually_exclusive_group()
    method.add_argument(
        "--portable",
        action="store_true",
        help="fingerprints that hold on every version and platform; a fraction as fast",
    )
    method.add_argument(
        "--strength",
        type=int,
        choices=(64, 128),
        help="how many bits a row is hashed to; 128 is less than half as fast (default: the target's, else 64)",
    )
    add_workers(take, 1, "connections that read at once, at most as many as the source leaves free")
    take.add_argument(
        "--max-age", default="10m", metavar="DURATION", help="how long the snapshot may be held at most (default: 10m)"
    )
    add_policy_option(take)
    take.add_argument(
        "--trust-code",
        action="store_true",
        help="run functions of the source with the login's rights, a superuser's too: only where you trust its owners",
    )


def _add_store_options(take: argparse.ArgumentParser) -> None:
    take.add_argument(
        "--store", metavar="STORE", help="s3://BUCKET/PREFIX or a folder, in place of the target's; with --target"
    )
    take.add_argument(
        "--point",
        metavar="ARN",
        help="the recovery point that it is of (default: it is stored by its time); with --target",
    )
    take.add_argument(
        "--from",
        dest="taken",
        metavar="FILE",
        help="store one that -o wrote, in place of reading a source; with --target",
    )
    take.add_argument("--json", action="store_true", help="print what was stored, and where, as JSON; with --target")


def run(options: argparse.Namespace) -> int:
    """Take the manifest and write it; DrillError, one sentence, where the source could not be read whole."""
    limits = _limits(options)
    if options.output == "-":
        options.output = None  # standard output is where it goes without a file
    _check_combination(options)
    kept = _open_kept(options)
    signer = _signer_of(options.key) if options.key and kept is None else None
    taken, pieces, key = _read(options) if options.taken else _take(options, limits, kept)
    if note := _emptiness(taken):
        print(note, file=sys.stderr)
    for line in _unread(taken):
        print(printable(line), file=sys.stderr)
    if options.output:
        _write(Path(options.output), pieces(), key, signer)
        print(_summary(taken, options.output), file=sys.stderr)
    if signer:
        print(f"{signature_path(Path(options.output))}: signed, fingerprint {signer.fingerprint}", file=sys.stderr)
    if kept:
        from drills.cli.manifest.kept import show_kept

        show_kept(
            kept, taken, kept.keep("".join(pieces()).encode(), taken.taken_at, key), _summary, as_json=options.json
        )
    elif not options.output:
        sys.stdout.writelines(pieces())
    return 0


def _open_kept(options: argparse.Namespace) -> Kept | None:
    """Return the store that is asked for, None without any option about one, for which its configuration is not loaded."""
    about = (options.target, options.store, options.point, options.profile, options.config, options.endpoint_url)
    if not any(about):
        return None
    from drills.cli.manifest.kept import open_kept

    return open_kept(options)


def _signer_of(key: str) -> Signer:
    from drills.cli.evidence.signing import signer_of

    return signer_of(key)


def _limits(options: argparse.Namespace) -> ReadLimits:
    workers = workers_of(options)
    try:
        return ReadLimits(workers, parse_duration(options.max_age).total_seconds())
    except ValueError as error:
        raise ConfigError(f"--max-age: {error}") from error


def _check_combination(options: argparse.Namespace) -> None:
    """Refuse options that do not go together, before anything is opened."""
    if options.output and not Path(options.output).absolute().parent.is_dir():
        raise ConfigError(f"--output: expected a file in a folder that exists, found {options.output}")
    if (options.dsn is None) == (options.taken is None):
        raise ConfigError(
            "expected DSN, or --from FILE in place of it, found " + ("none" if options.dsn is None else "both")
        )
    if options.target:
        return
    if options.key and not options.output:
        raise ConfigError("--key: expected --output FILE beside it, found none: the signature lies beside the file")
    for name, value in (("--from", options.taken), ("--json", options.json)):
        if value:
            raise ConfigError(f"{name}: expected --target NAME beside it, found none: it is about what is stored")


def _take(options: argparse.Namespace, limits: ReadLimits, kept: Kept | None) -> tuple[Manifest, Pieces, bytes | None]:
    """Return the manifest of the source, its text in pieces, and its key."""
    policies = {**(kept.policies if kept else {}), **policies_of(options.policy)}
    database = parse_dsn(options.dsn)
    name = database.entered_name()
    connect: Connector = database.connect if options.all_databases else SingleDatabase(database.connect, name)
    key = secrets.token_bytes(32) if options.output or kept else None
    try:
        taken = manifest.take(
            connect,
            key=key,
            limits=limits,
            clock=SystemClock(),
            policies=policies,
            algorithm=algorithm_of(options, kept),
            trust_code=options.trust_code,
        )
    except (psycopg.Error, UnicodeError) as error:
        reason = first_line(error) if isinstance(error, psycopg.Error) else "names that are not valid in its encoding"
        raise DrillError(f"expected to read the whole source, found: {reason}; no manifest was written") from error
    if taken.workers < limits.workers:
        told = f"the source was read with {taken.workers}, since it leaves no more free without those kept for others"
        print(f"drills: --workers: expected {limits.workers} connections: {told}", file=sys.stderr)
    return taken, partial(manifest.dump_pieces, taken, key), key


def algorithm_of(options: argparse.Namespace, kept: Kept | None) -> Algorithm:
    """Return how rows are hashed: as the command line says, else as the target does. Pure."""
    if options.portable:
        return STABLE
    strength = options.strength or (kept.strength if kept else 64)
    return STRONG if strength == 128 else FAST


def _read(options: argparse.Namespace) -> tuple[Manifest, Pieces, bytes | None]:
    """Return a manifest that was taken before, its text in pieces, and the key that lies beside it."""
    path = Path(options.taken)
    try:
        text = path.read_text(encoding="utf-8")
        key = manifest.read_key(path)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text"
        raise ConfigError(f"--from: expected a manifest, found {path}: {reason}") from error
    taken = manifest.load(text, str(path), key)
    if key is None:
        print(f"drills: {manifest.unauthenticated(path)}", file=sys.stderr)
    return taken, lambda: iter((text,)), key


def _write(path: Path, pieces: Iterator[str], key: bytes | None, signer: Signer | None) -> None:
    """Write the manifest with its key and signature beside it. Raises DrillError."""
    try:
        signature_path(path).unlink(missing_ok=True)  # of the manifest before
        manifest.write_key(path, key)
        if not signer:
            write_atomically(path, pieces)
        else:
            data = "".join(pieces).encode()
            write_atomically(path, data)
            sign_manifest(path, data, signer)
    except OSError as error:
        raise DrillError(f"expected to write {path}, found: {error.strerror}") from error


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


def _unread(taken: Manifest) -> list[str]:
    """Return a line for each table that could not be read, with its reason: the first ten, and how many more there are."""
    found = [
        f"{name}: {table} could not be read: {reason}"
        for name, one in taken.databases.items()
        for table, reason in {**one.contents.unreadable, **one.contents.damaged}.items()
    ]
    more = len(found) - _NAMED
    return found if more <= 0 else [*found[:_NAMED], f"and {more} more could not be read"]


def _summary(taken: Manifest, where: str) -> str:
    tables = [table for one in taken.databases.values() for table in one.contents.tables.values()]
    unread = sum(len(one.contents.unreadable) + len(one.contents.damaged) for one in taken.databases.values())
    held = max((one.held_seconds for one in taken.databases.values()), default=0.0)
    names, rows = ", ".join(taken.databases), counted(sum(table.rows for table in tables), "row")
    which = counted(unread, "table")
    missing = f"; {which} could not be read: a verification leaves what was not read not verified" if unread else ""
    return (
        f"{where}: {names}, {counted_of(len(tables), WHAT)}, {rows}; the snapshot was held for "
        f"{held:.1f} s by {counted(taken.workers, 'connection')}{missing}"
    )


COMMAND = Command(EXAMPLE, add_arguments, run, parents=(TARGET_OPTIONS,))
