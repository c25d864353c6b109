"""Items of DynamoDB as bytes: the same for the same item however it is written, others for any other item. Pure.

Each value is its type, its length and its content, so that no two different values have the same bytes. "Data types" of the
DynamoDB developer guide (HowItWorks.NamingRulesDataTypes) says what is the same: a set and a map have no order, a list has one;
leading and trailing zeros of a number mean nothing. Numbers have up to 38 digits, which are kept whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, TypeAlias

Item: TypeAlias = Mapping[str, Mapping[str, Any]]
"""An item as boto3's client has it: {"id": {"S": "a"}, "blob": {"B": b"…"}}."""


class Unknown(ValueError):
    """A value of a type that DynamoDB did not have when this was written, or that is none."""


def of_item(item: Item) -> bytes:
    """Return the bytes of an item, which are those of a map. Raises Unknown."""
    return _of_map(item)


def of_key(item: Item, names: tuple[str, ...]) -> bytes:
    """Return the bytes of an item's key, whose attributes have these names. Raises Unknown where one is missing."""
    try:
        return b"".join(of_value(item[name]) for name in names)
    except KeyError as error:
        raise Unknown(f"an item without the key attribute {error}") from error


def of_value(value: Mapping[str, Any]) -> bytes:
    """Return the bytes of an attribute's value. Raises Unknown."""
    if not isinstance(value, Mapping) or len(value) != 1:
        raise Unknown("a value that does not have exactly one type")
    ((kind, content),) = value.items()
    if kind not in _KINDS:
        raise Unknown(f"a value of the type {kind!r}")
    return _KINDS[kind](content)


def _framed(tag: bytes, content: bytes) -> bytes:
    return tag + len(content).to_bytes(8, "big") + content


def _of_text(text: str) -> bytes:
    return _framed(b"s", text.encode("utf-8", "surrogatepass"))


def _of_binary(content: Any) -> bytes:
    return _framed(b"b", bytes(getattr(content, "value", content)))  # boto3 wraps some binaries


def _of_number(text: str) -> bytes:
    try:
        sign, digits, exponent = Decimal(text).as_tuple()
    except InvalidOperation as error:
        raise Unknown(f"the number {text!r}") from error
    if not isinstance(exponent, int):
        raise Unknown(f"the number {text!r}")
    written = "".join(map(str, digits)).lstrip("0")
    short = written.rstrip("0")
    if not short:
        return _framed(b"n", b"0")
    return _framed(b"n", f"{'-' * sign}{short}e{exponent + len(written) - len(short)}".encode())


def _of_set(tag: bytes, of_one: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    return lambda members: _framed(tag, b"".join(sorted(map(of_one, members))))


def _of_list(members: Any) -> bytes:
    return _framed(b"l", b"".join(map(of_value, members)))


def _of_map(members: Mapping[str, Any]) -> bytes:
    pairs = sorted((_of_text(name), of_value(value)) for name, value in members.items())
    return _framed(b"m", b"".join(name + value for name, value in pairs))


_KINDS: Mapping[str, Callable[[Any], bytes]] = MappingProxyType(
    {
        "S": _of_text,
        "N": _of_number,
        "B": _of_binary,
        "BOOL": lambda value: _framed(b"t" if value else b"f", b""),
        "NULL": lambda _: _framed(b"0", b""),
        "SS": _of_set(b"S", _of_text),
        "NS": _of_set(b"N", _of_number),
        "BS": _of_set(b"B", _of_binary),
        "L": _of_list,
        "M": _of_map,
    }
)
