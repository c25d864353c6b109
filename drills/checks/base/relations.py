"""Which relations are a user's: those that neither initdb nor the canary made, known by identity and not by schema.

A user's table can lie in `pg_catalog` or `information_schema`, or in a schema that is called like the canary's.
"""

from __future__ import annotations

from drills.sql import Quoted

FIRST_USER_OID = 16384  # FirstNormalObjectId of access/transam.h: what initdb made has lower numbers
CANARY_SCHEMA = "drill_canary"
# What `drills canary install` makes; a table of another shape is a user's own.
_CANARY_TABLES = {
    "beat": ("beat_at timestamp with time zone", "digest text", "previous text", "seq bigint"),
    "checkpoint": ("beat_at timestamp with time zone", "digest text", "seq bigint"),
}


def made_by_users(oid: str) -> Quoted:
    """Return the condition that an object is a user's, by the column with its OID; `n` is its row of pg_namespace.

    Schemas of temporary and TOAST tables belong to PostgreSQL: what lies there serves a session or another table.
    """
    return Quoted(f"({oid} >= {FIRST_USER_OID} and n.nspname !~ '^pg_(temp_|toast)')")


def canary_tables() -> Quoted:
    """Return a subquery for the OIDs of the canary's own tables: of its schema, its names, and its columns."""
    shapes = ", ".join(f"('{name}', '{', '.join(columns)}')" for name, columns in _CANARY_TABLES.items())
    return Quoted(f"""(
        select k.oid from pg_catalog.pg_class as k
        join pg_catalog.pg_namespace as s on s.oid = k.relnamespace and s.nspname = '{CANARY_SCHEMA}'
        join pg_catalog.pg_attribute as a on a.attrelid = k.oid and a.attnum > 0 and not a.attisdropped
        where k.relkind = 'r' and k.relname in ({", ".join(f"'{name}'" for name in _CANARY_TABLES)})
        group by k.oid, k.relname
        having (k.relname::text, pg_catalog.string_agg(a.attname || ' ' || pg_catalog.format_type(a.atttypid, null),
            ', ' order by a.attname)) in ({shapes}))""")
