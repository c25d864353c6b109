"""A front before a sandbox on a port of loopback: what it does not answer itself, the sandbox answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import urllib3

from drills.sandbox.door.wire import Response
from tests.support.sandbox import RunningSandbox


@contextmanager
def front(
    sandbox: RunningSandbox, instead: Callable[[BaseHTTPRequestHandler, bytes], Response | None]
) -> Iterator[str]:
    """Answer each request, whose body is the second argument, with what `instead` says; None passes it on. Yields the URL."""
    pool = urllib3.PoolManager(maxsize=20)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, text = instead(self, body) or self.passed_on(body)
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in ("content-length", "connection", "date", "server", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def passed_on(self, body: bytes) -> Response:
            passed = pool.request(
                self.command,
                sandbox.endpoint + self.path,
                headers=dict(self.headers),
                body=body,
                decode_content=False,
                redirect=False,
                retries=False,
            )
            return passed.status, list(passed.headers.items()), passed.data

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            pool.clear()
