"""Compare the contents of two databases of different encodings: the characters may be the same, the bytes are not. Pure.

The portable algorithm hashes text in UTF8 whatever the database's encoding is, so that it compares characters. The fast
one hashes bytes: between encodings, rows can be counted and no more. SQL_ASCII does not say which characters its bytes are
(https://www.postgresql.org/docs/current/multibyte.html), and MULE_INTERNAL has no conversion to UTF8.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Set
from typing import Literal

from drills.checks.base.outcome import CheckOutcome
from drills.checks.content.fingerprint import PORTABLE, UNKNOWN_ENCODINGS
from drills.checks.content.model import Contents, TableContent
from drills.checks.content.read import policy_of
from drills.model.finding import NotChecked
from drills.model.policy import TablePolicy
from drills.plural import counted

Comparable = Literal["whole", "as text", "as bytes", "by count"]
"""How the rows of two encodings can be compared: `as bytes` and `by count` can only show that some are equal, or fewer."""


def comparable(expected: Contents, source: str, copy: str) -> Comparable:
    """Return how contents of the encoding `source` can be compared with those of `copy`; "" is an unknown encoding."""
    if source in ("", copy):
        return "whole"
    if {source, copy} & UNKNOWN_ENCODINGS:
        return "as bytes"
    return "as text" if expected.algorithm in PORTABLE and expected.encoding else "by count"


@dataclasses.dataclass(frozen=True, slots=True)
class Encodings:
    """The encodings of both sides, how their rows can be compared, and the tables whose text depends on the encoding.

    jsonb, tsvector and hstore keep their parts in the order of their bytes.
    """

    source: str
    copy: str
    how: Comparable
    byte_ordered: Set[str] = frozenset()

    @property
    def difference(self) -> str:
        """Return the two in words."""
        return f"the source's encoding is {self.source}, the copy's {self.copy}"


def settle(
    expected: Contents, found: Contents, policies: Mapping[str, TablePolicy], encodings: Encodings
) -> tuple[Contents, Contents, CheckOutcome]:
    """Return both without the tables whose contents cannot be compared, which are not verified; rows are counted.

    Where rows differ, nothing says which: their keys are hashed as they are encoded.
    """
    if encodings.how == "whole":
        return expected, found, CheckOutcome()
    before, after = dict(expected.tables), dict(found.tables)
    unverified = []
    for name, table in expected.tables.items():
        before[name] = dataclasses.replace(table, ranges=None)
        by_count = policy_of(name, table.root, policies).kind in ("skip", "at least")
        if name in after and not by_count and (why := _incomparable(name, table, after[name], encodings)):
            reason = f"{counted(table.rows, 'row')} counted, and the contents not compared: {encodings.difference}{why}"
            unverified.append(NotChecked(name, reason))
            del before[name], after[name]
    how = {"as text": "contents were compared as text", "as bytes": "equal bytes are taken as equal contents"}
    excluded = [NotChecked("encoding", f"{how[encodings.how]}: {encodings.difference}")] if encodings.how in how else []
    return (
        dataclasses.replace(expected, tables=before),
        dataclasses.replace(found, tables=after),
        CheckOutcome(unverified=tuple(unverified), excluded=tuple(excluded)),
    )


def _incomparable(name: str, before: TableContent, after: TableContent, encodings: Encodings) -> str:
    """Return why a table's contents cannot be compared, "" where they can; a different number of rows always tells."""
    if before.rows != after.rows or not before.rows or (before.column, before.up_to) != (after.column, after.up_to):
        return ""
    same = before.fingerprint == after.fingerprint
    if encodings.how == "by count":
        return "; take the manifest again with drills manifest --portable"
    if encodings.how == "as bytes" and not same:
        return ", and one of them does not say which characters its bytes are; convert the copy to the other's encoding"
    if encodings.how == "as text" and not same and name in encodings.byte_ordered:
        return (
            ", by whose bytes its columns of type jsonb, tsvector or hstore are ordered; compare them by an invariant"
        )
    return ""
