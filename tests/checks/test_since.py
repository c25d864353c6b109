"""A manifest that is earlier than the copy's data: what may have changed since accuses nobody, and passes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks.base.outcome import CheckOutcome
from drills.checks.content.check import Contents, TableContent
from drills.checks.content.fingerprint import FAST
from drills.checks.content.large_objects import LargeObjects
from drills.checks.content.sequences import Sequences
from drills.checks.judging import Judge
from drills.checks.manifest import FORMAT, DatabaseManifest, Manifest
from drills.checks.observed import CatalogSeen, ContentSeen, LargeObjectsSeen, SequencesSeen
from drills.model.finding import NotChecked
from drills.model.policy import TablePolicy, parse_table_policy
from tests.support.clock import NOON

EARLIER = "the manifest was taken 3 h before the recovery point's data"
TABLE = "shop.orders"


def judge(before: DatabaseManifest, seen: Any, earlier: str, **policies: TablePolicy) -> CheckOutcome:
    """The outcome for one database."""
    stored = Manifest(FORMAT, NOON, 160000, "PostgreSQL 16", {}, {"app": before})
    return Judge(stored, {name.replace("_", ".", 1): each for name, each in policies.items()}, earlier).judge(
        "app", seen
    )


def of(**parts: Any) -> DatabaseManifest:
    """A manifest of one database."""
    whole: dict[str, Any] = {
        "catalog": {},
        "sequences": Sequences(),
        "contents": Contents(FAST),
        "large_objects": LargeObjects(),
    }
    return DatabaseManifest(**whole | parts, canary=None)


def table(rows: int, fingerprint: str = "a") -> Contents:
    """One table, with so many rows."""
    return Contents(FAST, {TABLE: TableContent(rows, fingerprint)})


def content(before: Contents, after: Contents, earlier: str, **policies: TablePolicy) -> CheckOutcome:
    """The outcome of comparing tables."""
    return judge(of(contents=before), ContentSeen(after, "", "", "whole"), earlier, **policies)


@pytest.mark.parametrize("rows", [0, 9, 10, 11])
def test_a_table_that_differs_is_not_verified_where_its_owner_says_nothing_of_it(rows: int) -> None:
    """Rows may have been added, changed or deleted since; with a manifest of the same instant it is a difference."""
    before, after = table(10), table(rows, "b")
    strict, lenient = content(before, after, ""), content(before, after, EARLIER)

    assert [each.object for each in strict.findings] == [TABLE]
    assert lenient.findings == ()
    (left,) = lenient.unverified
    assert left.what == TABLE
    assert left.reason.endswith(f"{EARLIER}, and it may have changed since")
    assert strict.findings[0].message in left.reason


def test_a_table_that_is_the_same_is_compared() -> None:
    """An earlier manifest proves what has not changed."""
    assert content(table(10), table(10), EARLIER) == CheckOutcome(1)


@pytest.mark.parametrize(
    ("policy", "rows", "found"),
    [("exact", 11, 1), ("exact", 10, 1), ("at least 99 %", 9, 1), ("at least 50 %", 9, 0), ("at least 50 %", 900, 0)],
)
def test_what_the_owner_says_of_a_table_holds(policy: str, rows: int, found: int) -> None:
    """Also that it is compared exactly: whoever writes that knows that nobody writes to it."""
    outcome = content(table(10), table(rows, "b"), EARLIER, shop_orders=parse_table_policy(policy))

    assert len(outcome.findings) == found
    assert outcome.unverified == ()


def test_a_table_that_cannot_be_read_is_damaged_whatever_was_written() -> None:
    """No change of the source explains it."""
    outcome = content(table(10), Contents(FAST, damaged={TABLE: "invalid page in block 0"}), EARLIER)

    assert [each.message for each in outcome.findings] == [f"{TABLE} cannot be read: invalid page in block 0"]


# -- sequences ------------------------------------------------------------------------------------------------------------


def position(last: int, *, called: bool) -> str:
    """A position as it is read."""
    return f"last_value={last}, is_called={str(called).lower()}"


def sequence(before: str, after: str, **definition: Any) -> CheckOutcome:
    """The outcome for one sequence."""
    known = of(
        sequences=Sequences({"shop.id": before}),
        catalog={"sequences": {"shop.id": json.dumps({"increment": "1"} | definition)}},
    )
    return judge(known, SequencesSeen(Sequences({"shop.id": after})), EARLIER)


@given(st.integers(-(2**60), 2**60), st.booleans(), st.integers(0, 2**40), st.sampled_from(["1", "-1", "5", "-32"]))
def test_a_sequence_that_went_on_is_right_and_one_that_fell_back_is_not(
    last: int, called: bool, distance: int, increment: str
) -> None:
    """In the direction in which it counts; where it stands still, the number that was handed out decides."""
    sign = -1 if increment.startswith("-") else 1
    there, here = position(last, called=called), position(last + sign * (distance + 1), called=True)
    onwards, back = sequence(there, here, increment=increment), sequence(here, there, increment=increment)

    assert (onwards.findings, onwards.unverified) == ((), ())
    reason = f"not behind the manifest's {there}: at {here}; {EARLIER}"
    assert onwards.excluded == (NotChecked("sequence shop.id", reason),)
    assert ([each.severity for each in back.findings], back.unverified) == (["error"], ())
    assert sequence(there, there, increment=increment) == CheckOutcome(1)
    first, handed = position(last, called=False), position(last, called=True)
    assert sequence(first, handed, increment=increment).findings == ()
    assert len(sequence(handed, first, increment=increment).findings) == 1


def test_a_sequence_that_begins_anew_at_its_end_may_stand_anywhere() -> None:
    """So that nothing is known of one that stands elsewhere."""
    outcome = sequence(position(90, called=True), position(3, called=True), cycle="yes")

    assert (outcome.findings, [each.what for each in outcome.unverified]) == ((), ["shop.id"])


def test_a_sequence_that_cannot_be_read_is_damaged() -> None:
    """Whatever it stood at."""
    known = of(sequences=Sequences({"shop.id": position(1, called=True)}))
    outcome = judge(known, SequencesSeen(Sequences(damaged={"shop.id": "it holds no row"})), EARLIER)

    assert [each.object for each in outcome.findings] == ["shop.id"]


# -- the rest ---------------------------------------------------------------------------------------------------------------


def test_a_definition_that_differs_is_not_verified() -> None:
    """A migration since is no damage, and a table that is gone no proof of one; both are named with what was found."""
    before = of(catalog={"relations": {"shop.a": '{"kind": "r"}', "shop.b": '{"kind": "r"}'}})
    seen = CatalogSeen({"relations": {"shop.a": '{"kind": "r"}', "shop.c": '{"kind": "r"}'}}, "7")

    assert {each.severity for each in judge(before, seen, "").findings} == {"error"}
    outcome = judge(before, seen, EARLIER)
    assert [each for each in outcome.findings if each.severity == "error"] == []
    assert len(outcome.unverified) == 2
    assert all(EARLIER in each.reason for each in outcome.unverified)


def test_a_large_object_that_differs_is_not_verified_and_one_that_cannot_be_read_is_damaged() -> None:
    """An application writes and removes them as it does rows."""
    before = of(large_objects=LargeObjects({"1": "3 bytes", "2": "3 bytes", "3": "3 bytes"}))
    seen = LargeObjectsSeen(LargeObjects({"1": "4 bytes", "3": "unreadable: invalid page", "4": "9 bytes"}))
    outcome = judge(before, seen, EARLIER)

    assert [each.object for each in outcome.findings] == ["large object 3"]
    assert [each.what for each in outcome.unverified] == ["large object 1", "large object 2", "large object 4"]
    assert all(each.reason.endswith(f"; {EARLIER}, and it may have changed since") for each in outcome.unverified)
