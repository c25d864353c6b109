"""Which tables there are to compare, what a row of each is made of, and what tells its rows apart."""

from __future__ import annotations

from dataclasses import dataclass

from drills.checks.ranges import Key, KeyKind
from drills.checks.session import Connection

_TABLES = """
select pg_catalog.format('%I.%I', n.nspname, c.relname),
       case when c.relispartition then (
           select pg_catalog.format('%I.%I', rn.nspname, rc.relname)
           from pg_catalog.pg_class rc join pg_catalog.pg_namespace rn on rn.oid = rc.relnamespace
           where rc.oid = pg_catalog.pg_partition_root(c.oid)) else '' end,
       c.relpersistence = 'u',
       coalesce(pg_catalog.array_agg(pg_catalog.quote_ident(a.attname) order by a.attname)
                filter (where a.attnum > 0 and not a.attisdropped), '{}'::text[]),
       coalesce(pg_catalog.array_agg(pg_catalog.quote_ident(a.attname) order by a.attname)
                filter (where a.attnum > 0 and a.atttypid = 'bytea'::pg_catalog.regtype), '{}'::text[]),
       (select pg_catalog.array_agg(pg_catalog.quote_ident(k.attname) order by u.at)
           || pg_catalog.array_agg(pg_catalog.format_type(k.atttypid, null) order by u.at)
        from pg_catalog.unnest(pg_catalog.string_to_array(x.indkey::text, ' ')::int2[]) with ordinality as u (num, at)
        join pg_catalog.pg_attribute k on k.attrelid = c.oid and k.attnum = u.num where u.at <= x.indnkeyatts)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_attribute a on a.attrelid = c.oid
left join lateral (
    select i.indkey, i.indnkeyatts from pg_catalog.pg_index i
    where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
      and (i.indisprimary or not exists (select from pg_catalog.pg_attribute o where o.attrelid = c.oid
           and o.attnum = any (i.indkey) and not o.attnotnull))
    order by i.indisprimary desc, i.indnkeyatts, i.indexrelid limit 1) x on true
where (c.relkind = 'r' or (c.relkind = 'm' and c.relispopulated))
  and c.relpersistence <> 't'
  and n.nspname not in ('information_schema', 'drill_canary') and n.nspname !~ '^pg_'
  and not exists (select from pg_catalog.pg_depend d
                  where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
group by 1, 2, 3, c.oid, x.indkey, x.indnkeyatts order by 1
"""
_KINDS: dict[str, KeyKind] = {"smallint": "integer", "integer": "integer", "bigint": "integer", "uuid": "uuid"}


@dataclass(frozen=True, slots=True)
class ListedTable:
    """A table: quoted names of itself, of the table that it is a partition of, and of its columns.

    `binary` are its columns of type bytea; `key` identifies its rows, None where nothing does.
    """

    name: str
    root: str
    unlogged: bool
    columns: tuple[str, ...]
    binary: tuple[str, ...] = ()
    key: Key | None = None


def tables(connection: Connection) -> list[ListedTable]:
    """The tables of the database that a pinned `connection` is in, by name."""
    return [
        ListedTable(row[0], row[1], row[2], tuple(row[3]), tuple(row[4]), _key(row[5] or []))
        for row in connection.execute(_TABLES.encode()).fetchall()
    ]


def _key(parts: list[str]) -> Key | None:
    """The key from its columns followed by their types."""
    columns, types = parts[: len(parts) // 2], parts[len(parts) // 2 :]
    if not columns:
        return None
    return Key(_KINDS.get(types[0], "hash") if len(types) == 1 else "hash", tuple(columns))
