"""Options that a server keeps for itself are listed, and accuse no copy; those that a user can set are compared."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks.catalog import check as catalog
from drills.checks.catalog.check import Catalog


def one(section: str, **parts: str) -> Catalog:
    """A catalog of one entry; an underscore in a part's name stands for a blank."""
    return {section: {"a": json.dumps({part.replace("_", " "): value for part, value in parts.items()})}}


BTREE = "CREATE INDEX i ON s.t USING btree (a)"
OWN = [
    (one("columns", options="pg_attver=1"), one("columns"), "option pg_attver of 1 column"),
    (one("columns", options="pg_attver=1"), one("columns", options="pg_attver=2"), "option pg_attver of 1 column"),
    (one("columns", options="n_distinct=5, pg_attver=1"), one("columns", options="n_distinct=5"),
     "option pg_attver of 1 column"),
    (one("relations", options="fillfactor=70, pg_seen=1"), one("relations", options="fillfactor=70"),
     "option pg_seen of 1 relation"),
    (one("relations", toast_options="pg_seen=1"), one("relations"), "option pg_seen of 1 relation"),
    (one("tablespaces", options="pg_seen=1"), one("tablespaces"), "option pg_seen of 1 tablespace"),
    (one("indexes", definition=f"{BTREE} WITH (pg_seen='1')"), one("indexes", definition=BTREE),
     "option pg_seen of 1 index"),
    (one("indexes", definition=f"{BTREE} WITH (fillfactor='70', pg_seen='1') WHERE (a > 1)"),
     one("indexes", definition=f"{BTREE} WITH (fillfactor='70') WHERE (a > 1)"), "option pg_seen of 1 index"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "listed"), OWN)
def test_what_the_server_keeps_for_itself_is_listed_and_no_difference(
    before: Catalog, after: Catalog, listed: str
) -> None:
    """It is so on whichever side it stands, beside a user's options as well."""
    for pair in ((before, after), (after, before)):
        assert catalog.judge(*pair) == ()
        assert [left.what for left in catalog.uncompared_options(*pair)] == [listed]


BLOOM = BTREE.replace("btree", "bloom")
USERS = [
    (one("columns", options="n_distinct=5, pg_attver=1"), one("columns", options="pg_attver=1"), "options n_distinct=5"),
    (one("columns", options="n_distinct_inherited=5"), one("columns"), "options n_distinct_inherited=5"),
    (one("relations", options="security_barrier=true"), one("relations"), "options security_barrier=true"),
    (one("relations", toast_options="autovacuum_enabled=false"), one("relations"),
     "toast options autovacuum_enabled=false"),
    (one("relations", access_method="columnar", options="stripe=1"), one("relations", access_method="columnar"),
     "options stripe=1"),
    (one("tablespaces", options="seq_page_cost=2"), one("tablespaces"), "options seq_page_cost=2"),
    (one("indexes", definition=f"{BTREE} WITH (fillfactor='70', pg_seen='1')"), one("indexes", definition=BTREE),
     f"{BTREE} WITH (fillfactor='70')"),
    (one("indexes", definition=f"{BLOOM} WITH (length='80')"), one("indexes", definition=BLOOM),
     f"{BLOOM} WITH (length='80')"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), USERS)
def test_what_a_user_can_set_is_compared(before: Catalog, after: Catalog, expected: str) -> None:
    """Documented options are, and all those of an access method that an extension brought."""
    (finding,) = catalog.judge(before, after)
    assert finding.expected == expected


def test_options_that_both_sides_have_alike_are_not_listed() -> None:
    """A physical copy has what its source has: nothing is left out there."""
    same = one("columns", options="pg_attver=1")
    assert catalog.uncompared_options(same, same) == ()


@given(
    st.dictionaries(st.sampled_from(["pg_attver", "pg_seen"]), st.integers(0, 9).map(str)),
    st.dictionaries(st.sampled_from(["n_distinct", "n_distinct_inherited"]), st.integers(0, 9).map(str)),
    st.dictionaries(st.sampled_from(["n_distinct", "n_distinct_inherited"]), st.integers(0, 9).map(str)),
)
def test_only_a_users_options_decide(own: dict[str, str], before: dict[str, str], after: dict[str, str]) -> None:
    """Whatever the server adds to one side, there is a finding exactly where a user's options differ."""
    sides = [
        one("columns", options=", ".join(sorted(f"{name}={value}" for name, value in options.items())), kind="x")
        if options
        else one("columns", kind="x")
        for options in (before | own, after)
    ]
    assert bool(catalog.judge(sides[0], sides[1])) == (before != after)
