"""List the tables to compare, the columns of each, and the key that identifies its rows.

Every relation with rows is listed that neither initdb nor the canary made, whatever its schema. What is not read, such
as a foreign table, is listed with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from drills.checks.base.relations import FIRST_USER_OID, canary_tables
from drills.checks.base.session import Connection
from drills.checks.content.fingerprint import FAST, Algorithm, Form, text_of
from drills.checks.content.ranges import Key, KeyKind
from drills.checks.content.typed import KINDS, row_number
from drills.sql import Quoted, execute, literal

# Where the catalog has no statistics, as after pg_upgrade, the planner takes ten thousand tables for a few, and loops over them.
_BY_HASH = b"set local enable_nestloop = off; set local max_parallel_workers_per_gather = 0"
# Joined and nowhere correlated: index scans are switched off, and a subquery for each table would be quadratic.
_TABLES = f"""
with recursive kinds (typ, kind) as (
    select t.oid, t.typname::text from pg_catalog.pg_type t
    where t.typname in ({", ".join(map(literal, KINDS))}) and t.typtype = 'b'
        and t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace and t.oid < {FIRST_USER_OID}
    union all select t.oid, kinds.kind from kinds join pg_catalog.pg_type t on t.typbasetype = kinds.typ and t.typtype = 'd'),
listed as materialized (
    select c.oid, c.relname, c.relnamespace, c.relkind, c.relpersistence, c.relispartition from pg_catalog.pg_class c
    where (c.relkind = 'r' or (c.relkind = 'm' and c.relispopulated))
      and c.relpersistence <> 't'
      and c.oid >= {FIRST_USER_OID} and c.oid not in {canary_tables()}),
attributes as materialized (
    select a.attrelid, a.attnum, a.attname, a.atttypid, a.attnotnull
    from listed join pg_catalog.pg_attribute a on a.attrelid = listed.oid where a.attnum > 0 and not a.attisdropped),
columns as (
    select a.attrelid,
           pg_catalog.array_agg(pg_catalog.quote_ident(a.attname) order by a.attname) as names,
           pg_catalog.array_agg(coalesce(kinds.kind, '') order by a.attname) as kinds,
           coalesce(pg_catalog.array_agg(pg_catalog.quote_ident(a.attname) order by a.attname)
                    filter (where a.atttypid = 'bytea'::pg_catalog.regtype), '{{}}'::text[]) as binary_names
    from attributes a left join kinds on kinds.typ = a.atttypid group by 1),
indexed as (
    select i.indexrelid, i.indrelid, i.indisprimary, i.indnkeyatts, u.num, u.at
    from listed join pg_catalog.pg_index i on i.indrelid = listed.oid,
         pg_catalog.unnest(pg_catalog.string_to_array(i.indkey::text, ' ')::int2[]) with ordinality as u (num, at)
    where i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null),
chosen as (
    select distinct on (i.indrelid) i.indexrelid
    from (select distinct indexrelid, indrelid, indisprimary, indnkeyatts from indexed) as i
    where i.indisprimary or i.indexrelid not in (
        select n.indexrelid from indexed n
        join attributes o on o.attrelid = n.indrelid and o.attnum = n.num where not o.attnotnull)
    order by i.indrelid, i.indisprimary desc, i.indnkeyatts, i.indexrelid),
keys as (
    select i.indrelid, pg_catalog.array_agg(pg_catalog.quote_ident(k.attname) order by i.at)
           || pg_catalog.array_agg(pg_catalog.format_type(k.atttypid, null) order by i.at) as parts
    from chosen join indexed i on i.indexrelid = chosen.indexrelid
    join attributes k on k.attrelid = i.indrelid and k.attnum = i.num
    where i.at <= i.indnkeyatts group by 1),
members as (
    select d.objid, x.extname || ' ' || x.extversion as extension, x.extconfig is not null and d.objid = any (x.extconfig)
           as configuration, coalesce(x.extcondition[pg_catalog.array_position(x.extconfig, d.objid)], '') as condition
    from pg_catalog.pg_depend d join pg_catalog.pg_extension x on x.oid = d.refobjid
    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.deptype = 'e'
        and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass)
select pg_catalog.format('%I.%I', n.nspname, c.relname),
       case when c.relispartition then pg_catalog.format('%I.%I', rn.nspname, rc.relname) else '' end,
       c.relpersistence = 'u',
       coalesce(columns.names, '{{}}'::text[]), coalesce(columns.binary_names, '{{}}'::text[]),
       coalesce(columns.kinds, '{{}}'::text[]), keys.parts,
       n.nspname ~ '^pg_' or n.nspname = 'information_schema',
       case when c.relkind = 'm' then c.oid::bigint else 0 end,
       members.extension, c.oid::bigint, members.configuration, members.condition
from listed c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join columns on columns.attrelid = c.oid
left join keys on keys.indrelid = c.oid
left join members on members.objid = c.oid
left join pg_catalog.pg_class rc on rc.oid = case when c.relispartition then pg_catalog.pg_partition_root(c.oid) end
left join pg_catalog.pg_namespace rn on rn.oid = rc.relnamespace
order by 1
"""
# Foreign tables have no rows of their own; a temporary table has those of a session, which alone may read them.
_NOT_READ = f"""
select pg_catalog.format('%I.%I', n.nspname, c.relname), 'foreign table: its rows are on another server'
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'f' and c.oid >= {FIRST_USER_OID}
union all
select 'temporary tables', count(*) || ' on the source: their rows belong to sessions, and no backup keeps them'
from pg_catalog.pg_class c where c.relkind = 'r' and c.relpersistence = 't' having count(*) > 0
"""
# jsonb, tsvector and hstore keep their parts in the order of their bytes, and so do types that are made from them.
_BYTE_ORDERED = f"""
with recursive made (typ, of) as (
    select t.oid, t.typelem from pg_catalog.pg_type t where t.typelem <> 0
    union all select t.oid, t.typbasetype from pg_catalog.pg_type t where t.typbasetype <> 0
    union all select c.reltype, a.atttypid from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
        where a.attnum > 0 and not a.attisdropped and c.reltype <> 0),
ordered (typ) as (
    select t.oid from pg_catalog.pg_type t where t.typname in ('jsonb', 'tsvector', 'hstore')
    union select made.typ from ordered join made on made.of = ordered.typ)
select distinct pg_catalog.format('%I.%I', n.nspname, c.relname)
from ordered join pg_catalog.pg_attribute a on a.atttypid = ordered.typ and a.attnum > 0 and not a.attisdropped
join pg_catalog.pg_class c on c.oid = a.attrelid and c.oid >= {FIRST_USER_OID}
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
"""
_KINDS: dict[str, KeyKind] = {"smallint": "integer", "integer": "integer", "bigint": "integer", "uuid": "uuid"}


@dataclass(frozen=True, slots=True)
class Membership:
    """The extension that a table belongs to, by name and version, and the table's OID, which a physical copy keeps.

    `configuration`: the extension marks it with pg_extension_config_dump(), so that a dump carries its rows, those under
    `condition` where there is one (https://www.postgresql.org/docs/current/extend-extensions.html).
    """

    extension: str
    oid: int
    configuration: bool
    condition: str = ""


@dataclass(frozen=True, slots=True)
class ListedTable:
    """A table: quoted names of itself, of the table that it is a partition of, and of its columns.

    `binary` are its columns of type bytea, `kinds` what each column is hashed as (one of `typed.KINDS`, "" as text); `key`
    identifies its rows, None where nothing does. `system_schema`: it lies in a schema of PostgreSQL's. `view_oid` is the
    OID of a materialised view, 0 of a table.
    """

    name: Quoted
    root: str
    unlogged: bool
    columns: tuple[Quoted, ...]
    binary: tuple[Quoted, ...] = ()
    kinds: tuple[str, ...] = ()
    key: Key | None = None
    system_schema: bool = False
    view_oid: int = 0
    member: Membership | None = None

    def row(self, algorithm: Algorithm, form: Form = "row", convert: str = "") -> Quoted:
        """Return SQL for what is hashed of a row: its 64 bits, or its text in one of the two forms (fingerprint.text_of)."""
        if algorithm == FAST:
            return row_number(self.columns, self.kinds)
        return text_of(self.columns, self.binary, algorithm, form, convert)


def tables(connection: Connection) -> list[ListedTable]:
    """Return the tables of the database that a pinned `connection` is in, by name."""
    with connection.transaction(force_rollback=True):
        connection.execute(_BY_HASH)
        rows = execute(connection, _TABLES).fetchall()
    return [
        ListedTable(
            name=row[0],
            root=row[1],
            unlogged=row[2],
            columns=tuple(row[3]),
            binary=tuple(row[4]),
            kinds=tuple(row[5]),
            key=_key(row[6] or []),
            system_schema=row[7],
            view_oid=row[8],
            member=Membership(*row[9:]) if row[9] else None,
        )
        for row in rows
    ]


def not_read(connection: Connection) -> dict[str, str]:
    """Return why relations that may have rows are not read, by their name."""
    return {str(name): str(reason) for name, reason in execute(connection, _NOT_READ).fetchall()}


def byte_ordered(connection: Connection) -> frozenset[str]:
    """Return the tables whose rows have another text in a database of another encoding."""
    return frozenset(str(name) for (name,) in execute(connection, _BYTE_ORDERED).fetchall())


def _key(parts: list[Quoted]) -> Key | None:
    """Return the key from its columns followed by their types."""
    columns, types = parts[: len(parts) // 2], parts[len(parts) // 2 :]
    if not columns:
        return None
    return Key(_KINDS.get(types[0], "hash") if len(types) == 1 else "hash", tuple(columns))
