"""Locate differing rows of a table: fingerprints of 32 ranges of its key, each of which identifies a single row that
differs.

A range holds three numbers: how many rows, the sum of their hashes, and the sum of each key times the low bits of its
row's hash. When one row of a range was lost, added or changed, the second difference gives those bits and the third,
divided by them, the key. Where more rows differ the range is reported. Nothing but sums is stored, at most 1 kB a
table.

An integer key is used as it is; any other is used as 40 bits of a hash, under a seed derived from the manifest's key,
so that the key's value is in no manifest and no report (docs/verification.md).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from drills.checks.content.fingerprint import PORTABLE, Algorithm, hash_input, hashes, once, text_digest
from drills.sql import Quoted

CELLS = 32
LARGEST = 2**46  # times 16 bits of a hash it stays within 64 bits
_HASHED_BITS = 40
_CELL = struct.Struct(">hqqq")
_SENT = struct.Struct(">B5sqq")
_TWO64 = 2**64

KeyKind = Literal["integer", "uuid", "hash"]


@dataclass(frozen=True, slots=True)
class Key:
    """The key that identifies a row: quoted columns of a primary key or of a unique index without nulls."""

    kind: KeyKind
    columns: tuple[Quoted, ...]


@dataclass(frozen=True, slots=True)
class Ranges:
    """The ranges of one table: range n holds the keys from `low + n * step`; the first and the last are open.

    `cells` holds the sums, packed; together they are `rows` and `fingerprint` of the table.
    """

    key: Key
    low: int
    step: int
    cells: str

    def edges(self, number: int) -> tuple[int | None, int | None]:
        """Return the least key of a range and the least beyond it; None of an end that is open."""
        low, high = self.low + number * self.step, self.low + (number + 1) * self.step
        return low if number else None, high if number < CELLS - 1 else None

    def number_of(self, key: int) -> int:
        """Return the number of the range that a key is summed in."""
        return min(CELLS - 1, max(0, (key - self.low) // self.step))


@dataclass(frozen=True, slots=True)
class Cell:
    """The sums of one range, the latter two as signed 64-bit numbers."""

    rows: int = 0
    hashed: int = 0
    weighted: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of one range: `keys` that may be the row that differs, best first, none where there are several
    rows.
    """

    number: int
    before: int
    after: int
    keys: tuple[int, ...]


def seed_of(key: bytes | None) -> int:
    """Return the seed under which keys are hashed, a signed 64-bit number."""
    return int.from_bytes(hmac.new(key or b"", b"keys of rows", hashlib.sha256).digest()[:8], "big", signed=True)


def expression(key: Key, algorithm: Algorithm, seed: int) -> Quoted:
    """Return SQL for the number that stands for a row's key; the table is called r."""
    if key.kind == "integer":
        name = f"r.{key.columns[0]}"
        return Quoted(f"case when {name} between {-LARGEST} and {LARGEST} then {name}::bigint else 0 end")
    template = ",".join(["%L"] * len(key.columns))
    text = f"pg_catalog.format('{template}', {', '.join(f'r.{column}' for column in key.columns)})"
    if algorithm not in PORTABLE:
        return Quoted(f'(pg_catalog.hashtextextended({text} collate "C", {seed}) & {2**_HASHED_BITS - 1})')
    digits = _HASHED_BITS // 4
    digest = text_digest(Quoted(f"'{seed}' || {text}"), algorithm)
    return Quoted(f"('x' || pg_catalog.substr({digest}, 1, {digits}))::bit({_HASHED_BITS})::bigint")


def bounds(key: Key, low: int | None, high: int | None) -> tuple[int, int]:
    """Return lower end and width of the ranges for a table whose integer keys lie between these."""
    if key.kind != "integer":
        return 0, 2**_HASHED_BITS // CELLS
    first, last = (max(-LARGEST, min(LARGEST, edge or 0)) for edge in (low, high))
    return first, (last - first) // CELLS + 1


def _wrapped(number: str) -> str:
    """Return SQL for a numeric as the signed 64-bit number that it is modulo 2^64."""
    return f"({number} - {_TWO64} * pg_catalog.floor(({number} + {_TWO64 // 2}) / {_TWO64}))::bigint"


# No more than is needed, for all of it is sent: one byte of a range's number, five of its rows.
_PACKED = " || ".join(
    (
        "pg_catalog.substr(pg_catalog.int2send(cell::int2), 2)",
        "pg_catalog.substr(pg_catalog.int8send(n), 4)",
        f"pg_catalog.int8send({_wrapped('a')})",
        f"pg_catalog.int8send({_wrapped('s')})",
    )
)


def _cell(low: str, step: str) -> str:
    """Return SQL for the number of a key's range."""
    return f"least({CELLS - 1}, greatest(0, (k - {low}) / {step}))"


def query(
    table: Quoted, text: Quoted, key: Key, low: int, step: int, *, algorithm: Algorithm, seed: int, where: str = ""
) -> str:
    """Return a query of one row: count and both sums as in drills/checks/content/fingerprint.py, and the ranges' sums
    packed in a bytea.

    What a row is hashed from is made once, and so is the hash that is used twice.
    """
    first, second = hashes(algorithm)
    condition = f" where {where}" if where else ""
    first = once(first)
    return (
        f"select coalesce(sum(n), 0), coalesce(sum(a), 0), coalesce(sum(b), 0), "
        f"coalesce(pg_catalog.string_agg({_PACKED}, ''::bytea order by cell), ''::bytea) from ("
        f"select {_cell(str(low), str(step))} as cell, count(*) as n, sum(a) as a, sum(b) as b, "
        f"sum((a & 65535) * k) as s from ("
        f"select {first} as a, {second} as b, k from ("
        f"select {hash_input(text, algorithm)} as t, {expression(key, algorithm, seed)} as k "
        f"from only {table} as r{condition}) as rows) as hashed group by 1) as cells"
    )


@dataclass(frozen=True, slots=True)
class Part:
    """One of several tables that are read at once: its name, the SQL of its row's text, its key and the key's seed."""

    table: Quoted
    text: Quoted
    key: Key | None
    seed: int


def query_together(parts: Sequence[Part], algorithm: Algorithm) -> str:
    """Return a query over several tables: a row for each that has any rows, with its place among them before the sums.

    Each row also has the lower end and the width of its ranges, which are what `bounds` makes of the least and the
    largest key. Where there is no key the packed sums mean nothing.
    """
    first, second = hashes(algorithm)
    branches = " union all ".join(
        f"select {place} as n, {hash_input(part.text, algorithm)} as t, "
        f"{expression(part.key, algorithm, part.seed) if part.key else '0::bigint'} as k, {_edge(part.key)} as e "
        f"from only {part.table} as r"
        for place, part in enumerate(parts)
    )
    width = f"coalesce((max(e) - min(e)) / {CELLS} + 1, {2**_HASHED_BITS // CELLS})"
    return (
        f"with hashed as materialized (select n as place, {first} as a, {second} as b, k, e from ({branches}) as rows), "
        f"edges as (select place, coalesce(min(e), 0) as low, {width} as step from hashed group by 1) "
        f"select place, sum(n), sum(a), sum(b), low, step, pg_catalog.string_agg({_PACKED}, ''::bytea order by cell) from ("
        f"select place, low, step, {_cell('low', 'step')} as cell, count(*) as n, sum(a) as a, sum(b) as b, "
        f"sum((a & 65535) * k) as s from hashed join edges using (place) group by 1, 2, 3, 4) as cells group by 1, 5, 6"
    )


def _edge(key: Key | None) -> str:
    """Return SQL for what the ends of the ranges are computed from, null where they do not depend on the rows."""
    if key is None or key.kind != "integer":
        return "null::bigint"
    return f"greatest({-LARGEST}, least({LARGEST}, r.{key.columns[0]}::bigint))"


def pack(sent: bytes) -> str:
    """Return the ranges' sums as a manifest stores them, of what the server sent."""
    raw = b"".join(
        _CELL.pack(number, int.from_bytes(rows, "big"), hashed, weighted)
        for number, rows, hashed, weighted in _SENT.iter_unpack(sent)
    )
    return _packed(raw)


def _packed(raw: bytes) -> str:
    # a window of 1 kB, which is all that there is: one of 32 kB takes six times as long to set up as all of this
    small = zlib.compressobj(6, zlib.DEFLATED, 10, 2)
    return base64.b64encode(small.compress(raw) + small.flush()).decode("ascii")


def unpack(cells: str) -> dict[int, Cell]:
    """Return the sums by the number of their range; ranges without rows are left out."""
    raw = zlib.decompress(base64.b64decode(cells))
    return {number: Cell(*sums) for number, *sums in _CELL.iter_unpack(raw)}


def merge(parts: Iterable[str]) -> str:
    """Return the packed sums of a table from those of its parts. Pure."""
    total: dict[int, Cell] = {}
    for part in parts:
        for number, cell in unpack(part).items():
            known = total.get(number, Cell())
            total[number] = Cell(
                known.rows + cell.rows, _signed(known.hashed + cell.hashed), _signed(known.weighted + cell.weighted)
            )
    raw = b"".join(_CELL.pack(number, cell.rows, cell.hashed, cell.weighted) for number, cell in sorted(total.items()))
    return _packed(raw)


def _signed(number: int) -> int:
    """Return a number modulo 2^64 as the server keeps it, signed."""
    return (number + _TWO64 // 2) % _TWO64 - _TWO64 // 2


def differences(before: Ranges, after: str) -> tuple[Difference, ...]:
    """Return the ranges that differ, and the key of the row where there is a single one. Pure."""
    one, other = unpack(before.cells), unpack(after)
    return tuple(
        _difference(before, number, one.get(number, Cell()), other.get(number, Cell()))
        for number in sorted(one.keys() | other.keys())
        if one.get(number) != other.get(number)
    )


def _difference(ranges: Ranges, number: int, before: Cell, after: Cell) -> Difference:
    hashed = (after.hashed - before.hashed) % _TWO64
    weighted = _signed(after.weighted - before.weighted)
    rows = after.rows - before.rows
    if rows in (-1, 1):
        weights: Iterable[int] = (rows * (rows * hashed % 65536),)
    elif rows == 0:
        weights = (hashed % 65536, hashed % 65536 - 65536)
    else:
        weights = ()
    keys = (weighted // weight for weight in weights if weight and weighted % weight == 0)
    return Difference(number, before.rows, after.rows, tuple(key for key in keys if _cell_of(ranges, key) == number))


def _cell_of(ranges: Ranges, key: int) -> int:
    if not -LARGEST <= key <= LARGEST:
        return -1
    return ranges.number_of(key)
