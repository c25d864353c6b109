"""What a file that should hold a record really holds: in words for a sentence, and as a document of a version that is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from drills.errors import ConfigError

VERSION = "schema_version"


def what_is_in(text: str) -> str:
    """Return what a text is in place of a record's JSON, an object with its version as a number; "" where it is such a one."""
    if not text.strip():
        return "an empty file"
    try:
        raw = json.loads(text)
    except ValueError as error:
        return f"no JSON ({error})"
    except RecursionError:  # lists thousands deep
        return "no JSON (too deep)"
    if not isinstance(raw, dict):
        return _kind(raw)
    if not raw:
        return "an empty object, {}"
    if VERSION not in raw:
        return f"an object without {VERSION}"
    if not isinstance(raw[VERSION], int):
        return f"an object whose {VERSION} is {_kind(raw[VERSION])}"
    return ""


def document_of(text: str, name: str, newest: int, none: Callable[[str, str], ConfigError]) -> dict[str, Any]:
    """Return the object in the text of a file of that name. Raises `none(name, what is there)`; ConfigError for a newer version."""
    if found := what_is_in(text):
        raise none(name, found)
    raw: dict[str, Any] = json.loads(text)
    if raw[VERSION] > newest:
        raise ConfigError(
            f"{name} has schema version {raw[VERSION]}; this version reads up to {newest}: use a newer one"
        )
    return raw


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "a text", dict: "an object", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
