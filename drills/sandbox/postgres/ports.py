"""Loopback ports that are held without listening: a client is refused, and no other process can take the port."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator

from drills.errors import SandboxError

_ATTEMPTS = 50  # free ports to try until one is free on both loopback addresses


def _bind(host: str, port: int, *, again: bool) -> socket.socket:
    """Return a socket that is bound and does not listen.

    `again`: bind beside connections of an earlier listener that are still ending. Not for a free port of the system's
    choice, which could then be one that another proxy holds.
    """
    held = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        held.setblocking(False)
        if ":" in host:
            held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if again:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((host, port))
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # for connections and for binding again later
    except BaseException:
        held.close()
        raise
    return held


def hold_port(port: int, *, again: bool = True) -> list[socket.socket]:
    """Hold a port on 127.0.0.1 and, where there is IPv6, on ::1. Raises SandboxError when it is in use."""
    held: list[socket.socket] = []
    try:
        held.append(_bind("127.0.0.1", port, again=again))
        with _without_ipv6():
            held.append(_bind("::1", held[0].getsockname()[1], again=again))
    except OSError as error:
        close_all(held)
        raise port_error(port, error) from error
    return held


def hold_any_port() -> list[socket.socket]:
    """Hold a port that is free on both addresses. Raises SandboxError.

    It is bound a second time, by its number: a socket whose port the system chose gives that back when it stops listening.
    """
    for remaining in range(_ATTEMPTS, 0, -1):
        try:
            chosen = hold_port(0, again=False)
            try:
                return hold_port(int(chosen[0].getsockname()[1]))
            finally:
                close_all(chosen)
        except SandboxError:
            if remaining == 1:
                raise
    raise AssertionError("unreachable")


def hold_free_port(port: int) -> list[socket.socket]:
    """Hold a given port. Raises SandboxError when another process listens on it, which only listening shows."""
    held = hold_port(port)
    try:
        for probe in held:
            probe.listen(1)
    except OSError as error:
        close_all(held)
        raise port_error(port, error) from error
    return stop_listening(held, port)


def stop_listening(sockets: list[socket.socket], port: int) -> list[socket.socket]:
    """Return sockets that hold the port of these, which listen no more. Raises SandboxError.

    On Linux they are the same ones, which shutdown(2) has stop listening, so that the port is held without a gap. Where that
    is refused, as on macOS, another process may take the port while it is bound anew.
    """
    try:
        for each in sockets:
            each.shutdown(socket.SHUT_RDWR)
    except OSError:
        close_all(sockets)
        return hold_port(port)
    return sockets


@contextlib.contextmanager
def _without_ipv6() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
            raise


def close_all(sockets: list[socket.socket]) -> None:
    """Close sockets."""
    for each in sockets:
        each.close()


def port_error(port: int, error: OSError) -> SandboxError:
    """Return the error for a port that cannot be bound or listened on."""
    if error.errno == errno.EADDRINUSE:
        return SandboxError(f"expected port {port} on localhost to be free, found it in use; choose another port")
    if error.errno == errno.EACCES:
        return SandboxError(f"expected to listen on port {port}, but this user may not; choose a port of 1024 or more")
    return SandboxError(f"expected to listen on port {port} on localhost, but: {error.strerror}; choose another port")
