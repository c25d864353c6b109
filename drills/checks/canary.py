"""Reads the canary of a restored copy: is its chain whole, and which instant does its newest row prove?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from drills.canary import SCHEMA, digest_of
from drills.checks.session import Connection
from drills.model import Finding

NAME = "canary"
TABLE = f"{SCHEMA}.beat"
_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class CanaryState:
    """The canary as read: its rows, its newest row, and where its chain is broken ("" where it is whole).

    `expected_digest` is the digest of the row that was the newest one on the source, "" where it is not there.
    """

    rows: int
    newest_seq: int
    newest_at: datetime
    newest_digest: str
    broken: str = ""
    oldest_seq: int = 0
    expected_digest: str = ""


def observe(connection: Connection, *, expected: CanaryState | None = None) -> CanaryState | None:
    """The canary of one database, None where it has none or an empty one; `expected` is the source's."""
    present = connection.execute("select pg_catalog.to_regclass(%s) is not null", (TABLE,)).fetchone()
    if present is None or not present[0]:
        return None
    with connection.cursor(name="canary") as cursor:
        cursor.itersize = _BATCH
        cursor.execute(f"select seq, beat_at, previous, digest from {TABLE} order by seq")
        return follow(cursor, expected.newest_seq if expected else 0)


def follow(rows: Iterable[tuple[int, datetime, str, str]], expected_seq: int = 0) -> CanaryState | None:
    """Prove the chain of rows (seq, instant, previous digest, digest) in order of seq; None without rows. Pure.

    The first row may name a predecessor that has been pruned; from there on every link must hold. `expected_seq` is the
    row whose digest is wanted.
    """
    count, oldest, broken, wanted = 0, 0, "", ""
    before: tuple[int, str] | None = None
    newest: tuple[int, datetime, str] | None = None
    for seq, at, previous, digest in rows:
        count += 1
        if not broken:
            broken = _break(before, seq, at, previous, digest)
        oldest = oldest or seq
        wanted = digest if seq == expected_seq else wanted
        before, newest = (seq, digest), (seq, at, digest)
    return CanaryState(count, *newest, broken, oldest, wanted) if newest else None


def _break(before: tuple[int, str] | None, seq: int, at: datetime, previous: str, digest: str) -> str:
    if before is not None and seq != before[0] + 1:
        return f"row {before[0]} is followed by row {seq}"
    if before is not None and previous != before[1]:
        return f"row {seq} does not follow from row {before[0]}"
    if digest != digest_of(previous, seq, at):
        return f"row {seq} has been altered"
    return ""


def judge(expected: CanaryState | None, found: CanaryState | None) -> tuple[Finding, ...]:
    """The chain is whole and reaches at least as far as it did when the manifest was taken. Pure."""
    if found is None:
        if expected is None:
            return ()
        return (_finding(f"row {expected.newest_seq}", "no canary", "the canary is missing from the copy"),)
    if found.broken:
        return (_finding("a whole chain", found.broken, f"the canary's chain is broken: {found.broken}"),)
    if expected is None:
        return ()
    if found.newest_seq < expected.newest_seq:
        message = f"the canary ends at row {found.newest_seq}, expected at least row {expected.newest_seq}"
        return (_finding(f"row {expected.newest_seq}", f"row {found.newest_seq}", message),)
    if found.expected_digest not in ("", expected.newest_digest):
        message = f"row {expected.newest_seq} of the canary is not the one that the source had: whose copy is this?"
        return (_finding(f"digest {expected.newest_digest[:16]}", f"digest {found.expected_digest[:16]}", message),)
    if found.oldest_seq > expected.oldest_seq:
        message = f"the canary begins at row {found.oldest_seq}, on the source it began at row {expected.oldest_seq}"
        first = _finding(f"row {expected.oldest_seq}", f"row {found.oldest_seq}", message)
        return (dataclasses.replace(first, severity="warning"),)  # it may have been pruned since
    return ()


def _finding(expected: str, found: str, message: str) -> Finding:
    query = f"select min(seq), max(seq), max(beat_at) from {TABLE}"
    return Finding(NAME, "error", TABLE, expected, found, message, query)
