"""Judges the objects of a copy beside those that its source had when it was backed up. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from drills.model.finding import CheckResult, Finding, NotChecked
from drills.plural import counted

CHECK = "objects"
KEYS_SHOWN = 3
Difference = Literal["missing", "added", "content", "metadata", "encryption", "system", "tags", "unread", "later"]
_WRONG: dict[Difference, str] = {
    "missing": "missing from the copy",
    "added": "in the copy that the source did not have, or whose versions somebody has removed since",
    "content": "with another content",
    "metadata": "with other metadata of the user's",
    "encryption": "encrypted otherwise, though the restore was asked for the original encryption",
}
_ODD: dict[Difference, str] = {
    "system": "with other headers, such as the content type",
    "tags": "with another number of tags, which a backup can leave out",
}
_UNKNOWN: dict[Difference, str] = {
    "unread": "of which the size alone was compared: S3 tells no checksum that both have, and they were not read",
    "later": "of which the source has later versions alone: what they were at the backup has been removed",
}


@dataclass(frozen=True, slots=True)
class Differing:
    """Objects that differ in one way: how many, and the first of their keys."""

    what: Difference
    count: int
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectsSeen:
    """The objects of a copy beside those of its source at `at`, the instant of the backup.

    `expected` is None where the source is gone. `read` were read whole of both, `told` are the same by S3's ETag or checksum alone.
    `in_flux` were written while the backup went on, `newer` came after it. `most` is the limit where it ended the listing.
    """

    KIND: ClassVar[str] = "objects of a bucket"
    at: datetime | None
    expected: int | None
    found: int = 0
    read: int = 0
    told: int = 0
    differing: tuple[Differing, ...] = ()
    in_flux: int = 0
    newer: int = 0
    most: int | None = None


def grouped(found: Iterable[tuple[Difference, str]]) -> tuple[Differing, ...]:
    """Return the differences of single objects by what they are, each with its first keys."""
    by_what: dict[Difference, list[str]] = {}
    for what, key in found:
        by_what.setdefault(what, []).append(key)
    return tuple(Differing(what, len(keys), tuple(sorted(keys)[:KEYS_SHOWN])) for what, keys in sorted(by_what.items()))


def judge(seen: ObjectsSeen) -> CheckResult:
    """Return whether each object of the backup is in the copy, and nothing else. It is met where every one of them was read."""
    if nothing := _nothing(seen):
        return CheckResult(CHECK, "not verified", f"no object compared: {nothing}", unverified=1)
    compared = seen.read + seen.told
    findings = tuple(_findings(seen.differing))
    wrong = [each.message for each in findings if each.severity == "error"]
    odd = [each.message for each in findings if each.severity == "warning"]
    unknown = tuple(_not_checked(seen))
    told = f"{counted(seen.found, 'object')} restored, {counted(seen.expected or 0, 'object')} expected; {_how(seen)}"
    parts = (*wrong, *odd, *(f"not compared: {each.what}, {each.reason}" for each in unknown), *_beside(seen))
    sentence = "; ".join((told, *parts))
    unverified = sum(each.count for each in seen.differing if each.what in _UNKNOWN) + seen.told
    proved = not wrong and compared and not unverified
    outcome: Literal["met", "missed", "not verified"] = "missed" if wrong else "met" if proved else "not verified"
    left = (*unknown, *_in_flux(seen))
    return CheckResult(
        CHECK, outcome, sentence, compared=compared, findings=findings, not_checked=left, unverified=unverified
    )


def _nothing(seen: ObjectsSeen) -> str:
    """Return why nothing was compared, "" where something was."""
    if seen.most is not None:
        return f"there are more than {seen.most} versions or objects: raise objects.most, or name an objects.prefix"
    if seen.expected is None:
        return "the source is gone, and nothing else says what it had"
    if not seen.expected and not seen.found:
        return "the source had none when it was backed up, and a bucket without objects proves nothing"
    return ""


def _how(seen: ObjectsSeen) -> str:
    return f"{seen.read} read whole of both sides, {seen.told} the same by S3's own ETag or checksum alone"


def _findings(differing: Iterable[Differing]) -> Iterator[Finding]:
    for each in differing:
        words = _WRONG.get(each.what) or _ODD.get(each.what)
        if words:
            severity: Literal["error", "warning"] = "error" if each.what in _WRONG else "warning"
            told = f"{counted(each.count, 'object')} {words}{_named(each)}"
            yield Finding(CHECK, severity, each.what, "the objects as they were", told, told)


def _not_checked(seen: ObjectsSeen) -> Iterator[NotChecked]:
    for each in seen.differing:
        if each.what in _UNKNOWN:
            yield NotChecked(counted(each.count, "object"), f"{_UNKNOWN[each.what]}{_named(each)}")
    if seen.told:
        reason = "of which S3's word alone was compared, and not the content: raise objects.read_mib"
        yield NotChecked(counted(seen.told, "object"), reason)


def _in_flux(seen: ObjectsSeen) -> Iterator[NotChecked]:
    if seen.in_flux:
        reason = "written while the backup went on, of whose moments AWS does not say which is in it"
        yield NotChecked(counted(seen.in_flux, "object"), reason)


def _beside(seen: ObjectsSeen) -> Iterator[str]:
    if seen.in_flux:
        yield f"{counted(seen.in_flux, 'object')} left out that were written while the backup went on"
    if seen.newer:
        yield f"{counted(seen.newer, 'object')} of the source came after it"


def _named(each: Differing) -> str:
    more = ", …" if each.count > len(each.keys) else ""
    return f" ({', '.join(each.keys)}{more})" if each.keys else ""
