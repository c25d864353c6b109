"""A running server as a seed: reads its catalog and copies one database. Writes nothing to it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import conninfo, pq

from drills import libpq
from drills.errors import ConfigError, SeedError
from drills.redaction import check_url, show_address
from drills.sandbox.postgres.binaries import Binaries
from drills.sandbox.seeds.tools import Program, run

_SCHEMES = ("postgresql://", "postgres://")
_PASSED_TO_PG_DUMP = frozenset(
    {
        "host", "hostaddr", "port", "user", "dbname", "options", "target_session_attrs", "connect_timeout",
        "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir", "sslsni", "ssl_min_protocol_version",
        "channel_binding", "gssencmode", "krbsrvname", "gsslib", "requirepeer",
    }
)  # fmt: skip
"""Connection parameters for pg_dump's command line: no secret, and none that the libpq of PostgreSQL 14 lacks."""
_CONNECT_SECONDS = 15
_LOCK_SECONDS = 30  # pg_dump gives up after so long, since its lock request blocks others

_ROLES = """
    SELECT DISTINCT r.rolname FROM pg_catalog.pg_shdepend AS d JOIN pg_catalog.pg_roles AS r ON r.oid = d.refobjid
    WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass
      AND (d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
           OR (d.dbid = 0 AND d.classid = 'pg_catalog.pg_database'::regclass AND d.objid =
               (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())))
    ORDER BY 1
"""
_EXTENSIONS = "SELECT extname FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql' ORDER BY 1"
_SIZE = "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())"


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The database that a URL names, as its server describes it; `local`: on this machine, by its address."""

    version: str
    database: str
    roles: tuple[str, ...]
    extensions: tuple[str, ...]
    size_bytes: int
    local: bool


def is_url(source: str) -> bool:
    """Return whether a seed is a server's URL rather than a path."""
    return source.startswith(_SCHEMES)


def without_password(source: str) -> str:
    """Return the seed for printing: of a URL the user, host, port and database alone."""
    if not is_url(source):
        return source
    try:
        check_url(source, "--seed")
        parts = conninfo.conninfo_to_dict(source)
    except (ConfigError, psycopg.Error, UnicodeError):
        return show_address(source)
    user = f"{quote(str(parts['user']))}@" if parts.get("user") else ""
    port = f":{parts['port']}" if parts.get("port") else ""
    host = str(parts.get("host") or parts.get("hostaddr") or "")
    return f"postgresql://{user}{quote(host, safe=':,[]')}{port}/{quote(str(parts.get('dbname') or ''))}"


def is_surely_local(source: str) -> bool:
    """Return whether each host of a URL is this machine by what is written alone: no name is looked up, nothing connected.

    What the URL leaves out comes from libpq's environment variables; a service's file is not read, and counts as elsewhere.
    """
    given = conninfo.conninfo_to_dict(source)
    defaults = {each.keyword.decode(): each.val.decode() for each in pq.Conninfo.get_defaults() if each.val}
    known = {**defaults, **libpq.of_the_environment(), **given}
    if known.get("service"):
        return False
    places = str(known.get("hostaddr") or known.get("host") or "").split(",")
    return all(place == "localhost" or _is_local(place, "") for place in places)


def read_server(source: str) -> ServerFacts:
    """Read the version, roles, extensions and size of a URL's database. Raises SeedError when it cannot be read.

    libpq also reads ~/.pgpass and its own environment variables (PGPASSWORD, PGSSLMODE, …) here.
    """
    with _connect(source) as connection:
        try:
            version = connection.info.parameter_status("server_version") or ""
            roles = tuple(str(row[0]) for row in connection.execute(_ROLES))
            extensions = tuple(str(row[0]) for row in connection.execute(_EXTENSIONS))
            size = connection.execute(_SIZE).fetchone()
        except psycopg.Error as error:
            raise SeedError(_unreachable(source, error)) from None
        info = connection.info
        local = _is_local(info.host, info.hostaddr)
        return ServerFacts(version.split()[0], info.dbname, roles, extensions, int(str(size[0])) if size else 0, local)


def database_of(source: str) -> str | None:
    """Return the database that a URL names; None where it names none, and libpq takes the user's name."""
    return str(conninfo.conninfo_to_dict(source).get("dbname") or "") or None


def copy_server(source: str, binaries: Binaries, target: Path) -> None:
    """Write a server's database to `target` in pg_dump's custom format, in one read-only transaction.

    pg_dump runs as the caller, not as the unprivileged user: it must read the certificates and keys that the URL names,
    and over a Unix socket the server may authenticate the caller (peer). Raises SeedError with pg_dump's message.
    """
    with _connect(source) as connection:
        password = connection.info.password
        effective = connection.info.get_parameters()  # after ~/.pgpass, service files and libpq's environment variables
        parameters = {name: value for name, value in effective.items() if name in _PASSED_TO_PG_DUMP}
    arguments = (
        "--format=custom",
        "--compress=1",
        "--no-sync",
        "--no-password",
        f"--lock-wait-timeout={_LOCK_SECONDS}s",
    )
    connection_string = "--dbname=" + conninfo.make_conninfo("", **parameters)
    env = {"PGPASSWORD": password} if password else {}
    target.touch(mode=0o600)
    with target.open("wb") as file:
        complaint = run(
            Program(binaries, "pg_dump", (*arguments, connection_string), env, None, target.parent), stdout=file
        )
    if complaint:
        target.unlink(missing_ok=True)
        raise SeedError(
            f"expected to copy {without_password(source)} with pg_dump {binaries.version}, but: {_without(complaint, password)}; "
            "let the user of the URL read the whole database, or name a dump"
        )


def _connect(source: str) -> psycopg.Connection[tuple[object, ...]]:
    check_url(source, "--seed")
    try:
        parameters = conninfo.conninfo_to_dict(source)
    except (psycopg.Error, UnicodeError):  # its message can hold a part of the password
        raise SeedError(
            f"expected a URL postgresql://user@host:port/database for --seed, found {show_address(source)}, which libpq does "
            "not understand; correct it"
        ) from None
    if parameters.get("sslpassword"):
        raise SeedError(
            f"expected {without_password(source)} without sslpassword, which cannot be passed to pg_dump without showing it; "
            "use a key without a passphrase"
        )
    parameters.setdefault("connect_timeout", _CONNECT_SECONDS)
    try:
        connection = psycopg.connect(conninfo.make_conninfo("", **{**libpq.of_the_environment(), **parameters}))
    except psycopg.Error as error:
        raise SeedError(_unreachable(source, error)) from None
    connection.read_only = True
    return connection


def _unreachable(source: str, error: psycopg.Error) -> str:
    try:
        password = conninfo.conninfo_to_dict(source).get("password")
    except psycopg.Error:
        password = None
    message = " ".join(str(error).split())[:300]
    return (
        f"expected a PostgreSQL that answers at {without_password(source)}, but: {_without(message, str(password or ''))}; "
        "check host, port, user and password of the URL given to --seed"
    )


def _without(message: str, secret: str) -> str:
    return message.replace(secret, "…") if secret else message


def _is_local(host: str, address: str) -> bool:
    """Return whether it is a Unix socket or a loopback address; for a name, the address that it resolved to counts."""
    if host.startswith(("/", "@")) or not (host or address):
        return True
    try:
        return ipaddress.ip_address(address or host).is_loopback
    except ValueError:
        return False
