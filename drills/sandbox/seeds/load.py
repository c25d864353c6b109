"""Loads a seed into a running server of the sandbox, as its bootstrap superuser, and counts what came in.

Everything is loaded as the dump says it. A seed may hold functions and COPY ... FROM PROGRAM, so that the programs that
load it run as the unprivileged user with an empty environment, and psql refuses every command of its own.
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
from drills.sandbox.seeds.seed import SAMPLE, UNNAMED, SeedKind, handed_over, kind_of, read_dump
from drills.sandbox.seeds.server import copy_server, database_of, is_url, shown
from drills.sandbox.seeds.text import loadable
from drills.sandbox.seeds.tools import Program, feed, run

_KEPT_DATABASES = ("postgres",)  # there in every server, empty, and the name of many a real database
_RESERVED_DATABASES = ("template0", "template1", "rdsadmin")
_OF_PLATFORM = "pg_"  # no role of such a name can be made (PostgreSQL manual, "Predefined Roles")

_TABLES = """
    SELECT n.nspname, c.relname
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class LoadedSeed:
    """What a seed became: its database, roles that had to be made, tables (partitions singly), their rows, its size."""

    database: str
    roles_created: tuple[str, ...]
    tables: int
    rows: int
    size_bytes: int


def load(source: str, cluster: Cluster, master: str, work: Path) -> LoadedSeed:
    """Load "sample", a dump or a server's database into `cluster`, which runs and has the role `master`.

    `work` is an existing folder that the cluster's user can enter; nothing stays in it. Raises SeedError with the first
    complaint of psql or pg_restore; what has been loaded by then stays, as the instance is of no use then.
    """
    if source == SAMPLE:
        return _load_sample(cluster, master)
    if not is_url(source):
        return _load_dump(Path(source), kind_of(Path(source)), cluster, master, work)
    with TemporaryDirectory(dir=work, prefix="seed-") as folder:
        copy = Path(folder) / "server.dump"
        copy_server(source, cluster.binaries, copy)
        return _load_dump(copy, "custom", cluster, master, work, database_of(source), shown(source))


def _load_sample(cluster: Cluster, master: str) -> LoadedSeed:
    created = _make_roles(cluster, sample.ROLES, master)
    _make_database(cluster, sample.DATABASE, "UTF8", master)
    with cluster.connect(sample.DATABASE) as session:
        session.execute("SET synchronous_commit = off")
        session.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(master)))
        for name, script in sample.scripts():
            try:
                with session.transaction():
                    session.execute(script.encode())
            except psycopg.Error as error:
                raise SeedError(f"expected the sample's {name} to load, but: {error}; report this") from error
    return _counted(cluster, sample.DATABASE, created)


def _load_dump(
    path: Path, kind: SeedKind, cluster: Cluster, master: str, work: Path, database: str | None = None, name: str = ""
) -> LoadedSeed:
    facts = read_dump(path, kind, cluster.binaries, work, cluster.user)
    database = _usable_name(database or facts.database or UNNAMED)
    created = _make_roles(cluster, facts.roles, master)
    _make_database(cluster, database, facts.encoding, master)
    with cluster.connect(database) as session:
        if facts.makes_public:
            session.execute("DROP SCHEMA IF EXISTS public")  # every new database has one, and the dump brings its own
        with _superusers(session, facts.superuser_owners):
            if kind == "plain":
                complaint = _load_plain(path, cluster, database)
            else:
                complaint = _load_archive(path, kind, cluster, database, work)
    if complaint:
        tool = "psql" if kind == "plain" else "pg_restore"
        raise SeedError(
            f"expected {name or path} to load into PostgreSQL {cluster.binaries.version}, but {tool} says: "
            f"{complaint}; make a dump that an empty database takes, or choose another PostgreSQL with --postgres"
        )
    return _counted(cluster, database, created)


def _load_plain(path: Path, cluster: Cluster, database: str) -> str | None:
    """Let psql run the dump, statement by statement.

    Not in a single transaction: pg_dump's text holds COMMIT where there are large objects, each object would keep a
    lock until the end, and nothing is won, since an instance whose seed failed is thrown away.
    """
    arguments = ("--no-psqlrc", "--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1", "--file=-")
    psql = _program(cluster, "psql", database, arguments)
    with path.open("rb") as file:
        return feed(psql, chain(_guard(cluster), loadable(file)))


def _guard(cluster: Cluster) -> Iterable[bytes]:
    r"""The line that makes psql refuse every backslash command that follows.

    psql has \restrict since August 2025 (18.0, 17.6, 16.10, 15.14, 14.19; CVE-2025-8714). An older one depends on
    `seed_text.scan` alone, which has refused a dump with such commands already.
    """
    program = [str(cluster.binaries.tool("psql")), "--help=commands"]
    if "\\restrict" in run_as(cluster.user, program, cwd=cluster.run_dir, timeout=30).stdout:
        yield b"\\restrict " + secrets.token_hex(24).encode() + b"\n"


def _load_archive(path: Path, kind: SeedKind, cluster: Cluster, database: str, work: Path) -> str | None:
    """Let pg_restore load an archive. Owners and grants are kept; the sandbox has one tablespace only."""
    with handed_over(path, kind, work, cluster.user) as (stdin, place):
        return run(
            _program(cluster, "pg_restore", database, ("--exit-on-error", "--no-tablespaces", *place)), stdin=stdin
        )


def _program(cluster: Cluster, name: str, database: str, arguments: tuple[str, ...]) -> Program:
    where = conninfo.make_conninfo("", host=str(cluster.run_dir), port=PORT, user=ADMIN, dbname=database)
    with cluster.connect() as session:
        password = session.info.password
    env = {"PGPASSWORD": password, "PGSSLMODE": "disable", "PGOPTIONS": "-c synchronous_commit=off"}
    return Program(
        cluster.binaries, name, (f"--dbname={where}", "--no-password", *arguments), env, cluster.user, cluster.run_dir
    )


def _usable_name(database: str) -> str:
    return UNNAMED if database in _RESERVED_DATABASES else database


def _make_roles(cluster: Cluster, names: Iterable[str], master: str) -> tuple[str, ...]:
    """Make the roles that are not there, without login, and make the master a member of each.

    On RDS it is the master who makes roles. Being a member is what lets it read their tables, past their row-level
    security too, as whoever takes a manifest must.
    """
    created = []
    with cluster.connect() as session:
        there = {row[0] for row in session.execute("SELECT rolname FROM pg_catalog.pg_roles")}
        for name in sorted(set(names) - there):
            if name.startswith(_OF_PLATFORM):
                continue
            session.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))
            session.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(name), sql.Identifier(master)))
            created.append(name)
    return tuple(created)


def _make_database(cluster: Cluster, name: str, encoding: str, master: str) -> None:
    """Make the database anew; one of that name must be empty. The dump's encoding is kept, as not all convert."""
    with cluster.connect() as session:
        exists = session.execute("SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", [name]).fetchone()
    if exists:
        with cluster.connect(name) as session:
            if tables := session.execute(_TABLES).fetchall():
                raise SeedError(
                    f"expected an empty database {name} to load the seed into, found {len(tables)} tables in it; "
                    "load it into a new instance"
                )
    if exists and name in _KEPT_DATABASES:
        return
    # the cluster's locale is for UTF-8; "C" goes with every encoding
    locale = sql.SQL("") if encoding == "UTF8" else sql.SQL("LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc")
    if encoding != "UTF8" and cluster.binaries.major < 15:
        locale = sql.SQL("LC_COLLATE 'C' LC_CTYPE 'C'")
    who = sql.Identifier(name)
    with cluster.connect() as session:
        session.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(who))
        try:
            session.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING {} {}").format(
                    who, sql.Identifier(master), sql.Literal(encoding), locale
                )
            )
        except psycopg.Error as error:
            raise SeedError(
                f"expected to make the seed's database {name} in {encoding}, but: {error}; name another dump"
            ) from error


@contextmanager
def _superusers(session: Connection, names: Iterable[str]) -> Iterator[None]:
    """Let roles be superusers for the length of the load.

    PostgreSQL lets only a superuser own an event trigger, a foreign-data wrapper or, before 16, a subscription; on RDS
    other roles may own them, and they stay theirs when the power is taken away again.
    """
    there = {row[0] for row in session.execute("SELECT rolname FROM pg_catalog.pg_roles WHERE NOT rolsuper")}
    raised = sorted(there.intersection(names))
    for name in raised:
        session.execute(sql.SQL("ALTER ROLE {} SUPERUSER").format(sql.Identifier(name)))
    try:
        yield
    finally:
        for name in raised:
            session.execute(sql.SQL("ALTER ROLE {} NOSUPERUSER").format(sql.Identifier(name)))


def _counted(cluster: Cluster, database: str, created: tuple[str, ...]) -> LoadedSeed:
    """Count, and give the planner the statistics that a dump of PostgreSQL before 18 does not hold."""
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
