"""The front door of one load balancer: a port of 127.0.0.1 that answers as an Application Load Balancer does.

It answers 503 without a registered target, 502 when the target closes the connection or does not answer in HTTP, 504
when the target takes no connection within 10 s or does not answer before the idle timeout ("Troubleshoot your
Application Load Balancers",
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html).
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from drills.errors import SandboxError
from drills.sandbox.service.listener_rules import HttpRequest

_CONNECT_WITHIN = 10.0  # seconds, as on AWS
_POLL = 0.1  # seconds in which the server notices that it is shut down
_BODY_LIMIT = 64 * 1024 * 1024
_CHUNK = 64 * 1024
# headers that belong to one connection (RFC 9110, 7.6.1)
_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection"}
_STATUS_TEXTS = {
    400: "Bad Request",
    413: "Request Entity Too Large",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}


@dataclass(frozen=True, slots=True)
class Forward:
    """Forward to a process on this machine, which has `timeout` seconds to answer."""

    port: int
    timeout: float


@dataclass(frozen=True, slots=True)
class Fixed:
    """An answer of the load balancer's own."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    location: str = ""


def error_page(status: int) -> Fixed:
    """Return the page of a load balancer for an error of its own."""
    title = f"{status} {_STATUS_TEXTS.get(status, 'Error')}"
    head = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
    return Fixed(status, f"{head}</body>\r\n</html>\r\n".encode(), "text/html")


Decide = Callable[[HttpRequest], Forward | Fixed]


class FrontDoor:
    """Holds its port from the start and refuses connections until it is opened; `decide` is called in its threads."""

    def __init__(self, decide: Decide) -> None:
        self._decide = decide
        self._lock = threading.Lock()
        self._held: socket.socket | None = _hold(0)
        self.port = int(self._held.getsockname()[1])
        self._server: ThreadingHTTPServer | None = None

    def open(self) -> None:
        """Begin to answer."""
        with self._lock:
            if self._server is not None:
                return
            server = _server(self._decide)
            server.socket.close()
            server.socket = self._held or _hold(self.port)
            self._held = None
            server.server_address = ("127.0.0.1", self.port)
            server.server_activate()
            self._server = server
        threading.Thread(target=server.serve_forever, args=(_POLL,), name="front door", daemon=True).start()

    def shut(self) -> None:
        """Refuse connections and keep the port."""
        self._stop(hold=True)

    def close(self) -> None:
        """Release the port."""
        self._stop(hold=False)

    def _stop(self, *, hold: bool) -> None:
        with self._lock:
            server, self._server = self._server, None
            if server is not None:
                server.shutdown()
                server.server_close()
                self._held = _hold(self.port) if hold else None
            elif not hold and self._held is not None:
                self._held.close()
                self._held = None


def _hold(port: int) -> socket.socket:
    """Return a bound socket that does not listen: clients are refused, and no other process gets the port."""
    held = socket.socket(socket.AF_INET)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(port > 0))
        held.bind(("127.0.0.1", port))
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    except OSError as error:
        held.close()
        raise SandboxError(f"A load balancer cannot have port {port} of 127.0.0.1: {error.strerror}.") from error
    return held


def _server(decide: Decide) -> ThreadingHTTPServer:
    return ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, decide), bind_and_activate=False)


class _Handler(BaseHTTPRequestHandler):
    """Answers one request and closes the connection."""

    timeout = 60

    def __init__(self, decide: Decide, *connection: Any) -> None:
        self._decide = decide
        super().__init__(*connection)  # handles the request

    def _any(self) -> None:
        self.close_connection = True
        path, _, query = self.path.partition("?")
        host = self.headers.get("Host", "localhost").rpartition(":")[0] or self.headers.get("Host", "localhost")
        port = self.connection.getsockname()[1]
        body = self._body()
        request = HttpRequest(self.command, host, path, query, port)
        answer = error_page(413) if body is None else self._decide(request)
        own = self._forward(answer, body or b"") if isinstance(answer, Forward) else answer
        if own is not None:
            self._send(own)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _any

    def _body(self) -> bytes | None:
        """Return the request's body; None when it is too long or its length cannot be read."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > _BODY_LIMIT:
            return None
        return self.rfile.read(int(length))

    def _chunks(self) -> bytes | None:
        body = b""
        with contextlib.suppress(ValueError):
            while size := int(self.rfile.readline(_CHUNK).split(b";")[0], 16):
                if len(body) + size > _BODY_LIMIT:
                    return None
                body += self.rfile.read(size)
                self.rfile.readline()
            return body
        return None

    def _forward(self, to: Forward, body: bytes) -> Fixed | None:
        """Forward the request and send the answer; return the load balancer's own answer when the target gives none."""
        connection = http.client.HTTPConnection("127.0.0.1", to.port, timeout=_CONNECT_WITHIN)
        try:
            connection.connect()
            assert connection.sock is not None
            connection.sock.settimeout(to.timeout)
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self._forwarded_headers(body).items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            content = answer.read()
        except TimeoutError:
            return error_page(504)
        except (OSError, http.client.HTTPException):
            return error_page(502)
        finally:
            connection.close()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP | {"content-length"}:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self._end(content, length)
        return None

    def _forwarded_headers(self, body: bytes) -> dict[str, str]:
        added = {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "content-length"}
        forwarded = {name: value for name, value in self.headers.items() if name.lower() not in _HOP | added}
        before = self.headers.get("X-Forwarded-For", "")
        client = self.client_address[0]
        return forwarded | {
            "X-Forwarded-For": f"{before}, {client}" if before else client,
            "X-Forwarded-Proto": "http",
            "X-Forwarded-Port": str(self.connection.getsockname()[1]),
            "Connection": "close",
            **({"Content-Length": str(len(body))} if body or self.command in ("POST", "PUT", "PATCH") else {}),
        }

    def _send(self, answer: Fixed) -> None:
        self.send_response_only(answer.status, _STATUS_TEXTS.get(answer.status))
        self.send_header("Server", "awselb/2.0")
        self.send_header("Date", self.date_time_string())
        self.send_header("Content-Type", answer.content_type)
        if answer.location:
            self.send_header("Location", answer.location)
        self._end(answer.body, None)

    def _end(self, content: bytes, length: str | None) -> None:
        self.send_header("Content-Length", length or str(len(content)))
        self.send_header("Connection", "close")
        with contextlib.suppress(OSError):  # the client has gone
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""
