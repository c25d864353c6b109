"""Which targets of a fleet a machine drills."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.errors import ConfigError
from drills.fleet.shard import WHOLE, Shard, parse

NAMES = st.lists(st.text(min_size=1, max_size=8), max_size=40)


@given(NAMES, st.integers(1, 12), st.randoms())
def test_a_target_is_in_exactly_one_share(names: list[str], count: int, order: object) -> None:
    """Whatever order a machine reads them in; and no share has two targets more than another."""
    shuffled = sorted(names, key=lambda _: order.random())  # type: ignore[attr-defined]
    shares = [Shard(index, count).of(shuffled if index % 2 else names) for index in range(1, count + 1)]

    assert sorted(name for share in shares for name in share) == sorted(set(names))
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1
    assert WHOLE.of(names) == tuple(sorted(set(names)))


@given(st.integers(1, 999999), st.integers(1, 999999))
def test_a_share_is_read_as_it_is_written(one: int, other: int) -> None:
    """From 1/N to N/N."""
    share = Shard(min(one, other), max(one, other))

    assert parse(str(share)) == share


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "a/b", "-1/2", "1/2/3", "", "1.0/2"])
def test_no_other_share_is_taken(text: str) -> None:
    """An index that begins with 0, as arrays of jobs have it, is told to add one."""
    with pytest.raises(ConfigError, match="expected a share I/N") as refused:
        parse(text)

    assert ("add one" in str(refused.value)) == (text == "0/2")
