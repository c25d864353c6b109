"""Faults of logical dumps: cut, damaged, incomplete, made or restored with the wrong option, or of the wrong database."""

from __future__ import annotations

import re
from collections.abc import Callable

from cryptography.fernet import Fernet, InvalidToken

from drills.sandbox.postgres.binaries import find
from drills.sandbox.postgres.roles import prepare_roles
from tests.faults.dumps import Dumps
from tests.faults.lab import DATABASE, MASTER, SETTINGS, answer
from tests.faults.model import DumpCase, Observation

_EVERYTHING = "lab|app|database store|store"
_ALL = ("catalog", "content", "connection", "large objects", "canary", "sequences")
Harm = Callable[[Dumps], Observation]


def fault(number: str, name: str, damage: str, harm: Harm, names: str = _EVERYTHING, found_by: tuple[str, ...] = _ALL,
          needs: tuple[str, ...] = ()) -> DumpCase:  # fmt: skip
    """A fault of a dump; whatever check names what did not come back counts."""
    return DumpCase(id=number, name=name, damage=damage, harm=harm, names=names, found_by=found_by, needs=needs)


def made_with(*options: str) -> Harm:
    """A dump that was made with an option."""
    return lambda dumps: dumps.load_plain(dumps.plain(*options))


def restored_with(*options: str) -> Harm:
    """A dump that was restored with an option."""
    return lambda dumps: dumps.load(dumps.custom(), *options)


def edited(change: Callable[[bytes], bytes], *, stop: bool = True) -> Harm:
    """A dump as SQL whose text is another one."""

    def harm(dumps: Dumps) -> Observation:
        text = dumps.plain().read_bytes()
        spoilt = change(text)
        assert spoilt != text, "the text that was to be changed is not in the dump"
        return dumps.load_plain(dumps.write("edited.sql", spoilt), stop=stop)

    return harm


def spoilt(change: Callable[[bytes], bytes]) -> Harm:
    """A dump in pg_dump's own format, some of whose bytes are others."""
    return lambda dumps: dumps.load(dumps.write("spoilt.dump", change(dumps.custom().read_bytes())))


def _flip_data(content: bytes) -> bytes:
    middle = bytearray(content)
    middle[len(content) // 2] ^= 0x10
    return bytes(middle)


def _cut_in_copy(text: bytes) -> bytes:
    begin = text.index(b"\nCOPY lab.item ")
    return text[: text.index(b"\n1800\t", begin) + 1]


def _cut_between(text: bytes) -> bytes:
    return text[: text.index(b"\nALTER TABLE ONLY ")]


def _without(pattern: bytes) -> Callable[[bytes], bytes]:
    return lambda text: re.sub(pattern, b"", text, flags=re.MULTILINE)


def _lost_file(dumps: Dumps) -> Observation:
    path = dumps.folder_dump()
    largest = max(path.glob("*.dat*"), key=lambda each: each.stat().st_size)
    largest.unlink()
    return dumps.load(path)


def _failed_before_gzip(dumps: Dumps) -> Observation:
    """pg_dump fails; what it wrote goes on through the pipe, whose exit code is the last program's."""
    path = dumps.make("failed.sql", database="no_such_database")
    assert dumps.made.returncode
    return dumps.load_plain(dumps.write("failed.sql", path.read_bytes() if path.exists() else b""))


def _without_globals(dumps: Dumps) -> Observation:
    lab, path = dumps.lab, dumps.custom()
    bare = lab.cluster("bare")
    bare.create()
    bare.start(SETTINGS)
    prepare_roles(bare, MASTER, lab.password, None)
    with bare.connect() as admin:
        admin.execute(b"create database other owner master")
    dumps.target = bare
    return dumps.load(path)


def _as_worker(*options: str) -> Harm:
    def harm(dumps: Dumps) -> Observation:
        with dumps.lab.source.connect() as admin:
            admin.execute("grant pg_read_all_data to worker")
        try:
            path = dumps.plain("--role=worker", *options)
        finally:
            with dumps.lab.source.connect() as admin:
                admin.execute("revoke pg_read_all_data from worker")
        return dumps.load_plain(dumps.write("worker.sql", path.read_bytes() if path.exists() else b""))

    return harm


def _on_top(dumps: Dumps) -> Observation:
    """The restore target was not empty: what is there stays, and tables without a key get every row twice."""
    path = dumps.plain()
    before = dumps.portrait(dumps.lab.source)
    text = re.sub(rb"^(CREATE|ALTER) DATABASE .*$", b"", path.read_bytes(), flags=re.MULTILINE)
    again = dumps.write("again.sql", text)
    done = dumps.lab.tool(dumps.lab.source, "psql", "--no-psqlrc", "--quiet", "--output=/dev/null", f"--file={again}",
                          "--dbname=postgres")  # fmt: skip
    dumps.code = done.returncode
    return Observation(before, dumps.portrait(dumps.lab.source))


def _of_another_environment(dumps: Dumps) -> Observation:
    """The same application's database from a test environment: everything is there, and belongs to other people."""
    before = dumps.portrait(dumps.lab.source)
    with dumps.lab.source.connect(DATABASE) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("update lab.customer set email = 'test' || id || '@example.com'")
        admin.execute("delete from drill_canary.beat")
    return Observation(before, dumps.load(dumps.custom()).after)


def _of_another_database(dumps: Dumps) -> Observation:
    path = dumps.make("other.sql", database="other")
    text = path.read_bytes().replace(b"DATABASE other", b"DATABASE store").replace(b"connect other", b"connect store")
    return dumps.load_plain(dumps.write("other.sql", text))


def _by_older_program(dumps: Dumps) -> Observation:
    """An older pg_dump refuses a newer server, and what it leaves is nothing."""
    older = next(each for each in find() if each.major < dumps.lab.binaries.major)
    path = dumps.write("older.sql", b"")
    done = dumps.lab.tool_of(older, dumps.lab.source, "pg_dump", "--create", f"--file={path}", DATABASE)
    assert done.returncode
    return dumps.load_plain(path)


def _key_lost(dumps: Dumps) -> Observation:
    """The dump was encrypted; the key that is at hand is another one, and what cannot be decrypted is not restored."""
    sealed = Fernet(Fernet.generate_key()).encrypt(dumps.custom().read_bytes())
    try:
        content = Fernet(Fernet.generate_key()).decrypt(sealed)
    except InvalidToken:
        content = b""
    return dumps.load(dumps.write("sealed.dump", content))


def _not_created(dumps: Dumps) -> Observation:
    """The database was made by hand and not by the dump, so that what belongs to the database itself is not there."""
    path = dumps.custom()
    before = dumps.clear()
    with dumps.lab.source.connect() as admin:
        admin.execute(f"create database {DATABASE} template template0".encode())
    return dumps.compared(before, dumps.lab.tool(dumps.target, "pg_restore", f"--dbname={DATABASE}", str(path)))


def _needs_search_path(dumps: Dumps) -> Observation:
    """A function in an index calls another one without its schema: the restore, whose search_path is empty, fails on it."""
    lab = dumps.lab
    with lab.source.connect(DATABASE) as admin:
        admin.execute(_FRAGILE)
        index = answer(admin, _FRAGILE_INDEX)
    dumps.expected = lab.take_manifest(lab.source)
    dumps.load_plain(dumps.plain(), stop=False)
    with lab.source.connect(DATABASE) as admin:
        return Observation(index, answer(admin, _FRAGILE_INDEX))


_FRAGILE = """
create function lab.whole(n int) returns int language sql immutable as 'select n';
create function lab.half(n int) returns int language plpgsql immutable as 'begin return whole(n) / 2; end';
set search_path = lab;
create index pair_half on lab.pair (lab.half(n));
alter function lab.whole(int) owner to master;
alter function lab.half(int) owner to master;
"""
_FRAGILE_INDEX = "select to_regclass('lab.pair_half') is not null"

CUT_CASES = (
    fault("L59", "plain-cut-in-rows", "a dump as SQL ends within a table's rows; psql says nothing", edited(_cut_in_copy)),
    fault("L60", "plain-cut-between", "a dump as SQL ends before its keys and indexes", edited(_cut_between)),
    fault("L60b", "plain-last-line-lost", "a dump as SQL has lost its last tenth",
          edited(lambda text: text[: len(text) * 9 // 10])),
    fault("L61", "custom-cut", "an archive has lost its second half", spoilt(lambda old: old[: len(old) * 6 // 10])),
    fault("L62", "custom-bit-flip", "one bit of an archive is another one", spoilt(_flip_data)),
    fault("L62b", "custom-header", "an archive's table of contents is damaged",
          spoilt(lambda old: old[:60] + b"\xff" * 40 + old[100:])),
    fault("L63", "folder-file-missing", "a folder dump lacks the file of a table", _lost_file),
    fault("L65", "zero-bytes", "the dump has no bytes; psql says nothing", lambda dumps: dumps.load_nothing()),
    fault("L66", "dump-failed", "pg_dump failed before a pipe whose end succeeded", _failed_before_gzip),
)  # fmt: skip

EDITED_CASES = (
    fault("L47", "wrong-encoding", "the dump was read in another encoding than it was written in",
          edited(lambda text: text.replace(b"client_encoding = 'UTF8'", b"client_encoding = 'LATIN1'")), r"lab\.customer"),
    fault("L83", "dump-value-changed", "one value in a dump's text is another one",
          edited(lambda text: text.replace(b"\tnote 6\t", b"\tnote 9\t")), r"lab\.customer"),
    fault("L84", "positions-lost", "the dump does not say where the sequences stand",
          edited(_without(rb"^SELECT pg_catalog\.setval\(.*$")), r"lab\.(ticket|item_id)_seq"),
    fault("L85", "keys-lost", "the dump lacks its foreign keys",
          edited(_without(rb"^ALTER TABLE(?: ONLY)? \S+\n    ADD CONSTRAINT \S+ FOREIGN KEY .*$")), "item_customer"),
    fault("L81", "extension-not-to-be-had",
          "an extension is not to be had where the dump was restored; errors were passed over",
          edited(lambda text: text.replace(b"CREATE EXTENSION IF NOT EXISTS hstore",
                 b"CREATE EXTENSION IF NOT EXISTS hstore_not_here"),
                 stop=False), "hstore|extended", needs=("contrib",)),
)  # fmt: skip

OPTION_CASES = (
    fault("L57", "no-owner", "dumped without owners", made_with("--no-owner"), "lab|app", ("catalog",)),
    fault("L57b", "no-privileges", "dumped without grants", made_with("--no-privileges"), "lab|app|default privileges",
          ("catalog",)),
    fault("L58", "no-comments", "dumped without comments", made_with("--no-comments"), "lab|app", ("catalog",)),
    fault("L58b", "no-publications", "dumped without publications", made_with("--no-publications"), "publication",
          ("catalog",)),
    fault("L58c", "no-subscriptions", "dumped without subscriptions", made_with("--no-subscriptions"), "lab_in", ("catalog",)),
    fault("L67", "rows-left-out", "dumped without the rows of a table", made_with("--exclude-table-data=lab.document"),
          r"lab\.document", ("content",)),
    fault("L67b", "schema-only", "dumped without any rows", made_with("--schema-only"), "lab", ("content",
          "large objects", "canary")),
    fault("L67c", "table-left-out", "dumped without a table", made_with("--exclude-table=lab.document"), r"lab\.document",
          ("catalog",)),
    fault("L67d", "large-objects-left-out", "dumped without large objects", made_with("--no-blobs"), "large object"),
    fault("L68", "one-schema", "one schema was dumped", made_with("--schema=lab"), "app|large object|extension|publication"),
    fault("L69", "dumper-lacks-rights", "the dumping role may not read everything", _as_worker()),
    fault("L70", "dumper-sees-its-own-rows", "the dumping role saw only the rows that its policy shows",
          _as_worker("--enable-row-security", "--schema=lab"), r"lab\.account", ("content",)),
    fault("L71", "no-post-data", "restored without indexes, keys and triggers", restored_with("--section=pre-data",
          "--section=data"),
          "customer_country|item_customer"),
    fault("L71b", "data-only-of-one-table", "one table alone was restored", restored_with("--schema=lab", "--table=customer")),
    fault("L80", "database-made-by-hand", "restored into a database that was made by hand", _not_created,
          f"database {DATABASE}",
          ("catalog",)),
    fault("L55", "index-needs-search-path", "a function in an index does without a schema's name, so that the restore "
          "loses the index", _needs_search_path, "pair_half", ("catalog",), ("PostgreSQL before 17",)),
    fault("L56", "no-globals", "restored where the roles were not", _without_globals, "role|lab"),
)  # fmt: skip

WRONG_CASES = (
    fault("L64", "restored-on-top", "restored over a database that was there already", _on_top, r"lab\.pair"),
    fault("L72", "other-environment", "the dump is of a test environment", _of_another_environment, "lab.customer|canary"),
    fault("L72b", "other-database", "the dump is of another database of the server", _of_another_database),
    fault("L74", "older-program", "pg_dump is older than the server and refuses", _by_older_program,
          needs=("an older pg_dump",)),
    fault("L75", "pg_dump-18.1", "pg_dump 18.1 leaves out the positions of sequences that it may not read",
          lambda dumps: dumps.load_nothing(), needs=("pg_dump 18.1",)),
    fault("L76", "key-lost", "the dump is encrypted, and the key is another one", _key_lost),
)  # fmt: skip


def _with_statistics(dumps: Dumps) -> Observation:
    """The statistics of a bloated source come with the dump: its tables were longer there, and lost nothing."""
    with dumps.lab.source.connect(DATABASE) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("update lab.customer set note = note")
        admin.execute("vacuum (analyze) lab.customer")
    return dumps.load_plain(dumps.plain("--statistics"))


HARMLESS = (
    DumpCase(id="N22", name="dump-with-statistics", damage="a dump brought the planner's statistics of a source with dead rows",
             harmless=True, harm=_with_statistics, needs=("PostgreSQL 18",)),
    DumpCase(id="N02", name="dump-and-restore", damage="the database was dumped as SQL and restored", harmless=True,
             harm=lambda dumps: dumps.load_plain(dumps.plain())),
    DumpCase(id="N03", name="custom-dump-and-restore", damage="the database was dumped as an archive and restored",
             harmless=True,
             harm=lambda dumps: dumps.load(dumps.custom())),
    DumpCase(id="N04", name="folder-dump-and-restore", damage="the database was dumped as a folder and restored by two at once",
             harmless=True, harm=lambda dumps: dumps.load(dumps.folder_dump(), "--jobs=2")),
)  # fmt: skip
CASES = (*HARMLESS, *CUT_CASES, *EDITED_CASES, *OPTION_CASES, *WRONG_CASES)
