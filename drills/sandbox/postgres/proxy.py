"""The address of one sandbox instance: a TCP port on localhost that leads to whichever server bears the name now.

The port belongs to the instance's name (DESIGN.md, decision 11). The proxy ends TLS, because the servers in the PyPI
wheel are built without it, and otherwise passes bytes on. Of PostgreSQL's protocol it knows the start only (manual,
"Message Formats": SSLRequest, GSSENCRequest).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from drills.clock import pause
from drills.errors import SandboxError
from drills.sandbox.postgres.tls import ALPN

T = TypeVar("T")
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

SSL_REQUEST = struct.pack("!II", 8, 80877103)
GSSENC_REQUEST = struct.pack("!II", 8, 80877104)
_TLS_HANDSHAKE = b"\x16"  # first byte of a TLS record that opens a connection: RFC 8446, 5.1
_READY_FOR_QUERY = (b"Z\0\0\0\5I", b"Z\0\0\0\5T", b"Z\0\0\0\5E")  # the end of every answer of a server
_START_WITHIN = 60.0  # seconds for a client to say who it is, as PostgreSQL's authentication_timeout
_BUFFER = 256 * 1024  # bytes in flight each way before the sender is made to wait
_BACKLOG = 128
_TRIES = 50  # free ports to try until one is free on both loopback addresses
_ANSWER_WITHIN = 15.0  # seconds for the loop's thread to do what it is asked


class _Loop:
    """The event loop that all proxies of this process share, on a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for its result; starts the loop on first use."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="sandbox-proxies", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_WITHIN)


_loop = _Loop()


class Proxy:
    """One instance name's port. Its methods may be called from any thread but not from two at once.

    `held_back` says by how many seconds a server's next answer to a client that has connected is late (slow reads);
    `admits` whether a client of that address may connect at all.
    """

    def __init__(
        self,
        ssl_context: ssl.SSLContext,
        held_back: Callable[[], float] = lambda: 0.0,
        admits: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._tls = ssl_context
        self._admits = admits
        self._held_back = held_back
        self._wanted: Path | None = None
        self._refusing = False
        self._port = 0
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._clients: set[asyncio.Task[None]] = set()
        self._target: Path | None = None

    @property
    def port(self) -> int:
        """The port, 0 before `open`."""
        return self._port

    def open(self, port: int = 0) -> int:
        """Take the port (0: any free one) on 127.0.0.1 and, where there is IPv6, on ::1; return it.

        Nothing listens before `point_at`: a client is refused. Raises SandboxError naming a port that is in use.
        """
        if self._port:
            raise SandboxError(f"expected a proxy that is not open yet, found one on port {self._port}; close it first")
        self._sockets = _probed(port) if port else _any_port()
        self._port = int(self._sockets[0].getsockname()[1])
        return self._port

    def point_at(self, socket_path: Path | None) -> None:
        """Lead new connections to this Unix socket; None: refuse them. Connections to another target are cut.

        Raises SandboxError when the proxy is not open or somebody else has come to listen on the port.
        """
        if not self._port:
            raise SandboxError("expected an open proxy, found one that is closed; open it first")
        self._wanted = socket_path
        _loop.run(self._point_at(None if self._refusing else socket_path))

    def refuse(self, refusing: bool) -> None:
        """Refuse every client, wherever the port leads to; False: lead there again."""
        self._refusing = refusing
        if self._port:
            _loop.run(self._point_at(None if refusing else self._wanted))

    def close(self) -> None:
        """Give the port back and cut all connections. Closing twice is fine."""
        if self._port:
            _loop.run(self._close())

    async def _point_at(self, target: Path | None) -> None:
        if target == self._target:
            return
        earlier = list(self._clients)
        if target is None:
            await self._stop_listening()
            self._target = None
            await _ended(earlier)
            self._sockets = _bound(self._port)
            return
        if self._target is None:
            self._sockets = self._sockets or _bound(self._port)
            try:
                for listener in self._sockets:
                    listener.listen(_BACKLOG)
            except OSError as error:
                raise _in_use(self._port, error) from error
        self._target = target
        self._accepting = self._accepting or [asyncio.create_task(self._accept(listener)) for listener in self._sockets]
        await _ended(earlier)

    async def _stop_listening(self) -> None:
        await _ended(self._accepting)
        self._accepting = []
        _close_all(self._sockets)
        self._sockets = []

    async def _close(self) -> None:
        await self._stop_listening()
        await _ended(list(self._clients))
        self._port, self._target, self._wanted, self._refusing = 0, None, None, False

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, peer = await loop.sock_accept(listener)
            except OSError:  # the client has gone again, or there are no file descriptors left
                await pause(0.05)
                continue
            if not self._admits(peer[0]):
                client.close()
                continue
            client.setblocking(False)
            task = asyncio.create_task(self._serve(client))
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)

    async def _serve(self, client: socket.socket) -> None:
        """One client's connection from its first byte to its last."""
        target = self._target
        try:
            async with asyncio.timeout(_START_WITHIN):
                first, here = await self._greet(client)
        except (OSError, EOFError, TimeoutError):  # ssl.SSLError is an OSError
            return client.close()
        except BaseException:
            client.close()
            raise
        try:
            if target is not None:
                await _relay(first, here, target, self._held_back)
        finally:
            here[1].transport.abort()

    async def _greet(self, client: socket.socket) -> tuple[bytes, Streams]:
        """Answer requests for encryption; return what was read of the start-up packet and the streams that follow."""
        loop = asyncio.get_running_loop()
        await _readable(client)
        if client.recv(1, socket.MSG_PEEK) == _TLS_HANDSHAKE:  # PostgreSQL 17's sslnegotiation=direct
            direct = await self._streams(client, encrypted=True)
            if direct[1].get_extra_info("ssl_object").selected_alpn_protocol() != ALPN:
                direct[1].transport.abort()
                raise EOFError
            return b"", direct
        while True:
            head = await _exactly(client, 8)
            if head == SSL_REQUEST:
                await loop.sock_sendall(client, b"S")
                return b"", await self._streams(client, encrypted=True)
            if head != GSSENC_REQUEST:
                return head, await self._streams(client, encrypted=False)
            await loop.sock_sendall(client, b"N")

    async def _streams(self, client: socket.socket, encrypted: bool) -> Streams:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_BUFFER, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, client, ssl=self._tls if encrypted else None
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _relay(first: bytes, client: Streams, target: Path, held_back: Callable[[], float]) -> None:
    """Pass bytes both ways until one side ends, then end the other when it has taken what was under way."""
    try:
        server = await asyncio.open_unix_connection(str(target), limit=_BUFFER)
    except OSError:
        client[1].write(_starting_up())
        await _finish(client[1])
        return
    server[1].write(first)
    pumps = [
        asyncio.create_task(_pump(client[0], server[1])),
        asyncio.create_task(_pump_answers(server[0], client[1], held_back)),
    ]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        await _ended(pumps)
        await _finish(server[1])
        await _finish(client[1])
    finally:
        for pump in pumps:
            pump.cancel()
        server[1].transport.abort()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(_BUFFER):
            sink.write(chunk)
            await sink.drain()


async def _pump_answers(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, held_back: Callable[[], float]
) -> None:
    """The same for what a server sends; an answer begins after the end of the one before it."""
    answered = False
    with contextlib.suppress(OSError):
        while chunk := await source.read(_BUFFER):
            if answered and (seconds := held_back()):
                await pause(seconds)
            answered = chunk.endswith(_READY_FOR_QUERY)
            sink.write(chunk)
            await sink.drain()


async def _finish(writer: asyncio.StreamWriter) -> None:
    """Close a connection once its buffer is empty; abort it when the other side does not take the rest."""
    writer.close()
    try:
        async with asyncio.timeout(5.0):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()


def _starting_up() -> bytes:
    """An ErrorResponse, as PostgreSQL sends while it is starting (SQLSTATE 57P03, cannot_connect_now)."""
    fields = (b"SFATAL", b"VFATAL", b"C57P03", b"Mthe database system is not yet accepting connections")
    body = b"\0".join(fields) + b"\0\0"
    return b"E" + struct.pack("!I", len(body) + 4) + body


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _readable(client: socket.socket) -> None:
    """Wait until there is something to read."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(client, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(client)


async def _exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = await asyncio.get_running_loop().sock_recv(client, size - len(data))
        if not chunk:
            raise EOFError
        data += chunk
    return data


def _bind(host: str, port: int, *, again: bool) -> socket.socket:
    """A socket that holds the port without listening: a client is refused, and nobody else can take it.

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


def _bound(port: int, *, again: bool = True) -> list[socket.socket]:
    """Hold a port on 127.0.0.1 and, where there is one, on ::1. Raises SandboxError when it is in use."""
    held: list[socket.socket] = []
    try:
        held.append(_bind("127.0.0.1", port, again=again))
        with _without_ipv6():
            held.append(_bind("::1", held[0].getsockname()[1], again=again))
    except OSError as error:
        _close_all(held)
        raise _in_use(port, error) from error
    return held


def _any_port() -> list[socket.socket]:
    for last in range(_TRIES, 0, -1):
        try:
            return _bound(0, again=False)
        except SandboxError:
            if last == 1:
                raise
    raise AssertionError("unreachable")


def _probed(port: int) -> list[socket.socket]:
    """Hold a given port after listening on it for a moment: only that tells whether it is somebody else's."""
    held = _bound(port)
    try:
        for probe in held:
            probe.listen(1)
    except OSError as error:
        raise _in_use(port, error) from error
    finally:
        _close_all(held)
    return _bound(port)


@contextlib.contextmanager
def _without_ipv6() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
            raise


def _close_all(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


def _in_use(port: int, error: OSError) -> SandboxError:
    if error.errno == errno.EADDRINUSE:
        return SandboxError(f"expected port {port} on localhost to be free, found it in use; choose another port")
    if error.errno == errno.EACCES:
        return SandboxError(f"expected to listen on port {port}, but this user may not; choose a port of 1024 or more")
    return SandboxError(f"expected to listen on port {port} on localhost, but: {error.strerror}; choose another port")
