"""Checks that need no manifest: a copy that contradicts itself is named, an honest one and an odd source are not."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from drills.checks.base import anomalies
from drills.checks.base.outcome import CheckOutcome
from drills.checks.content import check as content
from drills.checks.integrity import constraints, indexes
from drills.checks.integrity import state as integrity_state
from drills.model.finding import Severity
from tests.support.checked import Checked, checked
from tests.support.cluster import module_state

__all__ = ["checked", "module_state"]
pytestmark = pytest.mark.postgres

MORE = """
create schema promise;
create domain promise.even as int check (value % 2 = 0);
create domain promise.four as promise.even check (value <> 6) not null;
create table promise.parent (a int, b text, constraint parent_key primary key (a, b));
create table promise.child (id int primary key, a int, b text, n promise.four, word text not null default 'w',
    "Größe ""x"" m" int constraint "posi""tive" check ("Größe ""x"" m" > 0), whole text,
    constraint no_row_is_empty check (child.* is not null or id is not null),
    constraint child_parent foreign key (a, b) references promise.parent match full);
create unique index child_word on promise.child (lower(word)) where id > 10;
create table promise.booked (room int, during int4range, exclude using gist (during with &&));
create table promise.part (id int, at date not null) partition by range (at);
create table promise.part_1 partition of promise.part for values from ('2026-01-01') to ('2026-02-01');
create table promise.loose (a int, b int);
alter table promise.loose add constraint late check (a > 0) not valid;
create function promise.guard() returns trigger language plpgsql as 'begin return new; end';
create trigger guard before insert on promise.loose for each row execute function promise.guard();
create materialized view promise.seen as select 1 as one;
create index loose_b on promise.loose (b);
create table information_schema.own (id int primary key, n int constraint own_positive check (n > 0));
insert into information_schema.own values (1, 1), (2, 2);
insert into promise.parent values (1, 'x'), (2, 'y');
insert into promise.child select g, 1, 'x', g * 8, 'word ' || g, g, null from generate_series(1, 20) g;
insert into promise.booked values (1, '[1,3)'), (1, '[3,5)');
insert into promise.part values (1, '2026-01-10');
"""
CHILD = "'promise.child'::regclass"
BROKEN = {
    "constraint own_positive on information_schema.own": (
        "alter table information_schema.own drop constraint own_positive",
        "update information_schema.own set n = -1 where id = 1",
        "alter table information_schema.own add constraint own_positive check (n > 0) not valid",
        "update pg_constraint set convalidated = true where conname = 'own_positive'",
    ),
    "column promise.child.word": (
        "alter table promise.child alter word drop not null",
        "update promise.child set word = null where id = 3",
        f"update pg_attribute set attnotnull = true where attrelid = {CHILD} and attname = 'word'",
    ),
    'constraint "posi""tive" on promise.child': (
        'alter table promise.child drop constraint "posi""tive"',
        'update promise.child set "Größe ""x"" m" = -1 where id = 3',
        'alter table promise.child add constraint "posi""tive" check ("Größe ""x"" m" > 0) not valid',
        "update pg_constraint set convalidated = true where conname like 'posi%'",
    ),
    "constraint even_check of domain promise.even on promise.child.n": (
        "alter domain promise.even drop constraint even_check",
        "update promise.child set n = 7 where id = 3",
        "alter domain promise.even add constraint even_check check (value % 2 = 0) not valid",
        "update pg_constraint set convalidated = true where conname = 'even_check'",
    ),
    "unique index promise.child_word": (
        "alter table promise.child disable trigger all",
        "update pg_index set indisready = false, indisvalid = false where indexrelid = 'promise.child_word'::regclass",
        "update promise.child set word = 'WORD 12' where id = 13",
        "update pg_index set indisready = true, indisvalid = true where indexrelid = 'promise.child_word'::regclass",
        "alter table promise.child enable trigger all",
    ),
    "constraint child_parent on promise.child": ("delete from promise.parent where a = 1",),
    "partition bound of promise.part_1": (
        "alter table promise.part detach partition promise.part_1",
        "insert into promise.part_1 values (2, '2026-03-01')",
        "alter table promise.part attach partition promise.part_1 for values from ('2026-01-01') to ('2026-04-01')",
        "update pg_class set relpartbound = (select relpartbound from pg_class where relname = 'kept') "
        "where oid = 'promise.part_1'::regclass",
    ),
}


@pytest.fixture(scope="module")
def constrained(checked: Checked) -> Iterator[Checked]:
    """A server with a database of promises beside the sample."""
    with checked.cluster.connect() as session:
        session.execute("create database promises owner master")
    with checked.cluster.connect("promises") as session:
        session.execute(MORE.encode())
        session.execute("create table promise.k (at date not null) partition by range (at)")
        session.execute(
            "create table promise.kept partition of promise.k for values from ('2026-01-01') to ('2026-02-01')"
        )
    yield checked
    with checked.cluster.connect() as session:
        session.execute("drop database promises with (force)")


def validate(checked: Checked, database: str, identical: frozenset[str] | None = None) -> CheckOutcome:
    """What the constraints of a database came to."""
    with checked.snapshot(database) as connection:
        return constraints.check(connection, identical)


def named(outcome: CheckOutcome) -> list[tuple[str, Severity]]:
    """The things that findings name, with their severities."""
    return [(finding.object, finding.severity) for finding in outcome.findings]


def test_an_honest_database_keeps_its_promises(constrained: Checked) -> None:
    """The sample, and a database of odd names, domains of domains, expressions and partitions, give no finding."""
    for database, least in (("orders", 110), ("promises", 18)):
        outcome = validate(constrained, database)
        assert (outcome.findings, outcome.not_checked) == ((), ())
        assert outcome.compared >= least


@pytest.mark.parametrize("thing", BROKEN)
def test_a_broken_promise_is_named_although_it_is_marked_as_valid(constrained: Checked, thing: str) -> None:
    """The rows are counted, whatever the catalog, the index or the planner believes."""
    with constrained.copy("promises") as copy:
        constrained.harm(copy, *BROKEN[thing])
        outcome = validate(constrained, copy)
        tables = frozenset({"promise.child", "promise.parent", "promise.part_1", "information_schema.own"})
        inherited = validate(constrained, copy, tables)

    assert named(outcome) == [(thing, "error")] if "child_parent" not in thing else (thing, "error") in named(outcome)
    assert {severity for _, severity in named(inherited)} == {"information"}
    assert "row" in outcome.findings[0].found
    assert outcome.findings[0].query.startswith("select")


def test_a_key_that_needs_more_room_than_there_is_is_not_verified(constrained: Checked) -> None:
    """Estimated before anything is sorted; the rest is validated all the same."""
    with constrained.cluster.connect() as session:
        session.execute("alter role master set temp_file_limit = '1MB'")
    try:
        outcome = validate(constrained, "orders")
    finally:
        with constrained.cluster.connect() as session:
            session.execute("alter role master reset temp_file_limit")

    assert outcome.findings == ()
    assert outcome.compared > 80
    assert all("of temporary space, temp_file_limit allows 1 MB" in left.reason for left in outcome.unverified)
    assert "unique index shop.order_line_pkey" in [left.what for left in outcome.unverified]
    assert "unique index shop.campaign_pkey" not in [left.what for left in outcome.unverified]


def test_a_reader_without_rights_proves_nothing_and_is_told_what_it_needs(constrained: Checked) -> None:
    """Nothing that could not be read is validated."""
    with constrained.cluster.connect("promises") as session:
        session.execute("create role hermit")
        session.execute("grant hermit to master")
    try:
        with constrained.snapshot("promises") as connection:
            connection.execute("set local role hermit")
            outcome = constraints.check(connection, None)
    finally:
        with constrained.cluster.connect("promises") as session:
            session.execute("drop role hermit")

    assert (outcome.compared, outcome.findings) == (0, ())
    assert len(outcome.unverified) >= 18
    assert all(
        left.reason.startswith(("needs SELECT on promise.", "needs SELECT on information_schema.own"))
        for left in outcome.unverified
    )


STATES = {
    "index promise.loose_b": (
        "invalid",
        "update pg_index set indisvalid = false where indexrelid = 'promise.loose_b'::regclass",
    ),
    "constraint child_parent on promise.child": (
        "not validated",
        "update pg_constraint set convalidated = false where conname = 'child_parent'",
    ),
    "trigger guard on promise.loose": ("disabled", "alter table promise.loose disable trigger guard"),
    "table promise.parent": ("without 2 of its internal triggers", "alter table promise.parent disable trigger all"),
    "table promise.child": (
        "with 2 internal triggers for replication alone",
        "do $$ declare t name; begin for t in select tgname from pg_trigger where tgisinternal "
        "and tgrelid = 'promise.child'::regclass loop "
        "execute format('alter table promise.child enable replica trigger %I', t); end loop; end $$",
    ),
    "materialised view promise.seen": ("unpopulated", "refresh materialized view promise.seen with no data"),
}


@pytest.mark.parametrize("thing", STATES)
def test_an_odd_state_is_an_error_a_warning_or_information(constrained: Checked, thing: str) -> None:
    """By what the manifest has: another state, none because there is no manifest, or the same."""
    state, statement = STATES[thing]
    with constrained.copy("promises") as copy:
        with constrained.snapshot(copy) as connection:
            before = anomalies.to_known(integrity_state.observe(connection))
        constrained.harm(copy, statement)
        with constrained.snapshot(copy) as connection:
            found = integrity_state.observe(connection)
            severities = []
            for expected in (before, None, anomalies.to_known(found)):
                outcome = integrity_state.check(connection, expected)
                severities += [(each.found, each.severity) for each in outcome.findings if each.object == thing]

    assert before == {"constraint late on promise.loose": "not validated"}
    assert severities == [(state, "error"), (state, "warning"), (state, "information")]


def test_what_the_whole_server_has_left_over_is_named(constrained: Checked) -> None:
    """A prepared transaction, a slot, and databases that nobody may or need enter."""
    cluster = constrained.cluster
    with cluster.connect() as session:
        prepared = session.execute("show max_prepared_transactions").fetchone()
        session.execute("create database closed allow_connections false")
        session.execute("create database model is_template true")
        session.execute("select pg_create_physical_replication_slot('left_over')")
    try:
        with constrained.snapshot("postgres") as connection:
            outcome = integrity_state.check_cluster(connection, {})
            lost = integrity_state.check_cluster(connection, {"replication slot gone": "kept"})
    finally:
        with cluster.connect() as session:
            session.execute("select pg_drop_replication_slot('left_over')")
            session.execute("drop database closed")
            session.execute("alter database model is_template false")
            session.execute("drop database model")

    assert prepared is not None
    assert named(outcome) == [("replication slot left_over", "warning")]
    assert ("replication slot gone", "warning") in named(lost)
    assert {left.what for left in outcome.excluded} >= {"database closed", "database model"}


@pytest.mark.origins("system")  # the bundled ones are built without ICU
def test_an_index_that_was_made_with_another_collation_is_named(constrained: Checked) -> None:
    """The version that the catalog noted is not the one that the server has now."""
    with constrained.copy("promises") as copy:
        try:
            constrained.harm(
                copy,
                'create collation promise.words from "en-x-icu"',
                "create table promise.sorted (w text collate promise.words)",
                "create index sorted_w on promise.sorted (w)",
                "update pg_collation set collversion = '1' where collname = 'words'",
            )
        except psycopg.errors.UndefinedObject:
            pytest.skip("this PostgreSQL is built without ICU")
        with constrained.snapshot(copy) as connection:
            outcome = integrity_state.check(connection, {"constraint late on promise.loose": "not validated"})

    assert ("collation promise.words", "error") in named(outcome)


# The expressions need what a role has in this database, or what the database has; the pinned session has neither.
SETTINGS = """
create schema lexicon authorization master;
set search_path = lexicon; set datestyle = 'German'; set shop.tenant = 'a';
create table lexicon.dict (word text primary key);
insert into lexicon.dict values ('red'), ('blue');
create function lexicon.known(text) returns boolean language sql stable as 'select exists (select from dict where word = $1)';
create function lexicon.rank(text) returns bigint language plpgsql immutable as
    'begin return (select count(*) from dict where word < $1); end';
create domain lexicon.colour as text check (lexicon.known(value));
create table lexicon.item (id int primary key, word text constraint is_known check (lexicon.known(word)), colour lexicon.colour,
    at date constraint is_german check (at::text like '__.__.____'),
    tenant text constraint is_own check (tenant = current_setting('shop.tenant')));
grant usage on schema lexicon to public;
create index item_rank on lexicon.item (lexicon.rank(word));
create index item_rank_gist on lexicon.item using gist (int8range(lexicon.rank(word), null));
insert into lexicon.item values (1, 'red', 'blue', '2026-11-29', 'a'), (2, 'blue', 'red', '2026-11-30', 'a');
alter table lexicon.dict owner to master; alter table lexicon.item owner to master;
"""


def test_expressions_are_evaluated_with_the_settings_of_the_users_of_the_database(constrained: Checked) -> None:
    """A healthy copy is met with each, and a broken row is found all the same."""
    with constrained.copy("promises") as copy:
        constrained.harm(
            copy,
            SETTINGS,
            f"create role writer; alter role writer in database {copy} set search_path = lexicon",
            f"alter role writer in database {copy} set datestyle = 'German'",
            f"alter role writer set shop.tenant = 'a'; alter database {copy} set timezone = 'Asia/Tokyo'",
        )
        try:
            with constrained.snapshot(copy) as connection:
                proved = constraints.check(connection, None) + indexes.check(connection)
            constrained.harm(
                copy,
                "set search_path = lexicon; set shop.tenant = 'a'",
                "alter table lexicon.item drop constraint is_known",
                "insert into lexicon.item (id, word, colour, tenant) values (3, 'purple', 'red', 'a')",
                "alter table lexicon.item add constraint is_known check (lexicon.known(word)) not valid",
                "update pg_constraint set convalidated = true where conname = 'is_known'",
            )
            broken = validate(constrained, copy)
        finally:
            constrained.harm(copy, "drop role writer")

    assert (proved.findings, proved.not_checked) == ((), ())
    assert named(broken) == [("constraint is_known on lexicon.item", "error")]


def test_row_level_security_that_is_forced_is_named(constrained: Checked) -> None:
    """The owner is told what hides rows from it, of the content, of an index and of a constraint alike."""
    with constrained.copy("promises") as copy:
        constrained.harm(
            copy,
            "create table promise.forced (id int primary key)",
            "alter table promise.forced owner to master",
            "alter table promise.forced enable row level security",
            "alter table promise.forced force row level security",
        )
        with constrained.snapshot(copy) as connection:
            outcome = constraints.check(connection, None) + indexes.check(connection)
            unread = content.observe(connection).unreadable

    reasons = {left.what: left.reason for left in outcome.unverified} | unread
    assert set(reasons) == {
        *(
            "column promise.forced.id",
            "unique index promise.forced_pkey",
            "index promise.forced_pkey",
            "promise.forced",
        ),
    }
    assert set(reasons.values()) == {
        "needs BYPASSRLS on promise.forced: FORCE ROW LEVEL SECURITY can hide rows from the owner's role too"
    }
