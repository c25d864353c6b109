"""A view that a dump has made anew is the same view, though the server writes a column's name that nobody gave."""

from __future__ import annotations

import pytest

from drills.checks.catalog import check as catalog
from tests.support.checked import Checked, checked
from tests.support.cluster import module_state

__all__ = ["checked", "module_state"]
pytestmark = pytest.mark.postgres

TYPES = (
    *("integer", "bigint", "smallint", "boolean", "real", "double precision", "numeric", "numeric(10,2)", "text"),
    *("character varying", "character varying(10)", "character(3)", "bit(3)", "bit varying", "date", "uuid", "jsonb"),
    *("timestamp with time zone", "timestamp(3) without time zone", "time with time zone", "time(2)", "interval"),
    *("text[]", "integer[]", "bytea", "inet", '"char"', "name", "colour", "apart.size", '"Odd name"'),
)
MAKE = """
create schema apart; create type colour as enum ('red'); create domain apart.size as integer;
create type "Odd name" as enum ('x');
"""


@pytest.mark.parametrize("statement", ["view", "materialized view"])
def test_a_view_made_anew_from_its_own_text_is_no_difference(checked: Checked, statement: str) -> None:
    """With an untyped null of each type in a union the server's text changes, and the catalog's does not."""
    typed = ", ".join(f"null::{name} as c{number}" for number, name in enumerate(TYPES))
    untyped = ", ".join("null" for _ in TYPES)
    with checked.cluster.connect("orders") as session, session.transaction(force_rollback=True):
        session.execute(MAKE.encode())
        session.execute(
            f"create {statement} seen as select * from (select {typed} union all select {untyped}) q".encode()
        )
        before = catalog.observe(session)
        ((first,),) = session.execute("select pg_get_viewdef('seen'::regclass)").fetchall()
        session.execute(f"drop {statement} seen; create {statement} seen as {first}".encode())
        ((second,),) = session.execute("select pg_get_viewdef('seen'::regclass)").fetchall()
        after = catalog.observe(session)

    assert first != second
    assert catalog.judge(before, after) == ()


@pytest.mark.parametrize(
    "other",
    [
        "select x.b as a from (select 1::integer as a, 2::integer as b) x",
        "select x.a from (select 1::integer as a, 2::integer as b offset 1) x",
        "select x.a from (select 1::bigint::integer as a, 2::integer as b) x",
    ],
)
def test_a_view_that_selects_something_else_is_found(checked: Checked, other: str) -> None:
    """Only a name that the type gives is left out of the comparison."""
    with checked.cluster.connect("orders") as session, session.transaction(force_rollback=True):
        session.execute("create view seen as select x.a from (select 1::integer as a, 2::integer as b) x")
        before = catalog.observe(session)
        session.execute(f"create or replace view seen as {other}".encode())
        findings = catalog.judge(before, catalog.observe(session))

    assert [finding.object.rpartition(".")[2] for finding in findings] == ["seen"]
