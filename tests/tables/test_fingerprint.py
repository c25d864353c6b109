"""The fingerprint of a table: order and segments do not matter, and every change of an item does."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drills.tables import items as judge
from drills.tables.fingerprint import BUCKETS, Difference, Fingerprint, Sums, compare, merge
from tests.tables.test_canonical import ITEMS, VALUES, meaning

KEY = ("id",)
# items by their key, a number
TABLES = st.dictionaries(st.integers(0, 40), ITEMS, min_size=1, max_size=8)


def as_items(table: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    """The items of a table, each with its key."""
    return [attributes | {"id": {"N": str(key)}} for key, attributes in table.items()]


def fingerprint(items: list[dict[str, Any]]) -> Fingerprint:
    """The fingerprint of items that are read in this order."""
    sums = Sums(KEY)
    sums.add(items)
    return sums.fingerprint()


@given(TABLES, st.randoms(use_true_random=False), st.integers(1, 5))
def test_neither_order_nor_segments_matter(table: dict[int, Any], chance: Any, segments: int) -> None:
    """However the items are dealt out to segments and in whatever order they are read, the fingerprint is the same."""
    items = as_items(table)
    dealt: list[list[dict[str, Any]]] = [[] for _ in range(segments)]
    for item in chance.sample(items, len(items)):
        chance.choice(dealt).append(item)
    assert merge(map(fingerprint, dealt)) == fingerprint(items)


@given(TABLES, VALUES, st.data())
def test_one_attribute_that_is_changed_added_or_lost_is_found(table: dict[int, Any], value: Any, data: Any) -> None:
    """The keys stay, and the bucket of the item is other than it was: `changed`, and nothing else."""
    key = data.draw(st.sampled_from(sorted(table)))
    name = data.draw(st.sampled_from([*sorted(set(table[key]) - {"id"}), "another"]))
    before = table[key].get(name)
    changed = dict(table[key])
    if before is not None and (data.draw(st.booleans()) or meaning(before) == meaning(value)):
        del changed[name]
    else:
        changed[name] = value
    assert compare(fingerprint(as_items(table)), fingerprint(as_items(table | {key: changed}))) == Difference(
        0, 0, 0, 1
    )


@given(TABLES, st.data())
def test_an_item_that_is_lost_or_added_is_found(table: dict[int, Any], data: Any) -> None:
    """One fewer is missing, one more is added; another key in its place is found as well."""
    whole = fingerprint(as_items(table))
    key = data.draw(st.sampled_from(sorted(table)))
    without = fingerprint(as_items({each: table[each] for each in table if each != key}))
    assert compare(whole, without) == Difference(1, 0, 0, 0)
    assert compare(without, whole) == Difference(0, 1, 0, 0)
    moved = fingerprint(as_items({(each if each != key else 99): table[each] for each in table}))
    difference = compare(whole, moved)
    assert bool(difference)
    assert (difference.missing, difference.added) == (1, 1) or difference.exchanged == 1
    assert not compare(whole, whole)


@given(TABLES)
def test_values_that_change_places_between_items_do_not_cancel(table: dict[int, Any]) -> None:
    """Two items that swap an attribute are two changed items, although the table has the same values."""
    one = as_items(table | {90: {"v": {"S": "a"}}, 91: {"v": {"S": "b"}}})
    other = as_items(table | {90: {"v": {"S": "b"}}, 91: {"v": {"S": "a"}}})
    assert compare(fingerprint(one), fingerprint(other)).changed >= 1


def test_an_item_twice_does_not_hide_one_that_is_missing() -> None:
    """A copy with one item twice and another missing has as many, and differs."""
    one, other = as_items({1: {}, 2: {}}), as_items({1: {}}) * 2
    assert bool(compare(fingerprint(one), fingerprint(other)))


def test_the_judgement_names_what_differs_and_a_table_without_items_proves_nothing() -> None:
    """Met where every item is as it was; missed with what is missing, added or changed; never met where nothing was compared."""
    whole, empty = fingerprint(as_items({1: {"v": {"S": "a"}}, 2: {}})), fingerprint([])
    assert (judge.judge(whole, whole).outcome, judge.judge(whole, whole).compared) == ("met", 2)
    lost = judge.judge(whole, fingerprint(as_items({2: {}})))
    assert lost.outcome == "missed"
    assert lost.sentence == "1 item read, 2 items expected: at least 1 item missing"
    [missing] = lost.findings
    assert (missing.object, missing.found) == ("content of the table", "at least 1 item missing")
    changed = judge.judge(whole, fingerprint(as_items({1: {"v": {"N": "1"}}, 2: {}})))
    assert [each.found for each in changed.findings] == [
        "items with other attributes under the same keys, in 1 share of the keys"
    ]
    added = judge.judge(empty, whole)
    assert [each.found for each in added.findings] == ["at least 2 items that should not be there"]
    assert judge.judge(empty, empty).outcome == "not verified"
    assert len(whole.buckets) == BUCKETS
    assert whole.digest != empty.digest
