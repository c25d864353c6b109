"""What is measured after a drill: processes, their memory and files, and the folders of a standing local AWS."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from drills.sandbox.postgres.postmaster import working_in
from tests.support.runs import Place
from tests.support.small_run import marked

LOG = re.compile(r"w\d+|pg_wal")  # of an instance: its log archive, and its own log
SEGMENTS = Path("/proc/sysvipc/shm")


@dataclass(frozen=True, slots=True)
class Sample:
    """The quantities after the drill with this number; memory and disk in bytes."""

    drill: int
    code: int
    seconds: float
    server_memory: int
    server_files: int
    server_threads: int
    keeper_memory: int
    keeper_files: int
    drill_memory: int
    drill_files: int
    drill_threads: int
    postgres: int
    processes: int
    files: int
    bytes: int
    log: int
    temporary: int
    segments: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How a drill ended, and what the process that made it holds; of drills that were made at once, the sums."""

    drill: int
    code: int
    seconds: float
    memory: int
    files: int
    threads: int


def take(facts: dict[str, Any], place: Place, ended: Ended) -> Sample:
    """Measure the standing local AWS of `facts`, and what its drills have left in their place."""
    server, keeper = (psutil.Process(facts["processes"][role]) for role in ("server", "keeper"))
    state = Path(facts["state"])
    kept, logged = _files(state)
    return Sample(
        drill=ended.drill,
        code=ended.code,
        seconds=ended.seconds,
        server_memory=server.memory_info().rss,
        server_files=server.num_fds(),
        server_threads=server.num_threads(),
        keeper_memory=keeper.memory_info().rss,
        keeper_files=keeper.num_fds(),
        drill_memory=ended.memory,
        drill_files=ended.files,
        drill_threads=ended.threads,
        postgres=len(list(working_in(state))),
        processes=len({*marked(place.root), *server.children(recursive=True)}),
        files=len(kept),
        bytes=sum(kept),
        log=sum(logged),
        temporary=len(place.left),
        segments=_segments(),
    )


def _files(state: Path) -> tuple[list[int], list[int]]:
    """The bytes on disk of each file below a folder; those of the write-ahead logs, which grow with time, apart."""
    kept: list[int] = []
    logged: list[int] = []
    for folder, _, names in os.walk(state):
        place = logged if any(LOG.fullmatch(part) for part in Path(folder).relative_to(state).parts) else kept
        for name in names:
            with suppress(OSError):  # a server removes files while this walks
                place.append(os.lstat(os.path.join(folder, name)).st_blocks * 512)
    return kept, logged


def _segments() -> int:
    """System V segments of this machine, or of the IPC namespace that this process is in; 0 where the system has no such file."""
    with suppress(OSError):
        return len(SEGMENTS.read_text(encoding="utf-8").splitlines()) - 1
    return 0
