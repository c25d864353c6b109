"""The manifest of a folder: what was in it, in a file that can be kept and compared with later. Pure.

It holds names, sizes, modes, owners and digests, and no content. A name that is no UTF-8 is kept as `surrogateescape` has it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drills.errors import ConfigError
from drills.json_text import VERSION, document_of

KIND = "files"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, a directory or a link: its mode in octal, user:group, bytes, and a SHA-256, "" of a directory."""

    kind: str
    mode: str
    owner: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Tree:
    """What is below a folder, by relative path; what could not be read, with the reason; when the newest file was written."""

    entries: Mapping[str, Entry]
    unread: Mapping[str, str]
    newest: datetime | None = None


@dataclass(frozen=True, slots=True)
class FilesManifest:
    """What a folder contained between two instants: what was written meanwhile may be in it or not."""

    began_at: datetime
    ended_at: datetime
    tree: Tree


def to_json(manifest: FilesManifest) -> str:
    """Return the manifest as JSON, ending in a newline."""
    tree = manifest.tree
    document = {
        VERSION: SCHEMA_VERSION,
        "kind": KIND,
        "began_at": manifest.began_at.isoformat(),
        "ended_at": manifest.ended_at.isoformat(),
        "newest": tree.newest.isoformat() if tree.newest else None,
        "unread": dict(sorted(tree.unread.items())),
        "entries": {
            path: [each.kind, each.mode, each.owner, each.size, each.digest]
            for path, each in sorted(tree.entries.items())
        },
    }
    return json.dumps(document, indent=1) + "\n"


def from_json(text: str, name: str) -> FilesManifest:
    """Read a manifest from a file of that name. Raises ConfigError, one sentence, where it is none."""
    raw = document_of(text, name, SCHEMA_VERSION, _none)
    try:
        return _read(raw)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _none(name, f"a document without what one has ({type(error).__name__}: {error})") from error


def _read(raw: Mapping[str, Any]) -> FilesManifest:
    if raw["kind"] != KIND:
        raise ValueError(f"kind {raw['kind']!r}")
    entries = {str(path): Entry(*_checked(each)) for path, each in raw["entries"].items()}
    unread = {str(path): str(why) for path, why in raw["unread"].items()}
    newest = datetime.fromisoformat(raw["newest"]) if raw["newest"] else None
    began, ended = (datetime.fromisoformat(raw[name]) for name in ("began_at", "ended_at"))
    return FilesManifest(began, ended, Tree(entries, unread, newest))


def _checked(raw: Any) -> tuple[str, str, str, int, str]:
    kind, mode, owner, size, digest = raw
    if not all(isinstance(each, str) for each in (kind, mode, owner, digest)) or not isinstance(size, int):
        raise TypeError(f"entry {raw!r}")
    return kind, mode, owner, size, digest


def _none(name: str, found: str) -> ConfigError:
    return ConfigError(f"expected a manifest of drills files manifest, found in {name} {found}: take one, or name it")
