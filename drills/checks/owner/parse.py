"""Whether a server can read the owner's SQL: known before a backup is made and restored, where the source can be asked.

The server parses a query and looks its names up, and runs nothing of it (PostgreSQL manual, "Extended Query": Parse).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import pq

from drills.checks.base.session import MAINTENANCE, Connection, Connector, database_names
from drills.checks.owner.invariants import Invariant
from drills.errors import ConfigError

_WRONG_NAME = "42"  # the class of SQLSTATE for syntax errors and for names that are not there
_SYNTAX = "42601"


def check_invariants(connect: Connector, rules: Sequence[Invariant]) -> None:
    """Refuse an invariant that its database cannot read, or whose database is not there. Raises ConfigError."""
    names = database_names(connect) if rules else ()
    own = [name for name in names if name != MAINTENANCE] or list(names)
    for rule in rules:
        if rule.database and rule.database not in names:
            raise ConfigError(
                f"{rule.name}.sql: expected a database of the source, found {rule.database}; there are {', '.join(names)}"
            )
        for name in [rule.database] if rule.database else own:
            with connect(name) as connection:
                _refuse(connection, f"{rule.name}.sql", rule.query, _WRONG_NAME)


def check_queries(connect: Connector, database: str, texts: Mapping[str, str]) -> None:
    """Refuse a query of drill.toml, given as its text by its name, that is no SQL. Raises ConfigError.

    Names that are not there are no error here: the data may be others than those the target's queries are about.
    """
    with connect(database) as connection:
        for name, text in texts.items():
            _refuse(connection, f'the query "{name}" of the target', text, _SYNTAX)


def _refuse(connection: Connection, what: str, query: str, states: str) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute("set local search_path to default")
        answer = connection.pgconn.prepare(b"", query.encode(connection.info.encoding))
    state = answer.error_field(pq.DiagnosticField.SQLSTATE) or b""
    if state.decode().startswith(states):
        said = answer.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b""
        raise ConfigError(
            f"{what}: expected a query that the source can answer, found: "
            f"{said.decode(connection.info.encoding, 'replace')}: correct it"
        )
