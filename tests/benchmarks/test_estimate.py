"""What a database of any size takes on any machine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scale import estimate
from benchmarks.scale.estimate import Machine, Work
from benchmarks.scale.fit import Line

CONTENT = Work("content", Line(1.0, 4.0), 0.8, 0.9, 0.9)
REST = Work("the rest", Line(2.0, 1.0), 0.0, 0.3, 0.1)
shares = st.floats(min_value=0.0, max_value=1.0)
works = st.builds(
    Work, st.just("any"), st.builds(Line, st.floats(0, 10), st.floats(0, 100)), shares,
    st.floats(0.0, 3.0), shares,
)  # fmt: skip
rates = st.floats(min_value=1.0, max_value=1e4)


def test_a_terabyte_by_hand() -> None:
    """1,000 GB on two vCPUs at 500 MB/s: the content is the processors', and the rest too; cold both are the first touch's."""
    warm, cold = Machine(2, 500.0), Machine(2, 500.0, 100.0)
    content, rest = 4001 / 1.8, 1002.0
    assert estimate.seconds((CONTENT, REST), 1000, warm) == pytest.approx(content + rest)
    assert estimate.limit((CONTENT, REST), 1000, warm) == "processors"
    # 0.9 GB a GB at 100 MB/s; then 0.1 at 100 MB/s and 0.2 once more at 500
    assert estimate.seconds((CONTENT, REST), 1000, cold) == pytest.approx(9000 + 1000 + 400)
    assert estimate.limit((CONTENT, REST), 1000, cold) == "first touch"
    assert estimate.limit((CONTENT,), 1000, Machine(64, 125.0)) == "storage"


@given(st.lists(works, min_size=1, max_size=3), st.floats(1.0, 1e4), st.integers(1, 64), rates)
def test_more_of_anything_is_never_slower(some: list[Work], size: float, processors: int, storage: float) -> None:
    """More vCPUs, faster storage or a smaller database never take longer, and a cold volume is never faster than a warm one."""
    here = estimate.seconds(some, size, Machine(processors, storage))
    slack = 1e-9 * here
    assert estimate.seconds(some, size, Machine(processors + 1, storage)) <= here + slack
    assert estimate.seconds(some, size, Machine(processors, 2 * storage)) <= here + slack
    assert estimate.seconds(some, size / 2, Machine(processors, storage)) <= here + slack
    assert estimate.seconds(some, size, Machine(processors, storage, storage / 2)) >= here - slack
    assert estimate.seconds(some, size, Machine(processors, storage, storage)) == pytest.approx(here)


@given(works, st.floats(1.0, 1e4), st.integers(1, 64))
def test_processors_share_no_more_than_the_work(work: Work, size: float, processors: int) -> None:
    """One has all of it, and n of them compute for at least an n-th of that."""
    whole = work.by_size.at(size)
    assert estimate.computing(work, size, 1) == pytest.approx(whole)
    assert whole / processors <= estimate.computing(work, size, processors) * (1 + 1e-9) <= whole * (1 + 1e-8)


@given(st.floats(0.01, 1e4), st.floats(0.01, 1e4))
def test_a_second_connection_adds_between_nothing_and_all(alone: float, together: float) -> None:
    """Twice as fast is all of it, slower is nothing; with what it added two connections take what was measured."""
    gain = estimate.gain_of(alone, together)
    assert 0 <= gain <= 1
    if together <= alone <= 2 * together:
        assert alone / estimate.speed(gain, 2) == pytest.approx(together)
    assert estimate.gain_of(alone, 0.0) == 0
