"""What the sandbox holds of each instance and of each snapshot: a PostgreSQL server, and a copy of a data directory."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from drills.sandbox.postgres.binaries import Binaries
from drills.sandbox.postgres.cluster import Cluster


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A copy of a data directory. It holds every commit before the instant `taken_at`."""

    folder: Path
    binaries: Binaries
    settings: dict[str, str]
    taken_at: datetime
    size_bytes: int
    busy: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Server:
    """The PostgreSQL of one instance. Whoever works on its files or its process holds `busy`."""

    cluster: Cluster
    binaries: Binaries
    settings: dict[str, str] = field(default_factory=dict)
    parameter_group: str = ""
    reason: str = ""
    busy: threading.Lock = field(default_factory=threading.Lock)
