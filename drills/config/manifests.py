"""`[targets.NAME.manifests]`: the store that production's manifests are kept in, and which of them a drill may take."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from drills.config.evidence import StoreText
from drills.config.table import Table
from drills.config.values import PathText, Span


class ManifestStore(Table):
    """Where `drills manifest --target` keeps manifests, and what a drill demands of the one that it finds there.

    `public_key` None: that of `[evidence]`, and without either no signature is asked for. `max_age` is how long before the
    recovery point's data the newest one may have been taken; `weakest` is the least that counts as verified. `strength` is to how
    many bits `drills manifest` hashes a row: a drill reads as the manifest says.
    """

    store: StoreText
    public_key: PathText | None = None
    max_age: Span = timedelta(days=7)
    weakest: Literal["at backup", "stored"] = "stored"
    strength: Literal[64, 128] = 64
