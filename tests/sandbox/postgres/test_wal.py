"""The archive of a server's WAL: its last heartbeat comes after everything that was written."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from drills.sandbox.postgres.cluster import ADMIN, Cluster
from drills.sandbox.postgres.servers import Server
from drills.sandbox.postgres.wal import Archives
from tests.support.cluster import default, state  # noqa: F401


@pytest.mark.postgres
def test_the_last_heartbeat_waits_for_the_one_under_way(state: Path, default: Cluster) -> None:  # noqa: F811
    """What was written while another heartbeat was under way is before the last one, up to which it can be recovered."""
    server, archives = Server(default, default.binaries), Archives(state, default.user)
    archives.open("db-A", default)
    default.stop()
    default.start({})
    archive = archives.of("db-A")
    assert archive is not None
    with default.connect() as session:
        session.execute(f"CREATE DATABASE {ADMIN}")
        finishing = threading.Thread(target=archives.finish, args=("db-A", server))
        with server.busy:
            archive.beat(default)
            written = session.execute("SELECT clock_timestamp()").fetchone()
            finishing.start()
            finishing.join(0.3)
        finishing.join(60)
    latest = archive.latest()
    assert latest is not None
    assert written is not None
    assert latest > written[0]
