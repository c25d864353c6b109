"""The one place that makes text harmless for whoever it is shown to; every exit for people goes through it.

The name of a table can hold the escape codes of a terminal, C1 controls, overrides of the writing direction, characters
without width and line breaks: shown as they are they could write over a report or hide a part of it. They are shown as
`\\x1b`, `\\u202e`, `\\n`. JSON keeps the exact value, escaped as JSON escapes.
"""

from __future__ import annotations

import json
import re
from typing import Any

_SUSPECT = re.compile(r"[^\x20-\x7e]")


def printable(text: str, keep: str = "") -> str:
    """Return the text with every character that prints nothing, or moves what is printed, escaped; those in `keep` stay."""
    return _SUSPECT.sub(
        lambda found: found[0] if found[0].isprintable() or found[0] in keep else _escape(found[0]), text
    )


def printable_lines(text: str) -> str:
    """Return a text of several lines made harmless: its line breaks and tabs stay."""
    return printable(text, "\n\t")


def to_json(value: Any, indent: int = 1) -> str:
    """Return the value as JSON in which nothing but printable characters stands; a reader gets the exact value."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return _SUSPECT.sub(
        lambda found: found[0] if found[0].isprintable() or found[0] == "\n" else json.dumps(found[0])[1:-1], text
    )


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
