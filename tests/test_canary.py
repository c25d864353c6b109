"""The canary: a chain that proves which instant a copy reaches to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills import canary
from drills.checks import canary as check
from tests.fix_checked import Checked, checked
from tests.fix_cluster import module_state

__all__ = ["checked", "module_state"]
Row = tuple[int, datetime, str, str]


def chain(length: int) -> list[Row]:
    """Rows as the writer makes them, one a second."""
    rows: list[Row] = []
    for seq in range(1, length + 1):
        at = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=seq, microseconds=seq)
        previous = rows[-1][3] if rows else ""
        rows.append((seq, at, previous, canary.digest_of(previous, seq, at)))
    return rows


@given(st.integers(min_value=1, max_value=40))
def test_a_whole_chain_reaches_to_its_newest_row(length: int) -> None:
    """Nothing is broken, and the newest row is the instant that the copy reaches to."""
    state = check.follow(chain(length))

    assert state is not None
    assert (state.broken, state.rows, state.newest_at) == ("", length, chain(length)[-1][1])


@given(st.data())
def test_no_row_can_be_altered_left_out_or_moved(data: st.DataObject) -> None:
    """Whatever happens to one row inside the chain is seen."""
    rows = chain(data.draw(st.integers(min_value=3, max_value=20)))
    at = data.draw(st.integers(min_value=1, max_value=len(rows) - 2))
    seq, when, previous, digest = rows[at]
    harm = data.draw(st.sampled_from(["time", "left out", "digest", "previous"]))
    if harm == "left out":
        del rows[at]
    else:
        rows[at] = {
            "time": (seq, when + timedelta(microseconds=1), previous, digest),
            "digest": (seq, when, previous, digest[::-1] + "0"),
            "previous": (seq, when, previous + "0", digest),
        }[harm]

    state = check.follow(rows)
    assert state is not None
    assert state.broken


def test_a_pruned_chain_is_still_whole() -> None:
    """The first row that is left may name a predecessor that is gone."""
    state = check.follow(chain(10)[4:])

    assert state is not None
    assert state.broken == ""


def test_a_chain_that_ends_early_is_a_finding() -> None:
    """A copy whose newest beat is older than the manifest's has lost something."""
    assert check.judge(check.follow(chain(5)), check.follow(chain(4)))
    assert check.judge(check.follow(chain(5)), None)
    assert not check.judge(check.follow(chain(5)), check.follow(chain(6)))
    assert not check.judge(None, None)


@pytest.mark.postgres
def test_two_writers_at_once_do_not_fork_the_chain(checked: Checked) -> None:
    """Beats are written in a row under a lock, and the reader's own arithmetic proves what the server wrote."""
    with checked.copy() as name:
        with checked.connect(name) as session:
            canary.install(session)

        def beats(_: int) -> None:
            with checked.connect(name) as session:
                for _ in range(20):
                    canary.beat(session)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(beats, range(4)))
        with checked.snapshot(name) as connection:
            state = check.observe(connection)

    assert state is not None
    assert (state.rows, state.newest_seq, state.broken) == (80, 80, "")
