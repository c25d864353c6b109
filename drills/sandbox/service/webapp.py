"""The sandbox's small web application: `python -m drills.sandbox.service.webapp`, what every ECS task of the sandbox runs.

Its settings come from the environment as an ordinary container's: libpq's PGHOST, PGPORT, PGDATABASE, PGUSER,
PGPASSWORD, PGSSLROOTCERT and the like, or DATABASE_URL. WEBAPP_QUERY is a query of one row that `/` returns as well, to
identify the data; values without a JSON type are returned as text. The application prints `{"port": n}` on standard
output once it answers.

    /         200 with facts from the database, 503 with a sentence while the database does not answer
    /health   200 as long as the process answers, whatever the database does
    /ready    200 while the database answers, else 503

It opens a new connection when the old one was cut (the server was restarted, or another instance answers on the port
now). Where standard input is a pipe, the process ends when the pipe's other end is closed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
from psycopg.rows import dict_row

from drills.sql import execute

_TIMEOUT = "5"  # seconds for a connection and for a query
# the facts of any database, and whether it has the sample application's orders: a table of that name can be another's
_FACTS = """
    SELECT current_database() AS database, now()::text AS server_time,
           (SELECT count(*) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
               AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%') AS tables,
           (SELECT count(*) FROM pg_catalog.pg_attribute AS a
             WHERE a.attrelid = pg_catalog.to_regclass('shop.orders') AND NOT a.attisdropped
               AND (a.attname, a.atttypid) IN (('id', 'bigint'::pg_catalog.regtype),
                                               ('placed_at', 'timestamptz'::pg_catalog.regtype))) = 2 AS has_orders
"""
_ORDERS = "SELECT count(*) AS orders, max(placed_at)::text AS newest_order FROM shop.orders"


class Database:
    """One connection, opened when it is needed and again when it was cut. Threads may share it."""

    def __init__(self, conninfo: str = "", query: str = "") -> None:
        self._conninfo = conninfo
        self._query = query
        self._lock = threading.Lock()
        self._session: psycopg.Connection[dict[str, Any]] | None = None

    def facts(self) -> dict[str, Any]:
        """Return the facts that `/` shows. Raises psycopg.Error when the database does not answer."""
        return self._run(lambda session: _facts(session, self._query))

    def ping(self) -> dict[str, Any]:
        """Return `{"ready": true}`. Raises psycopg.Error when the database does not answer."""
        return self._run(lambda session: session.execute("SELECT true AS ready").fetchone() or {})

    def _run(self, query: Callable[[psycopg.Connection[dict[str, Any]]], dict[str, Any]]) -> dict[str, Any]:
        with self._lock:
            reused = self._session is not None
            try:
                return query(self._connect())
            except psycopg.OperationalError:
                self._disconnect()
                if not reused:
                    raise
            # an earlier request's connection was cut: try a new one
            try:
                return query(self._connect())
            except psycopg.OperationalError:
                self._disconnect()
                raise

    def _connect(self) -> psycopg.Connection[dict[str, Any]]:
        if self._session is None:
            self._session = psycopg.connect(self._conninfo, autocommit=True, row_factory=dict_row)
            execute(self._session, f"SET statement_timeout = '{_TIMEOUT}s'")
            self._session.execute("SET default_transaction_read_only = on")
        return self._session

    def _disconnect(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _facts(session: psycopg.Connection[dict[str, Any]], query: str) -> dict[str, Any]:
    found = session.execute(_FACTS).fetchone() or {}
    if found.pop("has_orders", False):
        try:
            found |= session.execute(_ORDERS).fetchone() or {}
        except psycopg.Error:  # another's, that this role may not read or that is too large to be counted in time
            if session.closed:
                raise
    if query:
        found |= execute(session, query).fetchone() or {}
    return found


def answer(path: str, database: Database, task: str) -> tuple[int, dict[str, Any]]:
    """Return HTTP status and JSON value for a path."""
    path = path.split("?", 1)[0]
    try:
        match path:
            case "/health":
                return 200, {"status": "running", "task": task}
            case "/ready":
                return 200, database.ping()
            case "/":
                return 200, {**database.facts(), "task": task}
            case _:
                return 404, {"error": f"There is no {path}; ask for /, /health or /ready."}
    except psycopg.OperationalError as error:
        return 503, {"error": f"The database does not answer: {_line(error)}", "task": task}
    except psycopg.Error as error:
        return 500, {"error": f"The database refused the query: {_line(error)}", "task": task}


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def make_server(database: Database, port: int, task: str) -> ThreadingHTTPServer:
    """Return the HTTP server on 127.0.0.1; port 0 takes a free one."""
    return ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, database, task))


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server_version = "drills-webapp"

    def __init__(self, database: Database, task: str, *connection: Any) -> None:
        self._database = database
        self._task = task
        super().__init__(*connection)  # handles the request

    def do_GET(self) -> None:
        """Answer GET."""
        self._send(True)

    def do_HEAD(self) -> None:
        """Answer HEAD: as GET without a body."""
        self._send(False)

    def _send(self, with_body: bool) -> None:
        status, value = answer(self.path, self._database, self._task)
        body = json.dumps(value, default=str).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: standard output has one line, for a program."""


def conninfo(environ: Mapping[str, str]) -> str:
    """Return DATABASE_URL, or "" where it is not set: libpq then reads its own variables."""
    return environ.get("DATABASE_URL", "")


def extra_query(environ: Mapping[str, str]) -> str:
    """Return the query whose row `/` returns as well, "" for none; set by a task definition, not by the user of a drill."""
    return environ.get("WEBAPP_QUERY", "")


def _exit_at_end_of_input() -> None:
    """Exit when standard input ends, if it is a pipe."""
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def main(given: Sequence[str] | None = None) -> int:
    """Serve until a signal or the end of standard input."""
    parser = argparse.ArgumentParser(
        prog="python -m drills.sandbox.service.webapp", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 chooses a free one")
    parser.add_argument("--task", default="", help="name of this process in its answers")
    options = parser.parse_args(given)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _exit_at_end_of_input()
    os.environ.setdefault("PGCONNECT_TIMEOUT", _TIMEOUT)
    database = Database(conninfo(os.environ), extra_query(os.environ))
    server = make_server(database, options.port, options.task)
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
