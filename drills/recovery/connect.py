"""Connects to a restored copy: psycopg, TLS with the server's name verified, a password held in memory."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from pydantic import SecretStr

from drills import libpq
from drills.checks.base.session import Connector
from drills.clock import Clock, wait_until
from drills.errors import RestoreFailed
from drills.model.instance import Instance
from drills.private_process import bare

CONNECT_TIMEOUT_SECONDS = 10
POLL_SECONDS = 1.0  # at most: neither DNS nor the server is AWS's API, which throttles

# of these two the CA of RDS is in no system's trust store ("Using SSL/TLS to encrypt a connection", RDS User Guide)
_UNTRUSTED = ("certificate verify failed", "root certificate file")
# What libpq finds wrong on this machine, or a server in its settings: the same at each attempt. The words are those of
# fe-connect.c, fe-auth.c, fe-secure-openssl.c and guc.c.
_NEVER_MENDED = re.compile(
    r"definition of service .* not found|service file .* not found|syntax error in service file|invalid connection option"
    r"|invalid \S+ value|invalid (integer value|port number)|SSL protocol version|unsupported protocol|no protocols available"
    r"|could not (open|read|load) .*certificate|private key file|authentication method requirement .* failed"
    r"|is not compiled in|server does not support SSL"
    r"|unrecognized configuration parameter|invalid value for parameter|invalid command-line argument",
    re.IGNORECASE,
)

Resolver = Callable[[str, int], None]
Tell = Callable[[str], None]


class NotResolved(psycopg.OperationalError):
    """The name of a server does not resolve yet; raised by a `Resolver`, which is given the name and the port."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a server, the user, and a password that shows itself as stars."""

    host: str
    port: int
    user: str
    password: SecretStr
    ca_bundle: Path | None = None


def connector(endpoint: Endpoint, resolve: Resolver | None = None) -> Callable[[str], psycopg.Connection[Any]]:
    """Return a function that opens a new connection to the database of a name.

    The certificate is verified against `ca_bundle`, or against the system's trust store where none is configured, and no variable
    of the environment has a say in the connection: with GSSAPI, which libpq prefers where there are credentials, it would not look
    at the certificate at all (PostgreSQL documentation, "Database Connection Control Functions", sslmode). The system resolves the
    name; `resolve` is asked before that, and may say that it is too early.
    """

    def connect(database: str) -> psycopg.Connection[Any]:
        if resolve:
            resolve(endpoint.host, endpoint.port)
        try:
            return libpq.connect(
                host=endpoint.host,
                port=endpoint.port,
                user=endpoint.user,
                password=endpoint.password.get_secret_value(),
                dbname=database,
                sslmode="verify-full",
                gssencmode="disable",
                ssl_min_protocol_version="TLSv1.2",
                sslrootcert=str(endpoint.ca_bundle) if endpoint.ca_bundle else "system",
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                application_name="drills",
                options="",
            )
        except psycopg.Error as error:
            raise bare(error) from None

    return connect


def refuse_source(copy: Instance, source: Instance | None) -> None:
    """Refuse a copy that has the identity or the address of the source, before anything is asked of it. Pure.

    An emulator that restores nothing answers so, and whatever was verified then would be the source. RDS gives each instance
    a DbiResourceId of its own (API reference, DBInstance: "The AWS Region-unique, immutable identifier").
    """
    if source is None:
        return
    if copy.dbi_resource_id and copy.dbi_resource_id == source.dbi_resource_id:
        same = f"DbiResourceId, {copy.dbi_resource_id},"
    elif copy.host and (copy.host, copy.port) == (source.host, source.port):
        same = f"address, {copy.host}:{copy.port},"
    else:
        return
    raise RestoreFailed(
        f"expected a new instance from the restore, found {copy.id!r} with the {same} of the source {source.id!r}: whatever "
        'answers so has restored nothing, and nothing was verified; drill where RDS keeps data, or with profile "sandbox"'
    )


def resolve_by_system(host: str, port: int) -> None:
    """Ask the system for the address; NotResolved where it knows none yet."""
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotResolved(f"failed to resolve host {host!r}: {error}") from error


def wait_for_name(
    endpoint: Endpoint, resolvers: Sequence[Resolver], clock: Clock, *, timeout: float, key: str, every: float
) -> None:
    """Try until every resolver knows the endpoint's name; RestoreFailed with the last answer after the seconds of `timeout`.

    `key` is where drill.toml sets these. The name of a new instance can be known to RDS before it is known to DNS.
    """

    def attempt() -> None:
        for resolve in resolvers:
            resolve(endpoint.host, endpoint.port)

    last = _retry_until(attempt, NotResolved, clock, timeout, every)
    if last is not None:
        raise RestoreFailed(
            f"expected the scratch instance's name to resolve within {timeout:g} s of being available, it did not "
            f"({last}): see whether this host asks the resolver of the instance's network, or raise "
            f"{key}"
        )


def wait_for_connection(
    connect: Connector,
    database: str,
    clock: Clock,
    *,
    timeout: float,
    key: str,
    every: float,
    tell: Tell = lambda _: None,
) -> None:
    """Try until a first query is answered; RestoreFailed with the last refusal after `timeout` seconds, which `key` sets.

    An instance that is `available` may still refuse: its name resolves late and its server starts late. A certificate that
    is not trusted stays so, as does what libpq or the server refuses in the parameters: RestoreFailed at once. `tell`
    gets each new reason while it waits, and "" once it is connected.
    """

    def attempt() -> None:
        try:
            with connect(database) as connection:
                connection.execute("select 1")
        except psycopg.OperationalError as error:
            if any(words in str(error) for words in _UNTRUSTED):
                raise RestoreFailed(
                    f"expected to trust the certificate of the instance, did not ({' '.join(str(error).split())}): "
                    "name a file with the authorities of RDS as ca_bundle in the target's restore table of drill.toml; AWS "
                    "has it at https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
                ) from error
            if _NEVER_MENDED.search(str(error)):
                raise RestoreFailed(
                    f"expected to connect to the instance, found what no later attempt mends: {' '.join(str(error).split())}: "
                    "correct that on this machine or in the instance's parameters, and run again"
                ) from error
            raise

    last = _retry_until(attempt, psycopg.OperationalError, clock, timeout, every, tell)
    if last is not None:
        raise RestoreFailed(
            f"expected the scratch instance to answer a query within {timeout:g} s of being available, it did not "
            f"({last}): see whether its security group admits this host and the CA bundle is right, or "
            f"raise {key}"
        )


def _retry_until(
    attempt: Callable[[], None],
    refusal: type[Exception],
    clock: Clock,
    timeout: float,
    every: float,
    tell: Tell = lambda _: None,
) -> str | None:
    """Repeat `attempt` until it is not refused; return None then, or the last refusal after `timeout` seconds."""
    last = "no answer"

    def probe() -> bool:
        nonlocal last
        try:
            attempt()
            tell("")
        except refusal as error:
            said = " ".join(str(error).split())
            if said != last:
                tell(f"not reached yet: {said}")
            last = said
            return False
        return True

    try:
        wait_until(probe, timeout, clock, every=min(every, POLL_SECONDS))
    except TimeoutError:
        return last
    return None
