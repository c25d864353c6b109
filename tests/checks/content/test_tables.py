"""The list of the tables to compare."""

from __future__ import annotations

from typing import Any

import pytest

from drills.checks.content import tables
from drills.sandbox.postgres.cluster import Cluster
from drills.sql import execute
from tests.support.cluster import default, state  # noqa: F401

TABLES = 300


@pytest.mark.postgres
def test_the_list_is_made_in_one_pass_whatever_the_statistics_say(
    default: Cluster,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without statistics of the catalog, as a restored server may be, no node of the plan reads tables within tables."""
    with default.connect() as session:
        session.execute("set allow_system_table_mods = on")
        session.execute(
            f"do $$ begin for n in 1 .. {TABLES} loop execute 'create table t' || n || ' (id int primary key, a text)';"
            " end loop; end $$"
        )
        session.execute("delete from pg_statistic")
        session.execute("update pg_class set reltuples = -1, relpages = 0 where oid < 16384")
        plans: list[dict[str, Any]] = []

        def explained(session: Any, query: Any) -> Any:
            ((row,),) = execute(session, "explain (analyze, timing off, format json) " + query).fetchall()
            plans.append(row[0]["Plan"])
            return execute(session, query)

        monkeypatch.setattr(tables, "execute", explained)
        assert len(tables.tables(session)) == TABLES
    (plan,) = plans
    assert read_rows(plan) < 100 * TABLES


def read_rows(plan: dict[str, Any]) -> float:
    """The most rows that one node has put out or thrown away, in all of its loops."""
    thrown = sum(plan.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Join Filter"))
    own: float = (plan["Actual Rows"] + thrown) * plan["Actual Loops"]
    return max([own, *map(read_rows, plan.get("Plans", []))])
