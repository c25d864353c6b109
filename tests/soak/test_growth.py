"""What counts as growth: a line through many measurements, not the first beside the last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.soak.growth import BOUNDS, MIB, growths
from tests.soak.page import Soak, section, section_of, with_section
from tests.soak.samples import Sample


def samples(count: int, **grows: Callable[[int], float]) -> list[Sample]:
    """Measurements in which everything stays as it is but what `grows`."""
    steady = {each.name: 10 for each in fields(Sample)} | {"code": 0}
    return [
        Sample(**steady | {"drill": number} | {name: int(value(number)) for name, value in grows.items()})
        for number in range(1, count + 1)
    ]


def too_much(found: list[Sample]) -> list[str]:
    """What grows more than it may."""
    return [each.bound.name for each in growths(found) if each.too_much]


@pytest.mark.parametrize("name", BOUNDS)
def test_what_every_tenth_drill_leaves_behind_is_growth(name: str) -> None:
    """Whatever is measured: of memory and disk four megabytes in ten drills, of everything else one more."""
    unit = 4 * MIB if BOUNDS[name].unit > 1 else 1
    assert too_much(samples(200, **{name: lambda number: 10 + number // 10 * unit})) == [BOUNDS[name].name]


@settings(max_examples=20)
@given(st.lists(st.integers(-3, 3), min_size=100, max_size=100))
def test_what_goes_up_and_down_is_none(noise: list[int]) -> None:
    """Threads come and go: whatever the last measurement is beside the first."""
    swing = [(each, -each) for each in noise]
    flat = [value for pair in swing for value in pair]
    assert too_much(samples(200, server_threads=lambda number: 20 + flat[number - 1])) == []


def test_what_fills_once_is_none() -> None:
    """Caches fill during the first drills."""
    assert too_much(samples(200, server_memory=lambda number: min(number, 30) * MIB)) == []


def test_less_than_a_line_can_be_laid_through_is_refused() -> None:
    """Two measurements would always lie on a line."""
    with pytest.raises(ValueError, match="at least 8"):
        growths(samples(8))


def test_each_part_of_the_page_keeps_the_other() -> None:
    """The table of the faults stands before the soak, and each is written by a program of its own."""
    soaks = [Soak("row", 1, samples(50)), Soak("at-once", 8, samples(10)), Soak("runs", 1, samples(10))]
    text = section(soaks, date(2026, 11, 29), "Linux")
    page = with_section("# Faults\n\nA table.\n", text)

    assert page == f"# Faults\n\nA table.\n\n{text}"
    assert with_section(page, text) == page
    assert section_of(page) == text
    assert section_of("# Faults\n") == ""
    prose = " ".join(text.split())
    assert "50 drills were made one after another" in prose
    assert "80 drills were made by 8 processes at once" in prose
    assert all(len(line) <= 132 for line in text.splitlines() if not line.startswith("|"))
    assert "nothing grew" in text


def test_the_page_says_what_grew_and_what_did_not_pass() -> None:
    """A leak stands in the text and in its cell."""
    grown = samples(50, server_files=lambda number: number, code=lambda number: 12 * (number == 7))
    text = section([Soak("row", 1, grown)], date(2026, 11, 29), "Linux")

    assert "**open files of the local AWS (one after another)**" in text
    assert "**+100.0**" in text
    assert "1 of them did not pass" in text
