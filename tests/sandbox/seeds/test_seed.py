"""Seeds: what they are, which are refused and why, and that each kind brings its rows back."""

from __future__ import annotations

import gzip
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from drills.errors import SeedError
from drills.sandbox.postgres.cluster import ADMIN, Cluster
from drills.sandbox.seeds import load as seed_load
from drills.sandbox.seeds import sample, seed
from drills.sandbox.seeds.server import without_password
from tests.support.seed import MASTER, OWNER, Lab, fingerprint, lab, target

__all__ = ["lab", "target"]

pytestmark = pytest.mark.postgres

KINDS = {
    "plain": ("--format=plain",),
    "plain with its database": ("--format=plain", "--create"),
    "plain that drops first": ("--format=plain", "--clean"),
    "plain that drops first, with its database": ("--format=plain", "--clean", "--create"),
    "plain with INSERTs": ("--format=plain", "--column-inserts", "--rows-per-insert=100"),
    "custom": ("--format=custom",),
    "directory": ("--format=directory",),
    "tar": ("--format=tar",),
}


def look(lab: Lab, source: Path | str) -> seed.SeedInfo:
    """What `inspect` says of a seed with every server at hand."""
    return seed.inspect(str(source), lab.servers, lab.work, lab.target.user)


def private(tmp_path: Path) -> Path:
    """A folder that PostgreSQL's unprivileged user cannot look into."""
    tmp_path.chmod(0o700)
    return tmp_path


def words(error: pytest.ExceptionInfo[SeedError]) -> str:
    """The message, once it is seen to be one line."""
    message = str(error.value)
    assert "\n" not in message
    assert "Traceback" not in message
    return message


# each of their options is in another kind
OF_PARTS = {"plain with its database", "plain that drops first"}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.matrix] if kind in OF_PARTS else []) for kind in KINDS]
)
def test_a_dump_of_each_kind_comes_back_whole(lab: Lab, target: Cluster, tmp_path: Path, kind: str) -> None:
    """Rows, large objects, sequence positions, grants and policies of a loaded dump are those that were dumped."""
    dump = lab.dump(private(tmp_path) / "orders.dump", *KINDS[kind], sample.DATABASE)
    info = look(lab, dump)
    assert info.kind == kind.split()[0]
    assert info.server_version == lab.source.binaries.version
    assert info.roles == (OWNER, *sample.ROLES)
    assert info.local
    assert seed.lowest_server(info, lab.servers, lab.work, lab.target.user).major == lab.source.binaries.major
    loaded = seed_load.load(str(dump), target, MASTER, lab.work)
    named = not kind.startswith("plain") or "--create" in KINDS[kind]
    assert loaded.database == info.database == (sample.DATABASE if named else "seed")
    assert loaded.roles_created == (OWNER, *sample.ROLES)
    assert (loaded.rows, loaded.tables) == (lab.first_load.rows, lab.first_load.tables)
    with lab.source.connect(sample.DATABASE) as one, target.connect(loaded.database) as other:
        assert fingerprint(other) == fingerprint(one)
    assert [left.name for left in lab.work.iterdir() if left.name.startswith("seed-")] == []


def test_roles_that_a_seed_names_cannot_log_in_and_the_master_reads_their_tables(
    lab: Lab, target: Cluster, tmp_path: Path
) -> None:
    """Roles are made without login or power, and the master, no superuser, reads all that belongs to them."""
    dump = lab.dump(tmp_path / "orders.dump", "--format=custom", sample.DATABASE)
    loaded = seed_load.load(str(dump), target, MASTER, lab.work)
    with target.connect(loaded.database) as session:
        made = session.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) AND NOT (rolcanlogin OR rolsuper OR rolcreaterole)",
            [list(loaded.roles_created)],
        ).fetchall()
        assert len(made) == len(loaded.roles_created) == 3
        everything = fingerprint(session)
        session.execute(f"SET SESSION AUTHORIZATION {MASTER}")
        assert fingerprint(session) == everything


def test_a_running_server_is_copied_by_its_url(lab: Lab, target: Cluster) -> None:
    """A URL gives the same rows as the server has, and nothing shows its password."""
    url = lab.url(lab.source, sample.DATABASE)
    info = look(lab, url)
    assert (info.kind, info.database, info.local) == ("server", sample.DATABASE, True)
    assert url not in str(info)
    assert info.source == without_password(url) == without_password(info.source)
    assert set(info.roles) >= {OWNER, *sample.ROLES}
    assert info.size_bytes is not None
    assert info.size_bytes > 10_000_000
    loaded = seed_load.load(url, target, MASTER, lab.work)
    assert loaded.database == sample.DATABASE
    with lab.source.connect(sample.DATABASE) as one, target.connect(sample.DATABASE) as other:
        assert fingerprint(other) == fingerprint(one)
    assert [left.name for left in lab.work.iterdir() if left.name.startswith("seed-")] == []


def test_no_message_holds_the_password_of_a_url(lab: Lab) -> None:
    """A server that cannot be reached or used is one sentence without the password."""
    secret = secrets.token_urlsafe()
    for url in (
        f"postgresql://someone:{secret}@127.0.0.1:1/orders",
        f"postgres://someone:{secret}@127.0.0.1:1/orders?sslmode=nonsense",
        f"postgresql://someone:{secret}@127.0.0.1:one/orders",
        f"postgresql://{ADMIN}:{secret}@{str(lab.source.run_dir).replace('/', '%2F')}/orders",
    ):
        with pytest.raises(SeedError) as error:
            look(lab, url)
        assert secret not in words(error)
        assert secret not in without_password(url)
    assert (
        without_password(f"postgresql://me:{secret}@db.example:5433/a%20b?sslmode=require")
        == "postgresql://me@db.example:5433/a%20b"
    )


def test_a_database_that_its_user_may_not_read_is_refused_with_pg_dumps_words(lab: Lab, target: Cluster) -> None:
    """A copy that pg_dump could not make whole is refused, not loaded in part."""
    secret = secrets.token_urlsafe()
    with lab.source.connect() as session:
        session.execute(f"CREATE ROLE weak LOGIN PASSWORD '{secret}'")
    try:
        host = str(lab.source.run_dir).replace("/", "%2F")
        with pytest.raises(SeedError, match="permission denied") as error:
            seed_load.load(f"postgresql://weak:{secret}@{host}/{sample.DATABASE}", target, MASTER, lab.work)
        assert secret not in words(error)
    finally:
        with lab.source.connect() as session:
            session.execute("DROP ROLE weak")


def cut(path: Path) -> Path:
    """Keep the first 60 % of a file."""
    os.truncate(path, path.stat().st_size * 6 // 10)
    return path


def made(make: Callable[[Path], object]) -> Callable[[Lab, Path], Path]:
    """A seed that needs no server."""

    def build(lab: Lab, path: Path) -> Path:
        make(path)
        return path

    return build


def lacking_member(lab: Lab, path: Path) -> Path:
    """A directory dump that has lost its biggest file."""
    lab.dump(path, "--format=directory", sample.DATABASE)
    max(path.glob("*.dat.gz"), key=lambda each: each.stat().st_size).unlink()
    return path


def linked_folder(path: Path) -> None:
    """A directory dump in which a file of somebody else is linked."""
    path.mkdir()
    (path / "toc.dat").write_bytes(b"PGDMP")
    (path / "3001.dat").symlink_to("/etc/shadow")


def piped_folder(path: Path) -> None:
    """A directory dump with a pipe in it, which nobody writes to."""
    path.mkdir()
    (path / "toc.dat").write_bytes(b"PGDMP")
    os.mkfifo(path / "3001.dat")


def whole_cluster(lab: Lab, path: Path) -> Path:
    """What pg_dumpall writes."""
    return lab.dump(path, "--schema-only", tool=lab.source.binaries.tool("pg_dumpall"))


BAD: dict[str, tuple[str, Callable[[Lab, Path], Path]]] = {
    "missing": ("cannot be read: No such file", lambda lab, path: path),
    "empty": ("to be empty", made(lambda path: path.touch())),
    "folder": ("no toc.dat", made(lambda path: path.mkdir())),
    "cut gzip": (
        "cut off or damaged",
        made(
            lambda path: path.write_bytes(
                gzip.compress(b"-- PostgreSQL database dump\n" + secrets.token_bytes(99))[:80]
            )
        ),
    ),
    "prose in gzip": ("found something else", made(lambda path: path.write_bytes(gzip.compress(b"SELECT 1;\n")))),
    "zip": ("compressed with zip; unpack it", made(lambda path: path.write_bytes(b"PK\x03\x04" + bytes(99)))),
    "link": ("to be a link", made(lambda path: path.symlink_to("/etc/hostname"))),
    "pipe": ("to be a named pipe", made(os.mkfifo)),
    "folder with a link": ("to be a link", made(lambda path: linked_folder(path))),
    "folder with a pipe": ("to be a named pipe", made(lambda path: piped_folder(path))),
    "noise": ("found something else", made(lambda path: path.write_bytes(b"\x00" + secrets.token_bytes(9000)))),
    "prose": ("found something else", made(lambda path: path.write_text("CREATE TABLE t ();\n"))),
    "utf-16": ("UTF-16", made(lambda path: path.write_text("-- PostgreSQL database dump\n", encoding="utf-16"))),
    "cut plain": ("cut off", lambda lab, path: cut(lab.dump(path, sample.DATABASE))),
    "cut custom": ("cut off or damaged", lambda lab, path: cut(lab.dump(path, "--format=custom", sample.DATABASE))),
    "cut tar": ("cut off or damaged", lambda lab, path: cut(lab.dump(path, "--format=tar", sample.DATABASE))),
    "part of a directory": ("cut off or damaged", lacking_member),
    "cut cluster": ("cut off", lambda lab, path: cut(whole_cluster(lab, path))),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_whole_dump_is_refused_in_a_sentence(lab: Lab, tmp_path: Path, kind: str) -> None:
    """Each bad seed is refused before anything is started, by a sentence that says what was found and which file."""
    expected, build = BAD[kind]
    path = build(lab, private(tmp_path) / "bad.dump")
    with pytest.raises(SeedError, match=expected) as error:
        look(lab, path)
    assert str(path) in words(error)


@pytest.mark.parametrize("options", [("--format=plain",), ("--format=custom",)])
def test_a_dump_of_a_newer_major_version_is_refused(lab: Lab, tmp_path: Path, options: tuple[str, ...]) -> None:
    """A dump made by a newer pg_dump than any server at hand is refused, whatever the version of its data."""
    newest = max(lab.servers, key=lambda each: each.major)
    older = [each for each in lab.servers if each.major < newest.major]
    if not older:
        pytest.skip("there is only one major version of PostgreSQL here")
    dump = lab.dump(tmp_path / "newer.dump", *options, sample.DATABASE, tool=newest.tool("pg_dump"))
    assert seed.lowest_server(look(lab, dump), lab.servers, lab.work, lab.target.user) == newest
    with pytest.raises(SeedError, match=r"newer pg_dump|or earlier") as error:
        seed.inspect(str(dump), older, lab.work, lab.target.user)
    # it is on this machine: only the caller's choice kept it out
    assert f"leave --postgres out: PostgreSQL {newest.version} ({newest.origin}) is at hand" in words(error)


def edited(lab: Lab, path: Path, before: str, line: str) -> Path:
    """A plain dump of the sample with a line put in front of the first that starts with `before`."""
    lab.dump(path, sample.DATABASE)
    text = path.read_text()
    at = text.index("\n" + before) + 1
    path.write_text(text[:at] + line + "\n" + text[at:])
    return path


def test_a_missing_extension_is_named(lab: Lab, tmp_path: Path) -> None:
    """A seed that needs an extension which no server at hand has is refused with the extension's name."""
    line = "CREATE EXTENSION IF NOT EXISTS time_machine WITH SCHEMA public;"
    dump = edited(lab, tmp_path / "a.sql", "CREATE SCHEMA shop", line)
    with pytest.raises(SeedError, match="needs the extension time_machine") as error:
        look(lab, dump)
    words(error)


def test_a_server_that_has_the_extension_is_preferred_to_a_lower_one(lab: Lab, tmp_path: Path) -> None:
    """Of the servers that are new enough, the lowest that has the seed's extensions is taken."""
    user = lab.target.user
    having = {each: seed.extensions_of(each, lab.work, user) or frozenset() for each in lab.servers}
    assert all("plpgsql" in extensions for extensions in having.values())
    lowest = min(lab.servers, key=lambda each: each.major)
    only_later = set().union(*having.values()) - having[lowest]
    if not only_later:
        pytest.skip("the lowest PostgreSQL here has every extension that another one has")
    name = sorted(only_later)[0]
    dump = edited(lab, tmp_path / "a.sql", "CREATE SCHEMA shop", f"CREATE EXTENSION IF NOT EXISTS {name};")
    chosen = seed.lowest_server(look(lab, dump), lab.servers, lab.work, user)
    assert chosen.major > lowest.major
    assert name in having[chosen]


@pytest.mark.parametrize(
    "command", [r"\! touch {}", r"select 1 \g |touch {}", r"select 1; \o {}", r"\copy shop.product to {}"]
)
def test_a_command_of_psql_is_refused_and_not_run(lab: Lab, target: Cluster, tmp_path: Path, command: str) -> None:
    """A plain dump with a psql command that pg_dump does not write is refused, and the command is not carried out."""
    mark = lab.work / "touched"
    dump = edited(lab, tmp_path / "a.sql", "CREATE TYPE", command.format(mark))
    for refuse in (lambda: look(lab, dump), lambda: seed_load.load(str(dump), target, MASTER, lab.work)):
        with pytest.raises(SeedError, match="psql command") as error:
            refuse()
        words(error)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT 1 / 0;\nSELECT no_such_column;", r"line \d+: division by zero;"),
        ("COMMENT ON TABLE public.nothing IS 'x';", r'line \d+: relation "public.nothing" does not exist'),
        ("SELECT 'Mustermann'::int;", r"line \d+: invalid text representation "),
        ("SELECT 'public.Mustermann'::regclass;", r"line \d+: undefined table "),
        ("SELECT 1 one Mustermann;", r"line \d+: syntax error "),
    ],
)
def test_a_statement_that_fails_is_told_without_a_value(
    lab: Lab, target: Cluster, tmp_path: Path, statement: str, said: str
) -> None:
    """The first statement that fails ends the load with its line and the server's message, which quotes no row."""
    dump = edited(lab, tmp_path / "a.sql", "CREATE TYPE", statement)
    look(lab, dump)
    with pytest.raises(SeedError, match=said) as error:
        seed_load.load(str(dump), target, MASTER, lab.work)
    words(error)
    assert "muster" not in str(error.value).lower()


@pytest.mark.parametrize("options", [("--format=plain",), ("--format=custom",)])
def test_what_only_a_superuser_may_own_keeps_its_owner(
    lab: Lab, target: Cluster, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """An event trigger and a foreign-data wrapper of a role without power stay that role's; it has no power after."""
    with lab.source.connect() as session:
        session.execute("CREATE ROLE postgres SUPERUSER")
        session.execute("CREATE DATABASE odd OWNER postgres")
    try:
        with lab.source.connect("odd") as session:
            session.execute("SET ROLE postgres")
            session.execute(
                "CREATE FOREIGN DATA WRAPPER nowhere; COMMENT ON EXTENSION plpgsql IS 'changed'; "
                "DROP SCHEMA public; CREATE SCHEMA public; CREATE TABLE public.kept (id int)"
            )
            session.execute("CREATE FUNCTION seen() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$")
            session.execute("CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION seen()")
        dump = lab.dump(tmp_path / "odd.dump", *options, "odd")
    finally:
        with lab.source.connect() as session:
            session.execute("DROP DATABASE IF EXISTS odd")
            session.execute("DROP ROLE postgres")
    loaded = seed_load.load(str(dump), target, MASTER, lab.work)
    assert loaded.roles_created == ("postgres",)
    with target.connect(loaded.database) as session:
        owners = session.execute(
            "SELECT pg_get_userbyid(evtowner), pg_get_userbyid(fdwowner), pg_get_userbyid(nspowner), "
            "rolsuper, rolcanlogin FROM pg_event_trigger, pg_foreign_data_wrapper, pg_namespace, pg_roles "
            "WHERE nspname = 'public' AND rolname = 'postgres'"
        ).fetchall()
    assert owners == [("postgres", "postgres", "postgres", False, False)]


def test_a_database_with_tables_is_not_loaded_into(lab: Lab, target: Cluster, tmp_path: Path) -> None:
    """A seed never mixes with what is there already."""
    seed_load.load("sample", target, MASTER, lab.work)
    with pytest.raises(SeedError, match="expected an empty database orders") as error:
        seed_load.load("sample", target, MASTER, lab.work)
    words(error)


def test_a_directory_that_only_we_may_enter_leaves_no_copy(lab: Lab, tmp_path: Path) -> None:
    """A directory dump is handed to the unprivileged user as a copy that is gone afterwards."""
    dump = lab.dump(private(tmp_path) / "d", "--format=directory", sample.DATABASE)
    before = sorted(lab.work.iterdir())
    assert look(lab, dump).size_bytes == sum(each.stat().st_size for each in dump.iterdir())
    assert sorted(lab.work.iterdir()) == before
    shutil.rmtree(dump)
