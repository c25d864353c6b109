"""Logical replication slots hang on the server that they were made on: a cut-over names each that is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drills.cutover.compare import read_server
from drills.model.parity import compare
from drills.sandbox.postgres.cluster import Cluster
from tests.support.cluster import ORIGINS, cluster_in, make, module_state, usable

__all__ = ["module_state"]
pytestmark = pytest.mark.postgres
MAKE = "select pg_create_logical_replication_slot(%s, 'pgoutput')"


@pytest.fixture(scope="module", params=ORIGINS)
def cluster(request: pytest.FixtureRequest, module_state: Path) -> Iterator[Cluster]:
    """A server that can have logical slots."""
    made = cluster_in(module_state, usable(request.param), request.param)
    make(made)
    made.start({"wal_level": "logical"})
    try:
        yield made
    finally:
        made.kill()


def test_a_slot_that_the_restored_server_lacks_is_an_error_until_it_is_made_again(cluster: Cluster) -> None:
    """Its subscriber would get nothing any more: named with plugin and database, and with what to type."""
    bare = read_server(cluster.connect)
    with cluster.connect("postgres") as session:
        session.execute(MAKE, ("warehouse",))
        session.execute("select pg_create_physical_replication_slot('replica')")
        old = read_server(cluster.connect)
        (finding,) = compare(old, bare, {})
        assert (finding.object, finding.severity) == ("replication_slot.warehouse", "error")
        assert (finding.expected, finding.found) == ("pgoutput in postgres", "not there")
        assert "select pg_create_logical_replication_slot('warehouse', PLUGIN)" in finding.message
        assert compare(old, read_server(cluster.connect), {}) == ()
        (allowed,) = compare(old, bare, {"replication_slot.*": "the warehouse is loaded anew"})
        assert (allowed.severity, allowed.message) == ("information", "allowed: the warehouse is loaded anew")
        (left_over,) = compare(bare, old, {})
        assert "select pg_drop_replication_slot('warehouse')" in left_over.message


def test_a_slot_that_ends_with_its_session_is_not_missed(cluster: Cluster) -> None:
    """A temporary slot is nobody's configuration."""
    with cluster.connect("postgres") as session:
        before = read_server(cluster.connect)
        session.execute("select pg_create_logical_replication_slot('passing', 'pgoutput', true)")
        assert read_server(cluster.connect) == before
