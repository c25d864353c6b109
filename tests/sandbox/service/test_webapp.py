"""The sandbox's web application as a process of its own, against a real server."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drills.sandbox.postgres.binaries import find, readable, server_user
from tests.support.cluster import cluster_in, state
from tests.support.paths import CHECKOUT
from tests.support.service import get

__all__ = ["state"]


@contextmanager
def running(**settings: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The application with these settings and none of ours; its URL without a path, and its process."""
    mine = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "DATABASE_URL"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "drills.sandbox.service.webapp", "--task", "mine"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=mine | settings,
        cwd=CHECKOUT,
    )
    try:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.postgres
def test_it_reads_any_database_and_finds_it_again_after_a_restart(state: Path) -> None:
    """Facts while the server runs, 503 while it does not, facts again afterwards; a shop.orders of another shape is left alone."""
    password = secrets.token_urlsafe()
    server = cluster_in(state, readable(find()[0], server_user(), state), "c", password)
    server.create()
    server.start()
    try:
        with running(
            PGHOST=str(server.socket_path.parent),
            PGUSER="rdsadmin",
            PGPASSWORD=password,
            PGDATABASE="postgres",
            PGSSLMODE="disable",
            WEBAPP_QUERY="SELECT 7 AS newest_beat, now() AS beat_at",
        ) as (url, _):
            facts = get(url + "/").json
            assert (facts["database"], facts["tables"], facts["task"]) == ("postgres", 0, "mine")
            assert "orders" not in facts
            assert facts["newest_beat"] == 7
            assert facts["beat_at"].startswith("20")

            server.stop()
            away = get(url + "/")
            assert (away.status, get(url + "/ready").status, get(url + "/health").status) == (503, 503, 200)
            assert away.json["error"].startswith("The database does not answer: ")
            server.start()

            assert get(url + "/?again").status == 200
            assert get(url + "/ready").json == {"ready": True}
            with server.connect() as session:
                session.execute("create schema shop")
                for other in (
                    "table shop.orders (id bigint)",
                    "table shop.orders (id text, placed_at timestamptz)",
                    "view shop.orders as select 1::bigint as id, 'now'::timestamptz + interval '1 s' / (random() * 0) as placed_at",
                ):
                    session.execute(f"create {other}")
                    found = get(url + "/")
                    assert (found.status, "orders" in found.json, found.json["newest_beat"]) == (200, False, 7), other
                    session.execute(f"drop {other.split()[0]} shop.orders")
    finally:
        server.kill()


def test_a_database_that_is_not_there_is_a_503_without_the_password() -> None:
    """The sentence says why and holds no secret; an unknown path is a 404."""
    password = "".join(reversed("terces-a-ton"))
    with running(DATABASE_URL=f"postgresql://owner:{password}@127.0.0.1:1/app") as (url, _):
        answer = get(url + "/")
        assert answer.status == 503
        assert password.encode() not in answer.body
        assert get(url + "/admin").status == 404


def test_it_ends_with_its_lifeline() -> None:
    """Standard input is a pipe of its owner's: the process ends when that is closed."""
    with running() as (_, process):
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0
        process.stdin = None
