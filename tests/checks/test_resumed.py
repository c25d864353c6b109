"""A verification goes on with what was proved of that very copy, and with nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from drills.checks import manifest
from drills.checks.base.session import SingleDatabase
from drills.checks.content import check as content
from drills.checks.content import read
from drills.checks.resumed import ProvedFile, identify
from drills.checks.verify import Conditions, verify
from drills.clock import SystemClock
from drills.errors import CheckUnavailable, ConfigError
from drills.model.finding import CheckResult
from drills.sandbox.postgres.cluster import Cluster
from tests.support.cluster import default, state

__all__ = ["default", "state"]
pytestmark = pytest.mark.postgres

TABLES = """
create table alone (id int primary key, pad text);
insert into alone select g, repeat('x', 300) from generate_series(1, 3000) g;
create table beside as select * from alone;
create table apart as select * from alone;
create table little (id int primary key);
insert into little select generate_series(1, 5);
"""
KEY = b"k" * 32


class Copy:
    """A server that is source and copy in one, its manifest, and the file that verifications of it go on with."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.file = cluster, folder / "proved.json"
        self.execute(TABLES)
        self.connect = SingleDatabase(cluster.connect, "postgres")
        self.manifest = manifest.take(self.connect, key=KEY)
        self.digest = "d1"  # of the manifest
        self.read = list[str]()

    def execute(self, sql: str) -> None:
        """Run statements as the superuser."""
        with self.cluster.connect() as session:
            session.execute(sql.encode())

    def proved(self) -> ProvedFile:
        """The file as a verification opens it."""
        return ProvedFile(self.file, self.digest, identify(self.connect), SystemClock(), KEY)

    def verify(self) -> tuple[CheckResult, ProvedFile]:
        """The result of comparing the content, as far as the file does not hold it."""
        self.read.clear()
        proved = self.proved()
        results = verify(self.connect, self.manifest, clock=SystemClock(), key=KEY, under=Conditions(proved=proved))
        proved.save()
        return next(each for each in results if each.name == content.NAME), proved


@pytest.fixture
def copy(default: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Copy:
    """A copy, of which it is noted which tables are read."""
    made = Copy(default, tmp_path)
    real: Callable[..., None] = read._read_batch

    def noted(connection: Any, portion: Sequence[Any], *given: Any) -> None:
        made.read += [str(table.name) for table, _ in portion]
        real(connection, portion, *given)

    monkeypatch.setattr(read, "_read_batch", noted)
    return made


def test_what_was_proved_is_not_read_again_and_what_was_written_to_since_is(copy: Copy) -> None:
    """Nothing was written: nothing is read; a table that lost, got or changed a row is read again, and its fault is found."""
    result, proved = copy.verify()
    assert (result.outcome, len(copy.read), proved.remarks()) == ("met", 4, ())
    result, proved = copy.verify()
    assert (result.outcome, copy.read) == ("met", [])
    assert result.sentence == "4 tables and materialized views compared, no difference"
    assert "4 tables taken over from" in proved.remarks()[0]

    for fault in (
        "delete from alone where id = 7",
        "update alone set pad = 'y' where id = 8",
        "insert into alone values (7, repeat('x', 300))",
        "alter table alone alter pad type varchar(299) using left(pad, 299)",
        "truncate alone",
    ):
        copy.execute(fault)
        result, proved = copy.verify()
        assert (result.outcome, copy.read, [each.object for each in result.findings]) == (
            "missed",
            ["public.alone"],
            ["public.alone"],
        ), fault
        assert proved.facts()["taken_over"] == {"postgres": ["public.apart", "public.beside", "public.little"]}
    assert any("written to" in each and "public.alone" in each for each in proved.remarks())


BEFORE_THE_PROOF = """
create table first (id int primary key, a text default 'a', b text default 'b');
create table second (like first including all);
insert into first select g, 'one ' || g, 'two ' || g from generate_series(1, 50) as g;
insert into second select id, b, a from first;
create table names (id int primary key, of regclass);
insert into names values (1, 'alone'), (2, 'beside');
create type mood as enum ('sad', 'glad');
create table moods (id int primary key, mood mood);
insert into moods values (1, 'sad');
"""


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("begin; alter table first rename to x; alter table second rename to first; alter table x rename to second; commit",
         {"public.first", "public.second"}),
        ("alter table first drop b; alter table first add b text default 'wiped'; alter table first alter b set default 'b'",
         {"public.first"}),
        ("alter table first rename a to x; alter table first rename b to a; alter table first rename x to b",
         {"public.first"}),
        ("alter table alone rename to x; alter table beside rename to alone; alter table x rename to beside",
         {"public.names"}),
        ("alter type mood rename value 'sad' to 'blue'", {"public.moods"}),
    ],
    ids=["tables that exchange names", "a column made anew", "columns that exchange names", "a name in a value", "a label"],
)  # fmt: skip
def test_what_changes_values_without_writing_a_row_is_found(copy: Copy, change: str, named: set[str]) -> None:
    """Definitions count as the rows do: tables are taken over only where none that their values hang on has changed."""
    copy.execute(BEFORE_THE_PROOF)
    copy.manifest = manifest.take(copy.connect, key=KEY)
    assert copy.verify()[0].outcome == "met"
    copy.execute(change)
    result, _ = copy.verify()

    assert result.outcome == "missed"
    assert named <= {str(each.object) for each in result.findings}


def test_a_database_that_is_made_anew_is_another_one(copy: Copy) -> None:
    """Its rows keep the ids of the transactions that wrote them in its template, and its tables their OIDs."""
    copy.execute("create database shop template template1")
    copy.connect = SingleDatabase(lambda: copy.cluster.connect("shop"), "shop")
    with copy.cluster.connect("shop") as session:
        session.execute(TABLES.encode())
    copy.manifest = manifest.take(copy.connect, key=KEY)
    copy.execute("create database damaged template shop")
    with copy.cluster.connect("damaged") as session:
        session.execute("update alone set pad = 'y' where id = 8")
    assert copy.verify()[0].outcome == "met"
    copy.execute("drop database shop")
    copy.execute("alter database damaged rename to shop")
    result, _ = copy.verify()

    assert (result.outcome, [each.object for each in result.findings]) == ("missed", ["public.alone"])


def test_a_transaction_that_was_open_while_a_table_was_proved_counts_as_later(copy: Copy) -> None:
    """Its id is older than the proof and what it wrote was not seen: once it has ended, the table is read again."""
    with copy.cluster.connect() as writer, writer.transaction():
        writer.execute("update beside set pad = 'late' where id = 5")
        assert copy.verify()[0].outcome == "met"
    result, _ = copy.verify()

    assert copy.read == ["public.beside"]
    assert (result.outcome, [each.object for each in result.findings]) == ("missed", ["public.beside"])


def test_after_a_lost_connection_the_rest_is_read(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was proved until then is in the file; the verification that goes on with it says what one in one piece says."""
    noted = read._read_batch

    def lost(connection: Any, portion: Sequence[Any], *given: Any) -> None:
        if "public.beside" in [str(table.name) for table, _ in portion]:
            raise psycopg.OperationalError("the connection was lost")
        noted(connection, portion, *given)

    with monkeypatch.context() as patch:
        patch.setattr(read, "_read_batch", lost)
        assert copy.verify()[0].outcome == "not verified"
    before = {name for each in json.loads(copy.file.read_text())["proved"]["databases"].values() for name in each}
    result, _ = copy.verify()

    assert "public.alone" in before
    assert set(copy.read) == {"public.alone", "public.apart", "public.beside", "public.little"} - before
    assert (result.outcome, result.compared) == ("met", 4)


def test_a_file_that_is_of_another_copy_or_manifest_or_was_edited_is_refused(copy: Copy) -> None:
    """One sentence that says what was expected, what was found, and what to do; the file stays as it is."""
    copy.verify()
    whole, digest = copy.file.read_text(), copy.digest

    def refused() -> str:
        kept = copy.file.read_text()
        with pytest.raises(ConfigError) as told:
            copy.proved()
        assert copy.file.read_text() == kept
        assert "name " in str(told.value)
        return str(told.value)

    copy.digest = "d2"
    assert "is of another manifest" in refused()
    copy.digest = digest
    copy.file.write_text(whole.replace('"rows": 3000', '"rows": 3001'))
    assert "was edited" in refused()
    copy.file.write_text(whole[:100])
    assert "expected what an earlier --resume wrote" in refused()
    copy.file.write_text(whole)
    copy.cluster.stop()
    copy.cluster.start()
    assert "is of another copy: expected a copy whose server was started at" in refused()


def test_where_the_right_to_know_the_server_was_taken_the_grant_that_the_page_names_gives_it(copy: Copy) -> None:
    """`pg_monitor` does not have it: it is EXECUTE on both functions, which PUBLIC has unless it was revoked."""
    both = "pg_catalog.pg_control_system(), pg_catalog.pg_control_checkpoint()"
    copy.execute(
        f"create role plain login password 'p' in role pg_monitor; revoke execute on function {both} from public"
    )
    known, copy.connect = (
        identify(copy.connect),
        SingleDatabase(lambda: copy.cluster.connect_as("plain", "p", "postgres"), "postgres"),
    )
    with pytest.raises(CheckUnavailable, match="grant execute on both to it"):
        identify(copy.connect)
    copy.execute(f"grant execute on function {both} to plain")
    assert identify(copy.connect) == known
