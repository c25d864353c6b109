"""From a table that differs to its rows that do, by sums over ranges of its key."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks import manifest, suite
from drills.checks.base.session import SingleDatabase
from drills.checks.content import check as content
from drills.checks.content import fingerprint, ranges
from drills.checks.content.fingerprint import FAST, MD5, STABLE, STRONG, Algorithm
from drills.checks.content.ranges import Key, Ranges
from drills.checks.content.rows import locate_rows
from drills.checks.manifest import Manifest
from drills.clock import SystemClock
from drills.sql import Quoted
from tests.support.checked import Checked
from tests.support.cluster import cluster_in, make, module_state, usable

__all__ = ["module_state"]
postgres = pytest.mark.postgres
# not by chance: under one key of 32 the row that was changed and the one that it became lie in the same range
KEY = b"k" * 32
TABLES = """
create table ints (id int primary key, t text);
insert into ints select g, 'text ' || g from generate_series(1, 10000) g;
create table uuids (id uuid primary key, n int);
insert into uuids select md5(g::text)::uuid, g from generate_series(1, 500) g;
create table words (w text, n int, primary key (w, n));
insert into words select 'word ' || g, g from generate_series(1, 500) g;
create table keyless (w text);
insert into keyless values ('a');
"""


def summed(keys: dict[int, int], low: int, step: int) -> str:
    """The packed sums of rows, given as key and hash, as the server makes them."""
    cells: dict[int, tuple[int, int, int]] = {}
    for key, hashed in keys.items():
        number = min(ranges.CELLS - 1, max(0, (key - low) // step))
        count, first, weighted = cells.get(number, (0, 0, 0))
        cells[number] = count + 1, first + hashed, weighted + hashed % 65536 * key
    wrapped = {number: [(each + 2**63) % 2**64 - 2**63 for each in sums] for number, sums in cells.items()}
    sent = (
        struct.pack(">B5sqq", number, rows.to_bytes(5, "big"), hashed, weighted)
        for number, (rows, hashed, weighted) in sorted(wrapped.items())
    )
    return ranges.pack(b"".join(sent))


HASH = st.integers(min_value=-(2**63), max_value=2**63 - 1).filter(lambda each: each % 65536 != 0)
ROWS = st.dictionaries(st.integers(min_value=-(2**46), max_value=2**46), HASH, min_size=1, max_size=40)


@given(rows=ROWS, data=st.data())
def test_a_single_row_that_differs_gives_its_key_away(rows: dict[int, int], data: st.DataObject) -> None:
    """Lost, added or changed, wherever it is, and whatever the others are."""
    low, step = ranges.bounds(Key("integer", (Quoted("id"),)), min(rows), max(rows))
    before = Ranges(Key("integer", (Quoted("id"),)), low, step, summed(rows, low, step))
    key = data.draw(st.sampled_from(sorted(rows)))
    other = data.draw(HASH.filter(lambda each: (each - rows[key]) % 65536 != 0))
    for after in ({one: each for one, each in rows.items() if one != key}, {**rows, key: other}):
        (found,) = ranges.differences(before, summed(after, low, step))
        assert key in found.keys
        assert found.before - found.after == len(rows) - len(after)
    assert ranges.differences(before, before.cells) == ()


@pytest.fixture(scope="module", params=["system", "bundled-18"])
def server(request: pytest.FixtureRequest, module_state: Path) -> Iterator[Checked]:
    """A server with small tables in a database `keys`, read by its superuser."""
    cluster = cluster_in(module_state, usable(request.param), request.param)
    make(cluster)
    cluster.start()
    try:
        with cluster.connect() as session:
            session.execute("create role master superuser login")
            session.execute("create database keys")
        with cluster.connect("keys") as session:
            session.execute(TABLES)
        yield Checked(cluster, "")
    finally:
        cluster.kill()


def located(
    server: Checked, algorithm: Algorithm, *changes: str, key: bytes | None = KEY
) -> dict[str, tuple[str, str]]:
    """Return where rows of each table differ after changes, and the query."""
    with server.copy("keys") as copy, server.cluster.connect("keys") as connection:
        with connection.transaction(force_rollback=True):
            before = content.observe(connection, algorithm=algorithm, ranged=True, key=KEY)
        server.harm(copy, *changes)
        with server.cluster.connect(copy) as other, other.transaction(force_rollback=True):
            after = content.observe(other, algorithm=algorithm, expected=before)
            locations = locate_rows(other, content.differing_tables(other, before, after, {}), algorithm, key)
            findings = content.judge(before, after, {}, locations).findings
        for finding in findings:
            with server.cluster.connect(copy) as other:
                other.execute(finding.query.encode())
    return {finding.object: (finding.message, finding.query) for finding in findings}


@postgres
@pytest.mark.parametrize("algorithm", [FAST, STRONG, STABLE, MD5])
def test_rows_are_named_by_their_keys_where_these_may_be_told(server: Checked, algorithm: Algorithm) -> None:
    """Integers and uuids as they are; a word only as a digest, with the query that finds its row."""
    found = located(
        server,
        algorithm,
        "delete from ints where id = 77",
        "update ints set t = 'x' where id = 9000",
        "insert into ints values (20000, 'new')",
        "update uuids set n = -1 where n = 7",
        "update words set n = -1 where n = 7",
        "delete from keyless",
    )

    message, query = found["public.ints"]
    assert "lost: the row with id 77;" in message
    assert "changed: the row with id 9000" in message
    assert "among" not in message.replace("among the rows with id from 9690 ", "")
    assert "r.id = 77" in query
    assert "changed: the row with id 8f14e45f-ceea-167a-5a36-dedd4bea2543" in found["public.uuids"][0]
    message, query = found["public.words"]
    assert "lost: the row with w, n digest " in message
    assert "added: the row with w, n digest " in message
    assert "word 7" not in message + query
    assert found["public.keyless"][0] == "public.keyless lost 1 of 1 row"


@postgres
def test_several_rows_of_a_range_are_told_by_the_range(server: Checked) -> None:
    """From where to where, how many there were and are; the first and the last range are open."""
    found = located(
        server, FAST, "delete from ints where id in (1, 2, 3)", "delete from ints where id between 400 and 410"
    )

    message, query = found["public.ints"]
    assert message.endswith(
        "among the rows with id to 313 (313 rows before, 310 now); "
        "among the rows with id from 314 to 626 (313 rows before, 302 now)"
    )
    assert query.endswith("where r.id <= 313 or r.id >= 314 and r.id <= 626")


@postgres
def test_a_word_is_not_looked_for_without_the_key(server: Checked) -> None:
    """It says what it needs; integers are named all the same."""
    found = located(server, FAST, "delete from words where n = 9", "delete from ints where id = 9", key=None)

    assert found["public.words"][0].endswith("which rows differ cannot be determined without the manifest's key")
    assert found["public.ints"][0].endswith("lost: the row with id 9")


@postgres
@pytest.mark.parametrize("algorithm", [STRONG, STABLE])
def test_ranges_are_summed_in_parallel_and_stay_small(server: Checked, algorithm: Algorithm) -> None:
    """The plan has a Gather, the text is made once a row, and less than a kilobyte comes back for a table."""
    with server.copy("keys") as copy, server.cluster.connect(copy) as session:
        session.execute("insert into ints select g, repeat('x', 100) from generate_series(10001, 200000) g")
        session.execute("vacuum analyze ints")
        text = fingerprint.text_of([Quoted("id"), Quoted("t")], [], algorithm, "row")
        key = Key("integer", (Quoted("id"),))
        query = ranges.query(Quoted("ints"), text, key, *ranges.bounds(key, 1, 200000), algorithm=algorithm, seed=0)
        plan = "\n".join(row[0] for row in session.execute(f"explain (verbose) {query}".encode()))
        row = session.execute(query.encode(), binary=True).fetchone()
        plain = session.execute(
            fingerprint.query(Quoted("ints"), [Quoted("id"), Quoted("t")], algorithm).encode()
        ).fetchone()

    assert row is not None
    assert tuple(row[:3]) == plain
    assert len(row[3]) < 1000
    assert "Gather" in plan
    assert plan.count("ROW(") == 1
    assert plan.count("sha256(") == (algorithm == STABLE)


@postgres
def test_a_value_of_half_a_gigabyte_is_hashed_by_itself(server: Checked) -> None:
    """Its row's text would pass 1 GB; where that is hashed the manifest names the form, and a change of one byte is seen."""
    with server.copy("keys") as copy:
        with server.cluster.connect(copy) as session:
            session.execute("create table wide (id int primary key, t text, b bytea, u text)")
            session.execute(
                "insert into wide values (1, repeat('x', 540000000), '\\x00', null), (2, null, null, null), (3, '', '', '')"
            )
            session.execute("update wide set u = t")
            before, after = {}, {}
            for algorithm in (FAST, STRONG):
                with session.transaction(force_rollback=True):
                    before[algorithm] = content.observe(session, algorithm=algorithm, ranged=True)
        with server.cluster.connect(copy) as session, session.transaction(force_rollback=True):
            session.execute("update wide set b = '\\x01' where id = 1")
            for algorithm, expected in before.items():
                after[algorithm] = content.observe(session, algorithm=algorithm, expected=expected)
    assert [each.tables["public.wide"].form for each in before.values()] == ["row", "columns"]
    for algorithm, expected in before.items():
        assert expected.unreadable == {}
        findings = content.judge(expected, after[algorithm], {}).findings
        assert [finding.object for finding in findings] == ["public.wide"]


@postgres
@pytest.mark.parametrize("algorithm", [STRONG, STABLE])
def test_the_form_for_long_values_tells_the_same_things_apart(server: Checked, algorithm: Algorithm) -> None:
    """NULL, empty and moved values, of text and of bytes, in more columns than a function takes arguments."""
    names = [Quoted(f"c{number}") for number in range(120)]
    text = fingerprint.columns_text(names, [Quoted("c7")], algorithm)
    values = [
        "",
        "c1 = ''",
        "c1 = 'a'",
        "c2 = 'a'",
        "c7 = ''",
        "c7 = 'a'",
        "c1 = 'null'",
        "c119 = 'a'",
        "c1 = 'a', c2 = ''",
    ]
    found = []
    with server.cluster.connect("keys") as session, session.transaction(force_rollback=True):
        columns = ", ".join(f"{name} {'bytea' if name == 'c7' else 'text'}" for name in names)
        session.execute(f"create table wide ({columns})".encode())
        session.execute("insert into wide default values")
        for value in values:
            with session.transaction(force_rollback=True):
                session.execute(f"update wide set {value}".encode() if value else b"select 1")
                found.append(session.execute(fingerprint.query_of(Quoted("wide"), text, algorithm).encode()).fetchone())
    assert len(set(found)) == len(values)


@pytest.fixture(scope="module")
def manifests(module_state: Path) -> Iterator[dict[str, tuple[Manifest, SingleDatabase]]]:
    """The same tables on PostgreSQL of two major versions, with the manifest of each."""
    clusters = []
    taken = {}
    try:
        for origin in ("bundled-16", "bundled-18"):
            cluster = cluster_in(module_state, usable(origin), f"across-{origin}")
            clusters.append(cluster)
            make(cluster)
            cluster.start()
            with cluster.connect() as session:
                session.execute(TABLES)
            connect = SingleDatabase(cluster.connect, "postgres")
            taken[origin] = manifest.take(connect, key=KEY), connect
        yield taken
    finally:
        for cluster in clusters:
            cluster.kill()


@postgres
def test_contents_are_compared_across_major_versions_and_that_is_said(
    manifests: dict[str, tuple[Manifest, SingleDatabase]],
) -> None:
    """Where both servers' hash functions give the same, or by the portable algorithm; else it is not verified."""
    expected, there = manifests["bundled-16"]
    _, connect = manifests["bundled-18"]
    portable = manifest.take(there, key=KEY, algorithm=STABLE)
    other = dataclasses.replace(expected, calibration="of another platform")
    results = [
        suite.remaining(suite.Comparison(connect, one, SystemClock(), scratch=False))[0]
        for one in (expected, portable, other)
    ]

    assert [result.outcome for result in results] == ["met", "met", "not verified"]
    assert results[0].not_checked[0].reason == (
        "content compared between PostgreSQL 16 and 18: their fast hash functions give the same for 400 values"
    )
    assert (
        results[1].not_checked[0].reason == "content compared between PostgreSQL 16 and 18: by the portable algorithm"
    )
    assert "drills manifest --portable" in results[2].sentence
