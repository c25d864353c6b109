"""Real files damaged as they are damaged in life: a member is gone, of another type, twice there, or the file is cut off."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

Path = tuple[Any, ...]
# what a value may be instead: of another type, out of every range, empty, or of letters that few programs are tried with
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    10**40,
    1.5,
    float("nan"),
    float("inf"),
    1e308,
    "",
    " ",
    "x",
    "\x00",
    "\u202e\U0001f4a5\u0308",
    "\ud800",
    "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:59.999999+00:00",
    "../../etc/passwd",
    "a" * 5000,
    [],
    [None],
    [[]],
    {},
    {"": None},
)


def few(number: int) -> int:
    """How many examples a test tries: this many in every pass, and as many as the profile says in a long run."""
    asked = settings().max_examples
    return number if asked == settings.get_profile("drills").max_examples else asked


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """The places of all values below a value."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, key)
            yield from places(each, (*path, key))


def at(whole: Any, path: Path) -> Any:
    """The value in a place."""
    for each in path:
        whole = whole[each]
    return whole


@st.composite
def damaged(draw: st.DrawFn, whole: Any, below: Path = ()) -> Any:
    """A copy of a JSON value with one thing in it changed, somewhere below a place."""
    found = copy.deepcopy(whole)
    paths = list(places(at(whole, below), below))
    if not paths:
        return found
    # first the length, so that the few members near the root are as likely as the many below
    depth = draw(st.sampled_from(sorted({len(each) for each in paths})))
    path = draw(st.sampled_from([each for each in paths if len(each) == depth]))
    holder, key = at(found, path[:-1]), path[-1]
    match draw(st.sampled_from(["drop", "odd", "odd", "odd", "other", "more", "wrap", "text"])):
        case "drop":
            del holder[key]
        case "odd":
            holder[key] = draw(st.sampled_from(ODD))
        case "other":  # another value of the same file
            holder[key] = copy.deepcopy(at(whole, draw(st.sampled_from(paths))))
        case "more" if isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        case "more":
            holder[f"{key} " if isinstance(key, str) else "more"] = copy.deepcopy(holder[key])
        case "wrap":
            holder[key] = [holder[key]]
        case _:  # the same said in another type
            holder[key] = str(holder[key])
    return found


@st.composite
def damaged_text(draw: st.DrawFn, text: str) -> bytes:
    """The bytes of a file that is cut off, has a piece twice, nests too deeply, or has letters that are not its own."""
    place = draw(st.integers(0, len(text)))
    other = draw(st.integers(0, min(200, len(text) - place)))
    piece = text[place : place + other]
    match draw(st.sampled_from(["cut", "twice", "without", "deep", "byte", "mark", "empty", "huge"])):
        case "cut":
            return text[:place].encode()
        case "twice":
            return (text[:place] + piece + piece + text[place + other :]).encode()
        case "without":
            return (text[:place] + text[place + other :]).encode()
        case "deep":
            return (text[:place] + "[" * 100_000 + text[place:]).encode()
        case "byte":
            return text[:place].encode() + b"\xff\xfe\x00" + text[place:].encode()
        case "mark":
            return b"\xef\xbb\xbf" + text.encode()
        case "huge":
            return (text[:place] + "9" * 5000 + text[place:]).encode()
        case _:
            return b""


@st.composite
def damaged_json(draw: st.DrawFn, text: str) -> bytes:
    """The bytes of a JSON file with a value changed, a member twice there, or the text itself damaged."""
    if draw(st.integers(0, 4)) == 0:
        return draw(damaged_text(text))
    found = draw(damaged(json.loads(text)))
    written = json.dumps(found)
    # the second of two members counts, in Python
    if draw(st.integers(0, 9)) == 0 and isinstance(found, dict) and found:
        name = draw(st.sampled_from(sorted(found)))
        written = f"{written[:-1]}, {json.dumps(name)}: {json.dumps(draw(st.sampled_from(ODD)))}}}"
    return written.encode()
