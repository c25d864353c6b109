"""Code that the owner of a copy planted does not run with a superuser's rights, and does no harm with others'."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from drills.checks import manifest, suite
from drills.checks.base import copy_code
from drills.checks.base.session import Connection, SingleDatabase, snapshot
from drills.checks.owner import freshness, queries
from drills.checks.owner.invariants import Invariant
from drills.checks.owner.queries import Query
from drills.checks.verify import Conditions, exit_code, verify
from drills.clock import SystemClock
from drills.config.target import Freshness
from drills.model.finding import CheckResult
from drills.sandbox.postgres.cluster import PORT, Cluster
from drills.sandbox.postgres.roles import prepare_roles
from tests.support.cluster import cluster_in, make, module_state, usable

__all__ = ["module_state"]
pytestmark = pytest.mark.postgres
MASTER, PASSWORD = "master", "not-a-secret"
# Each function warns that it ran, and tries to start a program.
PLANTED = """
create schema evil;
set search_path = evil;
create function fire(what text) returns boolean language plpgsql as $$ begin
    raise warning 'ran %', what;
    execute format('copy (select 1) to program %L', 'touch FILE');
    return true;
exception when insufficient_privilege or read_only_sql_transaction or feature_not_supported then return true; end $$;
create function checks(int) returns boolean language plpgsql as 'begin return evil.fire(''check''); end';
create function folds(int) returns boolean language plpgsql immutable as 'begin raise warning ''ran fold''; return true; end';
create function keys(int) returns int language plpgsql immutable as 'begin perform evil.fire(''key''); return $1; end';
create function inlined(int) returns boolean language sql immutable as 'select evil.folds(1) and $1 > 0';
create function compares(int, int) returns boolean language plpgsql immutable as 'begin return evil.fire(''operator''); end';
create operator === (leftarg = int, rightarg = int, function = compares);
create domain odd as int check (evil.checks(value));
create table plain (id int primary key, price int check (price > 0), note text);
create table checked (id int primary key check (evil.checks(id)));
create table domained (id int primary key, n odd, list odd[]);
create table operated (id int primary key check (id operator(evil.===) id));
create table keyed (id int primary key);
create index keyed_key on keyed (evil.keys(id));
create index keyed_gist on keyed using gist (int4range(evil.keys(id), null));
create table partial (id int primary key);
create index partial_key on partial (id) where evil.keys(id) > 0;
create table folded (id int primary key);
create index folded_key on folded (id) where evil.folds(1);
create table short (id int primary key);
create index short_key on short (id) where evil.inlined(id);
create table counted (id serial primary key, n int);
create statistics counted_folds on (evil.folds(2)), n from counted;
create table parted (id int) partition by range (evil.keys(id));
create table parted_1 partition of parted for values from (0) to (100);
create table guarded (id int primary key);
alter table guarded enable row level security;
alter table guarded force row level security;
create policy all_of_it on guarded using (evil.checks(id));
create table defaulted (id int primary key, at int default evil.keys(1), twice int generated always as (evil.keys(id)) stored);
create view seen as select id from plain where evil.folds(3) and evil.checks(id);
create view above as select * from seen;
create materialized view kept as select evil.keys(id) as id from plain;
insert into plain values (1, 2, 'x');
insert into checked values (1); insert into domained values (1, 1, '{2}'); insert into operated values (1);
insert into keyed values (1); insert into partial values (1); insert into folded values (1); insert into short values (1);
insert into counted (n) values (1); insert into parted values (1); insert into guarded values (1);
insert into defaulted (id) values (1);
alter function keys(int) volatile;
create function equals(text, text) returns boolean language plpgsql as 'begin return evil.fire(''path''); end';
create operator = (leftarg = text, rightarg = text, function = equals);
create domain text as pg_catalog.text check (evil.fire('type'));
alter database planted set search_path = evil, pg_catalog;
"""
# What may be evaluated with any rights, and code whose table says all by its content.
HONEST = """
create function tidy(given text) returns text language sql immutable strict as 'select lower(pg_catalog.btrim(given))';
create function ok(int) returns boolean language plpgsql as 'begin return $1 > 0; end';
create table item (id bigint primary key, price numeric check (price > 0 and price < 1000),
    at timestamptz check (at > now() - '9y'::interval),
    n int check (ok(n)), during int4range, exclude using gist (during with &&));
create index item_text on item (lower(price::text), tidy(price::text)) where price > 1;
create view items as select lower(price::text) from item;
insert into item select g, g, now(), g, int4range(g, g + 1) from generate_series(1, 9) g;
"""


@dataclass
class Planted:
    """A server whose database `planted` is full of code, the warnings of its sessions, and the file it tries to make."""

    cluster: Cluster
    file: Path
    ran: list[str] = field(default_factory=list)

    def connector(self, user: str, database: str = "planted") -> SingleDatabase:
        """As the superuser or the master, noting what the server warns of."""

        @contextmanager
        def open_it() -> Iterator[Connection]:
            with self.master(database) if user == MASTER else self.cluster.connect(database) as connection:
                connection.add_notice_handler(lambda said: self.ran.append(said.message_primary or ""))
                yield connection

        return SingleDatabase(open_it, database)

    def master(self, database: str) -> Connection:
        """As the owner of the database, who is no superuser."""
        return psycopg.connect(
            host=str(self.cluster.run_dir), port=PORT, dbname=database, autocommit=True, user=MASTER, password=PASSWORD
        )

    def drill(self, user: str, *, trust_code: bool = False) -> tuple[CheckResult, ...]:
        """Everything that is asked of a source and of its copy, with the owner's own SQL; `ran` is of this alone."""
        self.ran.clear()
        self.file.unlink(missing_ok=True)
        connect, clock, sql = self.connector(user), SystemClock(), "select now() from evil.seen"
        taken = manifest.take(connect, key=b"k", trust_code=trust_code)
        rules = (Invariant("one", "Nothing is seen.", "select id from evil.seen where false"),)
        queries.cold(connect, [Query("seen", sql)], clock, 60.0, trust_code=trust_code)
        freshness.observe(connect, [Freshness(name="seen", sql=sql)], trust_code=trust_code)
        suite.newest_canary(connect)
        return verify(connect, taken, clock=clock, key=b"k", scratch=True, rules=rules, under=Conditions(trust_code))


@pytest.fixture(scope="module", params=("system", "bundled-18"))
def planted(request: pytest.FixtureRequest, module_state: Path) -> Iterator[Planted]:
    """A server whose owner of a database has put code wherever a check may evaluate it."""
    cluster = cluster_in(module_state, usable(request.param), request.param)
    make(cluster)
    cluster.start()
    try:
        prepare_roles(cluster, MASTER, PASSWORD, "planted")
        found = Planted(cluster, cluster.run_dir / "started")
        with found.master("planted") as session:
            session.execute(PLANTED.replace("FILE", str(found.file)).encode())
        with found.master("postgres") as session:
            session.execute("create database honest")
        with found.master("honest") as session:
            session.execute(HONEST.encode())
        yield found
    finally:
        cluster.kill()


def left_out(results: tuple[CheckResult, ...]) -> set[str]:
    """What was not evaluated since it would have run code."""
    return {left.what for result in results for left in result.not_checked if "would run code of" in left.reason}


def test_a_superuser_runs_no_code_of_the_copy(planted: Planted) -> None:
    """Neither evaluated nor computed by the planner, nor found by a search_path; each object is named, and it is 12."""
    results = planted.drill("postgres")

    assert planted.ran == []
    assert not planted.file.exists()
    assert exit_code(results) == 12
    assert left_out(results) >= {
        *("constraint checked_id_check on evil.checked", "constraint operated_id_check on evil.operated"),
        "constraint odd_check of domain evil.odd on evil.domained.n",
        *(
            "partition bound of evil.parted_1",
            "index evil.keyed_key",
            "index evil.keyed_gist",
            "index evil.partial_key",
        ),
        *("evil.folded", "evil.short", "evil.counted", "sequence evil.counted_id_seq"),
        *("view evil.seen", "view evil.above", "materialised view evil.kept", "invariant one"),
    }
    reasons = [left.reason for result in results for left in result.not_checked]
    assert any("code of master (function evil.checks) with a superuser's rights: log in as" in each for each in reasons)


def test_code_is_found_again_only_where_something_has_changed(planted: Planted) -> None:
    """A transaction that sees what an earlier one saw takes over what that found, limited as it was; any change is looked at."""
    known, connect = copy_code.KnownCode(), planted.connector("postgres", "honest")

    def find() -> tuple[copy_code.CopyCode, str]:
        with snapshot(connect, "honest") as connection:
            code = known.find(connection, trusted=False)
            row = connection.execute("select current_setting('restrict_nonsystem_relation_kind', true)").fetchone()
            return code, str(row and row[0])

    (first, limits), (second, same_limits) = find(), find()
    assert second is first
    assert same_limits == limits
    assert limits in ("view, foreign-table", "None")  # minor releases before August 2024 have no such setting
    with planted.master("honest") as session:
        session.execute("create table late (n int check (ok(n)))")
    third, _ = find()
    assert len(third.objects) == len(first.objects) + 1
    with planted.master("honest") as session:
        session.execute("drop table late")


def test_trusted_code_runs_with_the_rights_of_the_login(planted: Planted) -> None:
    """What --trust-code means: everything is evaluated, and the code reaches the operating system."""
    results = planted.drill("postgres", trust_code=True)

    assert {"ran check", "ran fold", "ran key", "ran operator"} <= set(planted.ran)
    assert planted.file.exists()
    assert left_out(results) == set()


def test_with_the_rights_of_a_drill_code_reaches_no_program(planted: Planted) -> None:
    """The master of a scratch copy is no superuser: everything is evaluated, and no program is started."""
    results = planted.drill(MASTER)

    assert {"ran check", "ran fold", "ran key", "ran operator"} <= set(planted.ran)
    assert not planted.file.exists()
    assert left_out(results) == set()


def test_a_role_that_may_start_programs_counts_as_a_superuser(planted: Planted) -> None:
    """Members of pg_execute_server_program and of a superuser's role can do what a superuser can."""
    with planted.cluster.connect() as admin, planted.master("planted") as session:
        # before 16 the sandbox makes it a superuser, so that the master cannot grant it
        programs = "pg_execute_server_program" if admin.info.server_version >= 160000 else "a superuser's"
        for role, named in (("pg_execute_server_program", programs), (admin.info.user, "a superuser's")):
            assert copy_code.rights(session) == ""
            admin.execute(f'grant "{role}" to {MASTER}'.encode())
            try:
                assert named in copy_code.rights(session)
            finally:
                admin.execute(f'revoke "{role}" from {MASTER}'.encode())


def test_code_is_optional_where_the_table_holds_what_the_manifest_says(planted: Planted) -> None:
    """A superuser can get exit 0: nothing new could come of such a constraint. With other rows it is not verified."""
    connect = planted.connector("postgres", "honest")
    taken = manifest.take(connect, key=b"k")

    results = verify(connect, taken, clock=SystemClock(), key=b"k")

    assert left_out(results) == {"constraint item_n_check on public.item"}
    assert exit_code(results) == 0
    with planted.cluster.connect("honest") as session:
        session.execute("delete from item where id = 1")
        results = verify(connect, taken, clock=SystemClock(), key=b"k")
        session.execute("insert into item select 1, 1, now(), 1, int4range(1, 2)")
    assert {each.name: each.outcome for each in results}["constraints"] == "not verified"
