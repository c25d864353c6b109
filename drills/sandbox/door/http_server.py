"""The HTTP server of the sandbox: werkzeug's, which prints nothing and answers malformed requests as AWS does."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

_SILENT_FOR = 10.0  # seconds without a byte after which a request that has begun is given up
_NO_HTTP = """<?xml version="1.0" encoding="UTF-8"?><ErrorResponse><Error><Type>Sender</Type>\
<Code>MalformedHttpRequest</Code><Message>%(message)s</Message></Error><RequestId>sandbox</RequestId></ErrorResponse>"""


class RequestHandler(MotoRequestHandler):
    """Answers the requests of one connection. `now` returns the sandbox's time, which may be ahead."""

    protocol_version = "HTTP/1.1"  # as werkzeug would set it on a handler that is a class
    timeout = _SILENT_FOR
    error_content_type = "text/xml"
    error_message_format = _NO_HTTP

    def __init__(self, now: Callable[[], datetime], *connection: Any) -> None:
        self._now = now
        super().__init__(*connection)  # handles the requests

    def run_wsgi(self) -> None:
        """Answer one request, also one whose URL cannot be read."""
        try:
            super().run_wsgi()
        except ValueError as error:
            self.send_error(400, f"The request's URL cannot be read: {error}")

    def connection_dropped(self, error: BaseException, environ: dict[str, Any] | None = None) -> None:
        """Close the connection without an answer; kept alive, it would be waited on for another request."""
        self.close_connection = True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is not HTTP; never as an error of the server, which a client would repeat."""
        self.request_version = "HTTP/1.1"  # an unreadable line counts as HTTP/0.9, whose answers have no status
        super().send_error(code if code < 500 else 400, message, explain)

    def log(self, kind: str, message: str, *args: Any) -> None:
        """Drop werkzeug's access log: the call log has the requests."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Drop it here as well; werkzeug fails over unreadable paths."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the Date header: the sandbox's time."""
        return format_datetime(self._now(), usegmt=True)


def make_http_server(listener: socket.socket, app: Any, now: Callable[[], datetime]) -> Any:
    """Return a threaded server of `app` on a listening socket; its caller starts and stops it."""
    host, port = listener.getsockname()
    handler: Any = partial(RequestHandler, now)
    return make_server(host, port, app, threaded=True, request_handler=handler, fd=listener.fileno())
