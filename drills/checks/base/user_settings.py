"""The settings under which the users of a database evaluate its expressions, as statements for one transaction.

A function that names something without its schema needs the search_path that `alter role … in database … set` gives,
and a CHECK over a date as text the DateStyle. A pinned session has neither
(https://www.postgresql.org/docs/current/config-setting.html#CONFIG-SETTING-SQL).
"""

from __future__ import annotations

from drills.checks.base.session import Connection
from drills.sql import execute, literal

# What changes the meaning of an expression; the settings of extensions and users, which have a dot, do too.
_MEANING = (
    *("search_path", "timezone", "datestyle", "intervalstyle", "bytea_output", "extra_float_digits", "xmlbinary"),
    *("xmloption", "lc_monetary", "lc_numeric", "lc_time", "default_text_search_config", "array_nulls"),
)
_MOST = 8  # of these that are tried
_OWN = "select pg_catalog.lower(name), reset_val from pg_catalog.pg_settings where pg_catalog.lower(name) = any (%s)"
_SET = """
select s.setrole::bigint, pg_catalog.lower(pg_catalog.split_part(c, '=', 1)),
    pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1)
from pg_catalog.pg_db_role_setting as s, lateral pg_catalog.unnest(s.setconfig) as c
where not exists (select from pg_catalog.pg_settings as g
        where pg_catalog.lower(g.name) = pg_catalog.lower(pg_catalog.split_part(c, '=', 1)) and g.context <> 'user')
    and s.setdatabase in (0, (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()))
order by s.setrole, s.setrole <> 0 and s.setdatabase <> 0, s.setdatabase <> 0
"""


def alternatives(connection: Connection, *, with_path: bool) -> tuple[str, ...]:
    """Return statements that set what a user of the database has: the login's own first, then that of each role.

    PostgreSQL's own schema stays the first of a search_path, so that a name in a query of ours means what it says. A
    path of others' names what is called: without `with_path` there is none.
    """
    own = {name: value for name, value in connection.execute(_OWN, (list(_MEANING),)) if value is not None}
    by_role: dict[int, dict[str, str]] = {}
    for role, name, value in execute(connection, _SET).fetchall():
        if name in _MEANING or "." in name:
            by_role.setdefault(role, {})[name] = value
    shared = own | by_role.pop(0, {})
    found = [_statement(each, with_path=with_path) for each in (own, *(shared | each for each in by_role.values()))]
    return tuple(dict.fromkeys(found))[:_MOST]


def _statement(settings: dict[str, str], *, with_path: bool) -> str:
    """Return one statement that sets all of them for the transaction. Pure."""
    path = settings.get("search_path", "")
    given = settings | {"search_path": f"pg_catalog, {path}" if path.strip() not in ("", '""') else "pg_catalog"}
    if not with_path:
        given = settings | {"search_path": ""}
    calls = [f"pg_catalog.set_config({literal(name)}, {literal(value)}, true)" for name, value in sorted(given.items())]
    return f"select {', '.join(calls)}"
