"""The newest entry of a chain, by which a reader sees that nothing was removed behind it. Pure, but for reading a start record.

No entry follows the newest one that would name it, so that a chain whose last entries were removed looks whole. Who wrote
number, name and digest down compares them, or gives the digest to `drills evidence verify --newest`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from drills.evidence.check import Problem
from drills.evidence.sums import SUMS

if TYPE_CHECKING:
    from drills.evidence.chain import Chain, Sealed, Started

_START = "start.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a chain. `digest` is the SHA-256 (hexadecimal) of its SHA256SUMS; without a bundle, of its start record.

    `number` is 0 where a bundle does not say it. `announced` is the digest of the start record, "" where there is none: who heard
    of the entry before it had its bundle was told that one.
    """

    number: int
    name: str
    digest: str
    digest_of: Literal["SHA256SUMS", "start record"]
    announced: str = ""


def entries_of(chain: Chain) -> tuple[Entry, ...]:
    """Return the entries of a chain, the newest one last."""
    starts = {each.name: each for each in chain.starts}
    bundles = {each.name: each for each in chain.bundles}
    return tuple(_entry(name, starts.get(name), bundles.get(name)) for name in chain.names())


def _entry(name: str, started: Started | None, bundle: Sealed | None) -> Entry:
    number, announced = int(name.partition("-")[0]), started.digest if started else ""
    if bundle:
        return Entry(number, name, bundle.digest, "SHA256SUMS", announced)
    return Entry(number, name, announced, "start record", announced)


def entry_of_bundle(folder: Path, digest: str) -> Entry:
    """Return the entry that a bundle is, as its start record says; `digest` is that of its SHA256SUMS."""
    try:
        if not (folder / _START).is_file():
            raise ValueError(_START)  # a pipe would be waited for
        start = json.loads((folder / _START).read_bytes())
        number, run = int(start["sequence"]), str(start["run_id"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return Entry(0, folder.absolute().name, digest, "SHA256SUMS")
    return Entry(number, f"{number:04d}-{run}", digest, "SHA256SUMS")


def said(entry: Entry, *, alone: bool) -> str:
    """Return the line that says which entry it is; VERIFY.md prints the same of a chain."""
    what = "this bundle" if alone else "newest entry"
    number = f"number {entry.number}, " if entry.number else ""
    of_start = " of its start record" if entry.digest_of == "start record" else ""
    return f"{what}: {number}{entry.name}, digest{of_start} {entry.digest}"


def compared(told: str, entries: Sequence[Entry]) -> Problem | str | None:
    """Compare with the digest of the entry that was the newest one when a reader was told it.

    A chain that has grown since has it still, which is a note; one that has it no more lost entries from its end.
    """
    place = next((n for n, each in enumerate(entries, 1) if told in (each.digest, each.announced)), None)
    if place is None:
        found = f"{entries[-1].name} with {entries[-1].digest}" if entries else "no entry"
        file = entries[-1].name if entries else SUMS
        return Problem(
            "newest",
            file,
            f"expected an entry with the digest {told}, which was the newest one, found none: the newest one here is {found}: "
            "entries were removed from the end of the chain or made again, or this is another chain",
        )
    if later := len(entries) - place:
        came = f"{later} {'entry' if later == 1 else 'entries'} came after it"
        return f"{entries[place - 1].name} has the digest that was the newest one, and {came}"
    return None
