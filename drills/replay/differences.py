"""Names the differences between what a record says and what follows from the evidence. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drills.checks.observed import adapter_of

NOTHING = "nothing"
_LONGEST = 300  # characters of a value that is shown
# the member by which the entries of a list are known, by what they are
_KEYS = ("name", "id", "instance_id", "by", "arn")


@dataclass(frozen=True, slots=True)
class Difference:
    """One value of the record that does not follow from the evidence: its path, as recorded, and as derived."""

    what: str
    recorded: str
    derived: str

    def __str__(self) -> str:
        """The difference in a sentence."""
        return f"{self.what}: recorded {self.recorded}, derived {self.derived}"


def between(what: str, recorded: Any, derived: Any) -> tuple[Difference, ...]:
    """Return the differences between two values of the record's model, each with its path below `what`."""
    return tuple(_walk(what, _plain(recorded), _plain(derived)))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return adapter_of(type(value)).dump_python(value, mode="json")
    return value


def _walk(what: str, recorded: Any, derived: Any) -> Iterator[Difference]:
    if isinstance(recorded, dict) and isinstance(derived, dict):
        for name in dict.fromkeys((*recorded, *derived)):
            yield from _walk(f"{what}.{name}", recorded.get(name), derived.get(name))
    elif isinstance(recorded, list) and isinstance(derived, list):
        yield from _lists(what, recorded, derived)
    elif recorded != derived and not _near(recorded, derived):
        yield Difference(what, _shown(recorded), _shown(derived))


def _lists(what: str, recorded: Sequence[Any], derived: Sequence[Any]) -> Iterator[Difference]:
    """Compare entries by their names, else by their place."""
    one, other = _named(recorded), _named(derived)
    for name in dict.fromkeys((*one, *other)):
        yield from _walk(f"{what}[{name}]", one.get(name), other.get(name))


def _named(entries: Sequence[Any]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for number, entry in enumerate(entries):
        key = next((str(entry[key]) for key in _KEYS if isinstance(entry, dict) and entry.get(key)), "")
        if isinstance(entry, dict) and "object" in entry:  # a finding
            key = str(entry["object"])
        if isinstance(entry, dict) and "what" in entry:  # what was not checked
            key = f"{entry['what']}: {entry['reason']}"
        if isinstance(entry, str):
            key = entry
        key = key or str(number + 1)
        while key in found:
            key += " again"
        found[key] = entry
    return found


def _near(recorded: Any, derived: Any) -> bool:
    """Return whether two numbers differ by less than floating-point arithmetic makes of them."""
    numbers = isinstance(recorded, float | int) and isinstance(derived, float | int)
    return numbers and not isinstance(recorded, bool) and abs(recorded - derived) < 1e-6


def _shown(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool | datetime):  # as drill.json has it
        return str(value).lower() if isinstance(value, bool) else value.isoformat().replace("+00:00", "Z")
    text = str(value) if isinstance(value, str | int | float) else repr(value)
    text = text or '""'
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
