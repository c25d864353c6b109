"""Loads a seed into a running server of the sandbox, as its bootstrap superuser, and counts the loaded rows.

The dump is loaded unchanged. It may contain functions and COPY ... FROM PROGRAM, so the programs that load it run as the
unprivileged user with an empty environment, and psql refuses its backslash commands.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg import Connection, conninfo, sql

from drills.errors import SeedError
from drills.sandbox.postgres.cluster import ADMIN, PORT, Cluster
from drills.sandbox.postgres.runas import run_as
from drills.sandbox.seeds import sample
from drills.sandbox.seeds.seed import SAMPLE, UNNAMED, SeedKind, kind_of, open_dump, read_dump
from drills.sandbox.seeds.server import copy_server, database_of, is_url, without_password
from drills.sandbox.seeds.text import loadable_lines
from drills.sandbox.seeds.tools import Program, feed, run
from drills.sql import execute

_EXISTING_DATABASES = ("postgres",)  # every server has it, empty, and many a real database has this name
_RESERVED_DATABASES = ("template0", "template1", "rdsadmin")
_RESERVED_ROLES = "pg_"  # CREATE ROLE refuses such names (postgresql.org/docs/current/predefined-roles.html)

_TABLES = """
    SELECT n.nspname, c.relname
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class LoadedSeed:
    """The result of a load: database, created roles, number of tables (partitions count singly) and rows, size."""

    database: str
    roles_created: tuple[str, ...]
    tables: int
    rows: int
    size_bytes: int


def load(source: str, cluster: Cluster, master: str, work: Path) -> LoadedSeed:
    """Load "sample", a dump or a server's database into `cluster`, which runs and has the role `master`.

    `work` is an existing folder that the cluster's user can enter; nothing stays in it. Raises SeedError with the first
    error of psql or pg_restore; a partial load stays, as the instance is useless then.
    """
    if source == SAMPLE:
        return _load_sample(cluster, master)
    if not is_url(source):
        return _load_dump(Path(source), kind_of(Path(source)), cluster, master, work)
    with TemporaryDirectory(dir=work, prefix="seed-") as folder:
        copy = Path(folder) / "server.dump"
        copy_server(source, cluster.binaries, copy)
        return _load_dump(copy, "custom", cluster, master, work, database_of(source), without_password(source))


def _load_sample(cluster: Cluster, master: str) -> LoadedSeed:
    created = _create_roles(cluster, sample.ROLES, master)
    _create_database(cluster, sample.DATABASE, "UTF8", master)
    with cluster.connect(sample.DATABASE) as session:
        session.execute("SET synchronous_commit = off")
        session.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(master)))
        for name, script in sample.scripts():
            try:
                with session.transaction():
                    execute(session, script)
            except psycopg.Error as error:
                raise SeedError(f"expected the sample's {name} to load, but: {error}; report this") from error
    return _count(cluster, sample.DATABASE, created)


def _load_dump(
    path: Path, kind: SeedKind, cluster: Cluster, master: str, work: Path, database: str | None = None, name: str = ""
) -> LoadedSeed:
    facts = read_dump(path, kind, cluster.binaries, work, cluster.user)
    database = _usable_name(database or facts.database or UNNAMED)
    created = _create_roles(cluster, facts.roles, master)
    _create_database(cluster, database, facts.encoding, master)
    with cluster.connect(database) as session:
        if facts.makes_public:
            session.execute("DROP SCHEMA IF EXISTS public")  # every new database has one, and the dump creates its own
        with _temporary_superusers(session, facts.superuser_owners):
            if kind == "plain":
                complaint = _load_plain(path, cluster, database)
            else:
                complaint = _load_archive(path, kind, cluster, database, work)
    if complaint:
        tool = "psql" if kind == "plain" else "pg_restore"
        raise SeedError(
            f"expected {name or path} to load into PostgreSQL {cluster.binaries.version}, but {tool} reported: "
            f"{complaint}; make a dump that an empty database takes, or choose another PostgreSQL with --postgres"
        )
    return _count(cluster, database, created)


def _load_plain(path: Path, cluster: Cluster, database: str) -> str | None:
    """Run the dump with psql, statement by statement.

    Not in a single transaction: pg_dump's text contains COMMIT where there are large objects, each object would hold a
    lock until the end, and an instance whose seed failed is discarded anyway.
    """
    arguments = ("--no-psqlrc", "--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1", "--file=-")
    psql = _program(cluster, "psql", database, arguments)
    with path.open("rb") as file:
        return feed(psql, chain(_guard(cluster), loadable_lines(file)))


def _guard(cluster: Cluster) -> Iterable[bytes]:
    r"""Return the line that makes psql refuse every backslash command that follows.

    psql has \restrict since August 2025 (18.0, 17.6, 16.10, 15.14, 14.19; CVE-2025-8714). With an older one,
    `scan` alone protects: it has refused a dump with such commands already.
    """
    program = [str(cluster.binaries.tool("psql")), "--help=commands"]
    if "\\restrict" in run_as(cluster.user, program, cwd=cluster.run_dir, timeout=30).stdout:
        yield b"\\restrict " + secrets.token_hex(24).encode() + b"\n"


def _load_archive(path: Path, kind: SeedKind, cluster: Cluster, database: str, work: Path) -> str | None:
    """Load an archive with pg_restore, owners and grants included; the sandbox has one tablespace alone."""
    with open_dump(path, kind, work, cluster.user) as (stdin, place):
        return run(
            _program(cluster, "pg_restore", database, ("--exit-on-error", "--no-tablespaces", *place)), stdin=stdin
        )


def _program(cluster: Cluster, name: str, database: str, arguments: tuple[str, ...]) -> Program:
    target = conninfo.make_conninfo("", host=str(cluster.run_dir), port=PORT, user=ADMIN, dbname=database)
    with cluster.connect() as session:
        password = session.info.password
    env = {"PGPASSWORD": password, "PGSSLMODE": "disable", "PGOPTIONS": "-c synchronous_commit=off"}
    return Program(
        cluster.binaries, name, (f"--dbname={target}", "--no-password", *arguments), env, cluster.user, cluster.run_dir
    )


def _usable_name(database: str) -> str:
    return UNNAMED if database in _RESERVED_DATABASES else database


def _create_roles(cluster: Cluster, names: Iterable[str], master: str) -> tuple[str, ...]:
    """Create the missing roles, without login, and make the master a member of each.

    On RDS the master creates roles. Its membership lets it read their tables, past their row-level security too, which
    taking a manifest needs.
    """
    created = []
    with cluster.connect() as session:
        existing = {row[0] for row in session.execute("SELECT rolname FROM pg_catalog.pg_roles")}
        for name in sorted(set(names) - existing):
            if name.startswith(_RESERVED_ROLES):
                continue
            session.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))
            session.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(name), sql.Identifier(master)))
            created.append(name)
    return tuple(created)


def _create_database(cluster: Cluster, name: str, encoding: str, master: str) -> None:
    """Create the database anew; one of that name must be empty. The dump's encoding stays: not every one converts."""
    with cluster.connect() as session:
        exists = session.execute("SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", [name]).fetchone()
    if exists:
        with cluster.connect(name) as session:
            if tables := session.execute(_TABLES).fetchall():
                raise SeedError(
                    f"expected an empty database {name} to load the seed into, found {len(tables)} tables in it; "
                    "load it into a new instance"
                )
    if exists and name in _EXISTING_DATABASES:
        return
    # the cluster's locale is for UTF-8; "C" fits every encoding
    locale = sql.SQL("") if encoding == "UTF8" else sql.SQL("LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc")
    if encoding != "UTF8" and cluster.binaries.major < 15:
        locale = sql.SQL("LC_COLLATE 'C' LC_CTYPE 'C'")
    database = sql.Identifier(name)
    with cluster.connect() as session:
        session.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(database))
        try:
            session.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING {} {}").format(
                    database, sql.Identifier(master), sql.Literal(encoding), locale
                )
            )
        except psycopg.Error as error:
            raise SeedError(
                f"expected to create the seed's database {name} in {encoding}, but: {error}; name another dump"
            ) from error


@contextmanager
def _temporary_superusers(session: Connection, names: Iterable[str]) -> Iterator[None]:
    """Make roles superusers while the seed is loaded.

    In PostgreSQL only a superuser can own an event trigger, a foreign-data wrapper or, before 16, a subscription; on RDS
    other roles may own them, and they keep them when they are no superusers any more.
    """
    ordinary = {row[0] for row in session.execute("SELECT rolname FROM pg_catalog.pg_roles WHERE NOT rolsuper")}
    raised = sorted(ordinary.intersection(names))
    for name in raised:
        session.execute(sql.SQL("ALTER ROLE {} SUPERUSER").format(sql.Identifier(name)))
    try:
        yield
    finally:
        for name in raised:
            session.execute(sql.SQL("ALTER ROLE {} NOSUPERUSER").format(sql.Identifier(name)))


def _count(cluster: Cluster, database: str, created: tuple[str, ...]) -> LoadedSeed:
    """Count tables and rows, and run ANALYZE: a dump of PostgreSQL before 18 has no planner statistics."""
    with cluster.connect(database) as session:
        session.execute("ANALYZE")
        tables = session.execute(_TABLES).fetchall()
        rows = 0
        for schema, table in tables:
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
            rows += _number(session, query)
        size = _number(session, sql.SQL("SELECT pg_catalog.pg_database_size(pg_catalog.current_database())"))
    return LoadedSeed(database, created, len(tables), rows, size)


def _number(session: Connection, query: sql.SQL | sql.Composed) -> int:
    row = session.execute(query).fetchone()
    assert row is not None
    return int(row[0])
