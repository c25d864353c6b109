"""How `drills verify` and `drills posture` print a difference."""

from __future__ import annotations

import dataclasses
import io

import pytest

from drills.cli.findings import show_finding
from drills.model.finding import Finding
from drills.screen import Screen

QUERY = (
    "select count(*) from shop.orders\nwhere placed_at is null and note like '%longer than eighty columns are wide%'"
)
FINDING = Finding("content", "error", "table shop.orders", "2,000 rows", "1,999 rows", "a row is missing", QUERY)


def printed(width: int, *, query: bool = False) -> str:
    """What is printed of the finding."""
    out = io.StringIO()
    show_finding(Screen(file=out, width=width), FINDING, query=query)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_difference_is_for_reading(width: int) -> None:
    """Object, expected and found have a line each, whole at any width; the query is left out."""
    expected = ["  expected 2,000 rows", "  found    1,999 rows"]
    assert printed(width).splitlines() == ["", "error table shop.orders", *expected]


def test_the_query_is_printed_whole_on_request() -> None:
    """With -v the query stands below, line by line as it is."""
    text = printed(40, query=True)
    assert all(f"    {line}\n" in text for line in QUERY.splitlines())


def test_an_acknowledged_difference_is_shown_with_its_mark() -> None:
    """Until when, by whom and why stand behind the object."""
    out = io.StringIO()
    known = dataclasses.replace(
        FINDING, severity="warning", acknowledged="acknowledged until 2026-12-31 by Ada: old tool"
    )
    show_finding(Screen(file=out, width=80), known)

    assert "warning table shop.orders (acknowledged until 2026-12-31 by Ada: old tool)" in out.getvalue()
