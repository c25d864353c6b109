"""Each finding's query is asked on both sides, and its answers differ: one difference of each kind in one pair of databases."""

from __future__ import annotations

from functools import partial

import pytest
from psycopg import sql

from drills.checks import manifest, suite
from drills.checks.base.session import Connection, SingleDatabase
from drills.checks.server import harmless
from drills.checks.suite import Comparison
from drills.clock import SystemClock
from drills.model.finding import Finding
from drills.sandbox.postgres.cluster import Cluster
from tests.support.asked import ask
from tests.support.cluster import default, state
from tests.support.odd_names import fill, formatted

__all__ = ["default", "state"]
NAMES = ("{}", "%s", "a b", '"', "'", "a.b", "a on b", "domain a", "this database", "x")
# What differs in the copy, for each of the names.
CHANGES = """
delete from only {a}.{a} where {a} = 7
alter table {a}.{a} alter {b} set default 'x'
alter table {a}.{a} alter {b} set storage external
alter table {a}.{a} alter {c} set not null
alter table {a}.{a} alter {e} set statistics 7
alter table {a}.{a} alter {e} set (n_distinct = 7)
alter table {a}.{a} alter {g} drop identity
alter table {a}.{a} drop constraint {b}
alter table {a}.{a} set (fillfactor = 50)
alter table {a}.{a} enable row level security
drop index {a}.{e}
update pg_index set indisvalid = false where indexrelid = {index}::regclass
alter view {two}.{a} set (security_barrier)
refresh materialized view {two}.{b} with no data
alter sequence {two}.{c} increment 5
select setval({sequence}, 99)
alter table {two}.{d} detach partition {two}.{e}
alter type {a}.{g} add value 'more'
alter domain {a}.{h} drop constraint {a}
create or replace function {a}.{a}({b} integer) returns integer language sql as 'select 2'
alter table {a}.{a} disable trigger {a}
drop rule {a} on {two}.{e}
alter policy {a} on {a}.{a} using (true)
drop statistics {a}.{a}
drop collation {a}.{a}
alter text search configuration {a}.{a} drop mapping for word
drop operator family {a}.{a} using hash
alter foreign data wrapper {a} options (added 'y')
alter server {a} options (set {a} 'other')
alter user mapping for {role} server {a} options (set {b} 'other')
alter foreign table {two}.{g} options (set {c} 'z')
alter foreign table {two}.{g} alter {a} options (set {a} 'z')
alter publication {a} drop table {a}.{a}
alter event trigger {a} disable
comment on table {a}.{a} is null
comment on column {a}.{a}.{a} is null
comment on policy {a} on {a}.{a} is null
revoke select ({a}) on {a}.{a} from {role}
revoke execute on function {a}.{a}(integer) from {role}
revoke usage on schema {a} from {role}
revoke usage on foreign server {a} from {role}
alter default privileges for role {role} in schema {a} revoke select on tables from public
update pg_class set relpages = 99 where oid = {index}::regclass
update pg_constraint set convalidated = false where conname = {l} and conrelid = {table}::regclass
update pg_trigger set tgenabled = 'R' where tgisinternal and tgrelid = {table}::regclass
"""
# What one database has once.
MADE = """
select lo_from_bytea(4711, 'abc'); select lo_from_bytea(4712, 'abc'); comment on large object 4711 is 'x';
create table public.gone (a int primary key); insert into public.gone values (1); create sequence public.apart;
create cast (text as point) with inout; create operator public.=== (function = int4eq, leftarg = int, rightarg = int);
create operator class public.ints for type int using hash as operator 1 =;
create aggregate public.total (int) (sfunc = int4pl, stype = int);
create type public.pair as (a int, b text); create table public.keyed (a text primary key, b int);
insert into public.keyed select n::text, n from generate_series(1, 50) n; create subscription s connection 'dbname=x'
publication p with (connect = false, slot_name = none)
"""
CHANGED = """
select lo_put(4711, 0, 'x'); select lo_unlink(4712); comment on large object 4711 is null; drop table public.gone;
drop sequence public.apart; drop cast (text as point); drop operator public.=== (int, int);
drop operator class public.ints using hash; drop aggregate public.total (int); alter type public.pair add attribute c int;
update public.keyed set b = 0 where a = '7'; create table public.added (a int); create role added;
create subscription s connection 'dbname=y'
publication p with (connect = false, slot_name = none, binary); alter database copy set app.word = 'x';
alter database copy set work_mem = '9MB';
alter database copy connection limit 7; revoke connect on database copy from public; comment on database copy is 'x';
alter extension plpgsql drop function plpgsql_validator(oid); grant select on pg_authid to added;
alter function public.nothing() depends on extension plpgsql; create type public.shell; create schema "a new one"
"""


def change(session: Connection) -> None:
    """Make one difference of each kind, for each of the names."""
    session.execute("set session_replication_role = replica")
    for letters in formatted(NAMES):
        of = {
            "index": sql.Literal(sql.SQL("{a}.{f}").format(**letters).as_string(session)),
            "table": sql.Literal(sql.SQL("{a}.{a}").format(**letters).as_string(session)),
            "sequence": sql.Literal(sql.SQL("{two}.{c}").format(**letters).as_string(session)),
        }
        for line in CHANGES.strip().splitlines():
            session.execute(sql.SQL(line).format(**letters, **of))
    for statement in CHANGED.split(";"):
        session.execute(statement.encode())


@pytest.mark.postgres
def test_a_findings_query_shows_on_both_sides_what_differs(default: Cluster) -> None:
    """It can be pasted into psql, whatever the object is called, and is answered differently on source and copy."""
    with default.connect() as admin:
        admin.execute("create database source")
    with default.connect("source") as source:
        fill(source, NAMES)
        for statement in MADE.split(";"):
            source.execute(statement.encode())
    with default.connect() as admin:
        admin.execute("create database copy template source")
    key = b"key"
    expected = manifest.take(SingleDatabase(partial(default.connect, "source"), "source"), key=key)
    with default.connect("copy") as session:
        change(session)

    comparison = Comparison(
        SingleDatabase(partial(default.connect, "copy"), "source"), expected, SystemClock(), key=key
    )
    results = (*suite.blocking(comparison), *suite.remaining(comparison))

    findings = [finding for result in results for finding in result.findings]
    assert {"catalog", "content", "sequences", "large objects", "state", "files"} <= {
        finding.check for finding in findings
    }
    assert len(findings) > 30 * len(NAMES)
    # what a copy could do to others is no matter of its source, which may do the same
    compared = [finding for finding in findings if finding.check != harmless.NAME]
    with default.connect("source") as source, default.connect("copy") as copy:
        silent = [f"{each.message}: {each.query}" for each in compared if not tells(each, source, copy)]
    assert silent == []


def tells(finding: Finding, source: Connection, copy: Connection) -> bool:
    """Whether the query of a finding runs on both sides and is answered differently."""
    answers = []
    for side in (source, copy):
        side.execute("reset all")
        answers.append(ask(side, finding.query))
    return answers[0] != answers[1]
