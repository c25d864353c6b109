"""A straight line through times by size, and where measurements leave it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scale import fit
from benchmarks.scale.fit import Line

amounts = st.floats(min_value=0.0, max_value=1e4)
sizes = st.lists(st.floats(min_value=0.1, max_value=1e5), min_size=2, max_size=6, unique_by=lambda size: round(size, 1))


@given(amounts, amounts, sizes)
def test_a_line_is_found_again(start: float, slope: float, some: list[float]) -> None:
    """Measurements that lie on a line give that line, and none of them departs from it."""
    of = Line(start, slope)
    found = sorted((size, of.at(size)) for size in some)
    again = fit.line(found)
    assert [again.at(size) for size, _ in found] == pytest.approx(
        [time for _, time in found], rel=1e-3, abs=fit.SHORTEST
    )
    assert fit.departure(found) is None


@given(st.lists(st.tuples(st.floats(0.1, 1e5), st.floats(0.0, 1e4)), min_size=1, max_size=6))
def test_no_line_takes_time_back(found: list[tuple[float, float]]) -> None:
    """Whatever was measured, neither the fixed part nor the part of each gigabyte is below nothing."""
    of = fit.line(found)
    assert of.start >= 0
    assert of.slope >= 0


@given(st.lists(st.tuples(st.floats(0.1, 1e3), st.floats(1.0, 1e3)), min_size=2, max_size=6), st.floats(0.5, 20.0))
def test_a_slower_machine_has_the_same_line(found: list[tuple[float, float]], factor: float) -> None:
    """Where everything takes so many times as long, the line rises as many times as steeply."""
    once, slow = fit.line(found), fit.line([(size, factor * time) for size, time in found])
    for size, _ in found:
        assert slow.at(size) == pytest.approx(factor * once.at(size), rel=1e-6)


@given(amounts, st.floats(min_value=0.1, max_value=1e3), st.floats(min_value=1.5, max_value=10.0))
def test_what_grows_with_the_square_is_found_out(start: float, slope: float, more: float) -> None:
    """The first size at which a phase takes half as long again as the line says is named, with both times."""
    of = Line(start, slope)
    found = [(1.0, of.at(1)), (10.0, of.at(10)), (100.0, of.at(100) * more), (1000.0, of.at(1000) * more)]
    left = fit.departure(found)
    assert left is not None
    assert (left.size, left.measured) == found[2]
    assert left.expected == pytest.approx(of.at(100), rel=1e-2, abs=0.05)


def test_what_is_too_short_to_tell_departs_from_nothing() -> None:
    """A phase of a few milliseconds has no deviation, however its milliseconds go."""
    found = [(1.0, 0.001), (10.0, 0.005), (100.0, 0.02)]
    assert fit.deviations(fit.line(found), found) == [0.0, 0.0, 0.0]
    assert fit.departure(found) is None


def test_a_line_through_nothing_is_refused() -> None:
    """Without a measurement there is no line."""
    with pytest.raises(ValueError, match="at least one measurement"):
        fit.line([])
