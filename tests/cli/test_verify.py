"""`drills manifest` and `drills verify` from the outside: exit codes, what is printed, and what never is."""

from __future__ import annotations

import contextlib
import json
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from drills.checks import manifest
from drills.checks.base import lock_watch
from drills.checks.base import session as session_module
from drills.checks.base.lock_watch import ReadLimits
from drills.checks.content import check as content
from drills.cli import main as cli
from drills.cli import verify
from drills.cli.database import Database
from drills.clock import SystemClock, wait_until
from drills.errors import CheckUnavailable
from drills.files import write_privately
from drills.model.finding import CheckResult, Finding
from drills.sandbox.postgres.cluster import ADMIN
from tests.support.checked import MASTER, Checked, checked
from tests.support.cluster import module_state
from tests.support.evidence import PRIVATE, PUBLIC, SIGNER
from tests.support.paths import CHECKOUT, DRILLS

__all__ = ["checked", "module_state"]
postgres = pytest.mark.postgres
NEVER = "not-a-word-to-print"
FOR_A_RUN = {
    "drills.model.record",
    "boto3",
    "botocore",
    "cryptography",
    "jinja2",
    "rich",
    "reports",
    "moto",
    "drills.config",
    "drills.recovery",
}
RICH = (CHECKOUT / "tests/support/rich_schema.sql").read_text(encoding="utf-8")
ODD = """
create schema "Tür ""1""
zwei";
create table "Tür ""1""
zwei"."order" (id int primary key, "sélect" text);
insert into "Tür ""1""
zwei"."order" select g, g from generate_series(1, 100) g;
alter schema "Tür ""1""
zwei" owner to master;
alter table "Tür ""1""
zwei"."order" owner to master;
"""


@pytest.fixture
def dsn(checked: Checked, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """A function that gives the DSN of a database; the password is in PGPASSWORD."""
    monkeypatch.setenv("PGPASSWORD", checked.password)

    def of(database: str) -> str:
        return make_conninfo("", host=str(checked.cluster.run_dir), user=MASTER, dbname=database)

    return of


def results(said: str) -> dict[str, dict[str, Any]]:
    """The results of `drills verify --json` by name."""
    return {result["name"]: result for result in json.loads(said)["results"]}


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"psycopg", "pydantic", "pytest", *FOR_A_RUN}),
        (["verify", "--help"], FOR_A_RUN),
        (["manifest", "--help"], FOR_A_RUN),
        (["run", "--help"], {"pytest", "pytest_bdd", "gherkin"}),
    ],
    ids=("help", "verify", "manifest", "run"),
)
def test_a_command_loads_what_it_needs_alone(arguments: list[str], unwanted: set[str]) -> None:
    """What a run, a configuration or a table on a terminal needs would be half of the time of a small comparison."""
    code = f"import sys; sys.argv[1:] = {arguments}; from drills.__main__ import main\ntry: sys.exit(main())\n"
    code += "except SystemExit: print('loaded', *sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=CHECKOUT, text=True)
    said, _, loaded = ran.stdout.partition("loaded ")

    assert said.startswith("usage: drills")
    assert "drills.cli.main" in loaded.split()
    assert not {name for name in loaded.split() if name.partition(".")[0] in unwanted or name in unwanted}


KNOWN = """
[targets.orders]
instance = "orders-prod"
[[targets.orders.acknowledged]]
check = "catalog"
object = "table shop.orders"
found = "{found}"
reason = "old tool"
author = "Ada"
until = {until}
severity = "error"
"""


@pytest.mark.parametrize(
    ("found", "options", "status", "said"),
    [
        ("owner app_old", ["--target", "orders"], 0, "(acknowledged until {until} by Ada: old tool)"),
        ("owner other", ["--target", "orders"], 11, "something else is found there now: owner app_old; it counts"),
        ("owner app_old", [], 2, "--config: expected --target NAME beside it"),
        ("owner app_old", ["--target", "none"], 2, "orders"),
    ],
)
def test_a_comparison_by_hand_applies_what_the_owner_of_the_target_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    found: str,
    options: list[str],
    status: int,
    said: str,
) -> None:
    """With --target a known difference is marked and fails nothing; an entry that does not fit it is said."""
    difference = Finding("catalog", "error", "table shop.orders", "owner app", "owner app_old", "another owner")
    missed = CheckResult("catalog", "missed", "another owner", compared=2, findings=(difference,))
    monkeypatch.setattr(verify, "verify", lambda *_, **__: (missed,))
    monkeypatch.setattr(Database, "entered_name", lambda _: "orders")
    against, config = tmp_path / "m.json", tmp_path / "other.toml"
    now = datetime.now(UTC)
    empty = manifest.Manifest(manifest.FORMAT, now, 150000, "PostgreSQL 15", {}, {})
    against.write_text(manifest.dump(empty))
    until = now.date() + timedelta(days=30)
    config.write_text(KNOWN.format(found=found, until=until))

    given = ["verify", "dbname=orders", "--against", str(against), "--config", str(config), *options]
    assert cli.main(given) == status
    shown = capsys.readouterr()
    assert said.format(until=until) in " ".join((shown.out + shown.err).split())


@postgres
def test_a_copy_under_another_name_is_verified_and_a_damaged_one_is_not(
    checked: Checked, dsn: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 for an honest copy, 11 for one that lost a row, with a table that names it; the key is for its owner alone."""
    path, key, public = tmp_path / "orders.json", tmp_path / "drill.pem", tmp_path / "drill.pub.pem"
    write_privately(key, PRIVATE)
    public.write_text(PUBLIC)
    assert cli.main(["manifest", dsn("orders"), "-o", str(path), "--workers", "2", "--key", str(key)]) == 0
    told = capsys.readouterr().err
    assert f"orders.json.sig: signed, fingerprint {SIGNER.fingerprint}" in told
    assert "orders, 13 tables and materialized views, 99,988 rows; the snapshot was held for" in told
    assert "by 2 connections" in told
    assert stat.S_IMODE(manifest.key_path(path).stat().st_mode) == 0o600
    taken = manifest.load(path.read_text()).databases["orders"]
    assert taken.seconds["content"] > 0
    assert 0 < sum(taken.seconds.values()) <= taken.held_seconds + 0.001 * len(taken.seconds)

    with checked.copy() as copy:
        status = cli.main(["verify", dsn(copy), "--against", str(path), "--json", "--public-key", str(public)])
        honest = results(capsys.readouterr().out)
        checked.harm(copy, "delete from shop.payment where id = 77")
        rules = tmp_path / "rules"
        rules.mkdir()
        rule = "-- Payment 77 is kept.\nselect 1 where not exists (select from shop.payment where id = 77);\n"
        (rules / "kept.sql").write_text(rule)
        damaged = cli.main(["verify", dsn(copy), "--against", str(path), "--invariants", str(rules)])
        shown = capsys.readouterr().out

    assert (status, [name for name, each in honest.items() if each["findings"]]) == (0, [])
    assert next(iter(honest)) == "identity"
    assert honest["content"]["outcome"] == "met"
    assert "harmless" not in honest
    assert damaged == 11
    assert "shop.payment" in shown
    assert "7,899 rows" in shown
    assert "Payment 77 is kept. 1 row breaks that" in " ".join(shown.split())
    assert checked.password not in shown + told


@contextlib.contextmanager
def no_autovacuum(checked: Checked) -> Iterator[None]:
    """Let nobody else write on the server: after a transaction of another's, tables of some types are read again."""
    running = "select from pg_stat_activity where backend_type like 'autovacuum%'"
    with checked.cluster.connect() as admin:
        admin.execute("alter system set autovacuum = off")
        admin.execute("select pg_reload_conf()")
        try:
            wait_until(lambda: admin.execute(running).fetchone() is None, 60.0, SystemClock(), what="autovacuum to end")
            yield
        finally:
            admin.execute("alter system reset autovacuum")
            admin.execute("select pg_reload_conf()")


@postgres
def test_a_comparison_goes_on_where_its_budget_ended(
    checked: Checked, dsn: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """12 where the time was too short, 0 once the rest was read, and it says what was taken over; 2 for another manifest's file."""
    path, proved = tmp_path / "orders.json", tmp_path / "proved.json"
    given = [dsn("orders"), "--against", str(path), "--resume", str(proved), "--json"]
    assert cli.main(["manifest", dsn("orders"), "-o", str(path)]) == 0
    assert cli.main(["verify", *given, "--budget", "1ms"]) == 12
    assert "for lack of time" in results(capsys.readouterr().out)["content"]["sentence"]
    with no_autovacuum(checked):
        assert cli.main(["verify", *given]) == 0
        before = json.loads(capsys.readouterr().out)
        assert cli.main(["verify", *given]) == 0
        after = json.loads(capsys.readouterr().out)

    tables = before["results"][[each["name"] for each in after["results"]].index("content")]["compared"]
    assert len(after["resumed"]["taken_over"]["orders"]) == tables
    assert before["resumed"]["taken_over"] == {"orders": []}
    assert cli.main(["manifest", dsn("orders"), "-o", str(path)]) == 0
    assert cli.main(["verify", *given]) == 2
    assert "of another manifest" in capsys.readouterr().err
    assert cli.main(["verify", *given, "--budget", "soon"]) == 2


@postgres
def test_verifications_of_copies_take_turns(
    checked: Checked, dsn: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an earlier one had no time for is unproved in FILE, which says when each table was proved; 2 for a FILE that is none."""
    path, kept = tmp_path / "orders.json", tmp_path / "orders.turns"
    given = [dsn("orders"), "--against", str(path), "--turns", str(kept)]
    assert cli.main(["manifest", dsn("orders"), "-o", str(path)]) == 0
    assert cli.main(["verify", *given, "--budget", "1ms"]) == 12
    said = " ".join(capsys.readouterr().out.split())
    assert "no full proof" in said
    assert "no one copy was proved whole by it" in said
    assert cli.main(["verify", *given, "--budget", "1h", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)["coverage"]
    assert cli.main(["verify", *given, "--budget", "1ms", "--json"]) == 12
    second = json.loads(capsys.readouterr().out)["coverage"]

    assert (first["unproved"], second["unproved"], second["outlook"]["drills"]) == ([], [], 0)
    assert first["learned"]["measured"]["rate"] > 0
    assert [each["proof"]["run_id"] for each in second["whole"]] == [first["learned"]["run_id"]]
    assert len(second["whole"][0]["tables"]) == second["tables"]
    assert "the longest ago on" not in said
    kept.write_text("no line\n", encoding="utf-8")
    assert cli.main(["verify", *given]) == 2
    assert "name another file" in capsys.readouterr().err
    for nowhere in (tmp_path, tmp_path / "missing" / "turns"):  # known before a row is read
        assert cli.main(["verify", *given[:-1], str(nowhere)]) == 2
        assert "expected a place that can be written" in capsys.readouterr().err


@postgres
def test_copies_of_another_name_take_turns_too(
    checked: Checked, dsn: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A database is known by its name in the manifest, whatever the copy is called; a table that is counted is said to be."""
    path, kept = tmp_path / "orders.json", tmp_path / "orders.turns"
    assert cli.main(["manifest", dsn("orders"), "-o", str(path)]) == 0
    with checked.cluster.connect() as session:
        session.execute("create database orders_copy owner master template orders")
    given = [dsn("orders_copy"), "--against", str(path), "--turns", str(kept), "--budget", "1h", "--json"]
    try:
        assert cli.main(["verify", *given]) == 0
        first = json.loads(capsys.readouterr().out)["coverage"]
        table = next(iter(first["learned"]["whole"]["orders"]))
        assert cli.main(["verify", *given[:-1], "--policy", f"{table}=at least 50 %"]) == 0
        said = " ".join(capsys.readouterr().out.split())
    finally:
        with checked.cluster.connect() as session:
            session.execute("drop database orders_copy")

    assert first["learned"]["measured"]["rate"] > 0
    assert "1 of them counted only, as their policies say" in said
    assert "the longest ago on" in said


@postgres
@pytest.mark.parametrize("database", ["orders", "rich"])
def test_a_dump_that_was_restored_elsewhere_gives_no_finding(
    checked: Checked, dsn: Callable[[str], str], tmp_path: Path, capsys: pytest.CaptureFixture[str], database: str
) -> None:
    """Other oids, other physical order, no statistics, and then rewritten: only what the source has as well is told."""
    cluster, path = checked.cluster, tmp_path / "m.json"
    where, password = ("-h", str(cluster.run_dir), "-U", ADMIN), {"PGPASSWORD": cluster._password}
    dumped = str(cluster.run_dir / f"{database}.dump")
    with cluster.connect() as session:
        if database == "rich":
            for role in ("readers", "writers", '"Odd Role"'):
                session.execute(f"create role {role}".encode())
            session.execute("create database rich owner master")
            with cluster.connect("rich") as rich:
                rich.execute(RICH.encode())
        session.execute("create database again owner master template template0")
    try:
        for tool, *arguments in (("pg_dump", "-Fc", "-f", dumped, database), ("pg_restore", "-d", "again", dumped)):
            done = cluster.run_tool(tool, *where, *arguments, env=password)
            assert done.returncode == 0, done.stderr
        with cluster.connect("again") as session:
            session.execute("vacuum full")
        as_admin = {
            name: make_conninfo(dsn(name), user=ADMIN, password=cluster._password) for name in (database, "again")
        }
        assert cli.main(["manifest", as_admin[database], "-o", str(path)]) == 0
        capsys.readouterr()
        assert cli.main(["verify", as_admin["again"], "--against", str(path), "--scratch", "--json"]) == 0
        found = results(capsys.readouterr().out)
    finally:
        with cluster.connect() as session:
            session.execute("drop database again with (force)")
    assert {finding["severity"] for each in found.values() for finding in each["findings"]} <= {"information"}
    assert found["amcheck"]["compared"] > 200 or found["amcheck"]["requirement"] == "impossible"


@postgres
def test_another_database_is_said_first(dsn: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before everything that is missing is."""
    path = tmp_path / "orders.json"
    assert cli.main(["manifest", dsn("orders"), "-o", str(path)]) == 0
    capsys.readouterr()

    assert cli.main(["verify", dsn("postgres"), "--against", str(path), "--json"]) == 11
    first, *_ = results(capsys.readouterr().out).values()
    assert (first["name"], first["outcome"]) == ("identity", "missed")
    assert first["sentence"].startswith("this looks like another database: 0 of the ")


@postgres
def test_odd_names_and_other_encodings_are_compared(
    checked: Checked, dsn: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Quotes, line breaks and accents in names, a search_path that hides them, and a database that is not in UTF-8."""
    path = tmp_path / "odd.json"
    name = "lat\"in'1"
    quoted = '"lat""in\'1"'
    with checked.cluster.connect() as session:
        create = "create database {} owner master template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'"
        create += " locale_provider libc" if session.info.server_version >= 150000 else ""
        session.execute(create.format(quoted).encode())
        session.execute(f"alter database {quoted} set search_path = pg_catalog, nothing".encode())
    try:
        with checked.cluster.connect(name) as session:
            session.execute("set client_encoding = 'UTF8'")
            session.execute(ODD.encode())
        assert cli.main(["manifest", dsn(name), "-o", str(path)]) == 0
        assert cli.main(["verify", dsn(name), "--against", str(path)]) == 0
        capsys.readouterr()
        with checked.cluster.connect(name) as session:
            session.execute("set client_encoding = 'UTF8'")
            session.execute('delete from "Tür ""1""\nzwei"."order" where id = 7'.encode())
        assert cli.main(["verify", dsn(name), "--against", str(path), "--json"]) == 11
        found = results(capsys.readouterr().out)["content"]["findings"]
        assert cli.main(["verify", dsn(name), "--against", str(path)]) == 11
        shown = capsys.readouterr().out
    finally:
        with checked.cluster.connect() as session:
            session.execute(f"drop database {quoted} with (force)".encode())

    assert [each["object"] for each in found] == ['"Tür ""1""\nzwei"."order"']
    assert "\\nzwei" in shown.replace("\n", "").replace(" ", "")


def test_a_manifest_whose_hmac_was_dropped_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its key beside it, by verify and by --from, exit code 2 before any server or store is asked."""
    path = tmp_path / "orders.json"
    path.write_text(
        manifest.dump(manifest.Manifest(manifest.FORMAT, datetime.now(UTC), 150000, "PostgreSQL 15", {}, {}))
    )
    manifest.write_key(path)
    folder = f"[targets.orders]\ninstance = 'a'\n[targets.orders.manifests]\nstore = '{tmp_path}'\n"
    (tmp_path / "drill.toml").write_text(folder)
    store = ["--target", "orders", "--config", str(tmp_path / "drill.toml")]

    assert cli.main(["verify", "host=127.0.0.1 port=9 dbname=x", "--against", str(path)]) == 2
    assert cli.main(["manifest", "--from", str(path), *store]) == 2
    assert capsys.readouterr().err.count(f"{path} has no HMAC, and a key lies beside it: it was edited") == 2


@postgres
def test_without_a_file_the_manifest_is_printed(dsn: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else is on stdout; it has no key, so that what can be secret is not compared."""
    assert cli.main(["manifest", dsn("orders")]) == 0

    assert manifest.load(capsys.readouterr().out).only == "orders"


def read_for_long(checked: Checked, database: str, reading: ReadLimits, begun: threading.Event) -> None:
    """Read a source, watched over, until something ends it."""
    with (
        checked.snapshot(database) as reader,
        lock_watch.watch_locks(checked.connect, database, [reader], reading, SystemClock()),
    ):
        reader.execute("set local statement_timeout = 0")
        reader.execute("select count(*) from shop.payment")
        begun.set()
        reader.execute("select pg_sleep(600)")


@postgres
def test_a_source_is_read_with_no_more_connections_than_it_leaves_free(
    checked: Checked, dsn: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Some stay free for others, whatever --workers says, and a sentence tells with how many it was read."""
    command = ["manifest", dsn("orders"), "-o", str(tmp_path / "orders.json"), "--workers", "9999"]
    with checked.cluster.connect() as admin:
        admin.execute(f"alter role {MASTER} connection limit 7".encode())
        try:
            assert cli.main(command) == 0
        finally:
            admin.execute(f"alter role {MASTER} connection limit -1".encode())

    told = capsys.readouterr().err
    assert "--workers: expected 9999 connections: the source was read with 3, since it leaves no more free" in told
    assert "by 3 connections" in told


@postgres
def test_a_change_of_a_table_behind_a_manifest_ends_it(checked: Checked) -> None:
    """The application's ALTER TABLE gets its lock at once, and the pass says why it was ended."""
    begun, done = threading.Event(), threading.Event()

    def migrate() -> None:
        begun.wait(120)
        with checked.cluster.connect(copy) as session:
            session.execute("set lock_timeout = '120s'")
            session.execute("alter table shop.payment add column note text")
            done.set()

    with checked.copy() as copy:
        thread = threading.Thread(target=migrate)
        thread.start()
        try:
            with pytest.raises(CheckUnavailable, match="waits for a lock behind it: the pass was ended"):
                read_for_long(checked, copy, ReadLimits(), begun)
        finally:
            begun.set()
            thread.join()
    assert done.is_set()


SLOW = """
create table a_read (id int primary key, pad text) with (autovacuum_enabled = false);
insert into a_read select g, repeat('x', 100) from generate_series(1, 10000) as g;
create table b_slow (text text);
insert into b_slow select repeat('x', 10000000);
"""
"""A table that is read at once and locked by nobody else, and one that keeps any machine busy: as text its small rows are 5 GB."""
READERS = """
select pid from pg_locks join pg_stat_activity using (pid) where relation = 'b_slow'::regclass and granted
    and mode = 'AccessShareLock' and pid <> pg_backend_pid() and query like '%only public.b_slow%'
"""


@postgres
def test_the_command_lets_go_of_a_table_that_is_being_changed(checked: Checked, dsn: Any, tmp_path: Path) -> None:
    """It has read one table and is at another: the first can be changed at once, the second ends it, and nothing is
    written.
    """
    path = tmp_path / "m.json"
    with checked.copy("template1") as name, checked.cluster.connect(name) as session:
        session.execute(SLOW)
        for _ in range(9):
            # as it is stored, so that nothing is compressed
            session.execute("insert into b_slow select text from b_slow")
        session.execute("grant select on a_read, b_slow to public")
        with subprocess.Popen(
            [DRILLS, "manifest", dsn(name), "-o", str(path)],
            cwd=CHECKOUT, stderr=subprocess.PIPE, text=True,
        ) as command:  # fmt: skip
            try:
                wait_until(
                    lambda: session.execute(READERS).fetchone(),
                    60.0,
                    SystemClock(),
                    what="a reader at the second table",
                )
                session.execute("set lock_timeout = '100ms'")
                session.execute("alter table a_read add column note text")
                session.execute("set lock_timeout = '120s'")
                session.execute("alter table b_slow add column note text")
                _, said = command.communicate(timeout=120)
            finally:
                command.kill()

    assert command.returncode == 12
    assert "found a session that waits for a lock behind it: the pass was ended" in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@postgres
def test_tables_that_could_not_be_read_are_named_with_the_reason(
    checked: Checked, dsn: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Whether a right was lacking or a lock was held, exit code 0; ten of them, and how many more there are."""
    monkeypatch.setitem(session_module.PINNED, "lock_timeout", "100ms")
    path = str(tmp_path / "m.json")
    with checked.copy("template1") as name, checked.cluster.connect(name) as session:
        session.execute("create table b_hidden (id int); alter table b_hidden enable row level security")
        assert cli.main(["manifest", dsn(name), "-o", path]) == 0
        one = capsys.readouterr().err
        session.execute("create table a_locked (id int)")
        session.execute(
            "".join(
                f"create table c_{number} (id int); alter table c_{number} enable row level security;"
                for number in range(10)
            )
        )
        with session.transaction():
            session.execute("lock table a_locked")
            assert cli.main(["manifest", dsn(name)]) == 0
        several = capsys.readouterr().err

    assert f"{name}: public.b_hidden could not be read: needs BYPASSRLS or the owner's role on public.b_hidden\n" in one
    assert one.rstrip().endswith("; 1 table could not be read: a verification leaves what was not read not verified")
    assert f"{name}: public.a_locked could not be read: canceling statement due to lock timeout\n" in several
    assert several.count("could not be read: ") == 10
    assert several.endswith("and 2 more could not be read\n")


@postgres
def test_a_snapshot_that_grows_too_old_ends_the_pass(checked: Checked) -> None:
    """Not verified, with what to do, and no manifest."""
    with pytest.raises(CheckUnavailable, match=r"read within 0\.1 s, the most that its snapshot may be held"):
        read_for_long(checked, "orders", ReadLimits(max_age=0.1), threading.Event())


BAD = {
    "no DSN": (["manifest", f"postgresql://me:{NEVER}%zz@localhost/x"], 2, "DSN: expected a libpq URL"),
    "no server": (["manifest", f"postgresql://me:{NEVER}@localhost:1/x"], 12, "expected to connect"),
    "no manifest": (["verify", "host=localhost", "--against", "none.json"], 2, "--against: expected a manifest"),
    "truncated": (["verify", "host=localhost", "--against", "cut.json"], 2, "no whole manifest"),
    "nested": (["verify", "host=localhost", "--against", "deep.json"], 2, "no whole manifest"),
    "newer": (["verify", "host=localhost", "--against", "newer.json"], 2, "use a newer version"),
    "no workers": (["manifest", "host=localhost", "--workers", "0"], 2, "--workers: expected"),
    "no age": (["manifest", "host=localhost", "--max-age", "soon"], 2, "--max-age: "),
    "no folder": (["manifest", "host=localhost", "-o", "none/m.json"], 2, "--output: expected a file"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_done_is_one_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr, with its exit code, and without the DSN's password."""
    monkeypatch.chdir(tmp_path)
    Path("cut.json").write_text('{"digest": "')
    Path("deep.json").write_text("[" * 100_000)
    Path("newer.json").write_text('{"digest": "", "manifest": {"format": 99}}')
    arguments, code, words = BAD[name]

    assert cli.main(arguments) == code
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.startswith("drills: ")
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert NEVER not in said.err


def test_a_server_that_never_answers_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """A port that takes connections and says nothing is given up after the DSN's connect_timeout."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        assert cli.main(["manifest", f"host=127.0.0.1 port={port} dbname=x connect_timeout=2"]) == 12
    said = capsys.readouterr()
    assert said.err.startswith("drills: expected to connect to the DSN's database, found: ")
    assert "timeout" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("command", ["manifest", "verify"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And the exit codes."""
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    said = capsys.readouterr().out
    assert f"  drills {command} " in said
    assert "11 verification failed" in said


@postgres
def test_a_connection_that_is_lost_half_way_is_one_sentence(
    checked: Checked, dsn: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No manifest is written from half of a source."""
    real = content.observe

    def lost(connection: psycopg.Connection[Any], **given: Any) -> Any:
        with checked.cluster.connect() as admin:
            admin.execute("select pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
        return real(connection, **given)

    monkeypatch.setattr(content, "observe", lost)

    assert cli.main(["manifest", dsn("orders")]) == 12
    said = capsys.readouterr()
    assert said.out == ""
    assert "no manifest was written" in said.err
