"""Which tier a run is, and which stands for which."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.config.counted import TIER, differences
from drills.config.objectives import TiersTable
from drills.evidence.recent.tiers import due
from drills.model.period import period_of
from drills.model.policy import TIERS, rank
from drills.model.record import DEFAULT, Setting

ZONE = ZoneInfo("Etc/UTC")
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
TABLE = TiersTable(sample="month", full="quarter")


@pytest.mark.parametrize(
    ("kind", "name", "begins", "ends"),
    [
        ("year", "2026 (Etc/UTC)", datetime(2026, 1, 1), datetime(2027, 1, 1)),
        ("quarter", "2026-Q4 (Etc/UTC)", datetime(2026, 10, 1), datetime(2027, 1, 1)),
        ("month", "2026-11 (Etc/UTC)", datetime(2026, 11, 1), datetime(2026, 12, 1)),
    ],
)
def test_a_period_of_months(kind: str, name: str, begins: datetime, ends: datetime) -> None:
    """From its first day to the first day of the next."""
    period = period_of(kind, ZONE, NOW)  # type: ignore[arg-type]

    assert (period.name, period.begins, period.ends) == (name, begins.replace(tzinfo=UTC), ends.replace(tzinfo=UTC))


@given(
    st.sampled_from(["year", "quarter", "month", "week", "day"]),
    st.datetimes(datetime(1999, 1, 1), datetime(2090, 1, 1)),
)
def test_each_instant_is_in_one_period(kind: str, instant: datetime) -> None:
    """And the next one begins where it ends."""
    at = instant.replace(tzinfo=UTC)
    period = period_of(kind, ZONE, at)  # type: ignore[arg-type]

    assert period.holds(at)
    assert period_of(kind, ZONE, period.ends).begins == period.ends  # type: ignore[arg-type]
    assert not period_of(kind, ZONE, period.begins - timedelta(microseconds=1)).holds(at)  # type: ignore[arg-type]


def test_what_is_not_known_to_have_been_done_is_due() -> None:
    """The fullest first; a fuller run stands for a lighter one, and one of an earlier period for none."""
    this_month, this_quarter, earlier = NOW - timedelta(days=1), NOW - timedelta(days=40), NOW - timedelta(days=200)

    assert due(TABLE, "light", [], ZONE, NOW)[0] == "full"
    assert due(TABLE, "light", [(earlier, "full")], ZONE, NOW)[0] == "full"
    assert due(TABLE, "light", [(this_quarter, "full")], ZONE, NOW)[0] == "sample"
    assert due(TABLE, "light", [(this_quarter, "full"), (this_month, "light")], ZONE, NOW)[0] == "sample"
    assert due(TABLE, "light", [(this_month, "full")], ZONE, NOW) == ("light", "")
    assert due(TABLE, "light", [(this_month, "")], ZONE, NOW) == ("light", "")  # of before there were tiers
    assert due(TABLE, "full", [], ZONE, NOW) == ("full", "")
    assert due(TiersTable(), "light", [], ZONE, NOW) == ("light", "")
    why = due(TABLE, "light", [], ZONE, NOW)[1]
    assert why == "a run of tier full is due once a quarter, and none is known in 2026-Q4 (Etc/UTC)"


@pytest.mark.parametrize("now", TIERS)
@pytest.mark.parametrize("then", [*TIERS, None])
def test_a_drill_stands_for_no_fuller_one(now: str, then: str | None) -> None:
    """For the gate and for --once-per: a lighter run than is asked for is by another configuration."""
    former = [Setting(TIER, then, "--tier")] if then else []
    found = [each.name for each in differences([Setting(TIER, now, "drill.toml")], former)]

    assert found == ([TIER] if then and rank(then) < rank(now) else [])
    assert differences([Setting(TIER, "full", DEFAULT)], former) == () or rank(then or "") < rank("full")
