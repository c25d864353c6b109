"""Keeps a manifest in a store, as `drills manifest --target` does beside the backup."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from drills.clock import SystemClock
from drills.config.evidence import is_bucket
from drills.errors import DrillError, NotSealed
from drills.evidence.keys import Signer
from drills.evidence.stored.about import (
    ABOUT,
    MANIFEST,
    POINTS,
    SIGNATURE,
    TIMES,
    About,
    digest_of,
    entry_path,
    key_path,
    name_of_point,
    name_of_time,
    write_about,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from drills.aws.session import Clients
    from drills.evidence.store import Store


@dataclass(frozen=True, slots=True)
class Place:
    """Where a manifest was kept, and its key, "" without one."""

    entry: str
    key: str


def open_manifest_store(url: str, clients: Callable[[], Clients]) -> Store:
    """Return the store of that URL or folder. `clients` is called for S3 alone; calls no AWS yet."""
    from drills.evidence.store import FolderStore, S3Store

    if not is_bucket(url):
        return FolderStore(Path(url))
    return S3Store(clients().client("s3"), url, None, None, SystemClock().now, "manifests")


def keep_manifest(
    store: Store,
    data: bytes,
    taken_at: datetime,
    *,
    target: str,
    point: str = "",
    key: bytes | None = None,
    signer: Signer | None = None,
) -> Place:
    """Keep a manifest under its recovery point, or by its time, with its key apart. Raises DrillError.

    about.json is written last: without it an entry is not whole. Nothing is written over, so that a point has one manifest.
    """
    kind = POINTS if point else TIMES
    name = name_of_point(point) if point else name_of_time(taken_at, secrets.token_hex(4))
    entry, kept = entry_path(target, kind, name), key_path(target, name)
    about = write_about(About(target, point, taken_at, digest_of(data)))
    try:
        store.put(f"{entry}/{MANIFEST}", data)
        if key:
            store.put(kept, f"{key.hex()}\n".encode())
        # what is done again, or twice at once, has its signature, of the same about.json, and no two are alike
        if signer:
            store.claim(f"{entry}/{SIGNATURE}", signer.sign(about))
        store.put(f"{entry}/{ABOUT}", about)
    except NotSealed as error:
        raise DrillError(f"expected to keep the manifest: {error}") from error
    return Place(f"{store.url}/{entry}", f"{store.url}/{kept}" if key else "")
