"""The limits of a run: each part has one, drill.toml sets them in one place, and their sum limits the whole."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.config.limits import LimitsTable, limits_of
from drills.config.load import load

SPANS = st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=30))
WRITTEN = st.integers(1, 10**6).map("{}s".format)
TABLES = st.fixed_dictionaries({}, optional=dict.fromkeys(LimitsTable.model_fields, WRITTEN)).map(
    LimitsTable.model_validate
)


@given(TABLES, SPANS, st.booleans())
def test_the_whole_run_takes_no_longer_than_its_steps(table: LimitsTable, timeout: timedelta, sandboxed: bool) -> None:
    """Whatever is configured: the sum has each step once and no wait, and each limit names the key that raises it."""
    limits = limits_of("orders", table, (timeout, True), sandboxed=sandboxed)
    listed = limits.list()

    steps = [each for each in listed if each.kind == "step"]
    assert limits.total_seconds == pytest.approx(sum(each.seconds for each in steps))
    assert len({each.key for each in listed}) == len(listed) == len({each.name for each in listed})
    assert ("stage" in " ".join(each.key for each in steps)) is sandboxed
    for each in listed:
        assert each.seconds > 0
        assert each.key in each.sentence("it")
        key = each.key.removeprefix("targets.orders.limits.")
        if key in LimitsTable.model_fields:
            own = getattr(table, key)
            assert each.origin == ("configured" if own else "default")
            assert own is None or each.seconds == own.total_seconds()


def test_what_is_not_configured_follows_from_the_timeout(tmp_path: Path) -> None:
    """A target that gives up a restore after 25 seconds has a run of minutes; its own limits go before that."""
    file = tmp_path / "drill.toml"
    file.write_text(
        '[targets.orders]\nvault = "vault"\ntimeout = "25s"\nlimits = { clean_up = "10s" }\n'
        'cutover = { services = ["a/b"], public_url = "http://a.example" }\n'
    )
    limits = load(file, profile=None, target=None, environment={}).limits

    assert {each.key.removeprefix("targets.orders."): (each.seconds, each.origin) for each in limits.list()} == {
        "limits.start": (120, "default"),
        "limits.stage": (50, "default"),
        "limits.features": (150, "default"),
        "limits.clean_up": (10, "configured"),
        "limits.close": (300, "default"),
        "limits.call": (25, "default"),
        "timeout": (25, "configured"),
        "cutover.service_timeout": (600, "default"),
    }
    assert limits.total_seconds == 120 + 50 + 150 + 10 + 300
