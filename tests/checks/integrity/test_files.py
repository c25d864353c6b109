"""The check of files leaves alone what PostgreSQL itself makes shorter without saying so in its catalog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drills.checks.base.session import pin
from drills.checks.integrity import files as integrity_files
from drills.sandbox.postgres.cluster import Cluster
from tests.support.cluster import ORIGINS, cluster_in, make, state, usable

__all__ = ["state"]


@pytest.fixture(params=ORIGINS)
def cluster(request: pytest.FixtureRequest, state: Path) -> Iterator[Cluster]:
    """A running server of each origin."""
    made = cluster_in(state, usable(request.param), request.param)
    make(made)
    made.start({"autovacuum": "off"})
    yield made
    made.kill()


@pytest.mark.postgres
def test_a_catalog_of_relations_that_was_written_anew_is_not_taken_for_cut(cluster: Cluster) -> None:
    """PostgreSQL 18 does not correct pg_class's entry about itself when VACUUM FULL writes it anew."""
    with cluster.connect() as admin:
        admin.execute("do $$ begin for i in 1..300 loop execute format('create table t%s ()', i); end loop; end $$")
        admin.execute("analyze pg_class")
        admin.execute("do $$ begin for i in 1..300 loop execute format('drop table t%s', i); end loop; end $$")
        admin.execute("vacuum full pg_class")
        shorter = admin.execute(
            "select pg_relation_size(oid) / current_setting('block_size')::int < relpages from pg_class "
            "where oid = 'pg_class'::regclass"
        ).fetchone()
        pin(admin)

        assert shorter == (cluster.binaries.major == 18,)
        assert integrity_files.check(admin).findings == ()
