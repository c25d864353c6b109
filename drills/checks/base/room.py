"""How many more connections a server lets a login open, so that a check takes no more than there are."""

from __future__ import annotations

from drills.checks.base.session import Connection
from drills.sql import execute

_SPARE = 3  # for whoever else wants to look at the server
_FREE = """
select least(
    pg_catalog.current_setting('max_connections')::int
        - pg_catalog.current_setting('superuser_reserved_connections')::int
        - coalesce(pg_catalog.current_setting('reserved_connections', true)::int, 0) - used.server,
    case when r.rolconnlimit >= 0 then r.rolconnlimit - used.login end,
    case when d.datconnlimit >= 0 then d.datconnlimit - used.here end)
from pg_catalog.pg_roles as r
join pg_catalog.pg_database as d on d.datname = pg_catalog.current_database()
cross join (
    select (select pg_catalog.sum(numbackends)::int from pg_catalog.pg_stat_database) as server,
           (select pg_catalog.sum(numbackends)::int from pg_catalog.pg_stat_database
            where datname = pg_catalog.current_database()) as here,
           (select pg_catalog.count(*)::int from pg_catalog.pg_stat_activity where usename = session_user) as login) as used
where r.rolname = session_user
"""


def further(connection: Connection, wanted: int) -> int:
    """Return how many of so many further connections may be opened beside this one, by the limits of server, database and login."""
    if wanted <= 0:
        return 0
    row = execute(connection, _FREE).fetchone()
    free = int(row[0]) if row and row[0] is not None else 0
    return max(0, min(wanted, free - _SPARE))
