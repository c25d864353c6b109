"""The text of a row and the sum over a table: different rows are never alike, and order makes no difference."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drills.checks.base.session import pin
from drills.checks.content import fingerprint
from drills.checks.content.fingerprint import MD5, STABLE, STRONG, Algorithm
from drills.sql import Quoted
from tests.support.cluster import cluster_in, make, module_state, usable

__all__ = ["module_state"]
pytestmark = pytest.mark.postgres

# What quoting has to get right: nothing, emptiness, separators, quotes, escapes, spaces, and the word NULL.
WORDS = st.none() | st.sampled_from(
    ["", "NULL", '"', '""', ",", '","', "\\", '\\"', "(", ")", "(,)", " ", "\t", "\n", "'", "|", "a", "ab", "b"]
)
ROWS = st.tuples(*[WORDS | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)] * 3)


@pytest.fixture(scope="module", params=["system", "bundled-18"])
def session(request: pytest.FixtureRequest, module_state: Path) -> Iterator[psycopg.Connection[Any]]:
    """A pinned session with an empty temporary table of three texts."""
    cluster = cluster_in(module_state, usable(request.param), request.param)
    make(cluster)
    cluster.start()
    try:
        with cluster.connect() as connection:
            pin(connection)
            connection.execute("set default_transaction_read_only = off")
            connection.execute("create temporary table words (a text, b text, c text)")
            connection.execute("set default_transaction_read_only = on")
            yield connection
    finally:
        cluster.kill()


def summed(
    session: psycopg.Connection[Any], rows: list[tuple[str | None, ...]], algorithm: Algorithm
) -> tuple[int, str]:
    """Count and fingerprint of a table that holds these rows in this order."""
    with session.transaction(force_rollback=True):
        session.execute("set transaction read write")
        session.cursor().executemany("insert into pg_temp.words values (%s, %s, %s)", rows)
        found = session.execute(
            fingerprint.query(Quoted("pg_temp.words"), [Quoted(each) for each in "abc"], algorithm).encode()
        ).fetchone()
    assert found is not None
    return int(found[0]), fingerprint.digest(int(found[1]), int(found[2]))


@settings(max_examples=300, deadline=None)
@given(one=ROWS, other=ROWS)
def test_rows_have_the_same_text_only_if_they_are_the_same(
    session: psycopg.Connection[Any], one: tuple[str | None, ...], other: tuple[str | None, ...]
) -> None:
    """NULL, '', separators and quotes inside of values cannot be mistaken for one another."""
    text = fingerprint.row_text([Quoted(each) for each in "abc"])
    query = f"select {text} from (values (%s::text, %s::text, %s::text)) as r (a, b, c)"
    texts = [session.execute(query.encode(), row).fetchone() for row in (one, other)]
    assert (texts[0] == texts[1]) == (one == other)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(ROWS, max_size=6), data=st.data(), algorithm=st.sampled_from([STRONG, STABLE, MD5]))
def test_tables_are_alike_only_if_they_hold_the_same_rows_as_often(
    session: psycopg.Connection[Any], rows: list[tuple[str | None, ...]], data: st.DataObject, algorithm: Algorithm
) -> None:
    """Another order changes nothing; a row more, less, or twice does."""
    shuffled = data.draw(st.permutations(rows))
    other = data.draw(st.lists(st.sampled_from(rows), max_size=6) if rows else st.just(rows))

    whole = summed(session, rows, algorithm)
    assert summed(session, shuffled, algorithm) == whole
    assert (summed(session, other, algorithm) == whole) == (Counter(other) == Counter(rows))


def test_a_table_may_have_1600_columns(session: psycopg.Connection[Any]) -> None:
    """More than a function takes arguments; a value that moves to the next column is seen."""
    names = [Quoted(f"c{number}") for number in range(1600)]
    found = []
    with session.transaction(force_rollback=True):
        session.execute("set transaction read write")
        session.execute(f"create temporary table wide ({', '.join(f'{name} int2' for name in names)})".encode())
        for name in ("c89", "c90", "c91"):
            session.execute(f"truncate wide; insert into wide ({name}) values (1)".encode())
            found.append(session.execute(fingerprint.query(Quoted("pg_temp.wide"), names, STRONG).encode()).fetchone())
    assert len(set(found)) == 3


def test_the_portable_digest_is_sha256_of_the_rows_text(session: psycopg.Connection[Any]) -> None:
    """Of its bytes as they are, backslashes and all: the first 128 bits of it."""
    text = "a\\b\\\\101é\\x41"
    with session.transaction(force_rollback=True):
        session.execute("set transaction read write")
        session.execute("insert into pg_temp.words values (%s)", (text,))
        row = session.execute("select row(w.*)::text from pg_temp.words as w").fetchone()
        query = fingerprint.query(Quoted("pg_temp.words"), [Quoted(each) for each in "abc"], STABLE)
        found = session.execute(query.encode()).fetchone()
    assert row is not None
    assert found is not None
    assert fingerprint.digest(int(found[1]), int(found[2])) == hashlib.sha256(row[0].encode()).hexdigest()[:32]
