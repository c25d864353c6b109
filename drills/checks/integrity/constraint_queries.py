"""The queries that validate a database's constraints: each counts the rows that break one.

Each is read from the catalog and stated again as a query over the heap: `VALIDATE CONSTRAINT` skips what is marked
valid, an index may be the very thing that is broken, and the planner takes NOT NULL and CHECK for granted (since
PostgreSQL 17 it answers `column is null` by the catalog alone). So a null is counted by num_nulls(), of which the
planner knows nothing; the rest relies on the settings in drills/checks/base/session.py.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg

from drills.checks.base.relations import made_by_users
from drills.checks.base.session import Connection, index_scans
from drills.checks.integrity.index_queries import COLLATE
from drills.sql import Quoted, execute

_USER = f"""{made_by_users("c.oid")}
    and not exists (select from pg_catalog.pg_depend as e where e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        and e.objid = c.oid and e.deptype = 'e')"""
_ON = "'constraint ' || pg_catalog.quote_ident(k.conname) || ' on ' || c.oid::pg_catalog.regclass"

_NOT_NULL = f"""
select c.oid::pg_catalog.regclass::text, 'column ' || c.oid::pg_catalog.regclass || '.' || pg_catalog.quote_ident(a.attname),
    pg_catalog.quote_ident(a.attname)
from pg_catalog.pg_attribute as a join pg_catalog.pg_class as c on c.oid = a.attrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where a.attnotnull and a.attnum > 0 and not a.attisdropped and c.relkind = 'r' and c.relpersistence <> 't' and {_USER}
    and not exists (select from pg_catalog.pg_constraint as v where v.conrelid = c.oid and v.contype = 'n'
        and v.conkey[1] = a.attnum and not v.convalidated)
order by 1, 2
"""
# The expression is given without an alias: it may name the table itself, as in `orders.* is not null`.
_CHECKS = f"""
select c.oid::pg_catalog.regclass::text, {_ON}, pg_catalog.pg_get_expr(k.conbin, k.conrelid), k.oid::bigint
from pg_catalog.pg_constraint as k join pg_catalog.pg_class as c on c.oid = k.conrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where k.contype = 'c' and k.convalidated and c.relkind = 'r' and c.relpersistence <> 't' and {_USER} order by 1, 2
"""
_BOUNDS = f"""
select c.oid::pg_catalog.regclass::text, 'partition bound of ' || c.oid::pg_catalog.regclass,
    pg_catalog.pg_get_partition_constraintdef(c.oid),
    array(select a.relid::oid::bigint from pg_catalog.pg_partition_ancestors(c.oid) as a)
from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relispartition and c.relkind = 'r' and {_USER}
    and pg_catalog.pg_get_partition_constraintdef(c.oid) is not null order by 1, 2
"""
# A domain's checks, and those of the domains that it is made from, for every column of its type.
_DOMAINS = f"""
with recursive chain (typ, over) as (
    select t.oid, t.oid from pg_catalog.pg_type as t where t.typtype = 'd'
    union all select chain.typ, b.oid from chain join pg_catalog.pg_type as t on t.oid = chain.over
    join pg_catalog.pg_type as b on b.oid = t.typbasetype where b.typtype = 'd'
), base (typ, name) as (
    select chain.typ, pg_catalog.format_type(t.typbasetype, t.typtypmod) from chain
    join pg_catalog.pg_type as t on t.oid = chain.over join pg_catalog.pg_type as b on b.oid = t.typbasetype
    where b.typtype <> 'd'
)
select c.oid::pg_catalog.regclass::text,
    'constraint ' || pg_catalog.quote_ident(k.conname) || ' of domain ' || k.contypid::pg_catalog.regtype || ' on '
        || c.oid::pg_catalog.regclass || '.' || pg_catalog.quote_ident(a.attname),
    pg_catalog.quote_ident(a.attname), base.name,
    case when k.contype = 'c' then pg_catalog.pg_get_expr(k.conbin, 0) end, k.contypid::bigint
from pg_catalog.pg_attribute as a join pg_catalog.pg_class as c on c.oid = a.attrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join chain on chain.typ = a.atttypid join base on base.typ = a.atttypid
join pg_catalog.pg_constraint as k on k.contypid = chain.over and k.convalidated and k.contype = 'c'
where c.relkind = 'r' and c.relpersistence <> 't' and a.attnum > 0 and not a.attisdropped and {_USER} order by 1, 2
"""
_DOMAIN_NULLS = f"""
with recursive chain (typ, over, required) as (
    select t.oid, t.typbasetype, t.typnotnull from pg_catalog.pg_type as t where t.typtype = 'd'
    union all select chain.typ, t.typbasetype, chain.required or t.typnotnull from chain
    join pg_catalog.pg_type as t on t.oid = chain.over where t.typtype = 'd'
)
select c.oid::pg_catalog.regclass::text,
    'domain of ' || c.oid::pg_catalog.regclass || '.' || pg_catalog.quote_ident(a.attname),
    pg_catalog.quote_ident(a.attname)
from pg_catalog.pg_attribute as a join pg_catalog.pg_class as c on c.oid = a.attrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where a.atttypid in (select typ from chain where required) and not a.attnotnull
    and c.relkind = 'r' and c.relpersistence <> 't' and a.attnum > 0 and not a.attisdropped and {_USER} order by 1, 2
"""
_OPERATOR = """(select 'operator(' || pg_catalog.quote_ident(s.nspname) || '.' || o.oprname || ')'
    from pg_catalog.pg_operator as o join pg_catalog.pg_namespace as s on s.oid = o.oprnamespace where o.oid = {oid})"""
_FOREIGN = f"""
select c.oid::pg_catalog.regclass::text, {_ON}, c.relkind = 'p', p.oid::pg_catalog.regclass::text, p.relkind = 'p',
    k.confmatchtype = 'f', coalesce((pg_catalog.to_jsonb(k) ->> 'conperiod')::boolean, false),
    array(select pg_catalog.quote_ident(a.attname) from pg_catalog.unnest(k.conkey) with ordinality as u (num, at)
        join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = u.num order by u.at),
    array(select pg_catalog.quote_ident(a.attname) from pg_catalog.unnest(k.confkey) with ordinality as u (num, at)
        join pg_catalog.pg_attribute as a on a.attrelid = p.oid and a.attnum = u.num order by u.at),
    array(select {_OPERATOR.format(oid="u.oid")}
        from pg_catalog.unnest(k.conpfeqop) with ordinality as u (oid, at) order by u.at),
    array(select coalesce(case when a.attcollation <> b.attcollation then {COLLATE.format(oid="b.attcollation")} end, '')
        from unnest(k.conkey, k.confkey) with ordinality as u (own, theirs, at)
        join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = u.own
        join pg_catalog.pg_attribute as b on b.attrelid = p.oid and b.attnum = u.theirs order by u.at), k.oid::bigint
from pg_catalog.pg_constraint as k join pg_catalog.pg_class as c on c.oid = k.conrelid
join pg_catalog.pg_class as p on p.oid = k.confrelid join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where k.contype = 'f' and k.convalidated and k.conparentid = 0 and {_USER} order by 1, 2
"""
# By index rather than by constraint: a unique index demands the same. Its size estimates what a sort of the keys needs.
_UNIQUE_FROM = f"""
from pg_catalog.pg_index as x join pg_catalog.pg_class as c on c.oid = x.indrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where x.indisunique and x.indisvalid and c.relkind in ('r', 'm') and c.relpersistence <> 't'
    and (c.relkind = 'r' or c.relispopulated) and {_USER}"""
_UNIQUE_NAMES = f"""
select x.indexrelid::bigint, c.oid::pg_catalog.regclass::text, x.indexrelid::pg_catalog.regclass::text {_UNIQUE_FROM} order by 2, 3
"""
_UNIQUE = f"""
select c.oid::pg_catalog.regclass::text, x.indexrelid::pg_catalog.regclass::text,
    coalesce((pg_catalog.to_jsonb(x) ->> 'indnullsnotdistinct')::boolean, false),
    array(select pg_catalog.pg_get_indexdef(x.indexrelid, g, true)
        || coalesce(case when x.indcollation[g - 1] <> coalesce(a.attcollation, 0)
            then {COLLATE.format(oid="x.indcollation[g - 1]")} end, '')
        from pg_catalog.generate_series(1, x.indnkeyatts) as g
        left join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = x.indkey[g - 1] order by g),
    pg_catalog.pg_get_expr(x.indpred, x.indrelid),
    greatest(pg_catalog.pg_relation_size(x.indexrelid), (24 * c.reltuples)::bigint), x.indexrelid::bigint
{_UNIQUE_FROM} and x.indexrelid = any (%s::pg_catalog.oid[])
"""
_EXCLUSIONS = f"""
select c.oid::pg_catalog.regclass::text, {_ON}, pg_catalog.pg_get_expr(x.indpred, x.indrelid),
    array(select pg_catalog.quote_ident(a.attname)
        from pg_catalog.unnest(k.conkey) with ordinality as u (num, at)
        left join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = u.num order by u.at),
    array(select {_OPERATOR.format(oid="u.oid")}
        from pg_catalog.unnest(k.conexclop) with ordinality as u (oid, at) order by u.at),
    c.reltuples, k.oid::bigint
from pg_catalog.pg_constraint as k join pg_catalog.pg_class as c on c.oid = k.conrelid
join pg_catalog.pg_index as x on x.indexrelid = k.conindid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where k.contype = 'x' and c.relkind = 'r' and {_USER} order by 1, 2
"""
_PAIRS = 3_000  # rows of a table that are compared pair by pair


@dataclass(frozen=True, slots=True)
class ConstraintQuery:
    """A query of one number, the rows that break a constraint; `condition` is its part in a count over `table`, if any.

    `tables` are those that it reads, `index` the unique index that it validates. `needs_bytes` is the temporary space
    that a sort of its keys may take. `impossible` says why there is no query. `calls` are the objects whose expressions
    and operators it evaluates, by catalog and OID.
    """

    object: str
    tables: tuple[Quoted, ...]
    query: str
    condition: str = ""
    needs_bytes: int = 0
    impossible: str = ""
    index: str = ""
    calls: tuple[tuple[str, int], ...] = ()

    @property
    def expression(self) -> bool:
        """Return whether it evaluates an expression of its owner's, whose meaning settings can change."""
        return bool(self.condition and self.calls)


def list_conditions(connection: Connection) -> tuple[ConstraintQuery, ...]:
    """Return those of `list_queries` that a row breaks by itself: each has a condition."""

    def rows(query: str) -> psycopg.Cursor[tuple[Any, ...]]:
        return execute(connection, query)

    with index_scans(connection):
        return (
            *(_null(*row) for row in rows(_NOT_NULL)),
            *(_null(*row) for row in rows(_DOMAIN_NULLS)),
            *(_expression("pg_constraint", table, object, sql, [oid]) for table, object, sql, oid in rows(_CHECKS)),
            *(_expression("pg_partitioned_table", *row) for row in rows(_BOUNDS)),
            *(_domain(*row) for row in rows(_DOMAINS)),
        )


def list_queries(connection: Connection, unique: Set[str] = frozenset()) -> tuple[ConstraintQuery, ...]:
    """Return the queries for all constraints of a database that are marked as valid; none for the indexes that are `unique`."""

    def rows(query: str) -> psycopg.Cursor[tuple[Any, ...]]:
        return execute(connection, query)

    with index_scans(connection):
        return (
            *list_conditions(connection),
            *_list_unique(connection, unique),
            *(_foreign(_Foreign(*row)) for row in rows(_FOREIGN)),
            *(_exclusion(*row) for row in rows(_EXCLUSIONS)),
        )


def _list_unique(connection: Connection, known: Set[str]) -> list[ConstraintQuery]:
    """Return the unique indexes with their queries, but for those that are known to hold no key twice: of these the names."""
    names = execute(connection, _UNIQUE_NAMES).fetchall()
    wanted = [oid for oid, _, index in names if index not in known]
    queries = {row[-1]: _unique(*row) for row in execute(connection, _UNIQUE, (wanted,))} if wanted else {}
    return [queries.get(oid) or _unique_named(table, index, oid) for oid, table, index in names]


def by_table(found: Sequence[ConstraintQuery]) -> Iterator[tuple[Quoted, list[ConstraintQuery]]]:
    """Yield the queries that are counts over one table, a table at a time: one pass over it answers them all."""
    grouped: dict[Quoted, list[ConstraintQuery]] = {}
    for each in found:
        if each.condition:
            grouped.setdefault(each.tables[0], []).append(each)
    yield from grouped.items()


def combined_query(some: Sequence[ConstraintQuery]) -> str:
    """Return one query of one number for many: 0 where no row breaks any."""
    conditions = " union all ".join(
        f"select {' or '.join(f'({each.condition})' for each in of_table)} from only {table}"
        for table, of_table in by_table(some)
    )
    queries = [each.query for each in some if not each.condition]
    if conditions:
        queries.append(f"select count(*) filter (where broken) from ({conditions}) as r (broken)")
    return f"select sum(broken) from ({' union all '.join(queries)}) as p (broken)"


def counts_query(table: Quoted, some: list[ConstraintQuery]) -> str:
    """Return one query for several counts over one table."""
    counts = ", ".join(f"count(*) filter (where {each.condition})" for each in some)
    return f"select {counts} from only {table}"


def _counted(table: Quoted, object: str, condition: str, calls: tuple[tuple[str, int], ...] = ()) -> ConstraintQuery:
    query = f"select count(*) from only {table} where {condition}"
    return ConstraintQuery(object, (table,), query, condition, calls=calls)


def _expression(catalog: str, table: Quoted, object: str, expression: Quoted, oids: Sequence[int]) -> ConstraintQuery:
    return _counted(table, object, f"not ({expression})", tuple((catalog, oid) for oid in oids))


def _null(table: Quoted, object: str, column: Quoted) -> ConstraintQuery:
    return _counted(table, object, f"pg_catalog.num_nulls({column}) > 0")


def _domain(
    table: Quoted, object: str, column: Quoted, base: Quoted, expression: Quoted, domain: int
) -> ConstraintQuery:
    """VALUE, as the expression names it, is a column of that name here: of the base type, so that nothing is
    assumed.
    """
    condition = f"(select not ({expression}) from (select ({column})::{base}) as d (value))"
    return _counted(table, object, condition, (("pg_type", domain),))


def _unique(
    table: Quoted, index: Quoted, nulls_too: bool, keys: list[Quoted], predicate: Quoted | None, size: int, oid: int
) -> ConstraintQuery:
    present = [] if nulls_too else [f"pg_catalog.num_nulls({', '.join(keys)}) = 0"]
    conditions = [*([f"({predicate})"] if predicate else []), *present]
    where = f" where {' and '.join(conditions)}" if conditions else ""
    query = (
        f"select coalesce(sum(n - 1), 0) from (select count(*) as n from only {table}{where} "
        f"group by {', '.join(f'({key})' for key in keys)} having count(*) > 1) as twice"
    )
    return dataclasses.replace(_unique_named(table, index, oid), query=query, needs_bytes=int(size))


def _unique_named(table: Quoted, index: Quoted, oid: int) -> ConstraintQuery:
    return ConstraintQuery(f"unique index {index}", (table,), "", index=index, calls=(("pg_index", oid),))


class _Foreign(NamedTuple):
    """A row of `_FOREIGN`, in the order of its columns."""

    table: Quoted
    object: str
    child_parts: bool
    parent: Quoted
    parent_parts: bool
    full: bool
    period: bool
    own: list[Quoted]
    theirs: list[Quoted]
    operators: list[Quoted]
    collations: list[Quoted]
    oid: int


def _foreign(key: _Foreign) -> ConstraintQuery:
    if key.period:
        return ConstraintQuery(
            key.object,
            (key.table, key.parent),
            "",
            impossible="a foreign key over a period has no query of its own here",
        )
    match = " and ".join(
        f"p.{theirs} {operator} c.{own}{collation}"
        for theirs, operator, own, collation in zip(key.theirs, key.operators, key.own, key.collations, strict=True)
    )
    columns = ", ".join(f"c.{column}" for column in key.own)
    orphan = (
        f"pg_catalog.num_nulls({columns}) = 0 and "
        f"not exists (select from {'' if key.parent_parts else 'only '}{key.parent} as p where {match})"
    )
    if key.full and len(key.own) > 1:
        orphan = f"({orphan}) or pg_catalog.num_nulls({columns}) between 1 and {len(key.own) - 1}"
    query = f"select count(*) from {'' if key.child_parts else 'only '}{key.table} as c where {orphan}"
    return ConstraintQuery(key.object, (key.table, key.parent), query, calls=(("pg_constraint", key.oid),))


def _exclusion(
    table: Quoted,
    object: str,
    predicate: Quoted | None,
    columns: list[Quoted | None],
    operators: list[Quoted],
    rows: float,
    oid: int,
) -> ConstraintQuery:
    if predicate or None in columns or rows > _PAIRS:
        reason = f"an exclusion of expressions, of a part of a table, or of more than {_PAIRS:,} rows"
        return ConstraintQuery(object, (table,), "", impossible=f"not validated again: it is {reason}")
    match = " and ".join(
        f"a.{column} {operator} b.{column}" for column, operator in zip(columns, operators, strict=True)
    )
    query = f"select count(*) from only {table} as a join only {table} as b on a.ctid < b.ctid and {match}"
    return ConstraintQuery(object, (table,), query, calls=(("pg_constraint", oid),))
