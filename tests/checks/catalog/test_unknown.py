"""What a newer PostgreSQL keeps and the catalog check does not know is counted and listed, and never passed over."""

from __future__ import annotations

import pytest

from drills.checks.base.session import pin
from drills.checks.catalog import check as catalog
from drills.checks.catalog import unknown
from drills.checks.catalog.check import Catalog
from drills.checks.catalog.known import COLUMNS, KINDS
from drills.sandbox.postgres.cluster import Cluster
from drills.sql import execute
from tests.support.asked import ask
from tests.support.cluster import module_state, running

__all__ = ["module_state", "running"]
MADE = """
create table t (a int primary key, b text); create policy p on t; create policy q on t; create publication pub for table t;
create materialized view m as select 1 as x; create index on t (b)
"""
GRAPH: Catalog = {unknown.SECTION: {"pg_catalog.pg_propgraph_element": '{"rows": "4"}'}}


@pytest.mark.postgres
def test_what_is_not_known_is_counted_by_its_rows(running: Cluster) -> None:
    """A catalog, a column and a kind of object that nobody has told the check of are found in the server's own catalog."""
    columns = {name: columns for name, columns in COLUMNS.items() if name != "pg_policy"}
    columns["pg_publication"] -= {"pubviaroot"}
    kinds = {**KINDS, ("pg_class", "relkind"): KINDS["pg_class", "relkind"].replace("m", "")}
    with running.connect() as session, session.transaction(force_rollback=True):
        session.execute(MADE)
        pin(session)
        found = dict(execute(session, unknown.query(session, columns, kinds)).fetchall())
        asked = {name: ask(session, unknown.query_for(name)) for name in found}
        known = execute(session, unknown.query(session)).fetchall()

    assert found == {
        "pg_catalog.pg_policy": '{"rows": "2"}',
        "column pg_publication.pubviaroot": '{"rows": "1"}',
        "pg_class.relkind m": '{"rows": "1"}',
    }
    assert all(answer for answer in asked.values())
    assert known == [], "this version of PostgreSQL is known: its rows of a user's are compared"


def test_what_is_not_known_is_listed_and_a_difference_is_a_warning() -> None:
    """A graph that is lost, or that the copy alone has, is said; nobody is accused, since its rows may be the server's own."""
    fewer: Catalog = {unknown.SECTION: {"pg_catalog.pg_propgraph_element": '{"rows": "3"}'}}
    for before, after, rows in ((GRAPH, GRAPH, 4), (GRAPH, {}, 4), ({}, GRAPH, 4), (fewer, GRAPH, 4), (fewer, {}, 3)):
        (left,) = unknown.not_compared(before, after)
        assert left.what == f"{rows} rows of pg_catalog.pg_propgraph_element"
        expected = [] if before == after else ["warning"]
        assert [finding.severity for finding in catalog.judge(before, after)] == expected
    assert unknown.not_compared({}, {}) == ()


def test_an_older_manifest_says_nothing_of_it() -> None:
    """What it could not hold is listed as such, and is no difference."""
    assert catalog.restrict_to_format(unknown.SINCE - 1, GRAPH) == {}
    assert catalog.restrict_to_format(unknown.SINCE, GRAPH) == GRAPH
    assert "catalog: objects of a newer PostgreSQL" in [
        left.what for left in catalog.sections_unknown_to(unknown.SINCE - 1)
    ]
