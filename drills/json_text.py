"""What a file that should hold a record really holds, in words for a sentence."""

from __future__ import annotations

import json
from typing import Any

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


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "a text", dict: "an object", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
