"""The catalog check: equal for every honest copy, and a finding by name for each single thing that was taken away."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks.base.session import pin
from drills.checks.catalog import check as catalog
from drills.checks.catalog.check import Catalog
from drills.checks.catalog.scope import RelevantRoles, database_name, find_roles, restrict_to_database
from drills.sandbox.postgres.cluster import ADMIN, Cluster
from drills.sandbox.postgres.roles import prepare_roles
from drills.sandbox.seeds import sample
from tests.support.asked import ask_both
from tests.support.cluster import ORIGINS, cluster_in, make, module_state, usable
from tests.support.paths import CHECKOUT
from tests.support.processor import processor_seconds

__all__ = ["module_state"]

postgres = pytest.mark.postgres
RICH = (CHECKOUT / "tests/support/rich_schema.sql").read_text(encoding="utf-8")
DATABASES = ("orders", "rich")


def fill(cluster: Cluster) -> None:
    """Roles as RDS has them, the sample in `orders` as the master's, the rich schema in `rich`."""
    prepare_roles(cluster, "master", secrets.token_urlsafe(), "orders")
    with cluster.connect() as session:
        for role in (*sample.ROLES, "readers", "writers", '"Odd Role"'):
            session.execute(f"create role {role}".encode())
        session.execute("alter role shop_app connection limit 7 valid until '2030-01-01'")
        session.execute("grant readers to writers")
        session.execute("alter role shop_app set statement_timeout = '5s'")
        session.execute("alter role shop_app in database orders set app.word = 'hidden value'")
        session.execute("alter role all set lock_timeout = '9s'")
        session.execute("create database rich owner master connection limit 50")
    with cluster.connect("orders") as session, session.transaction():
        session.execute("set local session authorization master")
        for _, text in sample.scripts():
            session.execute(text.encode())
    with cluster.connect("rich") as session:
        session.execute(RICH.encode())


@pytest.fixture(scope="module", params=ORIGINS)
def filled(request: pytest.FixtureRequest, module_state: Path) -> Iterator[Cluster]:
    """A server of each origin with both databases."""
    cluster = cluster_in(module_state, usable(request.param), request.param)
    make(cluster)
    cluster.start({"wal_level": "logical"})
    try:
        fill(cluster)
        yield cluster
    finally:
        cluster.kill()


def seen(session: psycopg.Connection[Any], *, shared: bool = False, key: bytes | None = None) -> Catalog:
    """What the master, who is no superuser, observes in an open transaction of the superuser's."""
    session.execute("set local session authorization master")
    pin(session)
    return catalog.observe_cluster(session, key=key) if shared else catalog.observe(session, key=key)


def read(cluster: Cluster, database: str, *, shared: bool = False, key: bytes | None = None) -> Catalog:
    """The catalog of one database, or of the server."""
    with cluster.connect(database) as session, session.transaction(force_rollback=True):
        return seen(session, shared=shared, key=key)


def after(cluster: Cluster, database: str, change: str, *, shared: bool = False) -> Catalog:
    """The catalog as it is once a change was made, which is rolled back."""
    with cluster.connect(database) as session, session.transaction(force_rollback=True):
        session.execute(change.encode())
        return seen(session, shared=shared)


TAKEN = [
    ("alter table shop.customer alter created_at drop default", "shop.customer.created_at",
     "default now()", "no default"),
    ("revoke select on shop.orders from shop_readonly", "shop.orders", "grant SELECT to shop_readonly", "none"),
    ("revoke select (amount) on shop.payment from shop_readonly", "shop.payment.amount",
     "grant SELECT to shop_readonly", "none"),
    ("revoke usage on schema shop from shop_readonly", "schema shop", "grant USAGE to shop_readonly", "none"),
    ("revoke execute on function shop.place_order(bigint) from shop_app", "shop.place_order(bigint)",
     "grant EXECUTE to shop_app with grant option", "none"),
    ("revoke grant option for execute on function shop.place_order(bigint) from shop_app", "shop.place_order(bigint)",
     "grant EXECUTE to shop_app with grant option", "grant EXECUTE to shop_app"),
    ("revoke usage on type shop.order_status from shop_readonly", "shop.order_status",
     "grant USAGE to shop_readonly", "none"),
    ("revoke usage on sequence shop.order_id_seq from shop_app", "shop.order_id_seq",
     "grant USAGE to shop_app", "none"),
    ("alter table shop.manual owner to rdsadmin", "shop.manual", "owner master", "owner rdsadmin"),
    ("alter table shop.product owner to rdsadmin", "shop.product", "owner master", "owner rdsadmin"),
    ("alter function shop.touch() owner to rdsadmin", "shop.touch()", "owner master", "owner rdsadmin"),
    ("drop policy customer_of_country on shop.customer", "policy customer_of_country on shop.customer", None, "none"),
    ("alter policy payment_by_app on shop.payment using (false)", "policy payment_by_app on shop.payment",
     "using true", "using false"),
    ("alter table shop.customer disable row level security", "shop.customer", "row security", "no row security"),
    ("alter table shop.orders disable trigger touch", "trigger touch on shop.orders", "enabled", "disabled"),
    ("drop trigger add_up on shop.order_line", "trigger add_up on shop.order_line", None, "none"),
    ("alter table shop.manual disable trigger all", "shop.manual", "no disabled internal triggers",
     "disabled internal triggers 2"),
    ("do $$ declare t name; begin for t in select tgname from pg_trigger where tgrelid = 'shop.manual'::regclass and "
     "tgisinternal loop execute format('alter table shop.manual enable replica trigger %I', t); end loop; end $$",
     "shop.manual", "no internal triggers for replication alone", "internal triggers for replication alone 2"),
    ("grant select on pg_authid to shop_readonly", "pg_authid", "none", "grant SELECT to shop_readonly"),
    ("grant select (rolpassword) on pg_authid to shop_readonly", "pg_catalog.pg_authid.rolpassword", "none",
     "grant SELECT to shop_readonly"),
    ("grant execute on function pg_read_file(text) to public", "pg_read_file(text)", "none", "grant EXECUTE to PUBLIC"),
    ("revoke execute on function pg_ls_waldir() from pg_monitor", "pg_ls_waldir()", "none",
     "revoked EXECUTE from pg_monitor"),
    ("grant execute on function pg_ls_waldir() to pg_monitor with grant option", "pg_ls_waldir()", "none",
     "grant EXECUTE to pg_monitor with grant option"),
    ("revoke usage on schema pg_catalog from public", "schema pg_catalog", "none", "revoked USAGE from PUBLIC"),
    ("alter table shop.manual drop constraint manual_product_fkey, add constraint manual_product_fkey foreign key "
     "(product_id) references shop.product not valid", "constraint manual_product_fkey on shop.manual", None, None),
    ("alter table shop.manual drop constraint manual_product_fkey", "constraint manual_product_fkey on shop.manual",
     "FOREIGN KEY (product_id) REFERENCES shop.product(id)", "none"),
    ("alter table shop.orders drop constraint orders_customer_fkey", "constraint orders_customer_fkey on shop.orders",
     "FOREIGN KEY (customer_id) REFERENCES shop.customer(id)", "none"),
    ("alter table shop.order_line drop constraint order_line_pkey", "constraint order_line_pkey on shop.order_line",
     "PRIMARY KEY (order_id, placed_at, line)", "none"),
    ("alter table shop.orders drop constraint cancelled_orders_say_why",
     "constraint cancelled_orders_say_why on shop.orders", None, "none"),
    ("drop index shop.payment_order_idx", "shop.payment_order_idx", None, "none"),
    ("drop index shop.orders_customer_idx", "shop.orders_customer_idx", None, "none"),
    ("update pg_index set indisvalid = false where indexrelid = 'shop.payment_order_idx'::regclass",
     "shop.payment_order_idx", "valid", "invalid"),
    ("create or replace function shop.touch() returns trigger language plpgsql as 'begin return old; end'",
     "shop.touch()", None, None),
    ("drop view shop.open_order", "shop.open_order", "view; owner master", "none"),
    ("create or replace view shop.current_product with (check_option = cascaded) as select id, sku, name, price "
     "from shop.product", "shop.current_product", None, None),
    ("alter type shop.payment_method add value 'cash'", "shop.payment_method", None, None),
    ("alter domain shop.email drop constraint email_has_one_at", "constraint email_has_one_at on domain shop.email",
     None, "none"),
    ("comment on table shop.orders is null", "shop.orders", None, "none"),
    ("comment on column shop.payment.payer is null", "shop.payment.payer", None, "none"),
    ("comment on policy customer_of_country on shop.customer is null", "policy customer_of_country on shop.customer",
     None, "none"),
    ("alter default privileges for role master in schema shop revoke select on tables from shop_readonly",
     "default privileges of master in schema shop on tables", "grant SELECT to shop_readonly", "none"),
    ("drop statistics shop.customer_country_tags", "shop.customer_country_tags", None, "none"),
    ("alter table shop.customer alter country set statistics -1", "shop.customer.country",
     "statistics target 200", "none"),
    ("alter sequence shop.invoice_seq increment 1", "shop.invoice_seq", "increment 7", "increment 1"),
    ("drop table shop.status_change", "shop.status_change", "table; owner master", "none"),
    ("alter table shop.payment alter id drop identity", "shop.payment.id", "identity by default", "none"),
    ("alter table shop.customer alter name drop not null", "shop.customer.name", "not null", "nullable"),
    ("alter table shop.orders alter placed_at drop default", "shop.orders.placed_at", "default now()", "no default"),
    ("alter table shop.customer alter last_seen type timestamptz", "shop.customer.last_seen",
     "type timestamp without time zone", "type timestamp with time zone"),
    ("alter table shop.payment drop column payer cascade", "shop.payment.payer", "type text", "none"),
    ("alter table shop.payment add column extra text", "shop.payment.extra", "none", "type text"),
    ("refresh materialized view shop.monthly_sales with no data", "shop.monthly_sales", "populated", "unpopulated"),
    ("alter table shop.product replica identity default", "shop.product", "replica identity index shop.product_sku_key",
     "no replica identity"),
    ("alter table shop.status_change reset (fillfactor)", "shop.status_change", None, None),
    ("select lo_unlink(910001)", "large objects", None, None),
]  # fmt: skip
TAKEN_RICH = [
    ("alter event trigger audit disable", "event trigger audit"),
    ("revoke usage on language plpgsql from public", "language plpgsql"),
    ("revoke usage on language sql from public", "language sql"),
    ("alter table app.watched alter body set storage external", "app.watched.body"),
    (
        "create text search parser app.words (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, "
        "lextypes = prsd_lextype)",
        "text search parser app.words",
    ),
    ("create text search template app.plain (lexize = dsimple_lexize)", "text search template app.plain"),
    ("drop event trigger audit", "event trigger audit"),
    ("drop publication feed", "publication feed"),
    ("alter publication feed drop table app.watched", "publication feed"),
    ("drop user mapping for master server away", "user mapping of master on server away"),
    ("drop rule no_delete on app.watched", "rule no_delete on app.watched"),
    ("drop cast (text as app.point3)", "cast (text as app.point3)"),
    ("drop aggregate app.total(integer)", "app.total(integer)"),
    ("drop operator class app.int_hash using hash", "operator class app.int_hash using hash"),
    ("drop operator app.=== (app.point3, app.point3)", "operator app.===(app.point3,app.point3)"),
    ("alter text search configuration app.search drop mapping for word", "text search configuration app.search"),
    ("alter table app.log_1 enable trigger seen", "trigger seen on app.log_1"),
    ("alter table app.child no inherit app.parent", "app.child"),
    ("alter table app.log detach partition app.log_2", "app.log_2"),
    ("drop table app.log_1", "app.log_1"),
    ("alter table app.scratch set logged", "app.scratch"),
    ('alter table "Odd ""Name"".x"."a.b" alter "c.d" drop default', '"Odd ""Name"".x"."a.b"."c.d"'),
    ('drop table "Odd ""Name"".x"."a.b"', '"Odd ""Name"".x"."a.b"'),
    ("alter table app.parent rename column later to earlier", "app.parent.later"),
    ("grant delete on app.watched to rdsadmin", "app.watched"),
    ("revoke usage on foreign server away from readers", "foreign server away"),
    ("revoke select on large object 4711 from readers", "large objects"),
    (
        "create subscription feeds connection 'dbname=x' publication p with (connect = false, slot_name = none)",
        "subscription feeds",
    ),
    ("update pg_extension set extversion = '0.9'", "extension plpgsql"),
    ("alter domain app.positive set not null", "app.positive"),
    ("revoke execute on function pg_stat_reset() from readers", "pg_stat_reset()"),
    ("revoke usage on type pg_lsn from readers", "pg_lsn"),
    ("grant usage on type pg_lsn to public", "pg_lsn"),
    ("revoke execute on function plpgsql_call_handler() from readers", "plpgsql_call_handler()"),
    ("grant execute on function plpgsql_validator(oid) to public", "plpgsql_validator(oid)"),
    ("revoke execute on function plpgsql_inline_handler(internal) from public", "plpgsql_inline_handler(internal)"),
    ("alter extension plpgsql drop function plpgsql_validator(oid)", "extension plpgsql"),
    ("update pg_language set lanpltrusted = false where lanname = 'plpgsql'", "extension plpgsql"),
    (
        "alter function app.same(app.point3, app.point3) no depends on extension plpgsql",
        "function app.same(app.point3,app.point3)",
    ),
    ("alter index app.log_level depends on extension plpgsql", "index app.log_level"),
    ("drop operator family app.loose using btree", "operator family app.loose using btree"),
    ("alter operator family app.loose using btree owner to master", "operator family app.loose using btree"),
    (
        "alter operator family app.loose using btree drop operator 1 (integer, bigint)",
        "operator family app.loose using btree",
    ),
    (
        "alter operator family app.loose using btree add function 1 (integer, bigint) btint48cmp(integer, bigint)",
        "operator family app.loose using btree",
    ),
    ("alter operator family app.int_hash using hash owner to master", "operator family app.int_hash using hash"),
    (
        "alter operator family app.int_hash using hash add operator 1 = (bigint, bigint)",
        "operator class app.int_hash using hash",
    ),
    ("drop operator family app.int_hash using hash cascade", "operator class app.int_hash using hash"),
    ("drop type app.unmade", "app.unmade"),
    ("create type app.unmade_too", "app.unmade_too"),
    ("alter table app.log alter level set default 'info'", "app.log.level"),
]
TAKEN_SHARED = [
    ("alter role shop_app nologin connection limit -1", "role shop_app", "connection limit 7"),
    ("revoke readers from writers", "role writers", "member of readers"),
    ("alter role shop_app reset statement_timeout", "role shop_app", "setting statement_timeout=5s"),
    ("alter role shop_app in database orders reset app.word", "role shop_app in database orders", None),
    ("alter role all reset lock_timeout", "all roles", "setting lock_timeout=9s"),
    ("alter role all set statement_timeout = '1h'", "all roles", "none"),
    ("alter role shop_app createrole", "role shop_app", "no createrole"),
    ("comment on role shop_app is 'new'", "role shop_app", "none"),
    ("alter database rich connection limit 60", "database rich", "connection limit 50"),
    ("revoke connect on database rich from public", "database rich", "grant CONNECT to PUBLIC"),
]


@pytest.fixture(scope="module")
def before(filled: Cluster) -> dict[str, Catalog]:
    """Each database's catalog, and the server's under ""."""
    return {**{name: read(filled, name) for name in DATABASES}, "": read(filled, "orders", shared=True)}


def differs(cluster: Cluster, database: str, change: str, query: str) -> None:
    """A finding's query can be asked on both sides, and its answers differ."""
    with cluster.connect(database) as session:
        before, after = ask_both(session, change, query)
    assert before != after, query


@postgres
@pytest.mark.parametrize(("change", "thing", "expected", "found"), TAKEN, ids=[case[0][:60] for case in TAKEN])
def test_what_is_taken_away_is_named_alone(
    filled: Cluster, before: dict[str, Catalog], change: str, thing: str, expected: str | None, found: str | None
) -> None:
    """One change to the sample gives exactly one finding, which names the object and says what it lost."""
    (finding,) = catalog.judge(before["orders"], after(filled, "orders", change))
    assert finding.object == thing
    assert finding.expected == (expected or finding.expected)
    assert finding.found == (found or finding.found)
    assert finding.severity == ("warning" if change.startswith("comment") or "statistics" in change else "error")
    differs(filled, "orders", change, finding.query)


@postgres
@pytest.mark.parametrize(("change", "thing"), TAKEN_RICH)
def test_rarer_objects_are_named_too(filled: Cluster, before: dict[str, Catalog], change: str, thing: str) -> None:
    """The same for every other kind of object; a renamed one is one missing and one added."""
    findings = catalog.judge(before["rich"], after(filled, "rich", change))
    assert [finding.object for finding in findings] == (
        ["app.parent.earlier", thing] if "rename" in change else [thing]
    )
    for finding in findings:
        differs(filled, "rich", change, finding.query)


@postgres
@pytest.mark.parametrize(("change", "thing", "expected"), TAKEN_SHARED)
def test_what_all_databases_share_is_named_too(
    filled: Cluster, before: dict[str, Catalog], change: str, thing: str, expected: str | None
) -> None:
    """Roles, memberships, settings and databases are the server's; each change gives one finding."""
    (finding,) = catalog.judge(before[""], after(filled, "orders", change, shared=True))
    assert finding.object == thing
    assert finding.expected == (expected or finding.expected)
    differs(filled, "orders", change, finding.query)


@postgres
def test_what_a_minor_release_keeps_for_each_column_is_listed(filled: Cluster, before: dict[str, Catalog]) -> None:
    """No dump carries it, so that a healthy copy lacks it; a user's options beside it are compared."""
    keeps = """update pg_attribute set attoptions = coalesce(attoptions, '{}') || '{pg_attver=1}' where attrelid in
    (select oid from pg_class where oid >= 16384 and relkind in ('r', 'p', 'v', 'm', 'f'))"""
    for name in DATABASES:
        kept = after(filled, name, keeps)
        for pair in ((before[name], kept), (kept, before[name])):
            assert catalog.judge(*pair) == ()
            (left,) = catalog.uncompared_options(*pair)
            assert left.what == f"option pg_attver of {left.what.split()[3]} columns"
    changed = f"alter table shop.customer alter country set (n_distinct = 9); {keeps}"
    (finding,) = catalog.judge(before["orders"], after(filled, "orders", changed))
    assert (finding.object, finding.found) == ("shop.customer.country", "options n_distinct=9")


@postgres
def test_a_renamed_role_is_one_missing_and_one_added(filled: Cluster, before: dict[str, Catalog]) -> None:
    """What cannot be distinguished from a lost one and a new one is reported as both."""
    change = 'alter role "Odd Role" rename to gone'
    findings = catalog.judge(before[""], after(filled, "orders", change, shared=True))
    assert {finding.object for finding in findings} == {'role "Odd Role"', "role gone"}
    assert len(findings) == 2


@postgres
def test_a_right_on_a_setting_is_the_servers(filled: Cluster, before: dict[str, Catalog]) -> None:
    """PostgreSQL 15 and later let a superuser grant settings; a non-superuser sees who has them."""
    if filled.binaries.major < 15:
        pytest.skip("PostgreSQL 14 knows no rights on settings")
    (finding,) = catalog.judge(
        before[""], after(filled, "rich", "grant set on parameter work_mem to readers", shared=True)
    )
    assert (finding.object, finding.found) == ("parameter work_mem", "grant SET to readers")


@postgres
def test_honest_copies_are_equal(filled: Cluster, before: dict[str, Catalog], module_state: Path) -> None:
    """A template copy, a dump restored, and a base backup give no finding, and the catalogs are the same."""
    password = {"PGPASSWORD": filled._password}
    where = ("-h", str(filled.run_dir), "-U", ADMIN)
    for name in DATABASES:
        with filled.connect() as session:
            session.execute(f"create database {name}_copy template {name} owner master".encode())
            session.execute(f"create database {name}_restored template template0 owner master".encode())
        assert catalog.judge(before[name], read(filled, f"{name}_copy")) == ()
        dumped = str(filled.run_dir / f"{name}.dump")
        for tool, *arguments in (
            ("pg_dump", "-Fc", "-f", dumped, name),
            ("pg_restore", "-d", f"{name}_restored", dumped),
        ):
            done = filled.run_tool(tool, *where, *arguments, env=password)
            assert done.returncode == 0, done.stderr
        restored = read(filled, f"{name}_restored")
        assert catalog.judge(before[name], restored) == ()
        assert restored == before[name] or _without_of(restored) == _without_of(before[name])
        with filled.connect() as session:
            session.execute(f"drop database {name}_copy".encode())
            session.execute(f"drop database {name}_restored".encode())
    filled.backup_to(module_state / "backups" / filled.data.name)
    copy = cluster_in(module_state, filled.binaries, f"{filled.data.name}-copy", filled._password)
    copy.restore_from(module_state / "backups" / filled.data.name)
    copy.start()
    try:
        assert {name: read(copy, name or "orders", shared=not name) for name in before} == before
    finally:
        copy.kill()


def _without_of(entries: Catalog) -> list[tuple[str, str, dict[str, Any]]]:
    parsed = []
    for section, inside in entries.items():
        for name, definition in inside.items():
            parts = json.loads(definition)
            parsed.append((section, name, {part: value for part, value in parts.items() if part != "of"}))
    return parsed


# What one database's manifest is of: `person` has its rights by membership alone, `wide` gives that role more of them.
PEOPLE = """create role person login; create role wide; create role stranger; create role crowd;
grant shop_readonly to person; grant wide to shop_readonly; grant wide to stranger; grant crowd to stranger"""
OF_ONE = [
    ("alter role all set statement_timeout = '1h'", ["all roles"]),
    ("alter role person nologin superuser", ["role person"]),
    ("alter role person set search_path = elsewhere", ["role person"]),
    ("revoke shop_readonly from person", ["role person"]),
    ("grant shop_readonly to stranger", ["role stranger"]),
    ("alter role wide createrole", ["role wide"]),
    ("revoke wide from shop_readonly", ["role shop_readonly"]),
    ("alter role stranger createdb; drop role crowd; create role newcomer in role wide", []),
]


@postgres
@pytest.mark.parametrize(("change", "things"), OF_ONE, ids=[case[0][:40] for case in OF_ONE])
def test_a_manifest_of_one_database_reaches_as_far_as_its_rights_do(
    filled: Cluster, change: str, things: list[str]
) -> None:
    """Members of its roles, and what these are members of, are compared with it; other roles of the server are not."""
    with filled.connect("orders") as session, session.transaction(force_rollback=True):
        session.execute(PEOPLE.encode())
        wanted, own = find_roles(session), database_name(session)
        before = restrict_to_database(catalog.observe_cluster(session), own, wanted)
        session.execute(change.encode())
        after = restrict_to_database(catalog.observe_cluster(session), own, wanted)
        older = restrict_to_database(catalog.observe_cluster(session), own, RelevantRoles(wanted.roles, None))
    assert [finding.object for finding in catalog.judge(before, after)] == things
    entries = {
        name for entries in older.values() for name in entries
    }  # what an older manifest did not keep is no addition
    assert not entries & {": statement_timeout", "role stranger in shop_readonly"}


@postgres
@pytest.mark.origins("bundled-18", "bundled-17", "bundled-16")
def test_making_a_role_does_not_bring_it_along(filled: Cluster) -> None:
    """Since PostgreSQL 16 who creates a role may administer it, which gives no right to what it has."""
    if filled.binaries.major < 16:
        pytest.skip("before PostgreSQL 16 the maker of a role is no member of it")
    with filled.connect("orders") as session, session.transaction(force_rollback=True):
        session.execute("set local session authorization master")
        session.execute("create role made_here")
        assert "role master" in find_roles(session).roles
        assert "role made_here" not in find_roles(session).roles


@postgres
def test_secrets_are_digested_under_the_key_or_not_told(filled: Cluster) -> None:
    """Options of servers and mappings, and an application's own settings, never show their values."""
    plain, keyed = read(filled, "rich"), read(filled, "rich", key=b"1")
    mapping = "user mapping of master on server away"
    assert json.loads(plain["foreign"][mapping])["options"] == "region (not compared), user (not compared)"
    assert "not compared" not in keyed["foreign"]["foreign server away"]
    assert keyed["foreign"] != read(filled, "rich", key=b"2")["foreign"]
    assert keyed == read(filled, "rich", key=b"1")
    assert "hidden value" not in json.dumps(read(filled, "rich", shared=True, key=b"1"))


def by_both(cluster: Cluster, *changes: str, reader: str = "master") -> tuple[Catalog, Catalog]:
    """What a superuser and what a reader sees of the rich database after changes that are rolled back."""
    with cluster.connect("rich") as session, session.transaction(force_rollback=True):
        for change in changes:
            session.execute(change.encode())
        pin(session)
        whole = catalog.observe(session, key=b"1")
        session.execute(f"set local session authorization {reader}".encode())
        return whole, catalog.observe(session, key=b"1")


@postgres
def test_a_mapping_that_the_reader_may_not_see_is_listed_and_no_difference(filled: Cluster) -> None:
    """Its options are null for most roles, which says nothing; a superuser sees that one was changed."""
    made = "create user mapping for readers server away options (word 'a')"
    changed = "alter user mapping for readers server away options (set word 'b')"
    name = "user mapping of readers on server away"
    (whole, part), (whole_after, part_after) = by_both(filled, made), by_both(filled, made, changed)

    assert [catalog.judge(*pair) for pair in ((whole, part), (part, whole), (part, part_after))] == [(), (), ()]
    assert [finding.object for finding in catalog.judge(whole, whole_after)] == [name]
    assert [(left.what, left.reason[:28]) for left in catalog.uncompared_secrets(part)] == [
        (f"options of {name}", "not verified: needs a superu")
    ]
    assert catalog.uncompared_secrets(whole) == ()


@postgres
def test_a_mapping_without_options_is_not_one_that_cannot_be_seen(filled: Cluster) -> None:
    """The reader's own mapping is visible, so options that it lost are found, also by a reader."""
    dropped = 'alter user mapping for master server away options (drop "user", drop region)'
    for before, after in zip(by_both(filled), by_both(filled, dropped), strict=True):
        assert catalog.uncompared_secrets(after) == ()
        (finding,) = catalog.judge(before, after)
        assert (finding.object, finding.found) == ("user mapping of master on server away", "no options")


SWAPPED = [
    ("alter large object 4712 owner to readers; alter large object 4713 owner to writers", ["rights of each"]),
    (
        "revoke select on large object 4711 from readers; grant select on large object 4712 to readers",
        ["rights of each"],
    ),
    ("grant select on large object 4711 to readers with grant option", ["rights of each"]),
    ("revoke select on large object 4711 from readers; grant select on large object 4711 to readers", []),
]


@postgres
@pytest.mark.parametrize(("change", "parts"), SWAPPED, ids=[case[0][-60:] for case in SWAPPED])
def test_rights_of_large_objects_that_were_swapped_are_found(filled: Cluster, change: str, parts: list[str]) -> None:
    """As many owners and grants of each kind as before are not the same ones."""
    made = "select lo_from_bytea(4712, 'a'), lo_from_bytea(4713, 'b'); alter large object 4712 owner to writers; "
    made += "alter large object 4713 owner to readers"
    before, after = by_both(filled, made)[0], by_both(filled, made, change)[0]
    findings = catalog.judge(before, after)
    assert [finding.found.rpartition(" sum ")[0] for finding in findings] == parts


FEEDS = (
    "create subscription feeds connection 'dbname=x password=y' publication p with (connect = false, slot_name = none)"
)
SUBSCRIBED = [
    (0, "connection 'dbname=x password=z'", "connection string ("),
    (0, "set (binary = true)", "binary"),
    (0, "set (synchronous_commit = 'remote_apply')", "synchronous commit remote_apply"),
    (15, "set (disable_on_error = true)", "disable on error"),
    (16, "set (origin = none)", "origin none"),
    (16, "set (password_required = false)", "password required no"),
    (16, "set (run_as_owner = true)", "run as owner"),
]


@postgres
@pytest.mark.parametrize(
    ("since", "change", "found"),
    [
        pytest.param(
            *case,
            id=case[1],
            marks=[pytest.mark.origins("bundled-18", "bundled-17", "bundled-16")] if case[0] > 15 else [],
        )
        for case in SUBSCRIBED
    ],
)
def test_a_subscription_that_works_otherwise_is_found(filled: Cluster, since: int, change: str, found: str) -> None:
    """Where it connects to is a keyed digest, which a reader who may not see it lists; its options anybody can read."""
    if filled.binaries.major < since:
        pytest.skip(f"PostgreSQL before {since} has no such option")
    (whole, part), (whole_after, part_after) = (
        by_both(filled, FEEDS, reader="shop_app"),
        by_both(filled, FEEDS, f"alter subscription feeds {change}", reader="shop_app"),
    )

    (finding,) = catalog.judge(whole, whole_after)
    assert (finding.object, finding.found[: len(found)]) == ("subscription feeds", found)
    assert catalog.judge(whole, part) == catalog.judge(part, whole) == ()
    assert len(catalog.judge(part, part_after)) == (not change.startswith("connection"))
    listed = [left for left in catalog.uncompared_secrets(part) if left.what == "connection of subscription feeds"]
    assert [left.reason.split(" on ")[0] for left in listed] == ["not verified: needs a superuser or pg_read_all_data"]
    assert catalog.uncompared_secrets(whole) == ()
    assert "password" not in json.loads(whole["subscriptions"]["subscription feeds"])["connection"]


@postgres
def test_a_subscription_is_the_same_after_a_dump(filled: Cluster) -> None:
    """Options that a restore keeps give no finding; two-phase commit, which a restored one has yet to begin, neither."""
    options = "connect = false, slot_name = none, binary, streaming, synchronous_commit = 'remote_apply'"
    if filled.binaries.major >= 16:
        options += ", two_phase, origin = none, run_as_owner, disable_on_error"
    with filled.connect() as session:
        session.execute(b"create database fed")
        session.execute(b"create database fed_again")
    with filled.connect("fed") as session:
        session.execute(f"create subscription feeds connection 'dbname=x' publication p with ({options})".encode())
    where, dumped = ("-h", str(filled.run_dir), "-U", ADMIN), str(filled.run_dir / "fed.dump")
    read_whole = {}
    try:
        for tool, *arguments in (
            ("pg_dump", "-Fc", "-f", dumped, "fed"),
            ("pg_restore", "-d", "fed_again", dumped),
        ):
            done = filled.run_tool(tool, *where, *arguments, env={"PGPASSWORD": filled._password})
            assert done.returncode == 0, done.stderr
        for name in ("fed", "fed_again"):
            with filled.connect(name) as session, session.transaction():
                pin(session)
                read_whole[name] = catalog.observe(session, key=b"1")
        assert "connection" in read_whole["fed"]["subscriptions"]["subscription feeds"]
        assert catalog.judge(read_whole["fed"], read_whole["fed_again"]) == ()
    finally:
        for name in ("fed", "fed_again"):
            with filled.connect(name) as session:
                session.execute(b"drop subscription if exists feeds")
            with filled.connect() as session:
                session.execute(f"drop database {name}".encode())


@pytest.mark.parametrize("option", ["binary", "connection", "failover", "origin"])
def test_what_an_older_manifest_or_server_does_not_know_of_a_subscription_is_no_difference(option: str) -> None:
    """Options came with versions of PostgreSQL, and of the manifest."""
    known: Catalog = {"subscriptions": {"subscription s": json.dumps({"owner": "o", option: "no"})}}
    older: Catalog = {"subscriptions": {"subscription s": json.dumps({"owner": "o"})}}
    assert catalog.judge(known, older) == catalog.judge(older, known) == ()


@postgres
def test_the_sample_is_read_within_half_a_second(filled: Cluster) -> None:
    """Reading it all takes less than 0.5 s of processor time and leaves the session's settings as they were."""
    found: Catalog = {}
    with filled.connect("orders") as session:
        session.execute("set session authorization master")
        pin(session)
        assert processor_seconds(filled, lambda: found.update(catalog.observe(session))) < 0.5
        assert session.execute("show enable_indexscan").fetchone() == ("off",)
    assert catalog.count(found) > 400


@postgres
def test_the_order_of_a_definitions_parts_means_nothing(before: dict[str, Catalog]) -> None:
    """A manifest whose parts were sorted, as older versions kept them, is equal to what the server says today."""
    for entries in before.values():
        in_order: Catalog = {
            section: {name: json.dumps(json.loads(text), sort_keys=True) for name, text in inside.items()}
            for section, inside in entries.items()
        }
        assert in_order != entries
        assert catalog.judge(in_order, entries) == ()


@given(
    st.dictionaries(
        st.sampled_from(["kind", "not null", "default", "of"]), st.text(alphabet='ab"\\,{}[]:é 1'), min_size=1
    )
)
def test_a_definition_keeps_its_parts_however_it_is_written(parts: dict[str, str]) -> None:
    """What the server's own JSON needs no change of, and what has to be written anew, say the same."""
    text = json.dumps(parts, ensure_ascii=False)

    assert json.loads(catalog.definition(text, None)) == parts
    assert json.loads(catalog.definition(text.replace(": ", ":"), None)) == {
        part: value.replace(": ", ":") for part, value in parts.items()
    }


TABLE: Catalog = {
    "relations": {"s.t": '{"kind": "table", "owner": "o"}'},
    "columns": {"s.t.a": '{"of": ["relations s.t"], "type": "text"}'},
    "grants": {"s.t.a: r: SELECT": '{"object": "s.t.a", "of": ["columns s.t.a"], "grant": "SELECT to r"}'},
    "indexes": {"s.i": '{"of": ["relations s.t"], "definition": "CREATE INDEX i"}'},
}


def test_a_lost_table_is_one_finding_with_the_number_of_its_parts() -> None:
    """Columns, grants and indexes of a table that is missing or added are counted, not listed."""
    (lost,) = catalog.judge(TABLE, {})
    assert lost.message == (
        "expected s.t with table; owner o, found none, and 3 entries that belong to it went with it"
    )
    (extra,) = catalog.judge({}, TABLE)
    assert (extra.object, extra.expected, extra.found) == ("s.t", "none", "table; owner o")
    assert catalog.count(TABLE) == 4


def test_an_older_manifests_setting_of_all_roles_is_read() -> None:
    """It says that the setting belongs to nothing by a null, and is reported like any other difference."""
    older: Catalog = {
        "settings": {": lock_timeout": '{"object": "", "of": [null], "setting": "lock_timeout=9s"}'},
    }
    (finding,) = catalog.judge(older, {})
    assert finding.expected == "setting lock_timeout=9s"


def test_an_added_index_is_a_warning_and_a_missing_one_an_error() -> None:
    """More indexes slow writes down; fewer break what the application relies on."""
    without = {section: entries for section, entries in TABLE.items() if section != "indexes"}
    assert [finding.severity for finding in catalog.judge(without, TABLE)] == ["warning"]
    assert [finding.severity for finding in catalog.judge(TABLE, without)] == ["error"]
    assert catalog.judge(TABLE, TABLE) == ()
