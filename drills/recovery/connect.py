"""Connects to a restored copy: psycopg, TLS with the server's name verified, a password held in memory."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from drills.checks.base.session import Connector
from drills.clock import Clock, wait_until
from drills.errors import RestoreFailed

CONNECT_TIMEOUT_SECONDS = 10
POLL_SECONDS = 1.0  # at most: neither DNS nor the server is AWS's API, which throttles

Resolver = Callable[[str, int], None]


class NotResolved(psycopg.OperationalError):
    """The name of a server does not resolve yet; raised by a `Resolver`, which is given the name and the port."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a server and the user; the password stays out of `repr` and so out of every log."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    ca_bundle: Path | None = None


def connector(endpoint: Endpoint, resolve: Resolver | None = None) -> Callable[[str], psycopg.Connection[Any]]:
    """Return a function that opens a new connection to the database of a name.

    The certificate is verified against `ca_bundle`, or against the system's trust store where none is configured. The
    system resolves the name; `resolve` is asked before that, and may say that it is too early.
    """

    def connect(database: str) -> psycopg.Connection[Any]:
        if resolve:
            resolve(endpoint.host, endpoint.port)
        return psycopg.connect(
            host=endpoint.host,
            port=endpoint.port,
            user=endpoint.user,
            password=endpoint.password,
            dbname=database,
            sslmode="verify-full",
            sslrootcert=str(endpoint.ca_bundle) if endpoint.ca_bundle else "system",
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            application_name="drills",
            autocommit=True,
        )

    return connect


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
    connect: Connector, database: str, clock: Clock, *, timeout: float, key: str, every: float
) -> None:
    """Try until a first query is answered; RestoreFailed with the last refusal after `timeout` seconds, which `key` sets.

    An instance that is `available` may still refuse: its name resolves late and its server starts late.
    """

    def attempt() -> None:
        with connect(database) as connection:
            connection.execute("select 1")

    last = _retry_until(attempt, psycopg.OperationalError, clock, timeout, every)
    if last is not None:
        raise RestoreFailed(
            f"expected the scratch instance to answer a query within {timeout:g} s of being available, it did not "
            f"({last}): see whether its security group admits this host and the CA bundle is right, or "
            f"raise {key}"
        )


def _retry_until(
    attempt: Callable[[], None], refusal: type[Exception], clock: Clock, timeout: float, every: float
) -> str | None:
    """Repeat `attempt` until it is not refused; return None then, or the last refusal after `timeout` seconds."""
    last = "no answer"

    def probe() -> bool:
        nonlocal last
        try:
            attempt()
        except refusal as error:
            last = " ".join(str(error).split())
            return False
        return True

    try:
        wait_until(probe, timeout, clock, every=min(every, POLL_SECONDS))
    except TimeoutError:
        return last
    return None
