"""A row's 64 bits: they differ wherever a value is another one, also where its type calls both equal."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drills.checks.base.session import pin
from drills.checks.content import check as content
from drills.checks.content import fingerprint, ranges
from drills.checks.content.fingerprint import FAST
from drills.checks.content.ranges import Key
from drills.checks.content.tables import ListedTable, tables
from drills.checks.content.typed import KINDS, row_number
from drills.sandbox.postgres.cluster import ADMIN, PORT, Cluster
from drills.sql import Quoted
from tests.support.cluster import PASSWORD, cluster_in, make, module_state, usable

__all__ = ["module_state"]
postgres = pytest.mark.postgres

# What one type or another calls equal, or hashes alike, though it is not: a sign, a scale, blanks, what a fold to 32 bits loses.
LITERALS = (
    "", " ", "  ", "0", "-0", "0.0", "0.00", "1", "-1", "1.0", "1.10", "1.1", "1e400", "NaN", "Infinity", "-Infinity",
    "4294967296", "4294967297", "-4294967296", "8589934592", "4294967295", "9223372036854775807", "t", "f", "a", "a ", "A",
    "ab", "null", "1 mon", "30 days", "720:00:00", "1 day", "24:00:00", "00:00:00", "00:00+00", "01:00+01",
    "2026-01-01", "2026-01-01 00:00:00+00", "2026-01-01 01:11:34.967296+00", "2026-01-01 00:00:00.000001+00", "4714-11-24 BC",
    "1.2.3.4", "1.2.3.4/32", "1.2.3.0/24", "::1", "::ffff:1.2.3.4", "08:00:2b:01:02:03", "08:00:2b:ff:fe:01:02:03",
    "{}", "{1}", "{{1}}", "[2:2]={1}", "{NULL}", "{1,NULL}", "{0.0}", "{-0}", "{1.0}", "{1.10}", "{a}", "{4294967296}",
    "{4294967297}", '{"a": 1}', '{"a":1}', '{"a": 1.0}', '{"a": -1}', "[1]", "[1.0]", "[-1]", "1 2", "(0,0)", "(-0,0)", "(1,2)",
    "[1,2)", "[1,1]", "empty", "{[1,2)}", "(0,0),(1,1)", "(1,1),(0,0)", "<(0,0),1>", "101", "B101", "0101", "\\x00", "\\x0000",
    "\\x", "00000000-0000-0000-0000-000000000001",
    "00000000-0000-0000-0000-000000000002", "0/0", "1/0", "0/1", "a b", "b a", "a & b", "b & a", "pg_class", "$0.10",
)  # fmt: skip
PROBES = """
create schema probe;
do $$
declare kind text; made text; word text; places text[];
begin
    for kind, made in
        select pg_catalog.format('pg_catalog.%I', t.typname) || suffix, t.typname || pg_catalog.replace(suffix, '[]', '_array')
        from pg_catalog.pg_type t, unnest(array['', '[]']) suffix
        where t.typnamespace = 'pg_catalog'::regnamespace and t.typtype in ('b', 'r', 'm') and t.typname !~ '^_'
    loop
        begin
            execute format('create table probe.%I (c %s)', made, kind);
            execute format('create domain probe.%I as %s', made || '_d', kind);
            execute format('create table probe.%I (c probe.%I)', made || '_domain', made || '_d');
        exception when others then continue;
        end;
        foreach word in array pg_catalog.current_setting('probe.words')::text[] loop
            begin
                execute format('insert into probe.%I values (%L)', made, word);
                execute format('insert into probe.%I values (%L)', made || '_domain', word);
            exception when others then null;
            end;
        end loop;
        execute format('insert into probe.%I values (null)', made);
    end loop;
end $$;
"""
EQUAL = (
    "numeric",
    "float4",
    "float8",
    "interval",
    "bpchar",
    "jsonb",
    "numeric_domain",
    "float8_array",
    "numeric_array",
)
# Types whose values are of a table, a column each; the third of its columns that are not PostgreSQL's are known by their names.
ODD = """
create type mood as enum ('low', 'high');
create type pair as (a numeric, b mood);
create domain padded as char(4);
create table odd (
    c01 int2, c02 int4, c03 int8, c04 float4, c05 float8, c06 numeric, c07 bool, c08 text, c09 varchar(9), c10 char(5),
    c11 bpchar, c12 uuid, c13 bytea, c14 date, c15 time, c16 timetz, c17 timestamp, c18 timestamptz, c19 interval, c20 inet,
    c21 jsonb, c22 mood, c23 pair, c24 padded, c25 int8[], c26 text[], c27 mood[], c28 int4range, c29 json, c30 cidr, c31 macaddr);
insert into odd values (1, 2, 3, 4, 5, 6.70, true, 'text', 'word', 'char', 'pad ', '00000000-0000-0000-0000-00000000000f', '\\x01',
    '2026-01-01', '1:00', '1:00+01', '2026-01-01', '2026-01-01 00:00+00', '1 mon', '::1', '{"a": 1.0}', 'high', '(1.0,low)', 'ab',
    '{1,null}', '{a,b}', '{high,low}', '[1,5)', '{"a":1}', '1.2.3.0/24', '08:00:2b:01:02:03');
insert into odd default values;
"""
LONG = 2**63 - 1
WHOLE = st.integers(min_value=-(2**15), max_value=2**15 - 1).map(str)
LONGS = st.one_of(st.integers(min_value=-LONG, max_value=LONG), st.sampled_from([1, 2**32, 2**33, -1, 0])).map(str)
FLOATS = st.one_of(
    st.sampled_from(["0", "-0", "NaN", "Infinity"]), st.floats(width=32, allow_subnormal=False).map(repr)
)
SCALES = st.sampled_from(["0", "0.0", "-1", "1", "1.0", "1.00", "NaN", "Infinity", "-Infinity", "10000", "100000000"])
WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=600), max_size=4)
BLANKS = st.sampled_from(["", " ", "a", "a ", "a  ", "b", " a", "A"])
TIMES = st.sampled_from(
    ["2026-01-01", "2026-01-01 00:00:00.000001", "2026-01-01 01:11:34.967296", "infinity", "-infinity"]
)
VALUES: dict[str, st.SearchStrategy[str]] = {
    "c01": WHOLE, "c02": WHOLE, "c03": LONGS, "c04": FLOATS, "c05": FLOATS, "c06": SCALES, "c07": st.sampled_from("tf"),
    "c08": WORDS, "c09": WORDS, "c10": BLANKS, "c11": BLANKS, "c12": st.uuids().map(str),
    "c13": st.binary(max_size=3).map(lambda each: f"\\x{each.hex()}"), "c14": TIMES, "c15": st.sampled_from(["0:00", "24:00"]),
    "c16": st.sampled_from(["0:00+00", "1:00+01"]), "c17": TIMES, "c18": TIMES,
    "c19": st.sampled_from(["1 mon", "30 days", "720:00:00"]), "c20": st.sampled_from(["1.2.3.4", "1.2.3.4/24", "::1"]),
    "c21": st.sampled_from(['{"a": 1}', '{"a": 1.0}', '{"a": -1}', "null"]), "c22": st.sampled_from(["low", "high"]),
    "c23": st.sampled_from(["(1,low)", "(1.0,low)", "(,)", "(1,high)"]), "c24": BLANKS,
    "c25": st.sampled_from(["{1}", "{4294967296}", "{{1}}", "[2:2]={1}", "{}", "{NULL}"]),
    "c26": st.sampled_from(["{a}", "{a,NULL}", '{a,""}', "{}", '{"a "}']), "c27": st.sampled_from(["{low}", "{high}", "{}"]),
    "c28": st.sampled_from(["[1,2)", "empty"]), "c29": st.sampled_from(['{"a": 1}', '{"a":1}']),
    "c30": st.sampled_from(["1.2.3.0/24", "1.2.3.0/25"]), "c31": st.sampled_from(["08:00:2b:01:02:03", "08:00:2b:01:02:04"]),
}  # fmt: skip
ROWS = st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()})


@pytest.fixture(scope="module", params=["system", "bundled-18"])
def server(request: pytest.FixtureRequest, module_state: Path) -> Iterator[Cluster]:
    """A running server with a table for each of PostgreSQL's types, and a database with one of many types."""
    cluster = cluster_in(module_state, usable(request.param), f"typed-{request.param}")
    make(cluster)
    cluster.start()
    try:
        with cluster.connect() as session:
            session.execute("select set_config('probe.words', %s::text[]::text, false)", [list(LITERALS)])
            session.execute(PROBES.encode())
            session.execute("create database odd")
        with cluster.connect("odd") as session:
            session.execute(ODD)
        yield cluster
    finally:
        cluster.kill()


@pytest.fixture(scope="module")
def session(server: Cluster) -> Iterator[psycopg.Connection[Any]]:
    """A pinned session beside the table of many types."""
    with server.connect("odd") as connection:
        pin(connection)
        yield connection


def listed(session: psycopg.Connection[Any]) -> dict[str, ListedTable]:
    """The tables of the session's database by their name."""
    return {str(table.name): table for table in tables(session)}


@pytest.fixture(scope="module")
def two_rows(session: psycopg.Connection[Any]) -> str:
    """A query of the text and the bits of a row whose values are given as texts."""
    kinds = session.execute(
        "select attname, pg_catalog.format_type(atttypid, atttypmod) from pg_catalog.pg_attribute "
        "where attrelid = 'public.odd'::pg_catalog.regclass and attnum > 0"
    )
    values = ", ".join(f"%({name})s::text::{kind} as {name}" for name, kind in kinds)
    return f"select row(r.*)::text, {listed(session)['public.odd'].row(FAST)} from (select {values}) as r"


@postgres
def test_values_of_each_type_have_the_same_bits_only_if_they_have_the_same_text(server: Cluster) -> None:
    """Of every type of PostgreSQL's, of its arrays and of domains, null too; many of the pairs are equal by their type."""
    kinds, equal = set(), set()
    with server.connect() as session:
        pin(session)
        for name, table in listed(session).items():
            query = f"select row(r.c)::text, {table.row(FAST)}, count(*) from {name} as r group by 1, 2"
            found = session.execute(query.encode()).fetchall()
            assert len({text for text, *_ in found}) == len({bits for _, bits, _ in found}) == len(found), (name, found)
            kinds |= set(table.kinds) if len(found) > 2 else set()
        for name in EQUAL:
            query = f"select count(*) from probe.{name} a, probe.{name} b where a.c = b.c and row(a.c)::text <> row(b.c)::text"
            equal |= {name} if session.execute(query.encode()).fetchone() != (0,) else set()
    assert kinds == {"", *KINDS}, "a kind of value was not tried"
    assert equal == set(EQUAL), "nothing that was tried is equal and another value"


@postgres
@settings(max_examples=200, deadline=None)
@given(row=ROWS, name=st.sampled_from(sorted(VALUES)), data=st.data())
def test_a_row_of_which_one_value_is_another_has_other_bits(
    session: psycopg.Connection[Any], two_rows: str, row: dict[str, str | None], name: str, data: st.DataObject
) -> None:
    """Whatever the others are, and where it was or becomes null."""
    other = {**row, name: data.draw(st.none() | VALUES[name])}
    one, changed = (session.execute(two_rows.encode(), each).fetchone() for each in (row, other))
    assert one is not None
    assert changed is not None
    assert (one[0] == changed[0]) == (one[1] == changed[1])


@postgres
def test_values_that_change_places_are_found(server: Cluster) -> None:
    """Between the columns of a row, and between rows, where all that is summed of each column is the same as before."""
    changes = (
        "select 1", "update swapped set a = b, b = a, c = d, d = c where a = 1", "update swapped set c = d, d = c where a = 1",
        "update swapped set b = 32 - b where a in (1, 2)", "update swapped set c = not c where a in (1, 2)",
        "update swapped set e = 3 - e where a in (1, 2)", "update swapped set e = f, f = e",
        "update swapped set a = null, b = null", "update swapped set a = null, d = null", "delete from swapped where a > 2",
    )  # fmt: skip
    found = []
    with server.connect("odd") as session:
        for change in changes:
            with session.transaction(force_rollback=True):
                session.execute("create table swapped (a int, b int, c bool, d bool, e numeric, f numeric)")
                session.execute(
                    "insert into swapped values (1, 16, true, false, 1, 0.0), (2, 16, false, true, 2, 0), "
                    "(3, 3, true, true, 0, 0.00), (3, 3, true, true, 0, 0.00)"
                )
                session.execute("update swapped set b = 15 where a = 1; update swapped set b = 17 where a = 2")
                session.execute(change.encode())
                found.append(content.observe(session).tables["public.swapped"].fingerprint)
    assert len(set(found)) == len(changes)


@postgres
def test_a_dump_that_gives_its_types_other_oids_is_alike(server: Cluster) -> None:
    """Enums, composites, domains and arrays of them are hashed by what they are called."""
    with server.connect() as session:
        session.execute("create database restored")
    with server.connect("restored") as session:
        session.execute("create type first as enum ('a'); create type second as (a int)")

    def run(tool: str, *arguments: str, text: bytes = b"") -> bytes:
        command = [
            str(server.binaries.tool(tool)),
            f"--host={server.run_dir}",
            f"--port={PORT}",
            f"--username={ADMIN}",
            *arguments,
        ]
        return subprocess.run(command, input=text, capture_output=True, check=True, env={"PGPASSWORD": PASSWORD}).stdout

    run("psql", "--quiet", "--set=ON_ERROR_STOP=1", "restored", text=run("pg_dump", "odd"))
    found = []
    for name in ("odd", "restored"):
        with server.connect(name) as session, session.transaction(force_rollback=True):
            pin(session)
            oid = session.execute("select 'public.mood'::pg_catalog.regtype::pg_catalog.oid::bigint").fetchone()
            found.append((oid, content.observe(session).tables["public.odd"]))
    (one, before), (other, after) = found
    assert one != other
    assert (before.rows, before.fingerprint) == (2, after.fingerprint)


@postgres
def test_a_large_table_is_hashed_once_a_row_by_parallel_workers(server: Cluster) -> None:
    """With and without ranges there is a Gather, one call for each value, and the sums that a single process has."""
    with server.connect("odd") as session, session.transaction(force_rollback=True):
        session.execute(
            "create table big as select g as id, g::text::bytea as b, now() as at from generate_series(1, 200000) g"
        )
        session.execute("set local parallel_setup_cost = 0; analyze big")
        pin(session)
        bits = listed(session)["public.big"].row(FAST)
        key = Key("integer", (Quoted("id"),))
        queries = (
            fingerprint.query_of(Quoted("public.big"), bits, FAST),
            ranges.query(Quoted("public.big"), bits, key, *ranges.bounds(key, 1, 200000), algorithm=FAST, seed=0),
        )
        sums, computed = [], "CASE WHEN (pg_is_in_recovery() IS NOT NULL) THEN ((hash_record_extended"
        for query in queries:
            plan = "\n".join(row[0] for row in session.execute(f"explain (verbose) {query}".encode()))
            assert "Gather" in plan
            above, scan = plan.split("Parallel Seq Scan")
            assert scan.count("ROW(r.b)") == 1
            # what a node takes from the one below stands in parentheses
            assert above.count(computed) == above.count(f"({computed}")
            sums.append((session.execute(query.encode()).fetchone() or ())[:3])
        session.execute("set local max_parallel_workers_per_gather = 0")
        sums.append((session.execute(queries[0].encode()).fetchone() or ())[:3])
    assert sums[0] == sums[1] == sums[2]


@postgres
def test_a_table_may_have_no_column_or_1600(server: Cluster) -> None:
    """Rows of nothing are counted; a value that moves to the next of many columns is seen."""
    found = []
    with server.connect("odd") as session:
        for name in ("c89", "c90", "c91"):
            with session.transaction(force_rollback=True):
                session.execute("create table nothing (); insert into nothing default values")
                session.execute(f"create table wide ({', '.join(f'c{each} int2' for each in range(1600))})".encode())
                session.execute(f"insert into wide ({name}) values (1)".encode())
                read = content.observe(session).tables
                found.append(read["public.wide"].fingerprint)
                assert read["public.nothing"].rows == 1
    assert len(set(found)) == 3


def test_the_sql_of_a_value_is_the_manifests() -> None:
    """Columns are numbered by their names, a domain or an unknown type is text: other SQL would be other fingerprints."""
    a, b, c = Quoted("a"), Quoted("b"), Quoted("c")
    assert row_number([b, a], ["int4", "int8"]) == (
        "coalesce(pg_catalog.hashint8extended(r.a, '1'::bigint # r.a), 170673184380396673) # "
        "coalesce(pg_catalog.hashint4extended(r.b, 2), 2877821210590406954)"
    )
    assert (
        row_number([c], ["timestamptz"]) == "pg_catalog.hash_record_extended(row(pg_catalog.timestamptz_send(r.c)), 1)"
    )
    assert row_number([], []) == "0::bigint"
