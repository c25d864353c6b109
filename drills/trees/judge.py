"""Judges a folder beside the manifest of another. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from drills.model.finding import CheckResult, Finding, NotChecked
from drills.plural import counted
from drills.trees.manifest import Entry, Tree

CHECK = "files"
LISTED = 100  # findings; the sentence has the number of all
_MEMBERS = ("kind", "mode", "owner", "size", "digest")


def judge(expected: Tree, found: Tree) -> CheckResult:
    """Return whether all that was expected is there as it was, and nothing else. What one side could not read is not verified."""
    unread = {**expected.unread, **found.unread}
    names = sorted((expected.entries.keys() | found.entries.keys()) - _below(unread, expected.entries, found.entries))
    differences = [each for name in names for each in _differences(name, expected.entries, found.entries)]
    told = f"{counted(len(names), 'file')}, directories and links compared" if names else "nothing compared"
    told += f": {_counts([what for what, _ in differences])}" if differences else ""
    told += f"; {counted(len(unread), 'place')} could not be read" if unread else ""
    outcome = "missed" if differences else "not verified" if unread or not names else "met"
    return CheckResult(
        CHECK,
        outcome,  # type: ignore[arg-type]
        told,
        compared=len(names),
        findings=tuple(finding for _, finding in differences[:LISTED]),
        not_checked=tuple(NotChecked(name, why) for name, why in sorted(unread.items())),
        unverified=len(unread),
    )


def _below(unread: Mapping[str, str], *sides: Mapping[str, Entry]) -> set[str]:
    """Return what cannot be compared: what was not read on one side, and all below it."""
    if "." in unread:
        return {name for side in sides for name in side}
    stems = tuple(f"{each}/" for each in unread)
    return {name for side in sides for name in side if name in unread or name.startswith(stems)}


def _differences(name: str, expected: Mapping[str, Entry], found: Mapping[str, Entry]) -> Iterator[tuple[str, Finding]]:
    """Yield each difference with what kind of one it is."""
    was, is_now = expected.get(name), found.get(name)
    if was is None:
        yield "that should not be there", _finding(name, "not there", "there")
    elif is_now is None:
        yield "missing", _finding(name, "there", "not there")
    else:
        changed = [member for member in _MEMBERS if getattr(was, member) != getattr(is_now, member)]
        if "size" in changed and "digest" in changed:
            changed.remove("digest")  # which follows
        for member in changed:
            word = "content" if member == "digest" else member
            told = (f"{word} {getattr(each, member)}" for each in (was, is_now))
            yield f"of another {word}", _finding(name, *told)


def _finding(name: str, expected: str, found: str) -> Finding:
    return Finding(CHECK, "error", name, expected, found, f"{name}: expected {expected}, found {found}")


def _counts(differences: Sequence[str]) -> str:
    """Return how often each kind of difference was found."""
    return ", ".join(f"{differences.count(what)} {what}" for what in dict.fromkeys(differences))
