"""A comparison that compared no row says so: nothing compared is not verified."""

from __future__ import annotations

import pytest

from drills.checks.base.runner import build_result
from drills.checks.content import emptiness
from drills.checks.content.check import Contents, TableContent, judge
from drills.model.finding import CheckResult
from drills.model.policy import TablePolicy

EMPTY = TableContent(0, "0" * 32)
ROWS = TableContent(3, "a" * 32)
SKIP = {"s.t": TablePolicy("skip", reason="so wanted")}


def result(
    tables: dict[str, TableContent],
    policies: dict[str, TablePolicy] | None = None,
    found: dict[str, TableContent] | None = None,
    *,
    large_objects: int = 0,
    expects_nothing: bool = False,
) -> CheckResult:
    """What the content check says of a source and a copy, equal to it unless `found` is given."""
    before = Contents("record/md5/2", tables, not_read={})
    after = Contents("record/md5/2", tables if found is None else found, not_read={})
    compared = emptiness.rows_compared(before, after, policies or {}) + large_objects
    whole = build_result("content", judge(before, after, policies or {}), "tables")
    return emptiness.judge(whole, compared, emptiness.source_tables([before]), expects_nothing=expects_nothing)


@pytest.mark.parametrize(
    ("tables", "policies", "why"),
    [
        ({}, None, "no table that was read"),
        ({"s.t": EMPTY}, None, "in the source's 1 table"),
        ({"s.t": EMPTY, "s.u": EMPTY}, None, "nothing was in the source's 2 tables"),
        ({"s.t": ROWS}, SKIP, "none of the source's 3 rows in 1 table"),
    ],
    ids=["no table", "an empty table", "empty tables", "all of them skipped"],
)
def test_where_no_row_was_compared_the_content_is_not_verified(
    tables: dict[str, TableContent], policies: dict[str, TablePolicy] | None, why: str
) -> None:
    """A wiped source passes no verification; one sentence says why and what to type."""
    found = result(tables, policies)

    assert (found.outcome, found.requirement) == ("not verified", "required")
    assert why in found.sentence
    assert "--expect-empty" in found.sentence
    assert found.not_checked[-1].reason == found.sentence


def test_an_unlogged_table_that_came_back_empty_is_no_row_compared() -> None:
    """PostgreSQL empties it at a restore, so that it shows nothing."""
    unlogged = TableContent(3, "a" * 32, unlogged=True)

    found = result({"s.t": unlogged}, found={"s.t": TableContent(0, "0" * 32, unlogged=True)})

    assert (found.outcome, found.requirement) == ("not verified", "required")


def test_one_row_or_large_object_is_enough() -> None:
    """A database may consist of few rows, or of large objects alone."""
    assert result({"s.t": EMPTY, "s.u": TableContent(1, "b" * 32)}).outcome == "met"
    assert result({}, large_objects=1).requirement == "optional"


def test_a_difference_stays_a_difference() -> None:
    """Rows that only the copy has are an error, although no row of the source was compared."""
    assert result({"s.t": EMPTY}, found={"s.t": ROWS}).outcome == "missed"


def test_a_source_that_is_expected_to_be_empty_may_be() -> None:
    """The owner has said so; rows that are there all the same are a warning."""
    assert result({"s.t": EMPTY}, expects_nothing=True).outcome == "met"
    assert result({}, expects_nothing=True).requirement == "optional"
    found = result({"s.t": ROWS}, expects_nothing=True)
    assert (found.outcome, [each.severity for each in found.findings]) == ("met", ["warning"])
