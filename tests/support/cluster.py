"""Fixtures with real PostgreSQL servers: a work folder that is swept and removed, and running clusters."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from drills.errors import SandboxError
from drills.sandbox.postgres.binaries import Binaries, find, readable, server_user
from drills.sandbox.postgres.cluster import Cluster, prepare_state, sweep

ORIGINS = ("system", "bundled-18", "bundled-16")


@pytest.fixture
def state() -> Iterator[Path]:
    """A sandbox's work folder, with nothing left in it or running below it afterwards."""
    folder = prepare_state()
    try:
        yield folder
    finally:
        sweep(folder)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def module_state() -> Iterator[Path]:
    """As `state`, for a whole module."""
    folder = prepare_state()
    try:
        yield folder
    finally:
        sweep(folder)
        shutil.rmtree(folder)


def usable(origin: str, work: Path) -> Binaries:
    """The binaries of an origin, readable by the server's user; the test is skipped where the system has none."""
    try:
        return readable(find(origin)[0], server_user(), work)
    except SandboxError as error:
        if origin == "system":
            pytest.skip(str(error))
        raise


def cluster_in(state: Path, binaries: Binaries, name: str, password: str | None = None) -> Cluster:
    """A cluster that is not made yet, named so that several fit in one work folder."""
    return Cluster(
        state / "data" / name, state / "run" / name, binaries, server_user(), password or secrets.token_urlsafe()
    )


@pytest.fixture(scope="module", params=ORIGINS)
def running(request: pytest.FixtureRequest, module_state: Path) -> Iterator[Cluster]:
    """A running empty cluster of each origin."""
    cluster = cluster_in(module_state, usable(request.param, module_state), request.param)
    cluster.create()
    cluster.start({"work_mem": "5MB"})
    yield cluster
    cluster.kill()


@pytest.fixture
def default(state: Path) -> Iterator[Cluster]:
    """A running cluster of the preferred origin, for tests that harm it."""
    cluster = cluster_in(state, readable(find()[0], server_user(), state), "c")
    cluster.create()
    cluster.start()
    yield cluster
    cluster.kill()
