"""Damage on purpose, where a database does not make it easy."""

from __future__ import annotations

import pytest

from drills.sandbox.postgres.cluster import Cluster
from drills.sandbox.seeds.damage import KINDS
from tests.support.cluster import default, state

__all__ = ["default", "state"]
IDENTITY = "select relreplident from pg_class where relname = 'keyless'"


@pytest.mark.postgres
@pytest.mark.parametrize("kind", ["row", "row-value"])
@pytest.mark.parametrize("identity", ["default", "nothing"])
def test_a_table_that_publishes_without_a_key_can_be_damaged(default: Cluster, kind: str, identity: str) -> None:
    """PostgreSQL refuses to delete from it; the damage is done all the same and nothing else is different."""
    with default.connect("postgres") as session:
        session.execute("create table keyless as select g::text as t from generate_series(1, 9) as g")
        session.execute(f"alter table keyless replica identity {identity}".encode())
        session.execute("create publication everything for all tables")
        before = session.execute(IDENTITY).fetchone()
        found = KINDS[kind](session)

        assert found is not None
        assert found[0] == "public.keyless"
        assert session.execute(IDENTITY).fetchone() == before
        assert session.execute("select count(*) from keyless").fetchone() == (8 if kind == "row" else 9,)
