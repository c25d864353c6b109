"""The address of one sandbox instance: a TCP port on localhost that leads to the server that has the name now.

The port belongs to the instance's name, so that a renamed instance moves to another port, as its endpoint does on RDS.
The proxy terminates TLS, because the servers in the PyPI wheel are built without it, and otherwise passes bytes on. Of
PostgreSQL's protocol it knows the start alone: SSLRequest and GSSENCRequest
(https://www.postgresql.org/docs/current/protocol-message-formats.html).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from drills.clock import pause
from drills.errors import SandboxError
from drills.sandbox.postgres.ports import (
    close_all,
    hold_any_port,
    hold_free_port,
    hold_port,
    port_error,
    stop_listening,
)
from drills.sandbox.postgres.tls import ALPN

T = TypeVar("T")
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

SSL_REQUEST = struct.pack("!II", 8, 80877103)
GSSENC_REQUEST = struct.pack("!II", 8, 80877104)
_TLS_HANDSHAKE = b"\x16"  # first byte of a TLS record that opens a connection: RFC 8446, 5.1
_READY_FOR_QUERY = (b"Z\0\0\0\5I", b"Z\0\0\0\5T", b"Z\0\0\0\5E")  # ends every response of a server
_START_TIMEOUT = 60.0  # seconds for a client to send its startup packet, as PostgreSQL's authentication_timeout
_BUFFER = 256 * 1024  # bytes in flight each way before the sender must wait
_BACKLOG = 128
_LOOP_TIMEOUT = 60.0  # seconds for one call on the loop's thread, on a machine that is busy


class ProxyLoop:
    """The event loop that all proxies of a sandbox share, on a thread of its own from its first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for its result."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="sandbox-proxies", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_LOOP_TIMEOUT)


class Proxy:
    """One instance name's port. Its methods may be called from any thread but not from two at once.

    `response_delay` returns the seconds by which the server's next response is delayed, after its first one;
    `admits` returns whether a client of that address may connect.
    """

    def __init__(
        self,
        loop: ProxyLoop,
        ssl_context: ssl.SSLContext,
        response_delay: Callable[[], float] = lambda: 0.0,
        admits: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._loop = loop
        self._tls = ssl_context
        self._admits = admits
        self._response_delay = response_delay
        self._chosen_target: Path | None = None
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
        self._sockets = hold_free_port(port) if port else hold_any_port()
        self._port = int(self._sockets[0].getsockname()[1])
        return self._port

    def point_at(self, socket_path: Path | None) -> None:
        """Forward new connections to this Unix socket; None: refuse them. Connections to another target are cut.

        Raises SandboxError when the proxy is not open or another process listens on the port.
        """
        if not self._port:
            raise SandboxError("expected an open proxy, found one that is closed; open it first")
        self._chosen_target = socket_path
        self._loop.run(self._point_at(None if self._refusing else socket_path))

    def refuse(self, refusing: bool) -> None:
        """Refuse every client, whatever the target is; False: forward to the target again."""
        self._refusing = refusing
        if self._port:
            self._loop.run(self._point_at(None if refusing else self._chosen_target))

    def close(self) -> None:
        """Release the port and cut all connections. Closing twice is fine."""
        if self._port:
            self._loop.run(self._close())

    async def _point_at(self, target: Path | None) -> None:
        if target == self._target:
            return
        earlier = list(self._clients)
        if target is None:
            await self._stop_accepting()
            self._sockets = stop_listening(self._sockets, self._port)
            self._target = None
            await _cancel(earlier)
            return
        if self._target is None:
            self._sockets = self._sockets or hold_port(self._port)
            try:
                for listener in self._sockets:
                    listener.listen(_BACKLOG)
            except OSError as error:
                raise port_error(self._port, error) from error
        self._target = target
        self._accepting = self._accepting or [asyncio.create_task(self._accept(listener)) for listener in self._sockets]
        await _cancel(earlier)

    async def _stop_accepting(self) -> None:
        await _cancel(self._accepting)
        self._accepting = []

    async def _close(self) -> None:
        await self._stop_accepting()
        close_all(self._sockets)
        self._sockets = []
        await _cancel(list(self._clients))
        self._port, self._target, self._chosen_target, self._refusing = 0, None, None, False

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, peer = await loop.sock_accept(listener)
            except OSError:  # the client has left already, or there are no file descriptors left
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
        """Serve one client's connection from its first byte to its last."""
        target = self._target
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                first, streams = await self._negotiate(client)
        except (OSError, EOFError, TimeoutError):  # ssl.SSLError is an OSError
            return client.close()
        except BaseException:
            client.close()
            raise
        try:
            if target is not None:
                await _relay(first, streams, target, self._response_delay)
        finally:
            streams[1].transport.abort()

    async def _negotiate(self, client: socket.socket) -> tuple[bytes, Streams]:
        """Answer requests for encryption; return what was read of the startup packet, and the streams."""
        loop = asyncio.get_running_loop()
        await _wait_readable(client)
        if client.recv(1, socket.MSG_PEEK) == _TLS_HANDSHAKE:  # PostgreSQL 17's sslnegotiation=direct
            direct = await self._streams(client, encrypted=True)
            if direct[1].get_extra_info("ssl_object").selected_alpn_protocol() != ALPN:
                direct[1].transport.abort()
                raise EOFError
            return b"", direct
        while True:
            head = await _read_exactly(client, 8)
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


async def _relay(first: bytes, client: Streams, target: Path, response_delay: Callable[[], float]) -> None:
    """Pass bytes both ways until one side ends, then end the other once it has received what was in flight."""
    try:
        server = await asyncio.open_unix_connection(str(target), limit=_BUFFER)
    except OSError:
        client[1].write(_cannot_connect_now())
        await _finish(client[1])
        return
    server[1].write(first)
    pumps = [
        asyncio.create_task(_pump(client[0], server[1])),
        asyncio.create_task(_pump_responses(server[0], client[1], response_delay)),
    ]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        await _cancel(pumps)
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


async def _pump_responses(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, response_delay: Callable[[], float]
) -> None:
    """Pass on what a server sends, and delay the first data of each response after the first."""
    response_ended = False
    with contextlib.suppress(OSError):
        while chunk := await source.read(_BUFFER):
            if response_ended and (seconds := response_delay()):
                await pause(seconds)
            response_ended = chunk.endswith(_READY_FOR_QUERY)
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


def _cannot_connect_now() -> bytes:
    """Return an ErrorResponse as PostgreSQL sends it while it starts (SQLSTATE 57P03, cannot_connect_now)."""
    fields = (b"SFATAL", b"VFATAL", b"C57P03", b"Mthe database system is not yet accepting connections")
    body = b"\0".join(fields) + b"\0\0"
    return b"E" + struct.pack("!I", len(body) + 4) + body


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _wait_readable(client: socket.socket) -> None:
    """Wait until there is something to read."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(client, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(client)


async def _read_exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = await asyncio.get_running_loop().sock_recv(client, size - len(data))
        if not chunk:
            raise EOFError
        data += chunk
    return data
