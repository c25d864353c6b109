"""The one place where drills connects to PostgreSQL: no stray variable of the environment has a say in where to, or how.

libpq fills what a caller does not name from its environment variables ("Environment Variables", PostgreSQL documentation). A
PGSERVICE, PGHOSTADDR or PGTARGETSESSIONATTRS that was left over from other work would lead a connection elsewhere, or let it fail
for as long as it is tried. Not all of them can be overridden by a parameter, so that they leave the process.
"""

from __future__ import annotations

import os
import threading
from typing import Any

import psycopg
from psycopg import pq

KEPT = frozenset(
    {
        "PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGPASSFILE", "PGOPTIONS", "PGSSLMODE", "PGSSLROOTCERT",
        "PGSSLMINPROTOCOLVERSION", "PGGSSENCMODE", "PGCONNECT_TIMEOUT", "PGAPPNAME", "PGSERVICEFILE", "PGSYSCONFDIR",
    }
)  # fmt: skip
"""What completes a DSN (docs/verification.md), which may name a service; other connections give all that these stand for."""

# those that are no parameter of a connection: settings of the session, and where files lie
_BESIDE = frozenset({"PGDATESTYLE", "PGTZ", "PGGEQO", "PGREALM", "PGLOCALEDIR", "PGSERVICEFILE", "PGSYSCONFDIR"})
_lock = threading.Lock()
_set_aside: dict[str, str] = {}


def connect(**parameters: Any) -> psycopg.Connection[Any]:
    """Connect in autocommit mode by these parameters of libpq, and by no variable but `KEPT` where one is left out.

    Raises psycopg's errors; their frames hold the password.
    """
    set_aside()
    return psycopg.connect(**parameters, autocommit=True)


def set_aside() -> None:
    """Take every variable of libpq but `KEPT` out of the environment of this process, for good and for what it starts."""
    with _lock:
        for name in variables() - KEPT:
            value = os.environ.pop(name, None)
            if value is not None:
                _set_aside[name] = value


def of_the_environment() -> dict[str, str]:
    """Return the parameters that the environment gives by variables that were set aside: for a seed's URL, which they complete."""
    return {keyword: _set_aside[name] for keyword, name in _parameters().items() if name in _set_aside}


def variables() -> frozenset[str]:
    """Return the names of all environment variables that libpq reads."""
    return frozenset(_parameters().values()) | _BESIDE


def _parameters() -> dict[str, str]:
    """Return the environment variable of each parameter that has one, as this libpq tells them."""
    return {each.keyword.decode(): each.envvar.decode() for each in pq.Conninfo.get_defaults() if each.envvar}
