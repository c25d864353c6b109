"""Verify the canary of a restored copy: is its chain whole, and which instant does its newest row prove?"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from drills.checks.base.copy_code import CopyCode
from drills.checks.base.relations import CANARY_SCHEMA, canary_tables
from drills.checks.base.session import Connection
from drills.durations import show_duration
from drills.model.finding import Finding
from drills.sql import execute

NAME = "canary"
SCHEMA = CANARY_SCHEMA
TABLE = f"{SCHEMA}.beat"
CHECKPOINT = f"{SCHEMA}.checkpoint"
_BATCH = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PRESENT = f"select pg_catalog.to_regclass(%s) in {canary_tables()}"  # a user's table may have the name


@dataclass(frozen=True, slots=True)
class CanaryState:
    """A canary as it was read: its rows, its newest row, and where its chain is broken ("" where it is whole).

    `expected_digest` is the digest of the row that was the newest one on the source, "" where it is not there.
    """

    rows: int
    newest_seq: int
    newest_at: datetime
    newest_digest: str
    broken: str = ""
    oldest_seq: int = 0
    expected_digest: str = ""
    went_back: str = ""  # where the source's clock went backwards, by how much at most
    pruned_to: int = 0  # the last row that was pruned and is known by its checkpoint


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The checkpoint of a pruned chain: the last row that was removed, which the oldest row left must follow."""

    seq: int
    digest: str


def read_checkpoint(connection: Connection) -> Checkpoint | None:
    """Return the checkpoint of a canary, None where nothing was pruned from it (or by other means)."""
    present = execute(connection, _PRESENT, (CHECKPOINT,)).fetchone()
    if present is None or not present[0]:
        return None
    row = connection.execute(f"select seq, digest from {CHECKPOINT} order by seq desc limit 1").fetchone()
    return Checkpoint(*row) if row else None


def observe(connection: Connection, *, expected: CanaryState | None = None) -> CanaryState | None:
    """Return the canary of one database, None where it has none or an empty one; `expected` is the source's."""
    present = execute(connection, _PRESENT, (TABLE,)).fetchone()
    if present is None or not present[0]:
        return None
    checkpoint = read_checkpoint(connection)
    with connection.cursor(name="canary") as cursor:
        cursor.itersize = _BATCH
        cursor.execute(f"select seq, beat_at, previous, digest from {TABLE} order by seq")
        return verify_chain(cursor, expected.newest_seq if expected else 0, checkpoint=checkpoint)


def unsafe(code: CopyCode) -> str:
    """Return why a canary is not read, since planning a query of it would run code; "" where it is."""
    return code.of("", 0, (TABLE, CHECKPOINT))


def verify_chain(
    rows: Iterable[tuple[int, datetime, str, str]], expected_seq: int = 0, *, checkpoint: Checkpoint | None = None
) -> CanaryState | None:
    """Verify the chain of rows (seq, instant, previous digest, digest) in order of seq; None without rows. Pure.

    The first row is number 1, or follows the checkpoint `anchor`; from there on every link must hold. `expected_seq` is
    the row whose digest is wanted. Instants may be of any zone, and are UTC in the state.
    """
    count, oldest, broken, wanted = 0, 0, "", ""
    back: tuple[float, int] = (0.0, 0)
    before = (checkpoint.seq, checkpoint.digest) if checkpoint else (0, "")
    newest: tuple[int, datetime, str] | None = None
    for seq, local, previous, digest in rows:
        count += 1
        at = local.astimezone(UTC)  # two instants of one zone are compared by its wall clock, which goes back in autumn
        if not broken:
            broken = _break(before, seq, at, previous, digest)
        if newest is not None:
            back = max(back, ((newest[1] - at).total_seconds(), seq))
        oldest = oldest or seq
        wanted = digest if seq == expected_seq else wanted
        before, newest = (seq, digest), (seq, at, digest)
    if newest is None:
        return None
    went_back = f"by {show_duration(back[0])} at row {back[1]}" if back[0] > 0 else ""
    return CanaryState(count, *newest, broken, oldest, wanted, went_back, checkpoint.seq if checkpoint else 0)


def _break(before: tuple[int, str], seq: int, at: datetime, previous: str, digest: str) -> str:
    if seq != before[0] + 1:
        if before[0] == 0:
            return f"row {seq} is the first, and no checkpoint says that those before it were pruned"
        return f"row {before[0]} is followed by row {seq}"
    if previous != before[1]:
        return f"row {seq} does not follow from row {before[0]}"
    if digest != digest_of(previous, seq, at):
        return f"row {seq} has been altered"
    return ""


def judge(expected: CanaryState | None, found: CanaryState | None) -> tuple[Finding, ...]:
    """Judge whether the chain is whole and reaches at least as far as when the manifest was taken. Pure."""
    if found is None:
        if expected is None:
            return ()
        return (_finding(f"row {expected.newest_seq}", "no canary", "the canary is missing from the copy"),)
    if found.broken:
        return (_finding("a whole chain", found.broken, f"the canary's chain is broken: {found.broken}"),)
    if expected is None:
        return _clock(found)
    if found.newest_seq < expected.newest_seq:
        message = f"the canary ends at row {found.newest_seq}, expected at least row {expected.newest_seq}"
        return (_finding(f"row {expected.newest_seq}", f"row {found.newest_seq}", message),)
    if found.expected_digest not in ("", expected.newest_digest):
        message = f"row {expected.newest_seq} of the canary is not the source's: this may be another source's copy"
        return (_finding(f"digest {expected.newest_digest[:16]}", f"digest {found.expected_digest[:16]}", message),)
    return _clock(found)


def _clock(found: CanaryState) -> tuple[Finding, ...]:
    """Warn where the source's clock went back: the newest row's instant is the last one that this clock gave."""
    if not found.went_back:
        return ()
    message = f"the source's clock went back {found.went_back}: the measured data loss relies on that clock"
    return (dataclasses.replace(_finding("a clock that goes on", found.went_back, message), severity="warning"),)


def _finding(expected: str, found: str, message: str) -> Finding:
    query = f"select min(seq), max(seq), max(beat_at) from {TABLE}"
    return Finding(NAME, "error", TABLE, expected, found, message, query)


def digest_of(previous: str, seq: int, at: datetime) -> str:
    """Return the digest that a row must have: SHA-256 over the previous one, its number and its microseconds since
    1970.
    """
    whole = at - _EPOCH
    micros = (whole.days * 86400 + whole.seconds) * 1_000_000 + whole.microseconds
    return hashlib.sha256(f"{previous}|{seq}|{micros}".encode()).hexdigest()
