"""The owner's freshness queries on a real server: what counts as an instant, and the reason where there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drills.checks.canary import writer
from drills.checks.owner import freshness
from drills.config.target import Freshness
from drills.objectives.data_loss import Reference
from drills.recovery import read_loss
from tests.support.checked import Checked, checked
from tests.support.cluster import module_state

__all__ = ["checked", "module_state"]
pytestmark = [pytest.mark.postgres, pytest.mark.parametrize("checked", ["bundled-18"], indirect=True)]
NEWEST = "select max(placed_at) from shop.orders"


def asked(checked: Checked, sql: str, database: str | None) -> freshness.FreshnessResult:
    """What one query says of a database."""
    (found,) = freshness.observe(checked.connect, [Freshness(name="q", sql=sql, database=database)])
    return found


@pytest.mark.parametrize(
    ("sql", "at"),
    [
        ("select timestamptz '2026-11-01 03:00:00+02'", datetime(2026, 11, 1, 1, tzinfo=UTC)),
        ("select timestamp '2026-11-01 03:00:00'", datetime(2026, 11, 1, 3, tzinfo=UTC)),
        ("select date '2026-11-01'", datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_in_utc(checked: Checked, sql: str, at: datetime) -> None:
    """What has no time zone of its own counts as UTC."""
    assert asked(checked, sql, "orders").at == at


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select max(placed_at) from shop.orders where false", "it found no row"),
        ("select 1", "expected a timestamp, found a int"),
        ("select now(), now()", "one row of one column"),
        ("select now() from generate_series(1, 3)", "one row of one column"),
        ("select max(placed_at) from orders", 'relation "orders" does not exist'),
        ("delete from shop.orders returning placed_at", "read-only transaction"),
        ("", ""),
    ],
)
def test_what_is_no_instant_says_why(checked: Checked, sql: str, message: str) -> None:
    """One sentence a query; nothing is written, and no other query suffers."""
    if not sql:
        with pytest.raises(ValueError, match="text that is not empty"):
            Freshness(name="q", sql=sql)
        return
    queries = [
        Freshness(name="bad", sql=sql, database="orders"),
        Freshness(name="good", sql="select now()", database="orders"),
    ]
    bad, good = freshness.observe(checked.connect, queries)

    assert bad.at is None
    assert message in bad.reason
    assert good.at is not None


def test_the_database_may_be_left_out_where_there_is_one(checked: Checked) -> None:
    """Of several none is guessed; an unknown one is a reason too."""
    assert asked(checked, "select now()", None).at is not None
    with checked.copy() as name:
        two = asked(checked, "select now()", None)
    absent = asked(checked, "select now()", "no_such_database")

    assert two.at is absent.at is None
    assert f"there are {name}, orders: set its database" in two.reason
    assert 'database "no_such_database" does not exist' in absent.reason


def test_the_owners_tables_give_an_upper_bound_and_a_canary_goes_before_them(checked: Checked) -> None:
    """Without a canary the newest row of the owner's counts, exactly; with one it is not asked for."""
    with checked.copy() as name, checked.connect(name) as session:
        row = session.execute(NEWEST.encode()).fetchone()
        assert row is not None
        disaster = Reference(row[0] + timedelta(hours=2))
        query = Freshness(name="orders", sql=NEWEST, database=name)
        without = read_loss.newest_data(checked.connect, [query], disaster)
        writer.install(session)
        beat = writer.beat(session)
        with_one = read_loss.newest_data(checked.connect, [query], disaster)

    assert (without.at, without.source, without.upper_bound) == (row[0], "freshness query 'orders'", True)
    assert (with_one.at, with_one.source, with_one.upper_bound) == (beat.at, "canary", False)
