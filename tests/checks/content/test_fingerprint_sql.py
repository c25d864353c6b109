"""The SQL that fingerprints are made by: another text of it would be another fingerprint than the one in a manifest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks.content import fingerprint
from drills.checks.content.fingerprint import FAST, MD5, STABLE, STRONG, Algorithm, Form
from drills.checks.content.model import Contents, ReadOptions, TableContent
from drills.checks.content.ranges import Key, KeyKind, seed_of
from drills.checks.content.tables import ListedTable
from drills.sql import Quoted

T, A, B = Quoted("public.t"), Quoted("a"), Quoted("b")
DIGITS = (
    "('x' || pg_catalog.substr(t, 1, 16))::bit(64)::bigint",
    "('x' || pg_catalog.substr(t, 17, 16))::bit(64)::bigint",
)
HASHES = {
    STRONG: (
        'pg_catalog.hashtextextended(t collate "C", 0)',
        'pg_catalog.hashtextextended(t collate "C", 7046029254386353131)',
    ),
    STABLE: DIGITS,
    MD5: DIGITS,
}


def as_bytes(text: str) -> str:
    """The bytes of a text, whatever its encoding."""
    return rf"pg_catalog.decode(pg_catalog.replace({text}, '\', '\\'), 'escape')"


def summed(algorithm: Algorithm, value: str, source: str) -> str:
    """The query of count and two sums over one table."""
    first, second = HASHES[algorithm]
    return (
        f"select count(*), coalesce(sum({first}), 0), coalesce(sum({second}), 0) from "
        f"(select case when pg_catalog.pg_is_in_recovery() is not null then {value} end as t from {source}) as rows"
    )


def test_a_table_is_summed_over_its_rows_in_the_order_of_its_columns_names() -> None:
    """A fast hash takes the row's text, a portable one a digest of it; a condition stands behind the table itself."""
    assert fingerprint.query(T, [B, A], STRONG) == summed(STRONG, "row(r.a, r.b)::text", "only public.t as r")
    assert fingerprint.query(T, [A, B], MD5, "a <= 5") == summed(
        MD5, "pg_catalog.md5(row(r.a, r.b)::text)", "only public.t as r where a <= 5"
    )
    value = f"pg_catalog.encode(pg_catalog.sha256({as_bytes('row(r.a, r.b)::text')}), 'hex')"
    assert fingerprint.query(T, [A, B], STABLE) == summed(STABLE, value, "only public.t as r")


def test_the_condition_of_an_extension_is_evaluated_where_it_may_name_the_table() -> None:
    """pg_dump puts it behind the table's own name (an alias would hide that one)."""
    assert fingerprint.query_of(T, Quoted("r.a::text"), STRONG, carried="where not t.standard") == summed(
        STRONG, "r.a::text", "(select * from only public.t where not t.standard) as r"
    )
    assert fingerprint.query_of(T, Quoted("r.a::text"), STRONG) == summed(STRONG, "r.a::text", "only public.t as r")


def test_small_tables_are_summed_by_one_query() -> None:
    """Each has its place among them, by which its sums are known; a table without its text is a fault of the caller."""
    first, second = HASHES[MD5]
    assert fingerprint.query_together([T, Quoted("public.u")], [A, B], MD5) == (
        f"select n, count(*), sum({first}), sum({second}) from ("
        "select 0 as n, case when pg_catalog.pg_is_in_recovery() is not null then pg_catalog.md5(a) end as t "
        "from only public.t as r union all "
        "select 1 as n, case when pg_catalog.pg_is_in_recovery() is not null then pg_catalog.md5(b) end as t "
        "from only public.u as r) as rows group by n"
    )
    with pytest.raises(ValueError, match="shorter"):
        fingerprint.query_together([T, Quoted("public.u")], [A], MD5)


FIRST, SECOND = HASHES[STRONG]
BYTES = "case when pg_catalog.num_nulls(r.a) = 0 then pg_catalog.encode(pg_catalog.sha256(r.a), 'hex') else 'null' end"
HASHED = (
    "case when pg_catalog.num_nulls(r.b) = 0 then "
    f"(select {FIRST} || ':' || {SECOND} from (select r.b::text as t) as v) else 'null' end"
)


@pytest.mark.parametrize(
    ("form", "algorithm", "convert", "expected"),
    [
        ("row", STRONG, "", "row(r.a, r.b)::text"),
        ("row", MD5, "", "row(r.a, r.b)::text"),
        ("row", MD5, "UTF8", "pg_catalog.convert_to(row(r.a, r.b)::text, 'UTF8')"),
        ("columns", STRONG, "", f"{BYTES} || ',' || {HASHED}"),
        (
            "columns", MD5, "",
            f"{BYTES} || ',' || case when pg_catalog.num_nulls(r.b) = 0 then pg_catalog.md5(r.b::text) else 'null' end",
        ),
        (
            "columns", MD5, "UTF8",
            f"{BYTES} || ',' || case when pg_catalog.num_nulls(r.b) = 0 then "
            "pg_catalog.md5(pg_catalog.convert_to(r.b::text, 'UTF8')) else 'null' end",
        ),
        ("row", STABLE, "", as_bytes("row(r.a, r.b)::text")),
        ("row", STABLE, "UTF8", "pg_catalog.convert_to(row(r.a, r.b)::text, 'UTF8')"),
        (
            "columns", STABLE, "UTF8",
            as_bytes(
                f"{BYTES} || ',' || case when pg_catalog.num_nulls(r.b) = 0 then "
                "pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(r.b::text, 'UTF8')), 'hex') else 'null' end"
            ),
        ),
    ],
)  # fmt: skip
def test_a_row_is_its_text_or_the_hashes_of_its_values(
    form: Form, algorithm: Algorithm, convert: str, expected: str
) -> None:
    """A value of type bytea is hashed as its bytes, which no encoding changes; text is converted before it is hashed."""
    assert fingerprint.text_of([B, A], [A], algorithm, form, convert) == expected
    if not convert:
        assert fingerprint.text_of([A, B], [A], algorithm, form) == expected
    if form == "columns" and not convert:
        assert fingerprint.columns_text([B, A], [A], algorithm) == expected


def test_a_table_without_columns_has_rows_of_no_text() -> None:
    """They are counted all the same."""
    assert fingerprint.columns_text([], [], MD5) == "''"
    assert fingerprint.row_text([]) == "row()::text"


@pytest.mark.parametrize(
    ("algorithm", "server", "source", "expected"),
    [
        (STABLE, "LATIN1", None, "UTF8"),
        (STABLE, "LATIN1", "LATIN1", "UTF8"),
        (STABLE, "LATIN1", "UTF8", "UTF8"),
        (STABLE, "UTF8", None, ""),
        (STABLE, "UTF8", "LATIN1", ""),
        (STABLE, "LATIN1", "", ""),
        (STABLE, "", None, ""),
        (STABLE, "SQL_ASCII", None, ""),
        (STABLE, "MULE_INTERNAL", "UTF8", ""),
        (STABLE, "LATIN1", "SQL_ASCII", ""),
        (STABLE, "LATIN1", "MULE_INTERNAL", ""),
        (FAST, "LATIN1", None, ""),
        (FAST, "LATIN1", "UTF8", ""),
        (FAST, "UTF8", "UTF8", ""),
    ],
)  # fmt: skip
def test_text_is_converted_where_both_encodings_are_known(
    algorithm: Algorithm, server: str, source: str | None, expected: str
) -> None:
    """Only by the portable algorithm; never where either side's bytes may be anything, or were hashed as they were."""
    assert fingerprint.conversion(algorithm, server, source) == expected


@given(st.integers(min_value=-(2**100), max_value=2**100), st.integers(min_value=-(2**100), max_value=2**100))
def test_a_digest_is_both_sums_modulo_64_bits(first: int, second: int) -> None:
    """Sums of signed numbers may be negative or longer than 64 bits; each half has sixteen digits."""
    found = fingerprint.digest(first, second)

    assert len(found) == 32
    assert (int(found[:16], 16) - first) % 2**64 == 0
    assert (int(found[16:], 16) - second) % 2**64 == 0


def test_contents_are_sorted_by_name_and_lose_nothing() -> None:
    """Several connections read in no order; a manifest is the same whichever was quicker."""
    one, two = TableContent(1, "a"), TableContent(2, "b")
    found = Contents(
        STABLE, {"b": two, "a": one}, {"d": "2", "c": "1"}, {"f": "4", "e": "3"}, {"h": "6", "g": "5"}, "LATIN1"
    )

    ordered = found.in_order()
    assert ordered == found
    assert [list(each) for each in (ordered.tables, ordered.unreadable, ordered.damaged)] == [
        ["a", "b"],
        ["c", "d"],
        ["e", "f"],
    ]


@pytest.mark.parametrize(
    ("ranged", "kind", "secret", "summed_by_range"),
    [
        (True, "integer", None, True),
        (True, "integer", b"key", True),
        (True, "hash", b"key", True),
        (True, "hash", None, False),
        (True, None, b"key", False),
        (False, "integer", b"key", False),
        (False, "hash", b"key", False),
    ],
)
def test_a_key_is_hashed_under_a_secret_or_not_at_all(
    ranged: bool, kind: KeyKind | None, secret: bytes | None, summed_by_range: bool
) -> None:
    """Without the secret the ranges of keys that are texts would tell of them; keys that are numbers need none."""
    key = Key(kind, (A,)) if kind else None
    options = ReadOptions(None, ranged, secret)

    assert options.key_of(ListedTable(T, "", False, (A, B), key=key)) == (key if summed_by_range else None)
    if key:
        assert options.seed_of(key) == seed_of(secret if kind == "hash" else None)
    assert seed_of(b"key") != seed_of(None)
