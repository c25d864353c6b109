"""The canary: a chain that proves which instant a copy reaches to."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks.canary import chain as check
from drills.checks.canary import writer
from drills.errors import DrillError
from tests.support.checked import Checked, checked
from tests.support.cluster import module_state

__all__ = ["checked", "module_state"]
Row = tuple[int, datetime, str, str]
START = datetime(2026, 11, 23, tzinfo=UTC)


def chain(length: int) -> list[Row]:
    """Rows as the writer makes them, one a second."""
    rows: list[Row] = []
    for seq in range(1, length + 1):
        at = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=seq, microseconds=seq)
        previous = rows[-1][3] if rows else ""
        rows.append((seq, at, previous, check.digest_of(previous, seq, at)))
    return rows


@given(st.integers(min_value=1, max_value=40))
def test_a_whole_chain_reaches_to_its_newest_row(length: int) -> None:
    """Nothing is broken, and the newest row is the instant that the copy reaches to."""
    state = check.verify_chain(chain(length))

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

    state = check.verify_chain(rows)
    assert state is not None
    assert state.broken


@given(st.integers(min_value=2, max_value=30), st.data())
def test_a_chain_that_was_pruned_behind_a_checkpoint_is_whole(length: int, data: st.DataObject) -> None:
    """The oldest row left must follow from the checkpoint, and from no other one."""
    rows = chain(length)
    cut = data.draw(st.integers(min_value=1, max_value=length - 1))
    checkpoint = check.Checkpoint(cut, rows[cut - 1][3])

    state = check.verify_chain(rows[cut:], checkpoint=checkpoint)
    assert state is not None
    assert (state.broken, state.oldest_seq, state.pruned_to) == ("", cut + 1, cut)
    for wrong in (None, check.Checkpoint(cut, "0" * 64), check.Checkpoint(cut - 1, rows[cut - 1][3])):
        other = check.verify_chain(rows[cut:], checkpoint=wrong)
        assert other is not None
        assert other.broken


@given(st.lists(st.integers(min_value=-3600, max_value=3600), min_size=2, max_size=12))
def test_a_clock_that_goes_back_is_told_and_breaks_nothing(offsets: list[int]) -> None:
    """Rows have the instants of the clock; the newest row is the last one written, and the largest step back is a warning."""
    rows: list[Row] = []
    for seq, offset in enumerate(offsets, 1):
        at, previous = START + timedelta(seconds=offset), rows[-1][3] if rows else ""
        rows.append((seq, at, previous, check.digest_of(previous, seq, at)))
    largest = max(one - two for one, two in itertools.pairwise(offsets))

    state = check.verify_chain(rows)
    assert state is not None
    assert (state.broken, state.newest_at) == ("", rows[-1][1])
    assert bool(state.went_back) == (largest > 0)
    assert [finding.severity for finding in check.judge(None, state)] == ["warning"] * (largest > 0)


def test_a_chain_that_ends_early_is_a_finding() -> None:
    """A copy whose newest beat is older than the manifest's has lost something."""
    assert check.judge(check.verify_chain(chain(5)), check.verify_chain(chain(4)))
    assert check.judge(check.verify_chain(chain(5)), None)
    assert not check.judge(check.verify_chain(chain(5)), check.verify_chain(chain(6)))
    assert not check.judge(None, None)


@pytest.mark.postgres
def test_two_writers_at_once_do_not_fork_the_chain(checked: Checked) -> None:
    """Beats are written in a row under a lock, and the reader's own arithmetic proves what the server wrote."""
    with checked.copy() as name:
        with checked.connect(name) as session:
            writer.install(session)

        def beats(_: int) -> None:
            with checked.connect(name) as session:
                for _ in range(20):
                    writer.beat(session)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(beats, range(4)))
        with checked.snapshot(name) as connection:
            state = check.observe(connection)

    assert state is not None
    assert (state.rows, state.newest_seq, state.broken) == (80, 80, "")


@pytest.mark.postgres
def test_pruning_keeps_the_chain_provable(checked: Checked) -> None:
    """What is older goes, the newest row stays, the rest follows from the checkpoint, and the beat goes on from there."""
    with checked.copy() as name, checked.connect(name) as session:
        session.execute("set timezone to 'Asia/Singapore'")  # as a server may be set: not today's offset in 1970
        writer.install(session)
        for _ in range(6):
            writer.beat(session)
        assert writer.prune(session, timedelta(hours=1)) == 0
        assert writer.prune(session, timedelta(microseconds=1)) == 5
        written = writer.beat(session)
        assert (written, written.at.tzinfo) == (writer.newest(session), UTC)
        assert writer.prune(session, timedelta(microseconds=1)) == 1
        writer.beat(session)
        with checked.snapshot(name) as connection:
            state = check.observe(connection)
        left = session.execute("select count(*) from drill_canary.checkpoint").fetchone()

    assert state is not None
    assert (state.rows, state.oldest_seq, state.newest_seq, state.pruned_to, state.broken) == (2, 7, 8, 6, "")
    assert left == (1,)


@pytest.mark.postgres
def test_a_broken_chain_is_not_pruned(checked: Checked) -> None:
    """A checkpoint would hide what is missing; nothing is removed, and the sentence says what is broken."""
    with checked.copy() as name, checked.connect(name) as session:
        writer.install(session)
        for _ in range(5):
            writer.beat(session)
        session.execute("delete from drill_canary.beat where seq = 2")
        with pytest.raises(DrillError, match="row 1 is followed by row 3"):
            writer.prune(session, timedelta(microseconds=1))
        assert session.execute("select count(*) from drill_canary.beat").fetchone() == (4,)


@pytest.mark.postgres
def test_rows_lost_from_the_beginning_are_found_without_a_checkpoint(checked: Checked) -> None:
    """Rows that a restore lost are distinguished from pruned ones."""
    with checked.copy() as name:
        with checked.connect(name) as session:
            writer.install(session)
            for _ in range(4):
                writer.beat(session)
            session.execute("delete from drill_canary.beat where seq <= 2")
        with checked.snapshot(name) as connection:
            state = check.observe(connection)

    (finding,) = check.judge(None, state)
    assert "no checkpoint says that those before it were pruned" in finding.message
