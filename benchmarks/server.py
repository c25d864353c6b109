"""What the verifier's benchmarks share: a PostgreSQL of the system, `drills` beside it, and what a process took."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import DRILLS, count
from drills.sandbox.postgres.binaries import find, readable, server_user
from drills.sandbox.postgres.cluster import ADMIN, PORT, Cluster, prepare_state, sweep

SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB", "max_locks_per_transaction": "1024"}
# PostgreSQL's own, where the sandbox's servers are smaller (drills/sandbox/postgres/cluster.py)
STOCK = {
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "min_wal_size": "80MB",
    "max_locks_per_transaction": "64",
}
NOWHERE = Path(os.devnull)


@dataclass(frozen=True)
class Took:
    """How long a process took, the most memory that it was seen to hold, in MB, and its seconds of processors."""

    seconds: float
    peak: float
    processors: float = 0.0


@dataclass(frozen=True)
class Server:
    """A running server: its folder for files of the benchmark, and the environment of its clients."""

    cluster: Cluster
    folder: Path
    environment: Mapping[str, str]

    def dsn(self, database: str, host: Path | None = None) -> str:
        """A libpq string without a password, which is in the environment."""
        return f"host={host or self.cluster.run_dir} port={PORT} user={ADMIN} dbname={database}"

    def tool(self, name: str, *arguments: str) -> list[str]:
        """The command line of one of the server's own tools."""
        return [str(self.cluster.binaries.tool(name)), *arguments]

    def run(self, command: Sequence[str], *, codes: Sequence[int] = (0,), output: Path = NOWHERE) -> Took:
        """Run a client to its end; SystemExit with what it said where its exit code is none of `codes`."""
        said = self.folder / "said"
        with said.open("wb") as errors, output.open("wb") as told:
            found = count(command, environment=dict(self.environment), stdout=told, stderr=errors)
        if found["code"] not in codes:
            raise SystemExit(f"{' '.join(command)}: {found['code']}: {said.read_text(errors='replace')}")
        return Took(found["seconds"], found["most"] / 1e6, found["processors"])

    def drills(self, command: str, *arguments: str, output: Path = NOWHERE) -> Took:
        """Run `drills COMMAND`."""
        return self.run([DRILLS, command, *arguments], output=output)


@contextlib.contextmanager
def server(settings: Mapping[str, str] = SETTINGS) -> Iterator[Server]:
    """A fresh server of the system's PostgreSQL for as long as the block lasts; nothing of it is left, after a TERM neither."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    folder = prepare_state()
    try:
        binaries = readable(find("system")[0], server_user(), folder)
        password = secrets.token_urlsafe()
        cluster = Cluster(folder / "data", folder / "run", binaries, server_user(), password)
        cluster.create()
        cluster.start(settings)
        try:
            yield Server(cluster, folder, {**os.environ, "PGPASSWORD": password})
        finally:
            cluster.kill()
    finally:
        sweep(folder)
        shutil.rmtree(folder)
