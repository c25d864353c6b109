"""Writes what `tomllib` has read as TOML again: keys, values and tables, without comments and in one way alone. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any


def dumps(tables: Mapping[str, Any]) -> str:
    """Return the text of a file; each table within a table is written inline."""
    return "".join(f"{_key(name)} = {_value(value)}\n" for name, value in tables.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_value(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else {math.inf: "inf", -math.inf: "-inf"}.get(value, "nan")
    return str(value) if isinstance(value, int) else _text(str(value))


def _key(name: str) -> str:
    return _text(name)


def _text(text: str) -> str:
    # a basic string of TOML takes the escapes of JSON, but for DEL, which it wants escaped
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
