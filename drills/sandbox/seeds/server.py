"""A running server as a seed: what it is, how it is shown without its password, how it is copied. It is only read."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import conninfo

from drills.errors import SeedError
from drills.sandbox.postgres.binaries import Binaries
from drills.sandbox.seeds.tools import Program, run

_SCHEMES = ("postgresql://", "postgres://")
_HANDED_ON = frozenset(
    {
        "host", "hostaddr", "port", "user", "dbname", "options", "target_session_attrs", "connect_timeout",
        "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir", "sslsni", "ssl_min_protocol_version",
        "channel_binding", "gssencmode", "krbsrvname", "gsslib", "requirepeer",
    }
)  # fmt: skip
"""What pg_dump is told of a connection: no secret, and nothing that the libpq of PostgreSQL 14 does not know."""
_CONNECT_SECONDS = 15
_LOCK_SECONDS = 30  # how long pg_dump may wait for a table before it gives up instead of standing in the way

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
    """What a server says about the database that a URL names; `local`: on this machine, by its address."""

    version: str
    database: str
    roles: tuple[str, ...]
    extensions: tuple[str, ...]
    size_bytes: int
    local: bool


def is_url(source: str) -> bool:
    """Whether a seed is a server's URL rather than a path."""
    return source.startswith(_SCHEMES)


def shown(source: str) -> str:
    """The seed as it may be printed: of a URL only user, host, port and database."""
    if not is_url(source):
        return source
    try:
        parts = conninfo.conninfo_to_dict(source)
    except psycopg.Error:
        return "postgresql://…"
    user = f"{quote(str(parts['user']))}@" if parts.get("user") else ""
    port = f":{parts['port']}" if parts.get("port") else ""
    host = str(parts.get("host") or parts.get("hostaddr") or "")
    return f"postgresql://{user}{quote(host, safe=':,[]')}{port}/{quote(str(parts.get('dbname') or ''))}"


def read_server(source: str) -> ServerFacts:
    """Ask a server what a URL's database is. Raises SeedError when it cannot be reached or asked.

    libpq also reads ~/.pgpass and its own environment variables (PGPASSWORD, PGSSLMODE, …) here.
    """
    with _connected(source) as connection:
        try:
            version = connection.info.parameter_status("server_version") or ""
            roles = tuple(str(row[0]) for row in connection.execute(_ROLES))
            extensions = tuple(str(row[0]) for row in connection.execute(_EXTENSIONS))
            size = connection.execute(_SIZE).fetchone()
        except psycopg.Error as error:
            raise SeedError(_unusable(source, error)) from None
        info = connection.info
        local = _is_local(info.host, info.hostaddr)
        return ServerFacts(version.split()[0], info.dbname, roles, extensions, int(str(size[0])) if size else 0, local)


def database_of(source: str) -> str | None:
    """The database that a URL names; None where it leaves that to libpq, which takes the user's name."""
    return str(conninfo.conninfo_to_dict(source).get("dbname") or "") or None


def copy_server(source: str, binaries: Binaries, target: Path) -> None:
    """Write a server's database to `target` in pg_dump's custom format, in one read-only transaction.

    pg_dump runs as ourselves, not as the unprivileged user: it must read the certificates and keys that the URL names,
    and over a Unix socket the server may ask who we are. Raises SeedError with pg_dump's own words.
    """
    with _connected(source) as connection:
        password = connection.info.password
        used = connection.info.get_parameters()  # after ~/.pgpass, service files and libpq's environment variables
        parameters = {name: value for name, value in used.items() if name in _HANDED_ON}
    arguments = (
        "--format=custom",
        "--compress=1",
        "--no-sync",
        "--no-password",
        f"--lock-wait-timeout={_LOCK_SECONDS}s",
    )
    where = "--dbname=" + conninfo.make_conninfo("", **parameters)
    env = {"PGPASSWORD": password} if password else {}
    target.touch(mode=0o600)
    with target.open("wb") as file:
        complaint = run(Program(binaries, "pg_dump", (*arguments, where), env, None, target.parent), stdout=file)
    if complaint:
        target.unlink(missing_ok=True)
        raise SeedError(
            f"expected to copy {shown(source)} with pg_dump {binaries.version}, but: {_without(complaint, password)}; "
            "let the user of the URL read the whole database, or name a dump"
        )


def _connected(source: str) -> psycopg.Connection[tuple[object, ...]]:
    try:
        parameters = conninfo.conninfo_to_dict(source)
    except psycopg.Error as error:
        words = " ".join(str(error).split()) if "@" not in str(error) else "its form is wrong"
        raise SeedError(
            f"expected a URL postgresql://user@host:port/database for --seed, but {words}; correct it"
        ) from None
    if parameters.get("sslpassword"):
        raise SeedError(
            f"expected {shown(source)} without sslpassword, which cannot be handed to pg_dump unseen; "
            "use a key without a passphrase"
        )
    parameters.setdefault("connect_timeout", _CONNECT_SECONDS)
    try:
        connection = psycopg.connect(conninfo.make_conninfo("", **parameters))
    except psycopg.Error as error:
        raise SeedError(_unusable(source, error)) from None
    connection.read_only = True
    return connection


def _unusable(source: str, error: psycopg.Error) -> str:
    try:
        password = conninfo.conninfo_to_dict(source).get("password")
    except psycopg.Error:
        password = None
    words = " ".join(str(error).split())[:300]
    return (
        f"expected a PostgreSQL that answers at {shown(source)}, but: {_without(words, str(password or ''))}; "
        "check host, port, user and password of the URL given to --seed"
    )


def _without(words: str, secret: str) -> str:
    return words.replace(secret, "…") if secret else words


def _is_local(host: str, address: str) -> bool:
    """A Unix socket or a loopback address; a name counts by the address that it led to."""
    if host.startswith(("/", "@")) or not (host or address):
        return True
    try:
        return ipaddress.ip_address(address or host).is_loopback
    except ValueError:
        return False
