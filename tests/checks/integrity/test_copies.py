"""Physical damage that neither checksums nor a dump nor PostgreSQL itself notices, found without a manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drills.checks.base.outcome import CheckOutcome
from drills.checks.content.sequences import Sequences
from drills.checks.integrity import amcheck, indexes, sequences, views_libraries
from drills.checks.integrity import files as integrity_files
from drills.model.finding import Severity
from tests.support.checked import Checked, checked
from tests.support.cluster import module_state

__all__ = ["checked", "module_state"]
pytestmark = pytest.mark.postgres

PAGE = 8192
TABLES = ("sound", "zeroed", "emptied", "missing", "index_zeroed", "index_cut", "moved")
MAKE = """
create table hurt.{name} (id int, "Wört" text, constraint {name}_key primary key (id));
insert into hurt.{name} select g, 'word ' || g from generate_series(1, 3000) g;
create index {name}_word on hurt.{name} ("Wört" desc) where id > 100;
"""


def zero(path: Path, page: int) -> None:
    """Overwrite a page with zeros, which is a page that was never written for PostgreSQL."""
    with path.open("r+b") as file:
        file.seek(page * PAGE)
        file.write(bytes(PAGE))


def cut(path: Path, pages: int) -> None:
    """Leave this many pages of a file."""
    with path.open("r+b") as file:
        file.truncate(pages * PAGE)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "hurt.zeroed": lambda path: zero(path, 3),
    "hurt.emptied": lambda path: cut(path, 0),
    "hurt.missing": Path.unlink,
    "hurt.index_zeroed_key": lambda path: zero(path, 3),
    "hurt.index_cut_word": lambda path: cut(path, 4),
}


@pytest.fixture(scope="module")
def hurting(checked: Checked) -> Checked:
    """A server with a database of small tables beside the sample, all of them written and visible to everybody."""
    with checked.cluster.connect() as session:
        session.execute("create database hurting owner master")
    with checked.cluster.connect("hurting") as session:
        session.execute("create schema hurt")
        for name in TABLES:
            session.execute(MAKE.format(name=name).encode())
        session.execute("vacuum (freeze, analyze)")
        session.execute("checkpoint")
    return checked


@pytest.fixture(scope="module")
def hurt(hurting: Checked, module_state: Path) -> Iterator[Checked]:
    """A physical copy with one damage in each of its tables but the sound one."""
    with hurting.restored(module_state) as copy:
        with copy.cluster.connect("hurting") as session:
            found = {name: session.execute("select pg_relation_filepath(%s)", (name,)).fetchone() for name in DAMAGES}
        copy.cluster.stop()
        for name, damage in DAMAGES.items():
            row = found[name]
            assert row is not None
            damage(copy.cluster.data / row[0])
        copy.cluster.start({"max_logical_replication_workers": "0"})
        yield copy


def named(outcome: CheckOutcome) -> set[str]:
    """The things that findings name, all of them errors."""
    assert {finding.severity for finding in outcome.findings} <= {"error"}
    return {finding.object for finding in outcome.findings}


def test_indexes_are_proved_against_their_tables(hurt: Checked, hurting: Checked) -> None:
    """A page that the table or the index lost is named by each index that disagrees; sound ones are (P03, P05 to P09)."""
    with hurting.snapshot("hurting") as connection:
        honest = indexes.check(connection)
    with hurt.snapshot("hurting") as connection:
        outcome = indexes.check(connection)

    assert (honest.compared, honest.findings, honest.not_checked) == (2 * len(TABLES), (), ())
    assert outcome.compared >= 6
    found = named(outcome)
    assert not [name for name in found if "sound" in name or "moved" in name]
    assert {"hurt.zeroed_key", "hurt.emptied_key", "hurt.index_zeroed_key", "hurt.index_cut_word"} <= found
    assert "hurt.index_zeroed_word" not in found


def test_files_that_are_missing_or_shorter_than_the_catalog_knows_are_named(hurt: Checked, hurting: Checked) -> None:
    """An empty file reads as an empty table; that a file is missing needs the right to see (P05, P06, P09 of tests/faults)."""
    with hurting.snapshot("hurting") as connection:
        assert integrity_files.check(connection).findings == ()
    with hurt.snapshot("hurting") as connection:
        outcome = integrity_files.check(connection)
    with hurt.cluster.connect("hurting") as connection:
        allowed = integrity_files.check(connection)

    names = {"table hurt.emptied", "table hurt.missing", "index hurt.index_cut_word"}
    assert {finding.object for finding in outcome.findings} == names
    assert {finding.object for finding in allowed.findings} == names
    assert [left.reason for left in outcome.excluded] == ["needs EXECUTE on pg_stat_file"]
    assert allowed.excluded == ()
    (text,) = [finding.found for finding in allowed.findings if finding.object == "table hurt.missing"]
    assert text == "none"


@pytest.mark.parametrize(
    ("blocks", "imported", "severity"), [(0, True, "error"), (5, True, "information"), (5, False, "error")]
)
def test_imported_statistics_make_a_shorter_file_mere_information(
    blocks: int, imported: bool, severity: Severity
) -> None:
    """Since PostgreSQL 18 the catalog's number of pages can be another server's; an empty file is wrong in any case."""
    (finding,) = integrity_files.judge([], [("table a.b", 7, blocks)], imported=imported)

    assert finding.severity == severity
    assert finding.query == (
        "select relpages, pg_catalog.pg_relation_size(oid) from pg_catalog.pg_class "
        "where oid = pg_catalog.to_regclass('a.b')"
    )


def test_an_index_that_is_out_of_order_is_named(hurting: Checked) -> None:
    """As a changed collation leaves it (P31): the rows are all there, and searches miss them.

    Here an index that was made with an operator class of its own is declared with the usual one.
    """
    with hurting.copy("hurting") as copy:
        hurting.harm(
            copy,
            "create function hurt.backwards(int, int) returns int language sql immutable strict as 'select btint4cmp($2, $1)'",
            "create operator class hurt.backwards_ops for type int using btree as operator 1 >, operator 2 >=, "
            "operator 3 =, operator 4 <=, operator 5 <, function 1 hurt.backwards(int, int)",
            "create index turned on hurt.moved (id hurt.backwards_ops)",
            "drop index hurt.moved_word",
            "alter table hurt.moved drop constraint moved_key",
            "create index straight on hurt.moved (id)",
            "update pg_index set indclass = (select indclass from pg_index where indexrelid = 'hurt.straight'::regclass) "
            "where indexrelid = 'hurt.turned'::regclass",
            "drop index hurt.straight",
        )
        with hurting.snapshot(copy) as connection:
            (finding,) = indexes.check(connection).findings

    assert (finding.object, finding.expected) == ("hurt.turned", "keys in order")
    assert finding.found == "2,999 keys out of order"


def test_amcheck_finds_what_it_can_and_leaves_nothing(hurt: Checked, hurting: Checked) -> None:
    """With a role that may create it, where the server has it; otherwise it says what it needs."""
    with hurting.cluster.connect("hurting") as session:
        there = session.execute("select 1 from pg_available_extensions where name = 'amcheck'").fetchone()
    outcome, requirement = amcheck.check(hurting.connect, "hurting")
    assert (outcome.compared, outcome.findings) == (0, ())
    assert [left.reason.startswith("needs ") for left in outcome.excluded] == [True, True]
    assert requirement == ("optional" if there else "impossible")
    if not there:
        return

    honest, requirement = amcheck.check(hurting.cluster.connect, "hurting")
    outcome, _ = amcheck.check(hurt.cluster.connect, "hurting")
    with hurt.cluster.connect("hurting") as session:
        left = session.execute("select extname from pg_extension").fetchall()
        schemas = session.execute("select 1 from pg_namespace where nspname = 'drills_amcheck'").fetchall()

    assert (requirement, honest.findings, honest.not_checked) == ("required", (), ())
    assert honest.compared > 200
    assert {"hurt.index_zeroed_key", "hurt.index_cut_word"} <= named(outcome)
    assert (left, schemas) == ([("plpgsql",)], [])


def test_a_sequence_behind_its_column_is_judged_by_what_the_source_had(hurting: Checked) -> None:
    """An error where the source stood elsewhere, information where it stood there too, else a warning (L01, L02)."""
    name = "shop.customer_id_seq"
    with hurting.copy() as copy:
        with hurting.snapshot(copy) as connection:
            assert sequences.check(connection, None, None).findings == ()
        hurting.harm(copy, f"select setval('{name}', 5, false)", "select setval('shop.order_id_seq', 24000)")
        with hurting.snapshot(copy) as connection:
            severities = []
            for position, identical in (("4", "shop.customer"), ("5", "shop.customer"), ("5", "nothing")):
                expected = Sequences({name: f"last_value={position}, is_called=false"})
                (finding,) = sequences.check(connection, expected, frozenset({identical})).findings
                severities.append(finding.severity)
            (alone,) = sequences.check(connection, None, None).findings

    assert severities == ["error", "information", "error"]
    assert (alone.severity, alone.object, alone.found) == ("warning", name, "last_value=5, is_called=false")
    assert alone.expected == "beyond 4000, the last of shop.customer.id"


def test_a_view_that_cannot_be_planned_is_named(hurting: Checked) -> None:
    """Its function's library is gone; on a source where it was so before it is information."""
    with hurting.copy() as copy:
        hurting.harm(
            copy,
            "create function shop.loaded() returns int language sql immutable as 'select 1'",
            "create view shop.needy as select shop.loaded() as one",
            "set check_function_bodies = off",
            "create function shop.found() returns regclass language sql stable as $$ select 'customer'::regclass $$",
            "create view shop.lost as select id from shop.customer where tableoid = shop.found()",
            "alter database " + copy + " set search_path = shop, public",
            "grant select on shop.needy, shop.lost to master",
            "update pg_proc set prolang = (select oid from pg_language where lanname = 'c'), probin = '$libdir/gone', "
            "prosqlbody = null, prosrc = 'loaded' where proname = 'loaded'",
        )
        with hurting.snapshot(copy) as connection:
            alone = views_libraries.check_views(connection, None)
            (finding,) = alone.findings
            same = views_libraries.check_views(connection, {"view shop.needy": finding.found})
            new = views_libraries.check_views(connection, {})
            libraries = views_libraries.check_libraries(connection)

    assert (finding.object, finding.severity) == ("view shop.needy", "error")
    assert 'gone": No such file or directory' in finding.found
    assert [each.severity for outcome in (same, new) for each in outcome.findings] == ["information", "error"]
    assert alone.compared >= 4
    assert "library $libdir/gone" in [left.what for left in libraries.excluded]


def test_a_library_that_is_gone_is_named(hurting: Checked) -> None:
    """Each function of a known library is looked up in it; what is not known is listed and not tried."""
    with hurting.copy() as copy:
        hurting.harm(
            copy,
            "create function shop.distance() returns int language sql as 'select 1'",
            "update pg_proc set prolang = (select oid from pg_language where lanname = 'c'), probin = '$libdir/cube', "
            "prosqlbody = null, prosrc = 'no_such_symbol' where proname = 'distance'",
        )
        with hurting.snapshot(copy) as connection:
            outcome = views_libraries.check_libraries(connection)

    assert named(outcome) == {"function shop.distance()"}
    assert "no_such_symbol" in outcome.findings[0].found or "could not access file" in outcome.findings[0].found
