"""The text of a view, without the names that PostgreSQL itself gives to columns.

An untyped constant of a union, such as null, is a column without a name when the view is made. Once the server has
written it with its type (null::integer), whoever makes the view anew from that text has a column called as the type is
in the catalog (int4), and the server writes this name from then on. A dump and its restore do that:
https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-CATALOG (pg_get_viewdef is a reconstruction),
https://www.postgresql.org/docs/current/sql-select.html#SQL-SELECT-LIST (which name a column without AS has).
"""

from __future__ import annotations

# Types whose name in SQL is another one than in the catalog (https://www.postgresql.org/docs/current/datatype.html).
_NAMES = {
    "bigint": "int8",
    "bit varying": "varbit",
    "boolean": "bool",
    "character": "bpchar",
    "character varying": "varchar",
    "double precision": "float8",
    "integer": "int4",
    "real": "float4",
    "smallint": "int2",
    "time with time zone": "timetz",
    "time without time zone": "time",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
}
_SCHEMA = r'(?:(?:"(?:[^"]|"")+"|\w+)\.)?'
_MODIFIER = r"(?:\([0-9, ]+\))?(?:\[\])?"


def view_text(oid: str) -> str:
    """Return SQL for the text of the view or materialised view with this oid, without such names."""
    text = f"pg_get_viewdef({oid})"
    for written, name in _NAMES.items():
        # (3) is a time's precision, which stands within its name
        pattern = written.replace("time ", r"time(?:\([0-6]\))? ").replace("timestamp ", r"timestamp(?:\([0-6]\))? ")
        text = _substitute(text, f'(::{pattern}{_MODIFIER}) AS "?{name}"?')
    # any other type has one name, which is quoted in both places, in the second alone ("interval"), or in neither
    text = _substitute(text, f'(::{_SCHEMA}("(?:[^"]|"")+"){_MODIFIER}) AS \\2')
    return _substitute(text, f'(::{_SCHEMA}(\\w+){_MODIFIER}) AS "?\\2"?')


def _substitute(text: str, pattern: str) -> str:
    """Return SQL that leaves the first group of each match, where the name ends with it."""
    return f"regexp_replace({text}, '{pattern}(?=[,\\s)])', '\\1', 'g')"
