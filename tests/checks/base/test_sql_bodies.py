"""A function in SQL is taken for harmless where its text can mean nothing but what PostgreSQL brings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks.base.sql_bodies import is_plain

FUNCTIONS, TYPES = {"lower", "btrim", "date_part", "upper"}, {"text", "int4", "date", "numeric"}


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        ("SELECT pg_catalog.lower(pg_catalog.btrim(given))", True),
        ("select case when given is null then 'it''s' else given::text || $1 end;", True),
        ("select coalesce(cast(given as varchar(20)), '')", True),
        ("select given::pg_catalog.date > '2026-01-01'::date and given in ('a', 'b')", True),
        ("select evil.lower(given)", False),
        ("select steal(given)", False),
        ('select "lower"(given)', False),
        ("select given.lower", False),
        ("select given operator(evil.=) 'x'", False),
        ("select lower(given) from shop.orders", False),
        ("select lower((select given))", False),
        ("select given::evil", False),
        ("select lower(given); select steal(given)", False),
        ("select lower(given) /* */", False),
        ("select lower(given) -- steal", False),
        ("select lower(E'\\'||steal(1)||\\'')", False),
        ("select lower('a\\'), steal('')", False),
        ("select query(given)", False),
        ("delete from shop.orders", False),
        ("", False),
    ],
)
def test_an_expression_of_what_postgresql_brings_is_plain(body: str, plain: bool) -> None:
    """Anything that is not understood is code."""
    assert is_plain(body, ("given",), FUNCTIONS, TYPES) is plain


@given(
    st.text(alphabet="abcdefgh_'.($)\" ;:-/*\\", max_size=30), st.text(alphabet="abcdefgh_'.($)\" ;:-/*\\", max_size=30)
)
def test_no_text_around_it_hides_a_call(before: str, after: str) -> None:
    """Where the name of another function is called outside of a string, the body is not plain."""
    body = f"select {before} xsteal(1) {after}"

    assert not is_plain(body, (), FUNCTIONS, TYPES) or before.count("'") % 2 == 1
