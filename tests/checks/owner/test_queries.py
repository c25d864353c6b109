"""The owner's queries against a real server: timed without a row leaving it, and judged by their targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks import suite
from drills.checks.base import timeouts
from drills.checks.base.budget import OUT_OF_TIME, Budget
from drills.checks.manifest import Manifest, take
from drills.checks.owner import queries
from drills.checks.owner.queries import Query
from drills.clock import SystemClock
from drills.config.load import CHECKS
from drills.model.timing import QueryTiming
from drills.recovery.hydration.hydrate import hydrate
from tests.support.checked import Checked, checked
from tests.support.clock import HandClock
from tests.support.cluster import module_state

__all__ = ["checked", "module_state"]
CLOCK = SystemClock()
LIMIT = 30.0


def asked(checked: Checked, *wanted: Query, limit: float = LIMIT) -> list[QueryTiming]:
    """Cold, then warm."""
    timings = queries.cold(checked.connect, wanted, CLOCK, limit)
    return list(queries.warm(checked.connect, wanted, timings, CLOCK, limit))


@pytest.mark.postgres
def test_a_query_is_timed_cold_and_warm(checked: Checked) -> None:
    """Two runs each, in the one database there is; what a "%" means is up to the query."""
    (like, with_comment) = asked(
        checked,
        Query("like", "select * from shop.customer where name like '%a%'", 20.0),
        Query("comment", "-- all of them\nselect count(*) from shop.orders -- each"),
    )

    assert [like.reason, with_comment.reason] == ["", ""]
    assert (len(like.seconds), len(with_comment.seconds)) == (2, 2)
    assert (like.database, queries.judge([like, with_comment]).outcome) == ("orders", "met")


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("delete from shop.payment", "cannot execute DELETE in a read-only transaction"),
        ("select 1; delete from shop.payment", "cannot insert multiple commands into a prepared statement"),
        ("select * from shop.nothing", 'relation "shop.nothing" does not exist'),
        ("vacuum shop.payment", 'syntax error at or near "vacuum"'),
        ("select setval('shop.order_id_seq', 1)", "cannot execute setval() in a read-only transaction"),
    ],
)
def test_what_is_no_query_changes_nothing_and_passes_nothing(checked: Checked, text: str, message: str) -> None:
    """The transaction is read-only and takes one statement; the check is "not verified", with the server's sentence."""
    (timing,) = asked(checked, Query("wrong", text))
    result = queries.judge([timing])

    assert message in timing.reason
    assert (result.outcome, result.requirement) == ("not verified", "required")
    with checked.connect("orders") as session:
        ((left,),) = session.execute("select count(*) from shop.payment").fetchall()
    assert left > 0


@pytest.mark.postgres
def test_a_query_that_takes_too_long_is_cut_off(checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it for ever: a finding, since it did not answer."""
    monkeypatch.setattr(timeouts, "LEAST_GRACE", 300.0)  # the server says so itself, however late it is
    (timing,) = asked(checked, Query("sleepy", "select pg_sleep(600)", 1.0), limit=0.2)

    assert timing.reason == "timed out after 0.2 s"
    assert queries.judge([timing]).outcome == "missed"


@pytest.mark.postgres
def test_a_query_runs_with_the_settings_that_the_service_has(checked: Checked) -> None:
    """The session of a check avoids indexes, which would time something that nobody runs; this one does not."""
    text = "select 1 / (current_setting('enable_indexscan') = 'on')::int"
    (timing,) = asked(checked, Query("planner", text))

    assert timing.reason == ""


@pytest.mark.postgres
def test_one_of_several_databases_must_be_named(checked: Checked) -> None:
    """Or the query is not run, with the reason."""
    with checked.copy() as name:
        (unnamed, named) = asked(checked, Query("a", "select 1"), Query("b", "select 1", database=name))

    assert unnamed.reason == f"needs a database: there are {name}, orders"
    assert named.reason == ""


def timing(*seconds: float, target: float | None = 1.0, reason: str = "") -> QueryTiming:
    """A query that took so long."""
    return QueryTiming("q", "orders", target, seconds, reason)


@pytest.mark.parametrize(
    ("timings", "outcome", "requirement"),
    [
        ([], "not verified", "optional"),
        ([timing(reason=queries.OF_SAMPLE)], "not verified", "optional"),
        ([timing(0.5, 0.1)], "met", "required"),
        ([timing(9.0, 0.1)], "met", "required"),
        ([timing(9.0, 8.0, 1.0)], "met", "required"),
        ([timing(9.0, 8.0, 7.0)], "missed", "required"),
        ([timing(9.0, 8.0, target=None)], "met", "required"),
        ([timing(0.5, 0.1), timing(9.0, 8.0)], "missed", "required"),
        ([timing(0.5, 0.1), timing(reason="no such table")], "not verified", "required"),
        ([timing(0.5, 0.1), timing(reason=queries.OF_SAMPLE)], "met", "required"),
    ],
)
def test_queries_are_judged_by_their_targets(timings: list[QueryTiming], outcome: str, requirement: str) -> None:
    """One that is fast enough when warm is usable; none asked is no pass, and is nobody's fault."""
    result = queries.judge(timings)

    assert (result.outcome, result.requirement) == (outcome, requirement)


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=6), st.floats(0, 1e4))
def test_a_query_is_fast_when_one_of_its_runs_was(seconds: list[float], target: float) -> None:
    """Whatever the others took."""
    assert timing(*seconds, target=target).is_fast == (min(seconds) <= target)


# -- what blocks, and how long the content may take ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def taken(checked: Checked) -> Manifest:
    """The manifest of the sample."""
    return take(checked.connect)


@pytest.mark.postgres
@pytest.mark.parametrize(
    "blocks",
    [
        ("connection", "content", "indexes"),
        ("connection", "catalog", "files", "harmless"),
    ],
)
def test_which_checks_block_is_the_owners_choice(checked: Checked, taken: Manifest, blocks: Sequence[str]) -> None:
    """Each check runs once, before or after RTA has stopped, and finds the same."""
    comparison = suite.Comparison(checked.connect, taken, CLOCK)
    before, after = suite.blocking(comparison, blocks), suite.remaining(comparison, blocks)

    assert sorted(result.name for result in before) == sorted(blocks)
    assert all(result.blocking for result in before)
    assert not any(result.blocking for result in after)
    names = [result.name for result in (*before, *after)]
    assert len(names) == len(set(names)) == 17
    # the server is the source itself, which may act on the world
    assert [result.name for result in (*before, *after) if result.outcome == "missed"] == ["harmless"]


@pytest.mark.postgres
def test_content_is_compared_as_far_as_its_budget_reaches(checked: Checked, taken: Manifest) -> None:
    """No table is called compared that was not: with no time left all of them are "not verified", and named."""
    spent = Budget(0.0, CLOCK.monotonic(), CLOCK)
    (result,) = only_content(checked, taken, spent)

    assert (result.outcome, result.compared) == ("not verified", 0)
    assert result.sentence.startswith("0 of 1")
    assert f"{OUT_OF_TIME}: the budget of 0.0 s was used up" in result.sentence
    tables = set(taken.databases["orders"].contents.tables)
    assert {left.what for left in result.not_checked} == tables


@pytest.mark.postgres
def test_a_table_that_takes_longer_than_what_is_left_is_cut_off(checked: Checked, taken: Manifest) -> None:
    """The statement ends when the budget does, and no lock is waited for beyond it; what was compared before counts."""
    began = CLOCK.monotonic()
    with checked.cluster.connect("orders") as admin, admin.transaction():
        admin.execute("lock table shop.payment in access exclusive mode")
        (result,) = only_content(checked, taken, Budget.starting(2.5, CLOCK))

    assert CLOCK.monotonic() - began < 60
    late = {left.what: left.reason for left in result.not_checked}
    assert OUT_OF_TIME in late["shop.payment"]
    assert result.outcome == "not verified"
    assert result.compared + len(late) >= len(taken.databases["orders"].contents.tables)
    assert f"{result.compared} of " in result.sentence


@pytest.mark.postgres
def test_a_budget_that_is_long_enough_changes_nothing(checked: Checked, taken: Manifest) -> None:
    """All is compared."""
    (result,) = only_content(checked, taken, Budget.starting(3600.0, CLOCK))

    assert (result.outcome, result.not_checked) == ("met", ())


def only_content(checked: Checked, taken: Manifest, budget: Budget | None) -> list[Any]:
    """The content check by itself."""
    everything_else = set(CHECKS) - {"content"}
    found = suite.remaining(suite.Comparison(checked.connect, taken, CLOCK, budget=budget), everything_else)
    return [result for result in found if result.name == "content"]


def test_a_budget_is_used_up_and_never_negative() -> None:
    """None is no limit."""
    clock = HandClock()
    budget = Budget.starting(10.0, clock)
    assert Budget.starting(None, clock) is None
    assert budget is not None
    left = []
    for seconds in (0.0, 4.0, 20.0):
        clock.sleep(seconds)
        left.append(budget.left())
    assert left == [10.0, 6.0, 0.0]


@pytest.mark.postgres
def test_hydration_reads_every_table_and_says_what_it_cannot_read(checked: Checked) -> None:
    """Tables, their out-of-line values and indexes from end to end; what no query reads whole is named."""
    found = hydrate(checked.connect, CLOCK)

    unread = {left.what: left.reason for left in found.not_read}
    assert not [what for what in unread if what.startswith("relation ")]
    assert "index shop.customer_preferences_idx" not in unread  # a GIN
    with checked.connect("orders") as session:
        ((tables,),) = session.execute(
            "select sum(pg_table_size(c.oid) - pg_relation_size(c.oid, 'fsm') - pg_relation_size(c.oid, 'vm')) "
            "from pg_class c where relnamespace = 'shop'::regnamespace and relkind in ('r', 'm')"
        ).fetchall()
    assert found.size_bytes > int(tables) * 0.9


@pytest.mark.postgres
def test_hydration_of_a_server_that_goes_away_is_no_error(checked: Checked) -> None:
    """Its end is in the answer: nothing was read of that database."""

    def broken(name: str) -> psycopg.Connection[Any]:
        if name == "orders":
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return checked.connect(name)

    found = hydrate(broken, CLOCK)

    assert [left.what for left in found.not_read if left.what.startswith("database")] == ["database orders"]
