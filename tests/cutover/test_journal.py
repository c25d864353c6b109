"""The journals of cut-overs: the ids by which they are told apart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.cutover.journal import next_id

NOW = datetime(2026, 11, 28, 3, 0, 0, tzinfo=UTC)


@given(st.lists(st.integers(-3, 3), max_size=20))
def test_the_newest_cutover_is_the_last(seconds: list[int]) -> None:
    """Several in one second, or after the clock was set back, keep the order in which they were begun."""
    made: list[str] = []
    for each in seconds:
        made.append(next_id(NOW.replace(second=30 + each), made))
    assert made == sorted(made)


def test_the_first_one_has_the_time_of_its_beginning() -> None:
    """Without another one nothing is moved."""
    assert next_id(NOW, ()).startswith("20261128-030000-")


@pytest.mark.parametrize("stray", ["notes", "20261399-000000-abcd"])
def test_a_file_of_somebody_else_moves_nothing(stray: str) -> None:
    """What has no instant in its name is no cut-over's."""
    assert next_id(NOW, (stray,)).startswith("20261128-030000-")
