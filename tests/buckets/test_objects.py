"""How the objects of a copy are judged: never met by accident."""

from __future__ import annotations

import dataclasses

import pytest

from drills.buckets.objects import Difference, Differing, ObjectsSeen, grouped, judge
from tests.support.clock import NOON

WHOLE = ObjectsSeen(NOON, expected=3, found=3, read=3)


def test_it_is_met_where_every_object_was_read_and_is_as_it_was() -> None:
    """What was written meanwhile or came afterwards is told, and judged by nothing."""
    result = judge(dataclasses.replace(WHOLE, in_flux=2, newer=1))

    assert (result.outcome, result.compared, result.unverified) == ("met", 3, 0)
    assert "2 objects left out that were written while the backup went on" in result.sentence
    assert "1 object of the source came after it" in result.sentence
    assert [each.what for each in result.not_checked] == ["2 objects"]


@pytest.mark.parametrize("what", ["missing", "added", "content", "metadata", "encryption"])
def test_each_difference_of_the_objects_is_missed_and_named(what: Difference) -> None:
    """With how many and the first keys, and whatever else is not known."""
    differing = (Differing(what, 4, ("a", "b", "c")), Differing("unread", 1, ("d",)))
    result = judge(dataclasses.replace(WHOLE, differing=differing))

    assert result.outcome == "missed"
    (finding,) = result.findings
    assert (finding.severity, finding.object) == ("error", what)
    assert finding.message.startswith("4 objects ")
    assert finding.message.endswith("(a, b, c, …)")


@pytest.mark.parametrize("what", ["system", "tags"])
def test_other_headers_and_tags_are_warnings(what: Difference) -> None:
    """AWS promises neither of every backup: the objects are there."""
    result = judge(dataclasses.replace(WHOLE, differing=(Differing(what, 1, ("a",)),)))

    assert (result.outcome, [each.severity for each in result.findings]) == ("met", ["warning"])


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (dataclasses.replace(WHOLE, read=0, told=3), "3 objects, of which S3's word alone was compared"),
        (dataclasses.replace(WHOLE, read=2, told=1), "1 object, of which S3's word alone was compared"),
        (dataclasses.replace(WHOLE, read=2, differing=(Differing("unread", 1, ("a",)),)), "size alone was compared"),
        (dataclasses.replace(WHOLE, read=2, differing=(Differing("later", 1, ("a",)),)), "later versions alone"),
        (dataclasses.replace(WHOLE, expected=0, found=0, read=0), "a bucket without objects proves nothing"),
        (ObjectsSeen(NOON, None, 3), "the source is gone"),
        (ObjectsSeen(NOON, None, most=10), "more than 10 versions or objects: raise objects.most"),
    ],
)
def test_what_nobody_has_read_is_not_verified_and_never_met(seen: ObjectsSeen, why: str) -> None:
    """With the number of objects and the reason."""
    result = judge(seen)

    assert result.outcome == "not verified"
    assert result.unverified
    assert why in result.sentence


def test_differences_are_counted_and_show_the_first_keys_in_order() -> None:
    """The same for whatever order the objects were compared in."""
    found = grouped([("missing", key) for key in "dcba"] + [("tags", "x")])

    assert found == (Differing("missing", 4, ("a", "b", "c")), Differing("tags", 1, ("x",)))
