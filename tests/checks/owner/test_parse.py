"""The owner's SQL is held against the source before anything is backed up: what cannot be read is refused by its name."""

from __future__ import annotations

import re

import pytest

from drills.checks.owner import parse
from drills.checks.owner.invariants import Invariant
from drills.errors import ConfigError
from tests.support.checked import Checked, checked
from tests.support.cluster import module_state

__all__ = ["checked", "module_state"]
pytestmark = pytest.mark.postgres


def test_what_the_server_can_read_is_not_run(checked: Checked) -> None:
    """A rule that would fail, or would write, when it is evaluated is none that cannot be read."""
    emptied = "with gone as (delete from shop.payment returning 1) select * from gone"
    rules = [
        Invariant("fails", "It fails.", "select 1 / 0", "orders"),
        Invariant("writes", "It writes.", emptied, "orders"),
    ]
    parse.check_invariants(checked.connect, rules)
    parse.check_queries(checked.connect, "orders", {"newest": "select max(at) from of_other_data", "one": "select 1;"})

    with checked.snapshot("orders") as connection:
        assert connection.execute("select count(*) > 0 from shop.payment").fetchone() == (True,)


@pytest.mark.parametrize(
    ("query", "database", "said"),
    [
        ("select id form shop.payment", "orders", 'syntax error at or near "shop"'),
        ("select * from nowhere", "orders", 'relation "nowhere" does not exist'),
        ("select nothing from shop.payment", "orders", 'column "nothing" does not exist'),
        ("select 1", "elsewhere", "expected a database of the source, found elsewhere"),
    ],
)
def test_an_invariant_that_cannot_be_evaluated_is_refused(
    checked: Checked, query: str, database: str, said: str
) -> None:
    """The sentence has the file and the server's reason."""
    with pytest.raises(ConfigError, match=f"paid.sql: .*{re.escape(said)}"):
        parse.check_invariants(checked.connect, [Invariant("paid", "Everything is paid.", query, database)])


def test_a_query_that_is_no_sql_is_refused(checked: Checked) -> None:
    """Only its grammar is judged: the data may be others than the target's."""
    with pytest.raises(ConfigError, match=r'the query "newest" of the target: .*syntax error'):
        parse.check_queries(checked.connect, "orders", {"newest": "select max(at from shop.payment"})
