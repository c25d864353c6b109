"""Take and read manifests: what an instance's databases should contain, stored beside the recovery point.

A manifest is JSON that holds counts, definitions and fingerprints, and no row value. Its own digest reveals that it was
truncated or edited.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from pydantic import TypeAdapter, ValidationError

from drills.checks.base import copy_code
from drills.checks.base.anomalies import KnownAnomalies, to_known
from drills.checks.base.batches import in_batches
from drills.checks.base.copy_code import CopyCode
from drills.checks.base.lock_watch import ReadLimits, watch_locks
from drills.checks.base.room import further
from drills.checks.base.session import Connection, Connector, SingleDatabase, database_names, helpers, snapshot
from drills.checks.canary import chain
from drills.checks.canary.chain import CanaryState
from drills.checks.catalog import check as catalog
from drills.checks.catalog import passwords
from drills.checks.catalog.check import Catalog
from drills.checks.catalog.passwords import Passwords
from drills.checks.catalog.scope import RelevantRoles, database_name, find_roles, restrict_to_database
from drills.checks.content import check as content
from drills.checks.content import large_objects, sequences
from drills.checks.content.check import Contents
from drills.checks.content.fingerprint import FAST, TEXT_CALIBRATION, Algorithm, calibration
from drills.checks.content.large_objects import LargeObjects
from drills.checks.content.sequences import Sequences
from drills.checks.content.typed import CALIBRATION
from drills.checks.integrity import state as integrity_state
from drills.checks.integrity import system_catalog, views_libraries
from drills.checks.integrity.system_catalog import Builtins
from drills.checks.server import settings
from drills.checks.server.settings import Settings
from drills.clock import Clock, Stopwatch, SystemClock
from drills.errors import ConfigError
from drills.model.policy import TablePolicy
from drills.sql import execute

FORMAT = 5
MAINTENANCE = "postgres"


@dataclass(frozen=True, slots=True)
class DatabaseManifest:
    """What one database should contain; all of it read in one transaction, so of one instant.

    `facts` are its anomalies, None in a manifest that was taken before they were read; so are `builtins`, what came
    with PostgreSQL. `held_seconds` is for how long the snapshot was held, `seconds` how long each part took of it; a
    manifest that was taken before they were stored has none.
    """

    catalog: Catalog
    sequences: Sequences
    contents: Contents
    large_objects: LargeObjects
    canary: CanaryState | None
    facts: KnownAnomalies | None = None
    held_seconds: float = 0.0
    builtins: Builtins | None = None
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the databases of an instance should contain. `server` is the output of version(), which has the platform.

    `only` is the name of the database where the manifest is of a single one; `cluster` then holds what concerns it.
    `system_identifier` is the server's own, "" where the reader may not see it; a physical copy has the same.
    `calibration` has digests of the server's fast hashes of known values (drills/checks/content/fingerprint.py).
    `settings` and `passwords` are None in a manifest that was taken before they were stored, or by a role that may not
    read them; `groups` are the roles with rights in a single database (drills/checks/catalog/scope.py), None of several
    or before they were stored. `replica` is whether the server was a standby, None before that was stored.
    """

    format: int
    taken_at: datetime
    server_version_num: int
    server: str
    cluster: Catalog
    databases: dict[str, DatabaseManifest]
    facts: KnownAnomalies | None = None
    only: str = ""
    system_identifier: str = ""
    workers: int = 1
    calibration: str = ""
    settings: Settings | None = None
    passwords: Passwords | None = None
    groups: tuple[str, ...] | None = None
    replica: bool | None = None


_COMPACT = (",", ":")
_A_LINE_AN_ITEM = (",\n", ": ")
_decode = json.JSONDecoder().raw_decode
_ADAPTER: TypeAdapter[Manifest] = TypeAdapter(Manifest)
_STANDBY = "select pg_catalog.pg_is_in_recovery()"
_IDENTIFIER = "select system_identifier::pg_catalog.text from pg_catalog.pg_control_system()"


def take(
    connect: Connector,
    *,
    key: bytes | None = None,
    clock: Clock | None = None,
    policies: Mapping[str, TablePolicy] | None = None,
    limits: ReadLimits | None = None,
    algorithm: Algorithm = FAST,
    trust_code: bool = False,
) -> Manifest:
    """Fingerprint every database that `connect` can reach; `policies` by table name, as the copy will be compared.

    Catalog fields that can hold secrets are stored as digests under `key`, which lies beside the manifest and not in
    it. With `limits` the source is watched while it is read, and CheckUnavailable says why the pass was ended. Without
    `trust_code` a login that could do harm does not read what would run code of the source's owners.
    """
    clock = clock or SystemClock()
    taken_at = clock.now()
    names, only = database_names(connect), connect.name if isinstance(connect, SingleDatabase) else ""
    shared = _shared(connect, only, key)
    options = _Options(key, policies, limits, clock, algorithm, trust_code)
    taken, workers = dict[str, DatabaseManifest](), 1
    for name in names:
        taken[name], used = _take_one(connect, name, options)
        workers = max(workers, used)
    return Manifest(format=FORMAT, taken_at=taken_at, databases=taken, only=only, workers=workers, **shared)


def _shared(connect: Connector, only: str, key: bytes | None) -> dict[str, Any]:
    """Read what the server's databases share, by the manifest's field names; of the database `only`, its part."""
    with connect(MAINTENANCE) as plain:  # a session that has set nothing shows what the server is set to
        server_settings = settings.observe(plain)
    with snapshot(connect, MAINTENANCE) as connection:
        number, server = _version(connection)
        standby = connection.execute(_STANDBY).fetchone()
        cluster = catalog.observe_cluster(connection, key=key)
        secret, groups = passwords.observe(connection, key), None
        if only:
            named = find_roles(connection)
            cluster = restrict_to_database(cluster, database_name(connection), named)
            secret = secret and {role: each for role, each in secret.items() if f"role {role}" in named.roles}
            groups = tuple(sorted(named.groups or ()))
        return {
            "server_version_num": number,
            "server": server,
            "cluster": cluster,
            "facts": to_known(integrity_state.observe_cluster(connection, only=bool(only))),
            "system_identifier": system_identifier(connection),
            "calibration": calibrate(connection),
            "settings": server_settings,
            "passwords": secret,
            "groups": groups,
            "replica": bool(standby and standby[0]),
        }


@dataclass(frozen=True, slots=True)
class _Options:
    """How a source is fingerprinted."""

    key: bytes | None
    policies: Mapping[str, TablePolicy] | None
    limits: ReadLimits | None
    clock: Clock
    algorithm: Algorithm
    trust_code: bool


def _take_one(connect: Connector, name: str, options: _Options) -> tuple[DatabaseManifest, int]:
    """Return the manifest of a database, and with how many connections it was read: at most as many as the source leaves free."""
    began, limits = options.clock.monotonic(), options.limits
    with ExitStack() as stack:
        first = stack.enter_context(snapshot(connect, name))
        others = stack.enter_context(helpers(connect, first, _number_of_helpers(first, limits)))
        if limits:
            stack.enter_context(watch_locks(connect, name, (first, *others), limits, options.clock))
        watch = Stopwatch(options.clock)
        code = watch.part("code", lambda: copy_code.find(first, trusted=options.trust_code))
        taken = DatabaseManifest(
            catalog=watch.part("catalog", lambda: catalog.observe(first, key=options.key, helpers=others[:1])),
            sequences=watch.part("sequences", lambda: sequences.observe(first)),
            contents=watch.part("content", lambda: _contents(first, others, code, options)),
            large_objects=watch.part("large objects", lambda: large_objects.observe(first)),
            canary=watch.part("canary", lambda: None if chain.unsafe(code) else chain.observe(first)),
            facts=watch.part("state", lambda: _facts(first, code)),
            builtins=watch.part("system catalog", lambda: system_catalog.observe(first)),
        )
    held = round(options.clock.monotonic() - began, 3)
    return dataclasses.replace(taken, held_seconds=held, seconds=watch.seconds), 1 + len(others)


def _number_of_helpers(first: Connection, limits: ReadLimits | None) -> int:
    wanted = limits.workers - 1 if limits else 0
    return max(0, further(first, wanted + 1) - 1) if wanted else 0  # one more watches


def _contents(first: Connection, others: Sequence[Connection], code: CopyCode, options: _Options) -> Contents:
    return content.observe(
        first,
        algorithm=options.algorithm,
        policies=options.policies,
        helpers=others,
        ranged=True,
        key=options.key,
        within=content.Bounds(code=code),
    )


def _facts(connection: Connection, code: CopyCode) -> KnownAnomalies:
    found = (*integrity_state.observe(connection), *views_libraries.observe_views(connection, code=code)[1])
    return to_known(found) | system_catalog.observe_dangling(connection)


def system_identifier(connection: Connection) -> str:
    """Return the server's identifier, "" where the reader may not see it."""
    try:
        with connection.transaction():
            row = connection.execute(_IDENTIFIER).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return ""
    return str(row[0]) if row else ""


def calibrate(connection: Connection) -> str:
    """Return digests of the server's fast hashes of known values: a server with the same digests has the same hashes."""
    row = execute(connection, f"select ({TEXT_CALIBRATION}), ({CALIBRATION})").fetchone() or ("", "")
    return calibration(str(row[0]), str(row[1]))


def _version(connection: Connection) -> tuple[int, str]:
    row = connection.execute(
        "select pg_catalog.current_setting('server_version_num')::int, pg_catalog.version()"
    ).fetchone()
    if row is None:
        raise AssertionError("a select without from gives one row")
    return int(row[0]), str(row[1])


def dump(manifest: Manifest, key: bytes | None = None) -> str:
    """Return the manifest as JSON with its digest, and with a key an HMAC-SHA256 under it; it ends in a newline."""
    return "".join(dump_pieces(manifest, key))


def dump_pieces(manifest: Manifest, key: bytes | None = None) -> Iterator[str]:
    """Yield what `dump` returns a piece at a time: that of many tables is large."""
    body = _ADAPTER.dump_python(manifest, mode="json")
    # a line an item, so that two manifests can be compared line by line; indented it takes five times as long to write
    digest = _digest(body)
    whole = {"digest": digest, "manifest": body} | ({"hmac": authenticate(digest, key)} if key else {})
    yield from json_pieces(whole, depth=5, separators=_A_LINE_AN_ITEM)
    yield "\n"


def load(text: str, name: str = "the manifest", key: bytes | None = None) -> Manifest:
    """Read a manifest. ConfigError, one sentence, when it is truncated, edited, or of a newer version.

    With its `key` also when somebody else wrote it: a digest alone can be computed anew.
    """
    again = "take it again on the source, or name another one"
    try:
        raw = json.loads(text)
        body, digest, authentic = raw["manifest"], raw["digest"], raw.get("hmac")
        del raw, text  # a manifest of many tables is large
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{name} is no whole manifest: expected JSON with its digest: {again}") from error
    if isinstance(body, dict) and isinstance(body.get("format"), int) and body["format"] > FORMAT:
        raise ConfigError(f"{name} has format {body['format']}, this version reads up to {FORMAT}: use a newer version")
    if digest != _digest(body):
        raise ConfigError(f"{name} was changed after it was taken: its digest does not fit its contents: {again}")
    if key is not None:
        _check_hmac(authentic, digest, key, name)
    try:
        found = _ADAPTER.validate_python(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{name} is no manifest: {where}: {first['msg']}: {again}") from error
    del body
    if where := _check_definitions(found):
        raise ConfigError(f"{name} is no manifest: {where}: expected a definition as a JSON object: {again}")
    return found


def _check_definitions(manifest: Manifest) -> str:
    """Hold equal definitions of a section once, and return the place of an entry that is no JSON object, "" without one."""
    catalogs = {"cluster": manifest.cluster} | {name: each.catalog for name, each in manifest.databases.items()}
    for where, of in catalogs.items():
        for section, entries in of.items():
            texts: dict[str, str] = {}
            for name, definition in entries.items():
                try:
                    value, end = _decode(definition)  # json.loads() takes longer, and there are many
                except (ValueError, RecursionError):
                    value, end = None, 0
                if not isinstance(value, dict) or end != len(definition):
                    return f"{where}.{section}.{name}"
                entries[name] = texts.setdefault(definition, definition)
    return ""


def authenticate(digest: str, key: bytes) -> str:
    """Return the HMAC-SHA256 of a manifest's digest under the key beside it, in hexadecimal."""
    return hmac.new(key, digest.encode(), hashlib.sha256).hexdigest()


def _check_hmac(found: object, digest: str, key: bytes, name: str) -> None:
    """Refuse a manifest without the HMAC that whoever has its key writes, whatever format it says that it has. ConfigError."""
    if found is None:
        raise ConfigError(
            f"{name} has no HMAC, and a key lies beside it: it was edited, or the key is another manifest's: take the manifest "
            "again with drills manifest -o, or move the key away, and what is digested under it is not verified"
        )
    if not isinstance(found, str) or not hmac.compare_digest(found.encode(), authenticate(digest, key).encode()):
        raise ConfigError(
            f"{name} does not fit the key beside it: it was edited, or the key is another manifest's: take the manifest again"
        )


def key_path(manifest: Path) -> Path:
    """Return where the key of a manifest lies: beside it."""
    return manifest.with_name(f"{manifest.name}.key")


def write_key(manifest: Path, key: bytes | None = None) -> bytes:
    """Write a manifest's key beside it with mode 0600; a new one for a manifest that is about to be taken."""
    key = key or secrets.token_bytes(32)
    path = key_path(manifest)
    path.unlink(missing_ok=True)  # an older one may be open to others
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
    return key


def unauthenticated(manifest: Path) -> str:
    """Return what is said of a manifest without its key: nobody can tell that it was not edited."""
    return f"{manifest} is not authenticated: its key, {key_path(manifest)}, is not there"


def read_key(manifest: Path) -> bytes | None:
    """Return the key that lies beside a manifest, None where there is none. ConfigError when it is no key."""
    try:
        return bytes.fromhex(key_path(manifest).read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ConfigError(
            f"{key_path(manifest)} is no key: expected hexadecimal digits: restore or remove it"
        ) from error


def _digest(body: Any) -> str:
    """Return a digest of the JSON with its keys sorted and without blanks, a piece at a time: as a whole it can be many
    megabytes.
    """
    digest = hashlib.sha256()
    for piece in json_pieces(body):
        digest.update(piece.encode())
    return digest.hexdigest()


def json_pieces(value: Any, depth: int = 4, most: int = 1_000, separators: tuple[str, str] = _COMPACT) -> Iterator[str]:
    """Yield JSON with its keys sorted: objects above `depth` by their members, those at it `most` at a time.

    At depth 4 are the sections of a database's catalog, and its tables.
    """
    encode = json.JSONEncoder(sort_keys=True, separators=separators).encode
    if not isinstance(value, dict) or (not depth and len(value) <= most):
        yield encode(value)
        return
    yield "{"
    for number, some in enumerate(in_batches(sorted(value), most if not depth else 1)):
        yield separators[0] if number else ""
        if depth:
            yield f"{encode(some[0])}{separators[1]}"
            yield from json_pieces(value[some[0]], depth - 1, most, separators)
        else:
            yield encode({name: value[name] for name in some})[1:-1]
    yield "}"


def relevant_roles(manifest: Manifest) -> RelevantRoles:
    """Return the roles that a manifest of a single database covers."""
    groups = None if manifest.groups is None else frozenset(manifest.groups)
    return RelevantRoles(frozenset(manifest.cluster.get("roles", ())), groups)
