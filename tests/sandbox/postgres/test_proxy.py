"""The port of an instance: who is let in, where it leads, and what happens when its server goes or changes."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import ssl
import stat
import struct
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509

from drills.clock import SystemClock, wait_until
from drills.errors import SandboxError
from drills.sandbox.postgres import proxy as module
from drills.sandbox.postgres.cluster import Cluster
from drills.sandbox.postgres.proxy import GSSENC_REQUEST, SSL_REQUEST, Proxy, ProxyLoop
from drills.sandbox.postgres.tls import Authority, make_authority
from tests.support.cluster import cluster_in, default, module_state, running, state  # noqa: F401

postgres = pytest.mark.postgres
LOOP = ProxyLoop()
STARTUP = struct.pack("!II", 8, 196608)  # protocol 3.0 without parameters


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    """A throw-away authority."""
    with tempfile.TemporaryDirectory() as folder:
        yield make_authority(Path(folder))


@pytest.fixture
def proxy(authority: Authority) -> Iterator[Proxy]:
    """A proxy that is open and leads nowhere yet."""
    made = Proxy(LOOP, authority.server_context())
    made.open()
    yield made
    made.close()


@pytest.fixture
def echo() -> Iterator[Path]:
    """A Unix socket whose server sends back what it gets, on as many connections as come, until they are closed."""
    folder = Path(tempfile.mkdtemp(prefix="drills-"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
        listener.listen()
        threading.Thread(target=_echo, args=(listener,), daemon=True).start()
        yield folder / "s"
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    shutil.rmtree(folder)


def _echo(listener: socket.socket) -> None:
    def serve(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while data := client.recv(65536):
                client.sendall(data)

    with contextlib.suppress(OSError):
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def dial(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A connection whose reads end after a minute."""
    return socket.create_connection((host, port), timeout=60)


def everything(client: socket.socket) -> bytes:
    """What comes until the other side closes."""
    data = b""
    while chunk := client.recv(65536):
        data += chunk
    return data


def has_ipv6() -> bool:
    """Whether ::1 is there."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


HOSTS = ["127.0.0.1", pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback here"))]


@pytest.mark.parametrize("host", HOSTS)
def test_a_port_without_a_server_refuses_and_keeps_its_number(proxy: Proxy, echo: Path, host: str) -> None:
    """Refused before it leads anywhere and after; the same port answers again, also with connections just ended."""
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            dial(proxy.port, host)
        proxy.point_at(echo)
        with dial(proxy.port, host) as client:
            client.sendall(STARTUP)
            assert client.recv(8) == STARTUP
            proxy.point_at(None)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b"", "an earlier connection was not cut"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port is bound anew")
def test_no_other_process_gets_the_port_of_a_server_that_goes(
    proxy: Proxy, echo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is held all the time, with connections and without, from the first free port on."""
    outcomes: list[int] = []

    async def cancel(tasks: list[Any]) -> None:
        await cancelled(tasks)
        for host in ("127.0.0.1", "::1") if has_ipv6() else ("127.0.0.1",):
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as other:
                outcomes.append(_bound(other, host, proxy.port))

    cancelled = module._cancel
    monkeypatch.setattr(module, "_cancel", cancel)
    for _ in range(2):
        proxy.point_at(echo)
        with dial(proxy.port) as client:
            client.sendall(STARTUP)
            assert client.recv(8) == STARTUP
            proxy.point_at(None)
    assert set(outcomes) == {errno.EADDRINUSE}


def _bound(other: socket.socket, host: str, port: int) -> int:
    """The error of binding to a port, 0 where it is free."""
    try:
        other.bind((host, port))
    except OSError as error:
        return error.errno or 0
    return 0


def test_a_port_in_use_is_named(proxy: Proxy, echo: Path, authority: Authority) -> None:
    """Whether its owner listens or not, a second one cannot have the port; a closed one can be had again."""
    other = Proxy(LOOP, authority.server_context())
    proxy.point_at(echo)
    with pytest.raises(SandboxError, match=f"expected port {proxy.port} on localhost to be free, found it in use"):
        other.open(proxy.port)
    port = proxy.port
    proxy.close()
    assert other.open(port) == port
    other.point_at(echo)
    with dial(port) as client:
        client.sendall(STARTUP)
        assert client.recv(8) == STARTUP
    other.close()
    other.close()
    with pytest.raises(SandboxError, match="expected an open proxy"):
        other.point_at(echo)


def test_free_ports_are_different_ones(authority: Authority) -> None:
    """Ports that are held without listening are not given out twice."""
    proxies = [Proxy(LOOP, authority.server_context()) for _ in range(40)]
    try:
        ports = [each.open() for each in proxies]
        assert len(set(ports)) == len(ports)
    finally:
        for each in proxies:
            each.close()


def test_requests_for_encryption_are_answered(proxy: Proxy, echo: Path, authority: Authority) -> None:
    """GSS encryption is declined, TLS is taken, and both may be asked for in turn on one connection."""
    proxy.point_at(echo)
    with dial(proxy.port) as client:
        client.sendall(GSSENC_REQUEST)
        assert client.recv(10) == b"N"
        client.sendall(SSL_REQUEST)
        assert client.recv(10) == b"S"
        context = ssl.create_default_context(cafile=str(authority.ca_path))
        with context.wrap_socket(client, server_hostname="localhost") as encrypted:
            encrypted.sendall(STARTUP)
            assert encrypted.recv(100) == STARTUP


@pytest.mark.parametrize(("alpn", "welcome"), [("postgresql", True), ("http/1.1", False), (None, False)])
def test_direct_tls_needs_the_name_of_the_protocol(
    proxy: Proxy, echo: Path, authority: Authority, alpn: str | None, welcome: bool
) -> None:
    """PostgreSQL 17 requires ALPN for TLS without a request, so that no other protocol is mistaken for it."""
    proxy.point_at(echo)
    context = ssl.create_default_context(cafile=str(authority.ca_path))
    if alpn:
        context.set_alpn_protocols([alpn])
    got = b""
    with contextlib.suppress(OSError), context.wrap_socket(dial(proxy.port), server_hostname="localhost") as client:
        client.sendall(STARTUP)
        got = client.recv(100)
    assert got == (STARTUP if welcome else b"")


def test_a_server_that_is_not_up_yet_is_said_in_the_protocol(proxy: Proxy, tmp_path: Path) -> None:
    """A client gets PostgreSQL's own error for it, with its SQLSTATE, and not a bare end of the connection."""
    proxy.point_at(tmp_path / "nobody listens here")
    with pytest.raises(psycopg.OperationalError, match="not yet accepting connections"):
        psycopg.connect(host="localhost", port=proxy.port, user="u", dbname="d", sslmode="require", connect_timeout=60)


def test_a_slow_reader_slows_the_writer(proxy: Proxy, echo: Path) -> None:
    """What nobody reads is not collected in memory: the writer has to wait; nothing is lost or changed by it."""
    proxy.point_at(echo)
    block = os.urandom(1 << 20)
    total = 64 << 20
    with dial(proxy.port) as client:
        client.sendall(STARTUP)
        assert client.recv(8) == STARTUP
        sent = 0
        client.settimeout(1.0)
        with contextlib.suppress(TimeoutError):
            while sent < total:
                sent += client.send(block[sent % len(block) :])
        client.settimeout(60.0)
        assert sent < total, "the proxy took everything"
        back = 0
        while back < sent:
            chunk = client.recv(1 << 16)
            at = back % len(block)
            assert chunk == (block[at:] + block)[: len(chunk)]
            back += len(chunk)


@pytest.mark.parametrize("rubbish", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\0\0"])
def test_rubbish_harms_only_its_own_connection(proxy: Proxy, echo: Path, rubbish: bytes) -> None:
    """Whatever one client sends or leaves out, the next one is served."""
    proxy.point_at(echo)
    with dial(proxy.port) as client:
        client.sendall(rubbish)
    with dial(proxy.port) as client:
        client.sendall(STARTUP)
        assert client.recv(8) == STARTUP


def test_the_key_is_private_and_the_authority_signs_no_more(authority: Authority) -> None:
    """Only the owner reads the server's key; the authority's key is on no disk."""
    assert stat.S_IMODE((authority.folder / "server.key").stat().st_mode) == 0o600
    assert {path.name for path in authority.folder.iterdir()} == {"ca.pem", "server.pem", "server.key"}


def test_the_certificate_is_for_this_machine_and_for_thirty_days(authority: Authority) -> None:
    """It names the loopback names alone, and the authority that signed it may sign no other authority."""
    server = x509.load_pem_x509_certificate((authority.folder / "server.pem").read_bytes())
    ca = x509.load_pem_x509_certificate(authority.ca_path.read_bytes())
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert {str(each) for each in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1"}
    assert timedelta(days=29) < server.not_valid_after_utc - datetime.now(UTC) <= timedelta(days=30)
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    server.verify_directly_issued_by(ca)


@postgres
@pytest.mark.parametrize("host", ["localhost", *HOSTS])
def test_verify_full_is_accepted(running: Cluster, proxy: Proxy, authority: Authority, host: str) -> None:  # noqa: F811
    """psycopg verifies certificate and name as it does with RDS, on every loopback address."""
    proxy.point_at(running.socket_path)
    with connect(running, proxy, host=host, sslmode="verify-full", sslrootcert=str(authority.ca_path)) as session:
        assert session.execute("select current_user").fetchone() == ("rdsadmin",)
        assert session.pgconn.ssl_in_use


@postgres
def test_a_strange_authority_is_not_accepted(running: Cluster, proxy: Proxy, tmp_path: Path) -> None:  # noqa: F811
    """A client that trusts another sandbox's authority does not connect to this one."""
    proxy.point_at(running.socket_path)
    other = make_authority(tmp_path)
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        connect(running, proxy, sslmode="verify-full", sslrootcert=str(other.ca_path))


@postgres
@pytest.mark.parametrize("sslmode", ["disable", "require"])
def test_a_running_query_can_be_cancelled(running: Cluster, proxy: Proxy, sslmode: str) -> None:  # noqa: F811
    """A cancel request comes through, encrypted or not."""
    proxy.point_at(running.socket_path)
    with running.connect() as watcher, connect(running, proxy, sslmode=sslmode) as session:
        query = "select 1 from pg_catalog.pg_stat_activity where pid = %s and wait_event = 'PgSleep'"

        def cancel() -> None:
            asked = [session.info.backend_pid]
            wait_until(lambda: watcher.execute(query, asked).fetchone(), 60, SystemClock(), what="the query to run")
            session.cancel_safe(timeout=60)

        canceller = threading.Thread(target=cancel)
        canceller.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute("select pg_sleep(600)")
        canceller.join()


@postgres
@pytest.mark.skipif(psycopg.pq.version() < 170000, reason="sslnegotiation came with libpq 17")
def test_direct_negotiation_works(running: Cluster, proxy: Proxy, authority: Authority) -> None:  # noqa: F811
    """libpq 17's way of saving a round trip is understood."""
    proxy.point_at(running.socket_path)
    with connect(
        running, proxy, sslmode="verify-full", sslnegotiation="direct", sslrootcert=str(authority.ca_path)
    ) as session:
        assert session.pgconn.ssl_in_use


@postgres
def test_much_data_comes_through_both_ways_unchanged(running: Cluster, proxy: Proxy) -> None:  # noqa: F811
    """20 MB in and out by COPY over TLS: the sum of what is there is the sum of what was sent."""
    proxy.point_at(running.socket_path)
    rows = [f"{number}\t{number * 7919 % 1000003:0>90}\n".encode() for number in range(200_000)]
    with connect(running, proxy, sslmode="require") as session:
        session.execute("create temp table big (id int, words text)")
        with session.cursor().copy("copy big from stdin") as into:
            for at in range(0, len(rows), 1000):
                into.write(b"".join(rows[at : at + 1000]))
        with session.cursor().copy("copy (select * from big order by id) to stdout") as out:
            assert b"".join(bytes(block) for block in out) == b"".join(rows)


@postgres
def test_a_restart_and_a_move_are_seen_as_with_rds(default: Cluster, proxy: Proxy, authority: Authority) -> None:  # noqa: F811
    """A stopped server's port refuses, a started one's answers again; once moved, only the new port leads to it."""
    proxy.point_at(default.socket_path)
    with connect(default, proxy) as session:
        proxy.point_at(None)
        default.restart()
        with pytest.raises(psycopg.OperationalError):
            session.execute("select 1")
    with pytest.raises(psycopg.OperationalError, match="refused"):
        connect(default, proxy)
    proxy.point_at(default.socket_path)
    connect(default, proxy).close()
    moved = Proxy(LOOP, authority.server_context())
    try:
        moved.open()
        proxy.point_at(None)
        moved.point_at(default.socket_path)
        connect(default, moved).close()
        with pytest.raises(psycopg.OperationalError, match="refused"):
            connect(default, proxy)
    finally:
        moved.close()


@postgres
def test_a_client_that_vanishes_frees_its_backend(running: Cluster, proxy: Proxy) -> None:  # noqa: F811
    """No session stays on the server for a client that has gone without a word."""
    proxy.point_at(running.socket_path)
    session = connect(running, proxy, sslmode="require")
    backend = session.info.backend_pid
    vanishing = socket.socket(fileno=os.dup(session.pgconn.socket))
    vanishing.shutdown(socket.SHUT_RDWR)
    vanishing.close()
    with running.connect() as watcher:
        query = "select 1 from pg_catalog.pg_stat_activity where pid = %s"
        wait_until(
            lambda: watcher.execute(query, [backend]).fetchone() is None, 60, SystemClock(), what="the backend to go"
        )
    session.close()


def connect(cluster: Cluster, proxy: Proxy, *, host: str = "localhost", **how: Any) -> psycopg.Connection:
    """A session through the proxy."""
    return psycopg.connect(
        "", host=host, port=proxy.port, user="rdsadmin", password=cluster._password, dbname="postgres",
        connect_timeout=60, autocommit=True, **how,
    )  # fmt: skip
