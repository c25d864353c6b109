"""A restored moment: which of the marked changes it must hold."""

from __future__ import annotations

import itertools

import pytest

from drills.recovery import point_in_time
from drills.recovery.point_in_time import AFTER, BEFORE, UNDER_WAY

MARKS = (BEFORE, AFTER, UNDER_WAY)


@pytest.mark.parametrize(
    "found",
    [each for size in range(4) for each in itertools.combinations(MARKS, size)],
    ids=lambda found: " and ".join(found) or "nothing",
)
def test_only_what_was_committed_before_the_moment_may_be_there(found: tuple[str, ...]) -> None:
    """Each wrong one of the eight outcomes names the very changes that are wrong."""
    result = point_in_time.judge(found)
    wrong = ({BEFORE} - set(found)) | ({AFTER, UNDER_WAY} & set(found))

    assert result.outcome == ("missed" if wrong else "met")
    assert {finding.object.removeprefix("the change ") for finding in result.findings} == wrong
    assert {finding.severity for finding in result.findings} <= {"error"}
    assert result.compared == 3
