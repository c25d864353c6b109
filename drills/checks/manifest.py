"""What an instance's databases should contain, taken on the source and kept beside the recovery point.

A manifest is JSON that holds counts, definitions and fingerprints, and no row value. Its own digest tells when it was
truncated or edited.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from drills.checks import canary, catalog, content, integrity_code, integrity_state, large_objects, sequences
from drills.checks.canary import CanaryState
from drills.checks.catalog import Catalog
from drills.checks.content import Contents
from drills.checks.facts import Facts, stored
from drills.checks.large_objects import LargeObjects
from drills.checks.sequences import Sequences
from drills.checks.session import Connection, Connector, databases, snapshot
from drills.clock import Clock, SystemClock
from drills.config_models import TablePolicy
from drills.errors import ConfigError

FORMAT = 2
MAINTENANCE = "postgres"


@dataclass(frozen=True, slots=True)
class DatabaseManifest:
    """What one database should contain; all of it read in one transaction, so of one instant.

    `facts` are what is odd about it, None in a manifest that was taken before they were looked at.
    """

    catalog: Catalog
    sequences: Sequences
    contents: Contents
    large_objects: LargeObjects
    canary: CanaryState | None
    facts: Facts | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the databases of an instance should contain. `server` is the output of version(), which has the platform."""

    format: int
    taken_at: datetime
    server_version_num: int
    server: str
    cluster: Catalog
    databases: dict[str, DatabaseManifest]
    facts: Facts | None = None


_ADAPTER: TypeAdapter[Manifest] = TypeAdapter(Manifest)


def take(
    connect: Connector,
    *,
    key: bytes | None = None,
    clock: Clock | None = None,
    policies: Mapping[str, TablePolicy] | None = None,
) -> Manifest:
    """Fingerprint every database that `connect` can reach; `policies` by table name, as the copy will be compared.

    Catalog fields that can hold secrets are kept as digests under `key`, which lies beside the manifest and not in it.
    """
    taken_at = (clock or SystemClock()).now()
    with snapshot(connect, MAINTENANCE) as connection:
        names = databases(connection)
        number, server = _version(connection)
        cluster = catalog.observe_cluster(connection, key=key)
        odd = stored(integrity_state.observe_cluster(connection))
    taken = {name: _take_one(connect, name, key, policies) for name in names}
    return Manifest(FORMAT, taken_at, number, server, cluster, taken, odd)


def _take_one(
    connect: Connector, name: str, key: bytes | None, policies: Mapping[str, TablePolicy] | None
) -> DatabaseManifest:
    with snapshot(connect, name) as connection:
        return DatabaseManifest(
            catalog=catalog.observe(connection, key=key),
            sequences=sequences.observe(connection),
            contents=content.observe(connection, policies=policies),
            large_objects=large_objects.observe(connection),
            canary=canary.observe(connection),
            facts=stored((*integrity_state.observe(connection), *integrity_code.observe_views(connection)[1])),
        )


def _version(connection: Connection) -> tuple[int, str]:
    row = connection.execute(
        "select pg_catalog.current_setting('server_version_num')::int, pg_catalog.version()"
    ).fetchone()
    if row is None:
        raise AssertionError("a select without from gives one row")
    return int(row[0]), str(row[1])


def dump(manifest: Manifest) -> str:
    """The manifest as JSON with its digest, ending in a newline."""
    body = _ADAPTER.dump_python(manifest, mode="json")
    return json.dumps({"digest": _digest(body), "manifest": body}, sort_keys=True, indent=1) + "\n"


def load(text: str, name: str = "the manifest") -> Manifest:
    """Read a manifest. ConfigError, one sentence, when it is truncated, edited, or of a newer version."""
    again = "take it again on the source, or name another one"
    try:
        raw = json.loads(text)
        body, digest = raw["manifest"], raw["digest"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{name} is no whole manifest: expected JSON with its digest: {again}") from error
    if isinstance(body, dict) and isinstance(body.get("format"), int) and body["format"] > FORMAT:
        raise ConfigError(f"{name} has format {body['format']}, this version reads up to {FORMAT}: use a newer version")
    if digest != _digest(body):
        raise ConfigError(f"{name} was changed after it was taken: its digest does not fit its contents: {again}")
    try:
        return _ADAPTER.validate_python(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{name} is no manifest: {where}: {first['msg']}: {again}") from error


def key_path(manifest: Path) -> Path:
    """Where the key of a manifest lies: beside it."""
    return manifest.with_name(f"{manifest.name}.key")


def write_key(manifest: Path) -> bytes:
    """Make the key for a manifest that is about to be taken, and keep it beside it with mode 0600."""
    key = secrets.token_bytes(32)
    path = key_path(manifest)
    path.touch(mode=0o600)
    path.write_text(key.hex() + "\n", encoding="ascii")
    return key


def read_key(manifest: Path) -> bytes | None:
    """The key that lies beside a manifest, None where there is none. ConfigError when it is no key."""
    try:
        return bytes.fromhex(key_path(manifest).read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ConfigError(
            f"{key_path(manifest)} is no key: expected hexadecimal digits: restore or remove it"
        ) from error


def _digest(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
