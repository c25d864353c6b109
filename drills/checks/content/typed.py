"""The SQL of a row's 64 bits: each value hashed once, by its own type where equal values are identical, and all of it xored.

What a type's own hash overlooks is never left to it (docs/decisions.md): `bigint` and times are folded to 32 bits by theirs,
zero has one hash with either sign, `char(n)` loses its trailing blanks, `numeric` sign and scale. A type that is not named
here (an enum, an array, a composite, one of an extension) is hashed as the text that its output function writes. So is
`numeric`, which costs no more.

The columns are numbered in the order of their names, and a column's number is the seed of its hash: no value can stand for
the same one in another column.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from drills.sql import Quoted

_LONG = 2**29  # bytes: a row that is built of one value has to stay below 1 GB
_SENT = {
    "date": "date_send",
    "time": "time_send",
    "timetz": "timetz_send",
    "timestamp": "timestamp_send",
    "timestamptz": "timestamptz_send",
    "interval": "interval_send",
    "inet": "inet_send",
    "cidr": "cidr_send",
    "macaddr": "macaddr_send",
}
_OWN = {
    "int2": "hashint2extended",
    "int4": "hashint4extended",
    "uuid": "uuid_hash_extended",
}


def _constant(what: str, number: int) -> int:
    """Return 62 bits that stand for a value of the column with this number which has no bits of its own."""
    return int.from_bytes(hashlib.sha256(f"{what} {number}".encode()).digest()[:8], "big") >> 2


def _or_null(hashed: str, number: int) -> str:
    return f"coalesce({hashed}, {_constant('null', number)})"


def _as_text(name: str, number: int) -> str:
    # concat() calls the type's output function, never a cast that an owner may have made; of a row of nulls IS NULL is true
    hashed = f'pg_catalog.hashtextextended(pg_catalog.concat({name}) collate "C", {number})'
    return f"case when pg_catalog.num_nulls({name}) = 0 then {hashed} else {_constant('null', number)} end"


def _own(function: str) -> Callable[[str, int], str]:
    return lambda name, number: _or_null(f"pg_catalog.{function}({name}, {number})", number)


def _sent(function: str) -> Callable[[str, int], str]:
    # a bytea in a row of its own: no function that hashes one can be called before PostgreSQL 18; a null in a row hashes to 0
    return lambda name, number: f"pg_catalog.hash_record_extended(row(pg_catalog.{function}({name})), {number})"


def _bytea(name: str, number: int) -> str:
    digest = f"pg_catalog.hashtextextended(pg_catalog.encode(pg_catalog.sha256({name}), 'hex') collate \"C\", {number})"
    hashed = f"pg_catalog.hash_record_extended(row({name}), {number})"
    return f"case when pg_catalog.octet_length({name}) >= {_LONG} then {digest} else {hashed} end"


def _boolean(name: str, number: int) -> str:
    true, false, null = (_constant(what, number) for what in ("true", "false", "null"))
    return f"case when {name} then {true} when not {name} then {false} else {null} end"


def _bigint(name: str, number: int) -> str:
    # hashint8extended() folds a value to 32 bits, so that 1 and 2^32 have the same; all 64 are in the seed
    return _or_null(f"pg_catalog.hashint8extended({name}, '{number}'::bigint # {name})", number)


def _float(function: str) -> Callable[[str, int], str]:
    def hashed(name: str, number: int) -> str:
        own = f"pg_catalog.{function}({name}, {number})"
        return f"case when {name} <> 0 and {name} <> 'NaN' then {own} else {_as_text(name, number)} end"

    return hashed


def _text(name: str, number: int) -> str:
    return _or_null(f'pg_catalog.hashtextextended({name} collate "C", {number})', number)


def _char(name: str, number: int) -> str:
    # the hash leaves trailing blanks out; how long the value is with them stands in the seed
    seed = f"pg_catalog.octet_length({name}) + {number << 32}"
    return _or_null(f'pg_catalog.hashbpcharextended({name} collate "C", {seed})', number)


_HASHED: dict[str, Callable[[str, int], str]] = {
    "bool": _boolean,
    "int8": _bigint,
    "float4": _float("hashfloat4extended"),
    "float8": _float("hashfloat8extended"),
    "text": _text,
    "varchar": _text,
    "bpchar": _char,
    "bytea": _bytea,
    **{kind: _own(function) for kind, function in _OWN.items()},
    **{kind: _sent(function) for kind, function in _SENT.items()},
}
KINDS = tuple(sorted(_HASHED))
"""Names of the types in pg_catalog whose values are not hashed as text; a domain counts as the type that it is made of."""


def row_number(columns: Sequence[Quoted], kinds: Sequence[str]) -> Quoted:
    """Return SQL for the 64 bits of a row of the table r, a bigint that is never null.

    `columns` are quoted names, `kinds` what each is hashed as: one of `KINDS`, "" for its text.
    """
    ordered = sorted(zip(columns, kinds, strict=True))
    hashed = (_HASHED.get(kind, _as_text)(f"r.{name}", number) for number, (name, kind) in enumerate(ordered, start=1))
    return Quoted(" # ".join(f"({each})" if each.startswith("case") else each for each in hashed) or "0::bigint")


# One value of a series for each function that values are hashed by, so that none can differ unseen.
CALIBRATION = """
select pg_catalog.string_agg((
    pg_catalog.hashint2extended(g::int2, g) # pg_catalog.hashint4extended(g * 1000003, g)
    # pg_catalog.hashint8extended(g * 10000000019, g::bigint # (g * 10000000019))
    # pg_catalog.hashfloat4extended((g / 7.0)::float4, g) # pg_catalog.hashfloat8extended((g / 7.0)::float8, g)
    # pg_catalog.uuid_hash_extended(pg_catalog.lpad(g::text, 32, '0')::uuid, g)
    # pg_catalog.hashtextextended((pg_catalog.repeat(pg_catalog.chr(33 + g % 90), g) || g) collate "C", g)
    # pg_catalog.hashbpcharextended((pg_catalog.repeat('x', g % 50) || ' ')::bpchar collate "C", g)
    # pg_catalog.hash_record_extended(row(pg_catalog.int8send(g)), g))::text, ',' order by g)
from pg_catalog.generate_series(1, 400) as g
"""
"""SQL for the hashes of 400 values of each type: servers that give the same text have the same hash functions."""
