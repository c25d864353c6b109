"""The manifest of a table: what it should contain, in a file that can be kept and compared with later. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drills.errors import ConfigError
from drills.json_text import VERSION, document_of
from drills.tables.fingerprint import ALGORITHM, BUCKETS, Bucket, Fingerprint

KIND = "dynamodb table"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class TableManifest:
    """What a table contained between two instants: a scan is no snapshot, and what is written meanwhile may be in it or not."""

    table: str
    table_id: str
    began_at: datetime
    ended_at: datetime
    consistent: bool
    settings: Mapping[str, str]
    unread: tuple[str, ...]
    items: Fingerprint


def to_json(manifest: TableManifest) -> str:
    """Return the manifest as JSON, ending in a newline. It holds no key and no value of an item."""
    document = {
        VERSION: SCHEMA_VERSION,
        "kind": KIND,
        "table": manifest.table,
        "table_id": manifest.table_id,
        "began_at": manifest.began_at.isoformat(),
        "ended_at": manifest.ended_at.isoformat(),
        "consistent": manifest.consistent,
        "settings": dict(sorted(manifest.settings.items())),
        "unread": list(manifest.unread),
        "algorithm": ALGORITHM,
        "count": manifest.items.count,
        "buckets": [[each.count, f"{each.keys:032x}", f"{each.items:032x}"] for each in manifest.items.buckets],
    }
    return json.dumps(document, indent=1) + "\n"


def from_json(text: str, name: str) -> TableManifest:
    """Read a manifest from a file of that name. Raises ConfigError, one sentence, where it is none."""
    raw = document_of(text, name, SCHEMA_VERSION, _none)
    if raw.get("kind") != KIND:
        raise _none(name, f"the kind {raw.get('kind')!r}")
    if raw.get("algorithm") != ALGORITHM:
        raise ConfigError(f"{name} was taken by {raw.get('algorithm')!r}; this version knows {ALGORITHM}: take it anew")
    try:
        return _read(raw)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _none(name, f"{type(error).__name__}: {error}") from error


def _read(raw: Mapping[str, Any]) -> TableManifest:
    buckets = tuple(Bucket(int(count), int(keys, 16), int(items, 16)) for count, keys, items in raw["buckets"])
    if len(buckets) != BUCKETS or sum(each.count for each in buckets) != raw["count"]:
        raise ValueError(f"expected {BUCKETS} buckets with {raw['count']} items, found other ones")
    settings = {str(name): str(value) for name, value in raw["settings"].items()}
    began, ended = datetime.fromisoformat(raw["began_at"]), datetime.fromisoformat(raw["ended_at"])
    if began.tzinfo is None or ended.tzinfo is None:
        raise ValueError("expected instants with their offset from UTC, found one without")
    return TableManifest(
        table=str(raw["table"]),
        table_id=str(raw["table_id"]),
        began_at=began,
        ended_at=ended,
        consistent=bool(raw["consistent"]),
        settings=settings,
        unread=tuple(map(str, raw["unread"])),
        items=Fingerprint(buckets),
    )


def _none(name: str, found: str) -> ConfigError:
    return ConfigError(
        f"{name} is no manifest of a table: expected JSON as drills table manifest writes it, found {found}: name another file, "
        "or take it anew"
    )
