"""The bytes of items: equal for what DynamoDB takes for equal, and for nothing else."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from boto3.dynamodb.types import Binary
from hypothesis import given
from hypothesis import strategies as st

from drills.tables.canonical import Unknown, of_item, of_key, of_value

TEXTS = st.text(max_size=4)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20).map(str)
SCALARS = st.one_of(
    TEXTS.map(lambda text: {"S": text}),
    NUMBERS.map(lambda text: {"N": text}),
    st.binary(max_size=4).map(lambda content: {"B": content}),
    st.booleans().map(lambda truth: {"BOOL": truth}),
    st.just({"NULL": True}),
    st.sets(TEXTS, min_size=1, max_size=3).map(lambda members: {"SS": list(members)}),
    st.sets(st.integers(-99, 99), min_size=1, max_size=3).map(lambda members: {"NS": [str(each) for each in members]}),
    st.sets(st.binary(max_size=2), min_size=1, max_size=3).map(lambda members: {"BS": list(members)}),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda members: {"L": members}),
        st.dictionaries(TEXTS, inner, max_size=3).map(lambda members: {"M": members}),
    ),
    max_leaves=6,
)
ITEMS = st.dictionaries(TEXTS, VALUES, max_size=4)


def meaning(value: Any) -> Any:
    """What a value is to DynamoDB, told in another way than by bytes."""
    ((kind, content),) = value.items()
    if kind == "N":
        return kind, Fraction(content)
    if kind == "NS":
        return kind, frozenset(map(Fraction, content))
    if kind in ("SS", "BS"):
        return kind, frozenset(content)
    if kind == "L":
        return kind, tuple(map(meaning, content))
    if kind == "M":
        return kind, frozenset((name, meaning(each)) for name, each in content.items())
    return kind, content


@given(VALUES, VALUES)
def test_two_values_have_the_same_bytes_only_where_they_mean_the_same(one: Any, other: Any) -> None:
    """Whatever two values are drawn, bytes and meaning agree on whether they are equal."""
    assert (of_value(one) == of_value(other)) == (meaning(one) == meaning(other))


@given(ITEMS, st.randoms(use_true_random=False))
def test_the_order_of_attributes_and_of_members_of_sets_means_nothing(item: dict[str, Any], chance: Any) -> None:
    """An item that is written in another order has the same bytes."""

    def shuffled(value: dict[str, Any]) -> dict[str, Any]:
        ((kind, content),) = value.items()
        if kind in ("SS", "NS", "BS"):
            return {kind: chance.sample(content, len(content))}
        if kind == "L":
            return {kind: [shuffled(each) for each in content]}
        return {kind: mixed(content)} if kind == "M" else value

    def mixed(attributes: dict[str, Any]) -> dict[str, Any]:
        names = chance.sample(sorted(attributes), len(attributes))
        return {name: shuffled(attributes[name]) for name in names}

    assert of_item(mixed(item)) == of_item(item)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "1.0"),
        ("100", "1E+2"),
        ("0", "-0.00"),
        ("007.50", "7.5"),
        ("-12e-3", "-0.012"),
        ("99999999999999999999999999999999999999", "9.9999999999999999999999999999999999999E37"),
    ],
)
def test_a_number_is_the_same_however_it_is_written(one: str, other: str) -> None:
    """Leading and trailing zeros and exponents mean nothing, also with all of the 38 digits."""
    assert of_value({"N": one}) == of_value({"N": other})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"N": "12345678901234567890123456789012345678"}, {"N": "12345678901234567890123456789012345679"}),
        ({"S": "1"}, {"N": "1"}),
        ({"S": "a"}, {"B": b"a"}),
        ({"S": ""}, {"NULL": True}),
        ({"BOOL": False}, {"NULL": True}),
        ({"SS": ["1", "2"]}, {"NS": ["1", "2"]}),
        ({"SS": ["a"]}, {"BS": [b"a"]}),
        ({"SS": ["a", "b"]}, {"L": [{"S": "a"}, {"S": "b"}]}),
        ({"L": [{"S": "a"}, {"S": "b"}]}, {"L": [{"S": "b"}, {"S": "a"}]}),
        ({"L": [{"S": "ab"}]}, {"L": [{"S": "a"}, {"S": "b"}]}),
        ({"M": {"a": {"S": "b"}}}, {"M": {"b": {"S": "a"}}}),
        ({"L": []}, {"M": {}}),
    ],
)
def test_values_that_differ_have_other_bytes(one: Any, other: Any) -> None:
    """Types are told apart, digits are kept, and the limits between members of a list count."""
    assert of_value(one) != of_value(other)


def test_a_binary_of_boto3s_resource_is_the_same_as_its_bytes() -> None:
    """Both ways in which boto3 gives a binary have the same bytes."""
    assert of_value({"B": Binary(b"\x00\xff")}) == of_value({"B": b"\x00\xff"})


@pytest.mark.parametrize(
    "value", [{"X": "a"}, {}, {"S": "a", "N": "1"}, {"N": "one"}, {"N": "NaN"}, {"N": "Infinity"}, "a"]
)
def test_what_is_no_value_is_refused(value: Any) -> None:
    """A type that is not known, or a number that is none, is never hashed as if it were one."""
    with pytest.raises(Unknown):
        of_value(value)


def test_a_key_has_the_order_of_its_names() -> None:
    """Partition and sort key that change places are another key, and a missing one is refused."""
    item = {"a": {"S": "x"}, "b": {"S": "y"}}
    assert of_key(item, ("a", "b")) != of_key(item, ("b", "a"))
    with pytest.raises(Unknown, match="'c'"):
        of_key(item, ("a", "c"))
