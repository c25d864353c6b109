"""Whether a row of a scorecard says what its run says."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from drills.fleet import compare, score
from drills.fleet.record import Member
from drills.history.line import line_of
from tests.support.example_record import failing_drill, green_drill

CODES = st.lists(st.sampled_from([0, 10, 11, 12, 13, 14]), min_size=1, max_size=3)
ROW = score.of_run(Member("orders"), 0, dataclasses.replace(green_drill(), code=0, all_codes=(0,)), "")


@given(CODES, CODES)
def test_two_rows_agree_where_they_say_the_same(one: list[int], other: list[int]) -> None:
    """Any other exit code is said, with the names of both files."""
    first, second = score.coded(ROW, one), score.coded(ROW, other)
    said = compare.difference(first, "a", second, "b")

    assert bool(said) == (first.all_codes != second.all_codes)
    assert not said or said.startswith("a says exit code ")


@given(CODES)
def test_a_row_that_is_doubted_never_passes(codes: list[int]) -> None:
    """It keeps the codes that it had; without a fault it is as it was."""
    row = score.coded(ROW, codes)

    assert compare.doubted(row, ["", ""]) is row
    doubted = compare.doubted(row, ["why"])
    assert {*doubted.all_codes} == {*row.all_codes, 12} - {0}


def test_that_a_run_could_not_be_sealed_is_no_difference() -> None:
    """Its bundle, where the store alone did not take it, cannot say so; another code in it is one."""
    unsealed = dataclasses.replace(score.coded(ROW, [14]), outcome="not sealed")

    assert not compare.of_two_records(unsealed, "a", ROW, "b")
    assert compare.of_two_records(score.coded(unsealed, [10, 14]), "a", ROW, "b")


def test_the_history_may_know_less_and_no_more() -> None:
    """Its line is written before the reports and the seal."""
    missed = dataclasses.replace(failing_drill(), code=10, all_codes=(10,))
    row = score.of_run(Member("orders"), 10, missed, "")

    assert not compare.graver(line_of(missed), score.coded(row, [10, 12, 14]), "b")
    assert "history.jsonl says exit code 10" in compare.graver(line_of(missed), score.coded(row, [0]), "b")
