"""HTTP as WSGI has it: reads a request's body, calls another WSGI application, and sends a response."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

Response: TypeAlias = tuple[int, list[tuple[str, str]], bytes]  # status, headers, body
StartResponse: TypeAlias = Callable[..., Any]

_BODY_LIMIT = 64 * 1024 * 1024
_OWN_HEADERS = ("content-length", "connection", "date", "server")  # the HTTP server writes these


def read_body(environ: dict[str, Any]) -> bytes:
    """Return the request's body. Raises ValueError for a length that is no number, too large or not reached."""
    if environ.get("wsgi.input_terminated"):
        return _read_to_end(environ["wsgi.input"])
    given = environ.get("CONTENT_LENGTH") or "0"
    if not given.isascii() or not given.isdigit() or len(given) > 12 or int(given) > _BODY_LIMIT:
        raise ValueError(f"its length cannot be {given[:20]!r}")
    body = bytes(environ["wsgi.input"].read(int(given)))
    if len(body) < int(given):
        raise ValueError(f"it has {len(body)} bytes of {given}")
    return body


def _read_to_end(stream: Any) -> bytes:
    parts, size = [], 0
    while part := stream.read(1024 * 1024):
        parts.append(part)
        size += len(part)
        if size > _BODY_LIMIT:
            raise ValueError(f"it has more than {_BODY_LIMIT} bytes")
    return b"".join(parts)


def call(app: Any, environ: dict[str, Any], body: bytes) -> Response:
    """Call a WSGI application with a request whose body has been read, and return its response."""
    inner = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    started: list[Any] = []
    parts = app(inner, lambda status, headers, exc_info=None: started.append((status, headers)))
    try:
        text = b"".join(parts)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    status, headers = started[-1]
    return int(status.split()[0]), list(headers), text


def send(start: StartResponse, status: int, headers: list[tuple[str, str]], body: bytes) -> Iterable[bytes]:
    """Send a response with the length of its body; the HTTP server adds date and server."""
    others = [(key, value) for key, value in headers if key.lower() not in _OWN_HEADERS]
    start(f"{status} {'OK' if status < 400 else 'Error'}", [*others, ("Content-Length", str(len(body)))])
    return [body]
