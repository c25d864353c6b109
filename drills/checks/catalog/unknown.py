"""List what a newer PostgreSQL keeps of a user's and this version of the suite does not know: nothing is passed over.

A system catalog, a column of one, or a kind of object that is not in drills/checks/catalog/known.py is counted by its
rows. The counts are entries of a catalog, so that a manifest has them: a difference is a warning, and the entries of
either side are listed as not compared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from psycopg.rows import tuple_row

from drills.checks.base.session import Connection
from drills.checks.catalog.known import COLUMNS, KINDS, NEWEST
from drills.checks.catalog.queries import FIRST_USER_OID
from drills.model.finding import NotChecked
from drills.plural import counted
from drills.sql import Quoted, execute, literal

SECTION = "objects of a newer PostgreSQL"
SINCE = 4  # the format of a manifest
# The columns that can hold the number of an object: what has one of a user's is a user's.
_CATALOGS = f"""
select c.relname::text, array_agg(a.attname::text order by a.attnum),
    array_agg(pg_catalog.quote_ident(a.attname) order by a.attnum) filter (where t.typname = 'oid' or t.typname ~ '^reg')
from pg_catalog.pg_class as c join pg_catalog.pg_attribute as a on a.attrelid = c.oid
join pg_catalog.pg_type as t on t.oid = a.atttypid
where c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace and c.relkind = 'r' and c.oid < {FIRST_USER_OID}
    and a.attnum > 0 and not a.attisdropped and pg_catalog.has_table_privilege(c.oid, 'select')
group by c.relname order by 1
"""


def query(
    connection: Connection,
    known: Mapping[str, frozenset[str]] = COLUMNS,
    kinds: Mapping[tuple[str, str], str] = KINDS,
) -> str:
    """Return a query of the entries: name, and the number of a user's rows as JSON. Raises psycopg.Error."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        found = execute(cursor, _CATALOGS).fetchall()
    counts = [_count(f"pg_catalog.{name}", name, _of_a_user(oids)) for name, _, oids in found if name not in known]
    counts += [
        _count(f"column {name}.{column}", name, _of_a_user(oids))
        for name, columns, oids in found
        for column in columns
        if name in known and column not in known[name]
    ]
    counts += [_kind(catalog, column, letters) for (catalog, column), letters in kinds.items()]
    return (
        f"select name, pg_catalog.jsonb_build_object('rows', n::text)::text from ({' union all '.join(counts)}) as r (name, n) "
        "where n > 0"
    )


def _of_a_user(oids: list[str] | None) -> Quoted:
    return Quoted(f"greatest({', '.join(f'{name}::oid' for name in oids)}) >= {FIRST_USER_OID}" if oids else "true")


def _count(name: str, catalog: str, where: Quoted) -> str:
    return f"select {literal(name)} as name, count(*) as n from pg_catalog.{catalog} where {where}"


def _kind(catalog: str, column: str, letters: str) -> str:
    return (
        f"select {literal(f'{catalog}.{column} ')} || {column}::text, count(*) from pg_catalog.{catalog} "
        f"where oid >= {FIRST_USER_OID} and pg_catalog.strpos({literal(letters)}, {column}::text) = 0 group by {column}"
    )


def query_for(name: str) -> str:
    """Return a query for psql that shows the rows of an entry."""
    catalog, _, kind = name.removeprefix("pg_catalog.").removeprefix("column ").partition(".")
    column = kind.split(" ")[0] or "*"
    counted = f"{column}, count(*)" if column != "*" else "count(*)"
    return f"select {counted} from pg_catalog.{catalog}{f' group by {column} order by 1' if column != '*' else ''}"


def not_compared(*sides: Mapping[str, Mapping[str, str]]) -> tuple[NotChecked, ...]:
    """Return what either side has of it, with the largest number of rows. Pure."""
    rows: dict[str, int] = {}
    for side in sides:
        for name, text in side.get(SECTION, {}).items():
            rows[name] = max(rows.get(name, 0), int(json.loads(text)["rows"]))
    reason = f"not compared: this version knows the catalogs of PostgreSQL up to {NEWEST}; its rows were counted"
    return tuple(NotChecked(f"{counted(number, 'row')} of {name}", reason) for name, number in sorted(rows.items()))
