"""Loads a seed into a running server of the sandbox, as a login without any power, and counts the loaded rows.

A dump may hold any code. What it runs as can therefore start no program, read no file and become no role that can: a role
made for the load, which is a member of the roles that the data name. The roles and the extensions are made before, by
their names; drills/sandbox/seeds/rules.py says which few statements the server's superuser runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg import Connection, sql

from drills.errors import SeedError
from drills.plural import counted
from drills.redaction import show_error
from drills.sandbox.postgres.cluster import Cluster
from drills.sandbox.postgres.roles import TemporaryLogin
from drills.sandbox.seeds import sample
from drills.sandbox.seeds.script import LONGEST, Script
from drills.sandbox.seeds.seed import SAMPLE, UNNAMED, SeedKind, kind_of, read_dump, text_of
from drills.sandbox.seeds.server import copy_server, database_of, is_url, without_password
from drills.sandbox.seeds.text import DumpFacts, sections
from drills.sql import execute

_LOGIN = "drills_seed"
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
    left_out: tuple[str, ...] = ()
    """What the dump has and the load left out, and why; a sentence for each kind of statement."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The caller's choices: the `database` of a dump that has several, and `trusted` to load as a superuser."""

    database: str | None = None
    trusted: bool = False


def load(source: str, cluster: Cluster, master: str, work: Path, choices: Choices = Choices()) -> LoadedSeed:
    """Load "sample", a dump or a server's database into `cluster`, which runs and has the role `master`.

    `work` is an existing folder that the cluster's user can enter; nothing stays in it. Raises SeedError with the first
    error of the server or of pg_restore; a partial load stays, as the instance is useless then.
    """
    if source == SAMPLE:
        return _load_sample(cluster, master)
    if not is_url(source):
        dump = _Dump(Path(source), kind_of(Path(source)), source)
        return _load_dump(dump, cluster, master, work, choices)
    with TemporaryDirectory(dir=work, prefix="seed-") as folder:
        copy = Path(folder) / "server.dump"
        copy_server(source, cluster.binaries, copy)
        dump = _Dump(copy, "custom", without_password(source), database_of(source))
        return _load_dump(dump, cluster, master, work, choices)


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
                raise SeedError(
                    f"expected the sample's {name} to load, but: {show_error(error)}; report this"
                ) from error
    return _count(cluster, sample.DATABASE, created)


@dataclass(frozen=True, slots=True)
class _Dump:
    """A dump to load: its path and format, its name in messages, and its database where that is known beforehand."""

    path: Path
    kind: SeedKind
    name: str
    database: str | None = None


def _load_dump(dump: _Dump, cluster: Cluster, master: str, work: Path, choices: Choices) -> LoadedSeed:
    wanted = None if dump.database else choices.database
    facts = read_dump(dump.path, dump.kind, cluster.binaries, work, cluster.user, wanted)
    database = _usable_name(dump.database or facts.database or UNNAMED)
    created = list(_create_roles(cluster, facts.roles, master))
    _grant_memberships(cluster, facts.memberships, set(created))
    _create_database(cluster, database, facts.encoding, master)
    login = TemporaryLogin(cluster, _LOGIN)
    try:
        login.create({"synchronous_commit": "off"}, superuser=choices.trusted)
        try:
            left_out = _run_script(dump, facts, database, login, cluster, (master, work, created, choices.trusted))
        finally:
            login.drop()
    except psycopg.OperationalError as error:
        raise SeedError(
            f"expected {dump.name} to load, but the server does not answer: {show_error(error)}; run again"
        ) from error
    except SeedError as error:
        raise SeedError(
            f"expected {dump.name} to load into PostgreSQL {cluster.binaries.version}, but {error}; make a dump that an "
            "empty database takes without a superuser, or load one that you trust with --trust-seed"
        ) from None
    return _count(cluster, database, tuple(sorted(created)), left_out)


def _run_script(
    dump: _Dump,
    facts: DumpFacts,
    database: str,
    login: TemporaryLogin,
    cluster: Cluster,
    rest: tuple[str, Path, list[str], bool],
) -> Counter[str]:
    master, work, created, trusted = rest

    def make_role(name: str) -> bool:
        made = _create_roles(cluster, [name], master)
        for role in made:
            created.append(role)
            if not trusted:
                login.join(role)
        return bool(made)

    with cluster.connect(database) as superuser:
        if facts.makes_public:
            # every new database has one, and the dump creates its own
            superuser.execute("DROP SCHEMA IF EXISTS public")
        schemas = _create_extensions(superuser, facts, master)
        available = superuser.execute("SELECT name FROM pg_catalog.pg_available_extensions").fetchall()
        with login.connect(database) as session:
            script = Script(
                session, superuser, database, frozenset(str(row[0]) for row in available), schemas, make_role, trusted
            )
            try:
                with text_of(dump.path, dump.kind, cluster.binaries, work, cluster.user) as text:
                    chosen = facts.chosen
                    script.run(piece for section, piece in sections(text, LONGEST) if chosen in (None, section))
            finally:
                session.close()
                login.hand_over(database, master)
        script.finish()
    return script.left_out


def _create_extensions(session: Connection, facts: DumpFacts, master: str) -> frozenset[str]:
    """Create the dump's extensions by their names, before any code of the dump, and return the schemas made for them.

    An extension's script runs with a superuser's rights: nothing that it could take for its own is there yet.
    """
    made = set()
    for name, schema in facts.extensions.items():
        if schema is not None:
            exists = session.execute("SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s", [schema]).fetchone()
            if exists is None:
                session.execute(
                    sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(sql.Identifier(schema), sql.Identifier(master))
                )
                made.add(schema)
        where = sql.SQL("SCHEMA {}").format(sql.Identifier(schema)) if schema else sql.SQL("")
        try:
            session.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {} {} CASCADE").format(sql.Identifier(name), where))
        except psycopg.Error as error:
            raise SeedError(f"the extension {name} cannot be created: {show_error(error)}") from None
    return frozenset(made | ({"public"} if facts.makes_public and "public" in facts.extensions.values() else set()))


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


def _grant_memberships(cluster: Cluster, pairs: Iterable[tuple[str, str]], created: set[str]) -> None:
    """Make the roles of pg_dumpall's output members of each other; of a role that was there before, nobody becomes one."""
    with cluster.connect() as session:
        for role, member in sorted(pairs):
            if {role, member} <= created:
                session.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(member)))


def _create_database(cluster: Cluster, name: str, encoding: str, master: str) -> None:
    """Create the database anew; one of that name must be empty. The dump's encoding stays: not every one converts."""
    with cluster.connect() as session:
        exists = session.execute("SELECT 1 FROM pg_catalog.pg_database WHERE datname = %s", [name]).fetchone()
    if exists:
        with cluster.connect(name) as session:
            if tables := session.execute(_TABLES).fetchall():
                raise SeedError(
                    f"expected an empty database {name} to load the seed into, found {counted(len(tables), 'table')} in it; "
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
                f"expected to create the seed's database {name} in {encoding}, but: {show_error(error)}; name another dump"
            ) from error


def _count(
    cluster: Cluster, database: str, created: tuple[str, ...], left_out: Counter[str] | None = None
) -> LoadedSeed:
    """Count tables and rows, and run ANALYZE: a dump of PostgreSQL before 18 has no planner statistics."""
    with cluster.connect(database) as session:
        session.execute("SET search_path = pg_catalog, pg_temp")
        session.execute("ANALYZE")
        tables = session.execute(_TABLES).fetchall()
        rows = 0
        for schema, table in tables:
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
            rows += _number(session, query)
        size = _number(session, sql.SQL("SELECT pg_catalog.pg_database_size(pg_catalog.current_database())"))
    sentences = tuple(f"{what} ({times})" for what, times in sorted((left_out or {}).items()))
    return LoadedSeed(database, created, len(tables), rows, size, sentences)


def _number(session: Connection, query: sql.SQL | sql.Composed) -> int:
    row = session.execute(query).fetchone()
    assert row is not None
    return int(row[0])
