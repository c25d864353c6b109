"""Indexes without an order are verified by looking the table's own keys up in them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks.integrity import indexes, lookups
from drills.checks.integrity.lookups import BY_BITMAP, Lookup, Operator
from drills.sql import Quoted
from tests.support.checked import Checked, checked
from tests.support.cluster import module_state

__all__ = ["checked", "module_state"]
PAGE, ROWS = 8192, 1200
MAKE = """
create schema look authorization master;
create table look.up (id int, at point, during int4range, word text, tags int[], prefs jsonb, body tsvector, few int,
    "Größe" box, note text);
insert into look.up select g, point(g, -g), int4range(g * 2, g * 2 + 1), 'it''s \\ word ' || g, array[g % 9, g],
    jsonb_build_object('n', g), to_tsvector('simple', 'it''s a back\\slash word ' || g), g % 2, box(point(g, g), point(0, 0)),
    case when g % 3 = 0 then 'note ' || g end from generate_series(1, 1200) g;
create index up_at on look.up using gist (at);
create index up_during on look.up using spgist (during);
create index up_two on look.up using gist (during, at) where id > 10;
create index up_word on look.up using hash (word);
create index up_lower on look.up using spgist (lower(word));
create index up_tags on look.up using gin (tags);
create index up_prefs on look.up using gin (prefs jsonb_path_ops);
create index up_body on look.up using gin (body);
create index up_few on look.up using hash (few);
create index up_box on look.up using gist ("Größe");
create index up_note on look.up using gin (to_tsvector('pg_catalog.simple', note));
create index up_range on look.up using brin (id);
alter table look.up owner to master;
"""
HURT = ("up_at", "up_during", "up_word", "up_tags", "up_few")


def without_entries(path: Path) -> None:
    """Take the entries of every leaf page but the first two from an index; links and kinds of its pages stay."""
    content = bytearray(path.read_bytes())
    for start in range(2 * PAGE, len(content), PAGE):
        lower, _, special = struct.unpack_from("<HHH", content, start + 12)  # bufpage.h: pd_lower, pd_upper, pd_special
        if lower > 24:
            struct.pack_into("<HH", content, start + 12, 24, special)
    path.write_bytes(content)


@given(st.text(alphabet="{}%s()01x!:", min_size=1))
def test_a_key_is_looked_up_whatever_its_name_is(name: str) -> None:
    """Braces and percent signs are parts of a name: table, condition and key stand in the query as they were quoted."""
    table, key = Quoted(f'"{name}"'), Quoted(f'("{name}")')
    index = Lookup(table, table, name, "hash", (key,), Quoted(f"hash{key}"), Quoted(f"{key} is not null"))
    operator = Operator(1, "=", Quoted("operator(pg_catalog.=)"))

    text = lookups.query(index, [operator], 10, 5)

    scan = f"select {key} as k1, hash{key} as h from only {table} tablesample"
    assert f"{scan} bernoulli (50.000000) repeatable (1) where {key} is not null" in text
    assert f"{scan} system (100) where {key} is not null" in text


@pytest.fixture(scope="module")
def sound(checked: Checked) -> Checked:
    """A server with a table that has an index of every kind, in a database of its own."""
    with checked.cluster.connect() as session:
        session.execute("create database lookups owner master")
    with checked.cluster.connect("lookups") as session:
        session.execute(MAKE.encode())
        session.execute("vacuum (freeze, analyze) look.up")
        session.execute("checkpoint")
    return checked


@pytest.fixture(scope="module")
def hurt(sound: Checked, module_state: Path) -> Iterator[Checked]:
    """A physical copy in which some of the indexes lack entries."""
    with sound.restored(module_state) as copy:
        with copy.cluster.connect("lookups") as session:
            found = [session.execute("select pg_relation_filepath(%s)", (f"look.{name}",)).fetchone() for name in HURT]
        copy.cluster.stop()
        for row in found:
            assert row is not None
            without_entries(copy.cluster.data / row[0])
        copy.cluster.start({"max_logical_replication_workers": "0"})
        yield copy


@pytest.mark.postgres
def test_a_sound_index_of_every_kind_is_proved(sound: Checked) -> None:
    """No finding; what holds a null is listed as not looked up, unless the index holds no nulls."""
    with sound.snapshot("lookups") as connection:
        outcome = indexes.check(connection)

    assert outcome.findings == ()
    assert outcome.unverified == ()
    assert outcome.compared == 12
    assert [left.what for left in outcome.not_checked] == ["index look.up_note"]
    assert "800 of 1,200 keys hold a null" in outcome.not_checked[0].reason


@pytest.mark.postgres
def test_an_index_that_lost_entries_is_named_and_a_sound_one_is_not(hurt: Checked) -> None:
    """PostgreSQL answers with fewer rows and without an error."""
    with hurt.snapshot("lookups") as connection:
        outcome = indexes.check(connection)

    assert {finding.object for finding in outcome.findings} == {f"look.{name}" for name in HURT}
    assert {finding.severity for finding in outcome.findings} == {"error"}


NAN = """
create schema odd authorization master;
create table odd.circle (v circle); create table odd.box (v box); create table odd.point (v point);
create table odd.range (v numrange, f float8, a float8[], d double precision);
insert into odd.circle select circle(point(g, g), g) from generate_series(1, 300) g;
insert into odd.circle values ('<(3,5),NaN>'), ('<(NaN,5),2>');
insert into odd.box select box(v) from odd.circle;
insert into odd.point select point(v) from odd.circle;
insert into odd.range select numrange(g, g + 1), g, array[g], g from generate_series(1, 300) g;
insert into odd.range values ('[NaN,NaN]', 'NaN', '{NaN,1}', '-0'), ('(,NaN]', 'Infinity', '{-0}', '0'),
    ('empty', '-0', '{}', 'NaN');
create index circle_gist on odd.circle using gist (v); create index box_gist on odd.box using gist (v);
create index box_spgist on odd.box using spgist (v); create index point_gist on odd.point using gist (v);
create index range_gist on odd.range using gist (v); create index range_hash on odd.range using hash (f);
create index range_gin on odd.range using gin (a); create index range_hash_2 on odd.range using hash (d);
alter table odd.circle owner to master; alter table odd.box owner to master; alter table odd.point owner to master;
alter table odd.range owner to master;
"""


@pytest.mark.postgres
def test_a_sound_index_over_values_that_its_operators_do_not_find_is_not_accused(sound: Checked) -> None:
    """NaN in a geometric key hides others on its page; a range, a number and an array with NaN are looked up."""
    with sound.copy("template1") as copy:
        sound.harm(copy, NAN)
        with sound.snapshot(copy) as connection:
            outcome = indexes.check(connection)

    left = {each.what: each.reason for each in outcome.not_checked}
    assert (outcome.findings, outcome.unverified) == ((), ())
    assert "2 of its keys hold NaN" in left["index odd.circle_gist"]
    assert not left.keys() & {"index odd.range_gist", "index odd.range_hash", "index odd.range_hash_2"}


@pytest.mark.postgres
def test_equal_keys_are_looked_up_once(sound: Checked) -> None:
    """The rows that a lookup visits grow with the table and not with its square: two keys of 600 rows each."""
    with sound.snapshot("lookups") as connection:
        index = Lookup(
            *(Quoted("look.up"), Quoted("look.up_few"), "up_few", "hash"),
            *((Quoted("few"),), Quoted("hashint8extended(few, 0)"), Quoted("true")),
        )
        (by, *_) = lookups.operators(connection, index.name)
        text = lookups.query(index, by, ROWS, lookups.keys_to_look_up(ROWS, exact=True))
        for name, value in BY_BITMAP:
            connection.execute(f"set local {name} = {value}".encode())
        row = connection.execute(f"explain (analyze, format json) {text}".encode()).fetchone()
        assert row is not None
        answer = connection.execute(text.encode()).fetchone()

    assert lookups.names_in(row[0]) == {"up_few"}
    assert visited(row[0][0]["Plan"], "Bitmap Heap Scan") == ROWS
    assert answer == (ROWS, 0, 0, 2)


def visited(node: dict[str, Any], kind: str) -> int:
    """How many rows the nodes of a kind gave in all of their loops."""
    own = round(node["Actual Rows"] * node["Actual Loops"]) if node["Node Type"] == kind else 0
    return own + sum(visited(each, kind) for each in node.get("Plans", []))


@given(st.integers(0, 10**11), st.booleans())
def test_lookups_together_never_cost_the_square_of_the_table(rows: int, exact: bool) -> None:
    """Where each may give all rows, all of them come to no more than a constant, or the same few for every row."""
    limit = lookups.keys_to_look_up(rows, exact=exact)

    assert lookups.MIN_KEYS <= limit <= lookups.MAX_KEYS
    if not exact:
        assert limit * rows <= max(2_000_000, lookups.MIN_KEYS * rows)


def test_an_index_of_signatures_is_not_taken_for_one_of_keys() -> None:
    """Equal keys of pg_trgm's or hstore's GiST classes lead to many others as well."""
    index = Lookup(Quoted("t"), Quoted("i"), "i", "gist", (Quoted("a"),), Quoted("a"), Quoted("true"))

    assert lookups.is_exact(index, [Operator(1, "=", Quoted("operator(x.=)"))])
    assert not lookups.is_exact(index, [Operator(1, "=", Quoted("operator(x.=)"), plain=False)])
    assert not lookups.is_exact(index, [Operator(1, "&&", Quoted("operator(x.&&)"))])
