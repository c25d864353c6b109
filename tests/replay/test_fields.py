"""Every field of the run record is derived again, compared with something else, or listed with the reason why it is not."""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from drills.errors import ConfigError
from drills.model.record import RunRecord
from drills.record import from_json, to_json
from drills.replay import fields
from drills.replay.again import replay
from tests.support import replayed


def leaves(kind: Any, path: str = "") -> Iterator[str]:
    """Each field of the record's model that has no fields of its own; `name[]` stands for each entry of a list."""
    if get_origin(kind) in (Union, types.UnionType):
        parts = [each for each in get_args(kind) if each is not type(None)]
        kind = next((each for each in parts if dataclasses.is_dataclass(each)), parts[0])
    if get_origin(kind) is tuple:
        yield from leaves(get_args(kind)[0], f"{path}[]")
    elif dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        for each in dataclasses.fields(kind):
            yield from leaves(hints[each.name], f"{path}.{each.name}" if path else each.name)
    else:
        yield path


def above(path: str) -> Iterator[str]:
    """A field, and what it lies in, from the inside."""
    while path:
        yield path
        path = path[:-2] if path.endswith("[]") else path.rpartition(".")[0]


LEAVES = tuple(leaves(RunRecord))
PLACED = dict(fields.placed())


def treatment(path: str) -> str:
    """How a field is treated, "" for one that has no place."""
    return next((PLACED[each] for each in above(path) if each in PLACED), "")


def test_each_field_of_the_record_has_a_place() -> None:
    """A field that is added to the record's model is in no group until somebody has said how a replay treats it."""
    assert [path for path in LEAVES if not treatment(path)] == []


def test_each_place_is_of_a_field() -> None:
    """Nothing is listed that the record does not have, and nothing twice."""
    known = {each for path in LEAVES for each in above(path)}
    assert PLACED.keys() <= known
    assert len(list(fields.placed())) == len(PLACED)
    assert [path for path in PLACED if any(each in PLACED for each in list(above(path))[1:])] == []


def test_what_is_taken_is_listed_with_its_reason() -> None:
    """Who reads a replay sees what it says nothing about."""
    listed = {what: left.reason for left in replay(replayed.evidence()).not_derived for what in left.what.split(", ")}
    assert {path: listed.get(path) for path, how in PLACED.items() if how == "taken" and not listed.get(path)} == {}


def parts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all scalars in a record's JSON."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from parts(each, (*path, key))
    else:
        yield path


def name_of(place: tuple[Any, ...]) -> str:
    """The field that a place belongs to."""
    return "".join("[]" if isinstance(each, int) else f".{each}" for each in place).lstrip(".")


def others(value: Any) -> tuple[Any, ...]:
    """Values that might stand in the place of one."""
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int | float):
        return (value + 7,)
    text = (datetime(2026, 1, 1).isoformat() + "Z", "x", "missed", "broken", "rehearsal", "stored", "planned", "rta")
    return (*text, "optional", "warning", "L2", 7, True) if value is None or isinstance(value, str) else ()


TEXT = to_json(replayed.record())
COMPARED: dict[str, list[tuple[Any, ...]]] = {}
for _place in parts(json.loads(TEXT)):
    if treatment(name_of(_place)) in ("derived", "held"):
        COMPARED.setdefault(name_of(_place), []).append(_place)


@pytest.mark.parametrize("field", COMPARED)
def test_a_change_of_what_is_compared_is_a_difference(field: str) -> None:
    """Whatever is said to be derived or compared is: another value in its place does not pass."""
    for place in COMPARED[field]:
        for other in others(_at(TEXT, place)):
            changed = json.loads(TEXT)
            _at_last(changed, place)[place[-1]] = other
            try:
                record = from_json(json.dumps(changed))
            except ConfigError:
                continue  # no value of that field
            if record != replayed.record():
                assert replay(replayed.evidence(record)).differences, (place, other)


def _at(text: str, place: tuple[Any, ...]) -> Any:
    return _at_last(json.loads(text), place)[place[-1]]


def _at_last(value: Any, place: tuple[Any, ...]) -> Any:
    for each in place[:-1]:
        value = value[each]
    return value
