"""The sandbox's small web application: `python -m drills.sandbox.service.webapp`, what every ECS task of the sandbox runs.

Its settings come from the environment as an ordinary container's: libpq's PGHOST, PGPORT, PGDATABASE, PGUSER,
PGPASSWORD, PGSSLROOTCERT and the like, or DATABASE_URL. WEBAPP_QUERY is a query of one row that `/` shows as well, by
which it can be told whose data are served; values that JSON does not know are shown as text. The application says
`{"port": n}` on standard output once it answers.

    /         200 with facts out of the database, 503 with a sentence while the database is away
    /health   200 as long as the process answers, whatever the database does
    /ready    200 while the database answers, else 503

It notices that its connection was cut (the server was restarted, or another instance answers on the port now) and opens
another one. Where standard input is a pipe, that is a lifeline: the process ends with whoever holds the other end.
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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
from psycopg.rows import dict_row

_WITHIN = "5"  # seconds for a connection and for a query
# what a request shows: of any database, and of the sample application's order book where there is one
_ANY = """
    SELECT current_database() AS database, now()::text AS server_time,
           (SELECT count(*) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
               AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%') AS tables,
           pg_catalog.to_regclass('shop.orders') IS NOT NULL AS has_orders
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
        """What a request shows; psycopg.Error when the database is away."""
        return self._asked(lambda session: _facts(session, self._query))

    def ping(self) -> dict[str, Any]:
        """Whether the database answers; psycopg.Error when it does not."""
        return self._asked(lambda session: session.execute("SELECT true AS ready").fetchone() or {})

    def _asked(self, question: Callable[[psycopg.Connection[dict[str, Any]]], dict[str, Any]]) -> dict[str, Any]:
        with self._lock:
            kept = self._session is not None
            try:
                return question(self._connected())
            except psycopg.OperationalError:
                self._let_go()
                if not kept:
                    raise
            # what was cut is an earlier request's connection; this one has not been tried yet
            try:
                return question(self._connected())
            except psycopg.OperationalError:
                self._let_go()
                raise

    def _connected(self) -> psycopg.Connection[dict[str, Any]]:
        if self._session is None:
            self._session = psycopg.connect(self._conninfo, autocommit=True, row_factory=dict_row)
            self._session.execute(f"SET statement_timeout = '{_WITHIN}s'".encode())
            self._session.execute("SET default_transaction_read_only = on")
        return self._session

    def _let_go(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _facts(session: psycopg.Connection[dict[str, Any]], query: str) -> dict[str, Any]:
    found = session.execute(_ANY).fetchone() or {}
    if found.pop("has_orders", False):
        found |= session.execute(_ORDERS).fetchone() or {}
    if query:
        found |= session.execute(query.encode()).fetchone() or {}
    return found


def answer(path: str, database: Database, task: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON value for a path."""
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
        return 503, {"error": f"The database is away: {_line(error)}", "task": task}
    except psycopg.Error as error:
        return 500, {"error": f"The database refused the query: {_line(error)}", "task": task}


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def make_server(database: Database, port: int, task: str) -> ThreadingHTTPServer:
    """The HTTP server on 127.0.0.1; 0 takes a free port."""

    class Handler(BaseHTTPRequestHandler):
        """Answers one request."""

        server_version = "drills-webapp"

        def do_GET(self) -> None:
            """GET."""
            self._send(True)

        def do_HEAD(self) -> None:
            """HEAD: the same without a body."""
            self._send(False)

        def _send(self, with_body: bool) -> None:
            status, value = answer(self.path, database, task)
            body = json.dumps(value, default=str).encode() + b"\n"
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed: standard output has one line, for a program."""

    ThreadingHTTPServer.daemon_threads = True
    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def conninfo(environ: Mapping[str, str]) -> str:
    """DATABASE_URL where it is given, else nothing: libpq then reads its own variables."""
    return environ.get("DATABASE_URL", "")


def further_query(environ: Mapping[str, str]) -> str:
    """The query that `/` shows as well, "" where none is given; a task's variable, and none of whoever runs a drill."""
    return environ.get("WEBAPP_QUERY", "")


def _end_with_the_lifeline() -> None:
    """End this process when standard input does, if that is a pipe."""
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def main(given: Sequence[str] | None = None) -> int:
    """Serve until a signal or the end of the lifeline."""
    parser = argparse.ArgumentParser(
        prog="python -m drills.sandbox.service.webapp", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 chooses a free one")
    parser.add_argument("--task", default="", help="what the answers call this process")
    options = parser.parse_args(given)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with_the_lifeline()
    os.environ.setdefault("PGCONNECT_TIMEOUT", _WITHIN)
    database = Database(conninfo(os.environ), further_query(os.environ))
    server = make_server(database, options.port, options.task)
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
