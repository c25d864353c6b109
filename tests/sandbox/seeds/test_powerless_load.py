"""Seeds are loaded by a login without power: what ordinary dumps have comes back whole, hostile code reaches nothing."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from drills.errors import SeedError
from drills.sandbox.postgres.cluster import ADMIN, PORT, Cluster
from drills.sandbox.postgres.roles import RESERVED, TemporaryLogin, prepare_roles
from drills.sandbox.postgres.runas import run_as
from drills.sandbox.seeds.lexer import pieces
from drills.sandbox.seeds.load import Choices, load
from drills.sandbox.seeds.script import LONGEST, Script
from tests.support.cluster import PASSWORD, cluster_in, make, module_state, preferred, usable

__all__ = ["module_state"]

pytestmark = pytest.mark.postgres

MASTER = "master"
RICH = Path(__file__).parents[2] / "support" / "rich_schema.sql"
HEAD = "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 15.18\n\nSET client_encoding = 'UTF8';\n"
TAIL = "\n--\n-- PostgreSQL database dump complete\n--\n"


@pytest.fixture(scope="module", params=["preferred", "system"])
def server(request: pytest.FixtureRequest, module_state: Path) -> Iterator[Cluster]:
    """A server as the sandbox makes it, of the preferred PostgreSQL and of the system's."""
    binaries = preferred() if request.param == "preferred" else usable("system")
    if request.param == "system" and binaries == preferred():
        pytest.skip("the preferred PostgreSQL is the system's")
    cluster = cluster_in(module_state, binaries, request.param)
    make(cluster)
    cluster.start()
    prepare_roles(cluster, MASTER, PASSWORD, None)
    yield cluster
    cluster.kill()


@pytest.fixture(autouse=True)
def emptied(server: Cluster) -> Iterator[None]:
    """Every database and role that a test made is gone after it."""
    yield
    with server.connect() as session:
        for (name,) in session.execute(
            "SELECT datname FROM pg_database WHERE datname !~ '^(postgres|template.|rdsadmin)$'"
        ):
            session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        session.execute("DROP OWNED BY master CASCADE")
        for (name,) in session.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'").fetchall():
            if name not in {ADMIN, MASTER, *RESERVED}:
                session.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def dumped(server: Cluster, database: str, *options: str, program: str = "pg_dump") -> bytes:
    """What pg_dump writes of a database, or pg_dumpall of all."""
    command = [
        str(server.binaries.tool(program)),
        f"--host={server.run_dir}",
        f"--port={PORT}",
        f"--username={ADMIN}",
    ]
    done = run_as(None, [*command, *options, *filter(None, [database])], cwd=Path("/"), env={"PGPASSWORD": PASSWORD})
    assert done.returncode == 0, done.stderr
    return done.stdout.encode()


def settled(text: bytes) -> list[bytes]:
    """A plain dump without what differs from one to the next, as the casts of a constant array do."""
    casts = rb"::(?:text|character varying)(?:\[\])?|[()]"
    return [re.sub(casts, b"", line) for line in text.splitlines() if not re.match(rb"\\(un)?restrict|--|$", line)]


def made(server: Cluster, database: str, script: str) -> None:
    """A database that a superuser has filled who is none any more, as after a move to another server."""
    with server.connect() as session:
        if session.execute("SELECT FROM pg_roles WHERE rolname = 'postgres'").fetchone() is None:
            session.execute("CREATE ROLE postgres")
        session.execute("ALTER ROLE postgres SUPERUSER")
        session.execute(
            sql.SQL("CREATE DATABASE {} OWNER postgres TEMPLATE template0").format(sql.Identifier(database))
        )
    with server.connect(database) as session:
        session.execute("SET SESSION AUTHORIZATION postgres")
        session.execute(script.replace("rdsadmin", "postgres").encode())
    with server.connect() as session:
        session.execute("ALTER ROLE postgres NOSUPERUSER")


def loaded_back(server: Cluster, path: Path, database: str, *options: str, trusted: bool = False) -> tuple[str, ...]:
    """Dump a database, drop it and load the dump; what was left out. The same dump comes of the loaded one."""
    dumped(server, database, *options, f"--file={path}")
    shown = [option for option in options if option == "--no-owner"]
    before = settled(dumped(server, database, *shown))
    with server.connect() as session:
        # the server may not have seen yet that pg_dump has left
        session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
    done = load(str(path), server, MASTER, server.run_dir, Choices(trusted=trusted))
    assert settled(dumped(server, done.database, *shown)) == before
    return done.left_out


ROLES = 'CREATE ROLE readers; CREATE ROLE writers; CREATE ROLE "Odd Role"; CREATE ROLE app_owner;'
MIXED = """
    CREATE SCHEMA app AUTHORIZATION app_owner;
    CREATE TABLE app.of_another AS SELECT 1 AS id;
    ALTER TABLE app.of_another OWNER TO "Odd Role";
    GRANT SELECT ON app.of_another TO readers WITH GRANT OPTION;
    CREATE TABLE app.own (id int PRIMARY KEY); ALTER TABLE app.own OWNER TO app_owner;
    CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION app.f() OWNER TO writers;
    GRANT USAGE ON SCHEMA app TO readers;
    SET ROLE readers; GRANT SELECT ON app.of_another TO writers; RESET ROLE;
    CREATE TABLE app.job (id int, who regrole, acl aclitem); INSERT INTO app.job VALUES
        (1, 'readers', '"Odd Role"=r/app_owner');
    CREATE POLICY "odd
name" ON app.own TO writers USING (true);
    ALTER DATABASE mixed SET log_min_duration_statement TO '100';
    ALTER ROLE readers IN DATABASE mixed SET search_path TO app, public;
"""


@pytest.mark.parametrize("options", [("--create",), ("--format=custom",)])
def test_objects_of_several_owners_come_back_as_they_were(
    server: Cluster, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Owners who may not create in the schema, grants of grantees, settings and roles in data are those of the dump."""
    with server.connect() as session:
        session.execute(ROLES)
    made(server, "mixed", MIXED)
    assert loaded_back(server, tmp_path / "mixed.dump", "mixed", *options) == ()
    with server.connect("mixed") as session:
        settings = session.execute("SELECT setrole <> 0, setconfig FROM pg_db_role_setting ORDER BY 1").fetchall()
        assert settings == [(False, ["log_min_duration_statement=100"]), (True, ["search_path=app, public"])]
        assert session.execute("SELECT FROM pg_roles WHERE rolname = 'drills_seed'").fetchone() is None


def test_one_database_of_a_whole_cluster_is_loaded(server: Cluster, tmp_path: Path) -> None:
    """The compressed output of pg_dumpall brings the database that is named, and its roles' memberships without power."""
    with server.connect() as session:
        session.execute(ROLES + "GRANT readers TO writers; CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'x'")
    made(server, "mixed", MIXED)
    made(server, "beside", "CREATE TABLE t (a int)")
    before = settled(dumped(server, "mixed"))
    path = tmp_path / "all"
    path.write_bytes(gzip.compress(dumped(server, "", program="pg_dumpall")))
    with server.connect() as session:
        session.execute("DROP DATABASE mixed WITH (FORCE)")
        session.execute("DROP DATABASE beside WITH (FORCE)")
        session.execute('DROP ROLE app_owner, boss, readers, writers, "Odd Role", postgres')
    with pytest.raises(SeedError, match=r"databases: beside, mixed.*; name the one to load with --database"):
        load(str(path), server, MASTER, server.run_dir)
    done = load(str(path), server, MASTER, server.run_dir, Choices("mixed"))
    assert (done.database, done.left_out) == ("mixed", ())
    assert settled(dumped(server, "mixed")) == before
    with server.connect() as session:
        assert session.execute("SELECT rolsuper, rolcanlogin FROM pg_roles WHERE rolname = 'boss'").fetchone() == (
            False,
            False,
        )
        assert session.execute("SELECT pg_has_role('writers', 'readers', 'MEMBER')").fetchone() == (True,)
        assert session.execute("SELECT FROM pg_database WHERE datname = 'beside'").fetchone() is None


WITHOUT_CLASSES = "DROP OPERATOR FAMILY app.int_hash USING hash CASCADE; "
WITHOUT_CLASSES += "DROP OPERATOR FAMILY app.loose USING btree; DROP TYPE app.unmade;"


@pytest.mark.parametrize("trusted", [False, True])
def test_every_kind_of_object_comes_back_as_it_was(server: Cluster, tmp_path: Path, trusted: bool) -> None:
    """What only a superuser may make in PostgreSQL is there, operator classes where the seed is trusted."""
    with server.connect() as session:
        session.execute(ROLES)
    script = RICH.read_text()
    made(server, "rich", script if trusted else script + WITHOUT_CLASSES)
    left_out = loaded_back(server, tmp_path / "rich.dump", "rich", "--format=custom", trusted=trusted)
    assert left_out == ()


def test_what_takes_a_superuser_is_told(server: Cluster, tmp_path: Path) -> None:
    """The line, the server's reason and the option for a dump of one's own."""
    path = tmp_path / "a.sql"
    path.write_text(HEAD + "CREATE OPERATOR FAMILY public.loose USING btree;\n" + TAIL)
    with pytest.raises(SeedError, match=r"line 8: .*superuser.* master user of RDS.* --trust-seed"):
        load(str(path), server, MASTER, server.run_dir)


def test_what_no_server_can_load_is_left_out_and_told(server: Cluster, tmp_path: Path) -> None:
    """Options and settings that this server has not stand in no copy; the others of the same statement do."""
    path = tmp_path / "a.sql"
    body = "SET transaction_timeout_of_later = 0;\nCREATE TABLE t (a int, b int) WITH (fillfactor=70, later_option='x, y');\n"
    body += "ALTER TABLE ONLY t ALTER COLUMN a SET (pg_attver=1);\n"
    body += "ALTER TABLE ONLY t ALTER COLUMN b SET (pg_attver=1, n_distinct=5);\n"
    path.write_text(HEAD + body + TAIL)
    done = load(str(path), server, MASTER, server.run_dir)
    assert done.left_out == (
        "the option later_option, which this server does not know (1)",
        "the option pg_attver, which this server does not know (2)",
        "the setting transaction_timeout_of_later, which this server does not know (1)",
    )
    with server.connect(done.database) as session:
        kept = session.execute(
            "SELECT attoptions FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum"
        )
        assert kept.fetchall() == [(None,), (["n_distinct=5"],)]
        assert session.execute("SELECT reloptions FROM pg_class WHERE relname = 't'").fetchone() == (["fillfactor=70"],)


def test_what_belonged_to_the_superuser_of_rds_is_the_masters(server: Cluster, tmp_path: Path) -> None:
    """A dump that names rdsadmin as an owner loads: here the server's own superuser has that name, and owns none of it."""
    path = tmp_path / "a.sql"
    path.write_text(HEAD + "CREATE TABLE t (a int);\nALTER TABLE public.t OWNER TO rdsadmin;\n" + TAIL)
    done = load(str(path), server, MASTER, server.run_dir)
    assert done.left_out == ("that something belonged to rdsadmin: it is the master user's (1)",)
    with server.connect(done.database) as session:
        owner = session.execute("SELECT tableowner FROM pg_tables WHERE tablename = 't'").fetchone()
        assert owner == (MASTER,)


HOSTILE = (
    "COPY public.loot FROM PROGRAM 'touch {mark}';",
    "COPY public.loot FROM '{secret}';",
    "COPY public.loot TO '{mark}';",
    "INSERT INTO public.loot SELECT pg_catalog.pg_read_file('{secret}');",
    "INSERT INTO public.loot SELECT pg_catalog.pg_ls_dir('{folder}');",
    "SELECT pg_catalog.lo_import('{secret}', 4711);",
    "SELECT pg_catalog.lo_export(4711, '{mark}');",
    "CREATE FUNCTION f(text) RETURNS text LANGUAGE internal AS 'pg_read_file_all';",
    "CREATE FUNCTION f(text) RETURNS int LANGUAGE c AS 'libc', 'system';",
    "ALTER SYSTEM SET archive_command = 'touch {mark}';",
    "LOAD '{secret}';",
    'CREATE EXTENSION plpython3u; CREATE FUNCTION f() RETURNS int LANGUAGE plpython3u AS \'open("{mark}", "w")\';',
    "ALTER ROLE drills_seed SUPERUSER;",
    "ALTER ROLE master SUPERUSER;",
    "CREATE ROLE mighty SUPERUSER;",
    "GRANT pg_execute_server_program TO drills_seed;",
    "SET ROLE master; GRANT pg_execute_server_program TO master; COPY public.loot FROM PROGRAM 'touch {mark}';",
    "SET ROLE master; GRANT pg_read_server_files TO drills_seed; COPY public.loot FROM '{secret}';",
    "SET SESSION AUTHORIZATION rdsadmin;",
    "SET ROLE rdsadmin;",
    "RESET SESSION AUTHORIZATION; COPY public.loot FROM PROGRAM 'touch {mark}';",
    "ALTER FUNCTION pg_catalog.pg_read_file(text) OWNER TO master;",
    "ALTER SCHEMA pg_catalog OWNER TO master;",
    "CREATE FUNCTION pg_catalog.evil() RETURNS int LANGUAGE sql AS 'SELECT 1';",
    "UPDATE pg_catalog.pg_authid SET rolsuper = true;",
    "CREATE FOREIGN DATA WRAPPER w HANDLER file_fdw_handler;",
    "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION public.x(); SELECT 1/0;",
    "DO $$ BEGIN EXECUTE 'RESET ROLE'; EXECUTE 'COPY public.loot FROM PROGRAM ''touch {mark}'''; END $$;",
    "CREATE FUNCTION f() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ COPY public.loot FROM '{secret}' $$; SELECT f();",
)
LEFT_OUT = (
    "GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO master;",
    "GRANT ALL ON FUNCTION pg_catalog.pg_stat_file(text) TO PUBLIC;",
    "GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_reset(), pg_catalog.pg_read_file(text) TO master;",
    "GRANT CREATE ON SCHEMA pg_catalog TO master;",
    "ALTER ROLE master IN DATABASE hostile SET session_preload_libraries TO '{secret}';",
    "ALTER DATABASE hostile SET session_preload_libraries TO '{secret}';",
    "ALTER DATABASE hostile SET plperl.on_plperl_init TO 'x';",
    "ALTER ROLE rdsadmin IN DATABASE hostile SET search_path TO public, pg_catalog;",
    "ALTER DATABASE hostile OWNER TO rdsadmin;",
)


@pytest.fixture
def door(server: Cluster) -> Iterator[Script]:
    """A load that is under way, in a database with a table `loot`."""
    with server.connect() as session:
        session.execute("CREATE DATABASE hostile OWNER master TEMPLATE template0")
    login = TemporaryLogin(server, "drills_seed")
    login.create({})
    try:
        with server.connect("hostile") as superuser, login.connect("hostile") as session:
            session.execute("CREATE TABLE public.loot (line text)")
            yield Script(session, superuser, "hostile", frozenset({"plperl"}), frozenset(), lambda name: False)
        login.hand_over("hostile", MASTER)
    finally:
        login.drop()


def run(door: Script, statement: str) -> None:
    """Run a statement as a load does."""
    door.run(pieces(statement.encode().splitlines(keepends=True), LONGEST))


def test_hostile_statements_start_nothing_and_read_nothing(door: Script, server: Cluster) -> None:
    """Each is refused or left out; no program has run, no file was read or written, nobody has become more."""
    secret, mark = server.run_dir / "secret", server.run_dir / "mark"
    secret.write_text("s3cret")
    secret.chmod(0o644)
    powerful = (
        "SELECT rolname FROM pg_roles WHERE rolsuper AND rolname !~ '^pg_' "
        "OR pg_has_role(oid, 'pg_read_server_files', 'MEMBER')"
    )
    before = door.superuser.execute(powerful.encode()).fetchall()
    places = {"mark": mark, "secret": secret, "folder": server.run_dir}
    for statement in HOSTILE:
        with pytest.raises(SeedError):
            run(door, statement.format(**places))
        door.login.execute("RESET ROLE")
    for statement in LEFT_OUT:
        run(door, statement.format(**places))
        door.login.execute("RESET ROLE")
    assert sum(door.left_out.values()) == len(LEFT_OUT)
    assert not mark.exists()
    loot = "SELECT (SELECT count(*) FROM public.loot), (SELECT count(*) FROM pg_largeobject_metadata)"
    assert door.superuser.execute(loot.encode()).fetchone() == (0, 0)
    assert door.superuser.execute(powerful.encode()).fetchall() == before
    for trick in ("pg_catalog.pg_read_file('{secret}')", "pg_catalog.pg_stat_file('{secret}')"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            door.login.execute(f"SELECT {trick}".format(**places).encode())


TRAP = """
    CREATE TABLE public.bait AS SELECT 1 AS id;
    CREATE FUNCTION public.trap(id int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN id; END';
    CREATE INDEX ON public.bait (public.trap(id));
    CREATE FUNCTION public.fire() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        BEGIN EXECUTE 'RESET SESSION AUTHORIZATION'; EXCEPTION WHEN others THEN NULL; END;
        EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch {mark}''';
    EXCEPTION WHEN insufficient_privilege THEN NULL; END $$;
    CREATE OR REPLACE FUNCTION public.trap(id int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
        'BEGIN PERFORM public.fire(); RETURN id; END';
"""


@pytest.mark.parametrize("options", [("--no-owner",), ("--format=custom",), ("--format=directory",), ("--format=tar",)])
def test_the_code_of_a_dump_starts_no_program(server: Cluster, tmp_path: Path, options: tuple[str, ...]) -> None:
    """A function behind an index is run by the load, in each format, as somebody who cannot start anything."""
    mark = server.run_dir / "sprung"
    made(server, "trapped", TRAP.format(mark=mark))
    if "--no-owner" not in options:
        with server.connect() as session:
            session.execute("CREATE ROLE prey")
        with server.connect("trapped") as session:
            session.execute(
                "ALTER TABLE public.bait OWNER TO prey; ALTER FUNCTION public.trap OWNER TO prey;"
                "ALTER FUNCTION public.fire OWNER TO prey"
            )
    assert loaded_back(server, tmp_path / "trapped.dump", "trapped", *options) == ()
    assert not mark.exists()


BY_PATH = """
    CREATE FUNCTION public.same("char", "char") RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
        EXECUTE 'COPY (SELECT 1) TO PROGRAM ''touch {mark}'' '; RETURN $1::text OPERATOR(pg_catalog.=) $2::text;
    EXCEPTION WHEN insufficient_privilege THEN RETURN $1::text OPERATOR(pg_catalog.=) $2::text; END $$;
    CREATE OPERATOR public.= (LEFTARG = "char", RIGHTARG = "char", FUNCTION = public.same);
    CREATE TABLE public.t AS SELECT 1 AS a;
    ALTER DATABASE shadowed SET search_path TO public, pg_catalog;
"""


def test_the_operators_of_a_dump_are_not_the_superusers(server: Cluster, tmp_path: Path) -> None:
    """A search_path kept with the database, with an operator of the dump's own before PostgreSQL's, catches nobody."""
    mark = server.run_dir / "caught"
    made(server, "shadowed", BY_PATH.format(mark=mark))
    assert loaded_back(server, tmp_path / "shadowed.sql", "shadowed", "--create") == ()
    assert not mark.exists()
