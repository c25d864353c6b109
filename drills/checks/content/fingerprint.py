"""The SQL that fingerprints a table: a row count and 128 bits, independent of the order of rows and sensitive to duplicates.

The fast algorithm makes 64 bits of a row from the hashes of its values (drills/checks/content/typed.py). The others hash
the row's text, as PostgreSQL writes a row: nothing for null, `""` for an empty value, quotes around what
has a comma, a quote, a parenthesis, a backslash or a space
(https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX), so that no two rows of different contents
have the same text. Either is made once a row (`once`). Columns are taken in the order of
their names: a column that was dropped and added again makes no difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

from drills.sql import Quoted, literal

Algorithm = Literal["typed/hash64/1", "record/hashtextextended/2", "record/sha256/1", "record/md5/2"]
"""How a row is turned into a number or a text, and how that is hashed into two 64-bit numbers, each summed over the table.

Fingerprints of different algorithms are never compared: whoever reads takes that of the manifest.
"""
FAST: Algorithm = "typed/hash64/1"
STRONG: Algorithm = "record/hashtextextended/2"
STABLE: Algorithm = "record/sha256/1"
MD5: Algorithm = "record/md5/2"  # of older manifests: a server in FIPS mode refuses it
PORTABLE = frozenset({STABLE, MD5})
"""Algorithms that are the same on every server; PostgreSQL promises its own hashes within a major version and architecture."""
_OF_DIGEST = (
    "('x' || pg_catalog.substr(t, 1, 16))::bit(64)::bigint",
    "('x' || pg_catalog.substr(t, 17, 16))::bit(64)::bigint",
)
_HASHES: dict[Algorithm, tuple[str, str]] = {
    # what a row's 64 bits are mixed into is not linear: values that change places between rows do not cancel in a sum
    FAST: ("pg_catalog.hashint4extended(1, t)", "pg_catalog.hashint4extended(2, t)"),
    STRONG: (
        'pg_catalog.hashtextextended(t collate "C", 0)',
        'pg_catalog.hashtextextended(t collate "C", 7046029254386353131)',
    ),
    STABLE: _OF_DIGEST,
    MD5: _OF_DIGEST,
}


_DOUBLED = r"'\', '\\'"  # a backslash, and two: decode() takes them for one
Form = Literal["row", "columns"]
"""Whether a row's text consists of its values, or of the hashes of its values where it would be longer than 1 GB."""
TEXT_CALIBRATION = """
select pg_catalog.string_agg(pg_catalog.hashtextextended(
    (pg_catalog.repeat(pg_catalog.chr(33 + g % 90), g) || g) collate "C", g % 3)::text, ',' order by g)
from pg_catalog.generate_series(0, 399) as g
"""
"""SQL for the fast hashes of 400 texts: servers that give the same have the same hash function."""


UNKNOWN_ENCODINGS = frozenset({"SQL_ASCII", "MULE_INTERNAL"})
"""Encodings whose text cannot be converted to UTF8: what its bytes mean is unknown, or there is no conversion."""


def conversion(algorithm: Algorithm, server: str, source: str | None) -> str:
    """Return the encoding that text is converted to before it is hashed, "" where it is hashed as it is.

    The portable algorithm hashes UTF8 whatever the encodings are, where they are known. `server` is the database's own,
    `source` the one in a manifest that the database is compared with, if any: "" where it was taken before encodings were
    stored, with hashes of the bytes as they were.
    """
    known = not {server, source} & {"", *UNKNOWN_ENCODINGS}
    return "UTF8" if algorithm in PORTABLE and known and server != "UTF8" else ""


def hashes(algorithm: Algorithm) -> tuple[str, str]:
    """Return SQL for the two hashes, as 64-bit numbers, of the value named t that `hash_input` returns."""
    return _HASHES[algorithm]


def calibration(texts: str, values: str) -> str:
    """Return the digests, with a colon between, of what a server answers to `TEXT_CALIBRATION` and `typed.CALIBRATION`.

    The first is all that manifests had before values were hashed by their types.
    """
    first = hashlib.md5(texts.encode(), usedforsecurity=False).hexdigest()
    return f"{first}:{hashlib.sha256(values.encode()).hexdigest()[:32]}"


def agree(algorithm: Algorithm, one: str, other: str) -> bool:
    """Return whether the servers of two calibrations have the same hash functions, as far as an algorithm uses them."""
    if algorithm in PORTABLE:
        return True
    return one == other if algorithm == FAST else one.partition(":")[0] == other.partition(":")[0]


def once(value: str) -> str:
    """Return SQL for a value of a subquery that is computed once a row however often it is used, also in parallel workers.

    It stands behind a call that is volatile, so that the planner does not copy it, and parallel-safe: of those the cheapest.
    """
    return f"case when pg_catalog.pg_is_in_recovery() is not null then {value} end"


def hash_input(text: Quoted, algorithm: Algorithm) -> str:
    """Return SQL for the value, named t, that both hashes are computed from."""
    return once(_digest(text, algorithm) if algorithm in PORTABLE else text)


def _digest(value: Quoted, algorithm: Algorithm) -> str:
    """Return SQL for the hexadecimal digest of what `_converted` returns, for one of the portable algorithms."""
    if algorithm == MD5:
        return f"pg_catalog.md5({value})"
    return f"pg_catalog.encode(pg_catalog.sha256({value}), 'hex')"


def text_digest(text: Quoted, algorithm: Algorithm) -> str:
    """Return SQL for the hexadecimal digest of a text as it is encoded, by one of the portable algorithms."""
    return _digest(_converted(text, algorithm, ""), algorithm)


def columns_text(
    columns: Sequence[Quoted], binary: Sequence[Quoted], algorithm: Algorithm, convert: str = ""
) -> Quoted:
    """Return SQL for a row's text built from the hashes of its values, so that one value may be as long as PostgreSQL
    allows.

    `binary` names the columns of type bytea, whose text would be twice as long as they are. `convert` as in `text_of`.
    """
    first, second = hashes(algorithm)
    parts = []
    for name in sorted(columns):
        if name in binary:
            hashed = f"pg_catalog.encode(pg_catalog.sha256(r.{name}), 'hex')"
        elif algorithm in PORTABLE:
            hashed = _digest(_converted(Quoted(f"r.{name}::text"), algorithm, convert), algorithm)
        else:
            hashed = f"(select {first} || ':' || {second} from (select r.{name}::text as t) as v)"
        parts.append(f"case when pg_catalog.num_nulls(r.{name}) = 0 then {hashed} else 'null' end")
    joined = Quoted(" || ',' || ".join(parts) if parts else "''")
    return _converted(joined, algorithm, "")


def text_of(
    columns: Sequence[Quoted], binary: Sequence[Quoted], algorithm: Algorithm, form: Form, convert: str = ""
) -> Quoted:
    """Return SQL for the text of a row in one of the two forms.

    With `convert`, the name of an encoding, it is a bytea of the text in that encoding, for SHA-256 a bytea in any case.
    """
    if form == "columns":
        return columns_text(columns, binary, algorithm, convert)
    return _converted(row_text(columns), algorithm, convert)


def _converted(text: Quoted, algorithm: Algorithm, convert: str) -> Quoted:
    if convert:
        return Quoted(f"pg_catalog.convert_to({text}, {literal(convert)})")
    if algorithm != STABLE:
        return text
    # the bytes as they are: convert_to() would refuse those that are no text in the database's encoding
    return Quoted(f"pg_catalog.decode(pg_catalog.replace({text}, {_DOUBLED}), 'escape')")


def row_text(columns: Sequence[Quoted]) -> Quoted:
    """Return SQL for the text of a row; `columns` are quoted names in any order."""
    return Quoted(f"row({', '.join(f'r.{name}' for name in sorted(columns))})::text")


def query(table: Quoted, columns: Sequence[Quoted], algorithm: Algorithm, where: str = "") -> str:
    """Return a query of one row: count, and the two sums of 64-bit hashes as numerics, for a quoted table and column
    names.
    """
    return query_of(table, text_of(columns, (), algorithm, "row"), algorithm, where)


def query_of(table: Quoted, text: Quoted, algorithm: Algorithm, where: str = "", carried: str = "") -> str:
    """Return the query of `query` for the SQL of a row's text.

    `carried` is the condition of an extension's configuration table as pg_dump has it, with its WHERE; it may name the
    table.
    """
    first, second = _HASHES[algorithm]
    condition = f" where {where}" if where else ""
    source = f"(select * from only {table} {carried})" if carried else f"only {table}"
    return (
        f"select count(*), coalesce(sum({first}), 0), coalesce(sum({second}), 0) from ("
        f"select {hash_input(text, algorithm)} as t from {source} as r{condition}) as rows"
    )


def query_together(tables: Sequence[Quoted], texts: Sequence[Quoted], algorithm: Algorithm) -> str:
    """Return a query over several tables: a row for each that has any, with its place among them before the sums."""
    first, second = _HASHES[algorithm]
    branches = " union all ".join(
        f"select {place} as n, {hash_input(text, algorithm)} as t from only {table} as r"
        for place, (table, text) in enumerate(zip(tables, texts, strict=True))
    )
    return f"select n, count(*), sum({first}), sum({second}) from ({branches}) as rows group by n"


def digest(first: int, second: int) -> str:
    """Return the two sums as 32 hexadecimal digits."""
    return f"{first % 2**64:016x}{second % 2**64:016x}"
