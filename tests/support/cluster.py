"""Fixtures with real PostgreSQL servers: a work folder that is swept and removed, and running clusters."""

from __future__ import annotations

import itertools
import secrets
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from drills.errors import SandboxError
from drills.sandbox.postgres.binaries import Binaries, find, readable, server_user
from drills.sandbox.postgres.cluster import Cluster, prepare_state, sweep

ORIGINS = ("system", "bundled-18", "bundled-17", "bundled-16")
# that of every server of this process, since a copy of a template has the template's
PASSWORD = secrets.token_urlsafe()
# a template's log is copied with it
SHORT_LOG = {"min_wal_size": "2MB", "max_wal_size": "16MB"}
_numbers = itertools.count()


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


@cache
def shared() -> Path:
    """The folder of this process for templates and for binaries that the server's user can read."""
    return prepare_state()


@pytest.fixture(scope="session", autouse=True)
def remove_shared() -> Iterator[None]:
    """Remove what `shared` holds after the last test."""
    yield
    if shared.cache_info().currsize:
        sweep(shared())
        shutil.rmtree(shared())


def usable(origin: str) -> Binaries:
    """The binaries of an origin, readable by the server's user; the test is skipped where the system has none."""
    try:
        return _readable(origin)
    except SandboxError as error:
        if origin == "system":
            pytest.skip(str(error))
        raise


@cache
def _readable(origin: str | None) -> Binaries:
    return readable(find(origin)[0] if origin else find()[0], server_user(), shared())


def preferred() -> Binaries:
    """The binaries that a sandbox takes when nothing is asked for."""
    return _readable(None)


def cluster_in(state: Path, binaries: Binaries, name: str, password: str = PASSWORD) -> Cluster:
    """A cluster that is not made yet, named so that several fit in one work folder."""
    return Cluster(state / "data" / name, state / "run" / name, binaries, server_user(), password)


@cache
def template(binaries: Binaries, fill: Callable[[Cluster], None] | None = None) -> Path:
    """A data folder to copy: initdb, and what `fill` puts into the running server, once for each PostgreSQL.

    Its servers vacuum and analyse nothing by themselves, some minute after their start: what a test finds would hang on how busy
    the machine is, as sizes, plans, locks and the oldest transaction do.
    """
    made = cluster_in(shared(), binaries, f"t{next(_numbers)}")
    if fill is None:
        made.create()
        with (made.data / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write("autovacuum = off\n")
        return made.data
    make(made)
    made.start(SHORT_LOG)
    try:
        fill(made)
    finally:
        made.stop()
    return made.data


def make(cluster: Cluster, fill: Callable[[Cluster], None] | None = None) -> None:
    """Make a cluster of `cluster_in` as a copy of a template, which takes a tenth of initdb's time."""
    cluster.restore_from(template(cluster.binaries, fill))


@pytest.fixture(scope="module", params=ORIGINS)
def running(request: pytest.FixtureRequest, module_state: Path) -> Iterator[Cluster]:
    """A running empty cluster of each origin."""
    cluster = cluster_in(module_state, usable(request.param), request.param)
    make(cluster)
    cluster.start({"work_mem": "5MB"})
    yield cluster
    cluster.kill()


@pytest.fixture
def default(state: Path) -> Iterator[Cluster]:
    """A running cluster of the preferred origin, for tests that harm it."""
    cluster = cluster_in(state, preferred(), "c")
    make(cluster)
    cluster.start()
    yield cluster
    cluster.kill()
