"""Faults of a database's objects: what is missing, switched off, weaker or defined in another way."""

from __future__ import annotations

import dataclasses

from tests.faults.model import SqlCase

_CATALOG = ("catalog",)


def thing(
    number: str, name: str, damage: str, statement: str, probe: str, names: str, found_by: tuple[str, ...] = _CATALOG
) -> SqlCase:
    """A fault of one object, which the catalog check is expected to find."""
    return SqlCase(
        id=number, name=name, damage=damage, statements=(statement,), probe=probe, found_by=found_by, names=names
    )


def relation(number: str, name: str, damage: str, statement: str, table: str, names: str = "") -> SqlCase:
    """A fault that a table's own entry in the catalogue shows."""
    probe = (
        "select relkind, relrowsecurity, relforcerowsecurity, relispopulated, relreplident, relispartition, relowner, "
        f"reloptions, relpersistence, relacl, relhastriggers from pg_class where oid = to_regclass('{table}')"
    )
    return thing(number, name, damage, statement, probe, names or table)


def column(number: str, name: str, damage: str, change: str, table: str, names: str) -> SqlCase:
    """A fault of a column."""
    probe = (
        "select attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, attcollation, "
        "(select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = attrelid and adnum = attnum) "
        f"from pg_attribute where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped order by attname"
    )
    return thing(number, name, damage, f"alter table {table} {change}", probe, names, ("catalog", "content"))


def function(number: str, name: str, damage: str, statement: str, names: str) -> SqlCase:
    """A fault of a function."""
    probe = (
        "select proname, prosrc, provolatile, prosecdef, proconfig, proowner, proacl, proparallel from pg_proc "
        "where pronamespace = 'lab'::regnamespace order by 1, 2"
    )
    return thing(number, name, damage, statement, probe, names)


_INDEXES = (
    "select i.indexrelid::regclass, indisvalid, indisready, pg_get_indexdef(i.indexrelid) from pg_index i "
    "where indrelid in ('lab.customer'::regclass, 'lab.item'::regclass) order by 1"
)
_TRIGGERS = "select tgrelid::regclass, tgname, tgenabled, tgtype from pg_trigger order by 1, 2"
_POLICIES = "select * from pg_policies order by 1, 2, 3"
_TYPES = "select enumlabel from pg_enum order by enumtypid, enumsortorder"
_DOMAINS = "select conname, pg_get_constraintdef(oid) from pg_constraint where contypid <> 0 order by 1"
_DEFAULTS = "select defaclrole, defaclnamespace, defaclobjtype, defaclacl from pg_default_acl order by 1, 2, 3"
_GRANTS = "select oid::regclass, relacl from pg_class where relnamespace = 'lab'::regnamespace order by 1"

RELATION_CASES = (
    relation("L05", "table-missing", "a table is gone", "drop table lab.document", "lab.document"),
    relation("L05b", "empty-table-missing", "a table without rows is gone, so that no count differs",
             "drop table lab.empty_table", "lab.empty_table"),
    relation("L05c", "table-added", "a table is there that the source did not have", "create table lab.stray (id int)",
             "lab.stray"),
    relation("L07", "partition-dropped", "a partition is gone", "drop table lab.orders_02", "lab.orders_02"),
    relation("L08", "partition-detached", "a partition is a table of its own, with all of its rows",
             "alter table lab.orders detach partition lab.orders_02", "lab.orders_02"),
    thing("L08b", "partition-bounds", "the bounds of a partition are others",
          "alter table lab.orders detach partition lab.orders_01; alter table lab.orders attach partition lab.orders_01 "
          "for values from ('2025-12-01') to ('2026-02-01')",
          "select pg_get_expr(relpartbound, oid) from pg_class where oid = 'lab.orders_01'::regclass", r"lab\.orders_01"),
    thing("L09", "inheritance-lost", "a child table has lost its parent", "alter table app.child no inherit app.parent",
          "select count(*) from pg_inherits", "app.child"),
    relation("L21", "row-security-off", "row-level security is off",
             "alter table lab.account disable row level security", "lab.account"),
    relation("L21b", "row-security-forced", "row-level security binds the owner too",
             "alter table lab.customer enable row level security, force row level security; "
             "create policy all_rows on lab.customer using (true)", "lab.customer"),
    relation("L24", "matview-unpopulated", "a materialised view was never filled",
             "refresh materialized view lab.totals with no data", "lab.totals"),
    relation("L25", "unlogged", "a table will be empty after the next crash",
             "drop index if exists lab.pair_n; alter table lab.pair set unlogged", "lab.pair"),
    relation("L31", "owner-lost", "a table belongs to the superuser", "alter table lab.item owner to rdsadmin", "lab.item"),
    relation("L35", "view-missing", "a view is gone", "drop view lab.rich_customer", "lab.rich_customer"),
    thing("L35b", "view-changed", "a view shows other rows", "create or replace view lab.rich_customer as "
          "select id, email, credit from lab.customer where credit > 10", "select count(*) from lab.rich_customer",
          r"lab\.rich_customer"),
    relation("L35c", "matview-missing", "a materialised view is gone", "drop materialized view lab.totals", "lab.totals"),
    relation("L35d", "view-unsafe", "a view lets through what it should hide",
             "alter view app.seen_logs reset (security_barrier)",
             "app.seen_logs"),
    relation("L52", "replica-identity", "a table is replicated in another way", "alter table lab.item replica identity full",
             "lab.item"),
    relation("L53", "storage-options", "a table has lost its storage options", "alter table app.scratch reset (fillfactor)",
             "app.scratch"),
    thing("L53b", "rule-missing", "a rule is gone", "drop rule never_delete on lab.empty_table",
          "select rulename from pg_rewrite order by 1", "never_delete"),
    thing("L53c", "foreign-table-missing", "a foreign table is gone", "drop foreign table app.abroad",
          "select to_regclass('app.abroad')", r"app\.abroad"),
    thing("L53d", "schema-missing", "a schema is gone with all that was in it", 'drop schema "Odd ""Name"".x" cascade',
          "select nspname from pg_namespace order by 1", "Odd"),
    thing("L53e", "sequence-missing", "a sequence is gone", "drop sequence lab.ticket_seq",
          "select to_regclass('lab.ticket_seq')", r"lab\.ticket_seq"),
    thing("L53f", "sequence-defined-otherwise", "a sequence steps by another number",
          "alter sequence lab.ticket_seq increment 1",
          "select seqincrement from pg_sequence where seqrelid = 'lab.ticket_seq'::regclass", r"lab\.ticket_seq"),
    thing("L53g", "sequence-unowned", "a sequence no longer goes with its column",
          "alter sequence lab.item_id_seq owned by none",
          "select pg_get_serial_sequence('lab.item', 'id')", r"lab\.item_id_seq"),
)  # fmt: skip

COLUMN_CASES = (
    column("L43", "default-lost", "a column has lost its default", "alter country drop default", "lab.customer", "country"),
    column("L43b", "identity-lost", "a column numbers its rows no more", "alter id drop identity", "lab.customer", r"customer"),
    column("L43c", "not-null-lost", "a column may be NULL", "alter name drop not null", "lab.customer", "name"),
    column("L43d", "generated-lost", "a generated column is an ordinary one", "alter twice drop expression", "app.parent",
           "twice"),
    column("L44", "column-missing", "a column is gone", "drop column tags", "lab.customer", "tags|customer"),
    column("L44b", "column-added", "a column was added", "add column extra text", "lab.customer", "extra|customer"),
    column("L44c", "column-renamed", "a column has another name", "rename padding to filler", "lab.customer", "padding|filler"),
    column("L45", "zone-lost", "a timestamp has lost its zone", "alter seen type timestamp using seen at time zone 'UTC'",
           "lab.customer", "seen|customer"),
    column("L45b", "type-widened", "a column takes longer values", "alter label type varchar(40)", "lab.item", "label"),
    column("L45c", "collation-lost", "a column sorts in another way", 'alter "order" type text collate "default"',
           '"Odd ""Name"".x"."a.b"', "order"),
)  # fmt: skip

INDEX_CASES = (
    thing("L10", "index-missing", "an index is gone", "drop index lab.customer_country", _INDEXES, r"customer_country"),
    thing("L10b", "index-partial-changed", "an index holds other rows", "drop index lab.item_quantity; "
          "create index item_quantity on lab.item (quantity) where quantity > 8", _INDEXES, "item_quantity"),
    thing("L11", "index-invalid", "an index is there and not used, as after a failed CREATE INDEX CONCURRENTLY",
          "update pg_index set indisvalid = false where indexrelid = 'lab.customer_country'::regclass", _INDEXES,
          "customer_country"),
    thing("L11b", "index-not-ready", "an index is not kept up to date any more",
          "update pg_index set indisready = false, indisvalid = false where indexrelid = 'lab.customer_keyed'::regclass",
          _INDEXES, "customer_keyed"),
    thing("L39", "statistics-lost", "extended statistics are gone", "drop statistics lab.customer_pairs",
          "select stxname from pg_statistic_ext order by 1", "customer_pairs"),
    thing("L39b", "statistics-target", "a column's statistics target is another one",
          "alter table lab.customer alter country set statistics 500",
          "select attstattarget from pg_attribute where attrelid = 'lab.customer'::regclass and attname = 'country'",
          "country"),
)  # fmt: skip

CODE_CASES = (
    thing("L19", "trigger-disabled", "a trigger is disabled", "alter table lab.account disable trigger guard", _TRIGGERS,
          "guard"),
    thing("L19b", "trigger-missing", "a trigger is gone", "drop trigger touch on lab.orders", _TRIGGERS, "touch"),
    thing("L19c", "trigger-always", "a trigger fires on a replica too", "alter table lab.account enable always trigger guard",
          _TRIGGERS, "guard"),
    thing("L20", "foreign-key-triggers-disabled", "the triggers that hold the foreign keys are disabled",
          "alter table lab.item disable trigger all", _TRIGGERS, r"lab\.item"),
    thing("L20b", "foreign-key-triggers-on-replicas", "the triggers that hold the foreign keys fire on replicas alone",
          "do $$ declare t text; begin for t in select tgname from pg_trigger where tgrelid = 'lab.item'::regclass "
          "and tgisinternal loop execute format('alter table lab.item enable replica trigger %I', t); end loop; end $$",
          _TRIGGERS, r"lab\.item"),
    thing("L22", "policy-missing", "a policy is gone", "drop policy own_rows on lab.account", _POLICIES, "own_rows"),
    thing("L23", "policy-weakened", "a policy lets everybody see every row",
          "alter policy own_rows on lab.account using (true)", _POLICIES, "own_rows"),
    thing("L23b", "policy-for-others", "a policy holds for fewer roles", "alter policy own_rows on lab.account to readers",
          _POLICIES, "own_rows"),
    function("L34", "function-changed", "a function gives another answer", "create or replace function lab.tax(amount numeric) "
             "returns numeric language sql immutable as 'select amount * 0.20'", r"lab\.tax"),
    function("L34b", "function-missing", "a function is gone", "drop function lab.tax(numeric) cascade", r"lab\.tax"),
    function("L34c", "security-definer", "a function runs with its owner's rights",
             "alter function lab.tax(numeric) security definer", r"lab\.tax"),
    function("L34d", "volatility", "a function counts as volatile", "alter function lab.tax(numeric) volatile", r"lab\.tax"),
    function("L34e", "function-owner", "a function belongs to the superuser",
             "alter function lab.tax(numeric) owner to rdsadmin",
             r"lab\.tax"),
    thing("L34f", "aggregate-missing", "an aggregate is gone", "drop aggregate app.total(integer)",
          "select count(*) from pg_aggregate", r"app\.total"),
    thing("L34g", "procedure-missing", "a procedure is gone", "drop procedure app.work",
          "select count(*) from pg_proc where prokind = 'p'", r"app\.work"),
    thing("L36", "event-trigger-disabled", "an event trigger is disabled", "alter event trigger log_ddl disable",
          "select evtname, evtenabled from pg_event_trigger order by 1", "log_ddl"),
    thing("L36b", "event-trigger-missing", "an event trigger is gone", "drop event trigger log_ddl",
          "select evtname from pg_event_trigger order by 1", "log_ddl"),
)  # fmt: skip

TYPE_CASES = (
    thing("L41", "enum-label-added", "an enum has a label more", "alter type lab.state add value 'lost'", _TYPES,
          r"lab\.state"),
    thing("L41b", "enum-label-renamed", "an enum's label has another name, and so has every row that holds it",
          "alter type lab.state rename value 'paid' to 'settled'", _TYPES, r"lab\.state"),
    thing("L41c", "enum-order", "the labels of an enum sort in another order",
          "update pg_enum set enumsortorder = 9 where enumtypid = 'lab.state'::regtype and enumlabel = 'new'", _TYPES,
          r"lab\.state"),
    thing("L42", "domain-rule-lost", "a domain allows every value", "alter domain lab.share drop constraint share_is_a_share",
          _DOMAINS, "share_is_a_share"),
    thing("L42b", "composite-type-changed", "a composite type has an attribute more",
          "drop table app.typed; alter type app.point3 add attribute w float8 cascade",
          "select count(*) from pg_attribute where attrelid = (select typrelid from pg_type where typname = 'point3')",
          r"app\.(point3|typed)"),
    thing("L78", "cast-missing", "a cast is gone", "drop cast (text as app.point3)",
          "select count(*) from pg_cast", "cast"),
    thing("L78b", "operator-missing", "an operator is gone", "drop operator app.=== (app.point3, app.point3)",
          "select count(*) from pg_operator", "==="),
    thing("L78c", "operator-class-missing", "an operator class is gone", "drop operator class app.int_hash using hash",
          "select count(*) from pg_opclass", "int_hash"),
    thing("L78h", "operator-family-missing", "an operator family without a class is gone",
          "drop operator family lab.loose using btree", "select opfname from pg_opfamily order by oid", "loose"),
    thing("L78i", "operator-family-owner", "an operator family belongs to the superuser",
          "alter operator family lab.loose using btree owner to rdsadmin",
          "select opfowner from pg_opfamily where opfname = 'loose'", "loose"),
    thing("L78j", "shell-type-added", "a type is there that was never defined", "create type lab.shell",
          "select typname from pg_type where typtype = 'p' order by oid", "shell"),
    thing("L78d", "collation-missing", "a collation is gone, and its column sorts in another way",
          "drop collation app.plain cascade", "select count(*) from pg_collation", r"plain|a\.b"),
    thing("L78e", "text-search-changed", "a text search configuration maps a token elsewhere",
          "alter text search configuration app.search drop mapping for asciiword",
          "select count(*) from pg_ts_config_map", "search"),
    thing("L78f", "text-search-dictionary", "a text search dictionary has other options",
          "alter text search dictionary app.short (stopwords)", "select dictinitoption from pg_ts_dict order by oid", "short"),
    thing("L78g", "language-grant-lost", "a language has lost its grant",
          "revoke usage on language plpgsql from public", "select lanacl from pg_language where lanname = 'plpgsql'",
          "plpgsql"),
)  # fmt: skip

RIGHTS_CASES = (
    thing("L32", "grants-lost", "nobody but the owner may read a table", "revoke all on lab.customer from readers", _GRANTS,
          r"lab\.customer"),
    thing("L32b", "grant-added", "everybody may read a table", "grant select on lab.account to public", _GRANTS,
          r"lab\.account"),
    thing("L32c", "column-grant-lost", "the right to one column is gone", "revoke select (quantity) on lab.item from readers",
          "select attacl from pg_attribute where attrelid = 'lab.item'::regclass and attname = 'quantity'", "quantity"),
    thing("L32d", "grant-option-lost", "a right may no longer be passed on",
          "revoke grant option for select on app.log from readers cascade",
          "select relacl from pg_class where oid = 'app.log'::regclass", r"app\.log"),
    thing("L32e", "execute-for-all", "everybody may call a function", "grant execute on function lab.tax(numeric) to public",
          "select proacl from pg_proc where oid = 'lab.tax(numeric)'::regprocedure", r"lab\.tax"),
    thing("L32f", "schema-grant-lost", "a schema cannot be entered", "revoke usage on schema lab from readers",
          "select nspacl from pg_namespace where nspname = 'lab'", "schema lab"),
    thing("L32g", "public-may-create", "everybody may create in the schema public", "grant create on schema public to public",
          "select nspacl from pg_namespace where nspname = 'public'", "schema public"),
    thing("L32h", "sequence-grant-lost", "a sequence cannot be used", "revoke usage on sequence lab.ticket_seq from writers",
          _GRANTS, r"lab\.ticket_seq"),
    thing("L32i", "system-function-for-all", "everybody may read the server's files",
          "grant execute on function pg_catalog.pg_read_file(text) to public",
          "select proacl from pg_proc where oid = 'pg_read_file(text)'::regprocedure", "pg_read_file"),
    thing("L32j", "system-table-for-readers", "a role may read the passwords of all",
          "grant select on pg_catalog.pg_authid to readers", "select relacl from pg_class where oid = 'pg_authid'::regclass",
          "pg_authid"),
    thing("L32k", "system-grant-lost", "a role may no longer call what it was given",
          "revoke execute on function pg_catalog.pg_ls_waldir() from readers",
          "select proacl from pg_proc where proname = 'pg_ls_waldir'", "pg_ls_waldir"),
    thing("L32l", "extension-function-kept-from-all", "nobody may call a function of an extension that everybody could",
          "revoke execute on function ext.skeys(ext.hstore) from public",
          "select proacl from pg_proc where proname = 'skeys'", "skeys"),
    thing("L32m", "foreign-data-wrapper-granted", "a role may make servers of an extension's foreign data wrapper",
          "grant usage on foreign data wrapper postgres_fdw to readers",
          "select fdwacl from pg_foreign_data_wrapper where fdwname = 'postgres_fdw'", "postgres_fdw"),
    thing("L33", "default-privileges-lost", "new tables will have no grants", "alter default privileges for role master in "
          "schema lab revoke select on tables from readers", _DEFAULTS, "default privileges"),
)  # fmt: skip

OTHER_CASES = (
    thing("L26", "extension-missing", "an extension is gone with all that used it", "drop extension hstore cascade",
          "select extname from pg_extension order by 1", "hstore|extended"),
    thing("L26b", "extension-member-lost", "an extension has lost one of its functions",
          "alter extension hstore drop function ext.skeys(ext.hstore); drop function ext.skeys(ext.hstore)",
          "select count(*) from pg_proc where proname = 'skeys'", "hstore"),
    thing("L27", "extension-older", "an extension's version is an older one",
          "update pg_extension set extversion = '0.9' where extname = 'plpgsql'",
          "select extname, extversion from pg_extension order by 1", "plpgsql"),
    thing("L28", "extension-elsewhere", "an extension lies in another schema", "alter extension citext set schema public",
          "select extname, extnamespace from pg_extension order by 1", "citext"),
    thing("L29", "large-object-missing", "a large object is gone", "select lo_unlink(920005)",
          "select count(*) from pg_largeobject_metadata", "large object 920005", ("large objects",)),
    thing("L29b", "large-objects-missing", "all large objects are gone",
          "select lo_unlink(oid) from pg_largeobject_metadata", "select count(*) from pg_largeobject_metadata",
          "large object", ("large objects", "catalog")),
    thing("L30", "large-object-changed", "one byte of a large object is another one",
          "select lo_put(920003, 2500, '\\x00'); select lo_put(920003, 2501, '\\x01')",
          "select md5(lo_get(920003))", "large object 920003", ("large objects",)),
    thing("L30b", "large-object-cut", "a large object has lost its end",
          "select lo_truncate(lo_open(920004, 131072), 2048)", "select length(lo_get(920004))", "large object 920004",
          ("large objects",)),
    thing("L30c", "large-objects-owners-swapped", "two large objects belong to each other's owner",
          "alter large object 920001 owner to writers; grant select on large object 920001 to master; "
          "alter large object 920012 owner to master",
          "select oid, lomowner from pg_largeobject_metadata order by 1", "large object", ("catalog", "large objects")),
    thing("L37", "publication-missing", "a publication is gone", "drop publication lab_feed",
          "select pubname from pg_publication order by 1", "lab_feed"),
    thing("L37b", "publication-smaller", "a table is no longer published", "alter publication lab_feed drop table lab.item",
          "select count(*) from pg_publication_rel", "lab_feed"),
    thing("L38", "user-mapping-missing", "a user mapping is gone", "drop user mapping for master server away",
          "select count(*) from pg_user_mapping", "away"),
    thing("L38b", "user-mapping-secret", "a user mapping holds another password",
          "alter user mapping for master server away options (set \"user\" 'v')", "select umoptions from pg_user_mapping",
          "away"),
    thing("L38c", "foreign-server-moved", "a foreign server points to another host",
          "alter server away options (set host 'elsewhere')", "select srvoptions from pg_foreign_server", "away"),
    thing("L40", "comment-lost", "a comment is gone", "comment on table lab.customer is null",
          "select count(*) from pg_description where objoid = 'lab.customer'::regclass", r"lab\.customer"),
    thing("L54", "canary-stale", "the newest rows of the canary are gone: an older state in a fresh file",
          "delete from drill_canary.beat where seq > 2", "select max(seq) from drill_canary.beat", "canary", ("canary",)),
    thing("L54b", "canary-hole", "a row of the canary is gone from its middle", "delete from drill_canary.beat where seq = 3",
          "select count(*) from drill_canary.beat", "canary", ("canary",)),
    thing("L54c", "canary-forged", "the canary's instants were moved, so that an old state looks fresh",
          "update drill_canary.beat set beat_at = beat_at + interval '3 days'", "select max(beat_at) from drill_canary.beat",
          "canary", ("canary",)),
    thing("L54d", "canary-missing", "the canary is gone", "drop schema drill_canary cascade",
          "select to_regclass('drill_canary.beat')", "canary", ("canary", "catalog")),
    thing("L79", "view-broken", "a view no longer plans: a function that it needs is out of the catalogue",
          "delete from pg_proc where proname = 'tax'", "select sum(tax) > 0 from lab.taxed", r"lab\.tax",
          ("catalog", "integrity")),
)  # fmt: skip

_OF_CONTRIB = ("L26", "L26b", "L28", "L32l", "L32m")
CASES = tuple(
    dataclasses.replace(case, needs=("contrib",)) if case.id in _OF_CONTRIB else case
    for case in (
        *RELATION_CASES, *COLUMN_CASES, *INDEX_CASES, *CODE_CASES, *TYPE_CASES, *RIGHTS_CASES, *OTHER_CASES,
    )
)  # fmt: skip
