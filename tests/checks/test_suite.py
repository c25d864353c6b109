"""The checks together: an honest copy passes them all, a wrong one names what is wrong, and nothing unread passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from drills.checks import manifest, suite
from drills.checks.base import session
from drills.checks.base.session import Connector, snapshot
from drills.checks.canary import writer
from drills.checks.catalog import check as catalog
from drills.checks.catalog.check import Catalog
from drills.checks.catalog.scope import REST_OF_SERVER
from drills.checks.content import check as content
from drills.checks.content import large_objects, sequences
from drills.checks.manifest import Manifest
from drills.checks.suite import Comparison
from drills.clock import SystemClock
from drills.model.finding import CheckResult
from drills.model.policy import DECLARATIONS, TablePolicy
from drills.sandbox.postgres.cluster import ADMIN
from tests.support.checked import Checked, checked
from tests.support.cluster import module_state
from tests.support.processor import processor_seconds

__all__ = ["checked", "module_state"]
pytestmark = pytest.mark.postgres

MORE = """
create schema more authorization master;
create unlogged table more.cache (id serial, body text);
insert into more.cache (body) select 'x' from generate_series(1, 50);
create table more.events (id bigint, made timestamptz not null, body text) partition by range (made);
create table more.events_1 partition of more.events for values from ('2026-01-01') to ('2026-02-01');
create table more.events_2 partition of more.events for values from ('2026-02-01') to ('2026-03-01');
insert into more.events select g, timestamptz '2026-01-20' + g * interval '1 hour', 'body' from generate_series(1, 400) g;
create table more.odd ("Üml ""aut" text, "order" numeric(9, 3));
insert into more.odd values (null, 1.10), ('', 1.1), ('a,b', null);
alter table more.cache owner to master;
alter table more.events owner to master;
alter table more.events_1 owner to master;
alter table more.events_2 owner to master;
alter table more.odd owner to master;
"""
SEQUENCE = "shop.order_id_seq"
NOT_HERE = {"libraries", "amcheck"}  # the sample needs none, and the master user may not create it
DAMAGES = {
    ("content", "shop.payment"): "delete from shop.payment where ctid = (select min(ctid) from shop.payment)",
    ("content", "more.odd"): """update more.odd set "order" = 1.101 where "Üml ""aut" = ''""",
    ("catalog", "more.events_1.body"): "alter table more.events_1 alter body set default 'lost'",
    ("catalog", "shop.customer"): "revoke select on shop.customer from shop_readonly",
    ("catalog", "shop.payment.method"): "revoke select (method) on shop.payment from shop_readonly",
    ("sequences", SEQUENCE): f"select setval('{SEQUENCE}', 1, false)",
    ("large objects", "large object {oid}"): "select lo_unlink({oid})",
    ("canary", "drill_canary.beat"): "delete from drill_canary.beat where seq = 3",
}


@pytest.fixture(scope="module")
def source(checked: Checked) -> Checked:
    """The sample with a canary, unlogged tables and partitions beside it."""
    with checked.cluster.connect("orders") as admin:
        admin.execute(MORE.encode())
        admin.execute("vacuum analyze")  # the check of the files goes by its counts
    with checked.connect("orders") as master:
        writer.install(master)
        for _ in range(5):
            writer.beat(master)
    return checked


@pytest.fixture(scope="module")
def taken(source: Checked) -> Manifest:
    """The manifest of the source, as it is read back from its file."""
    return manifest.load(manifest.dump(manifest.take(source.connect)))


def verify(
    connect: Connector, expected: Manifest | None, policies: Mapping[str, TablePolicy] | None = None
) -> dict[str, CheckResult]:
    """Every check by its name."""
    comparison = Comparison(connect, expected, SystemClock(), policies or {})
    results = (*suite.blocking(comparison), *suite.remaining(comparison))
    return {result.name: result for result in results}


def named(results: Mapping[str, CheckResult]) -> list[tuple[str, str]]:
    """Which check found which object."""
    return sorted((name, finding.object) for name, result in results.items() for finding in result.findings)


def one(admin: psycopg.Connection[Any], query: str) -> Any:
    """A single value."""
    row = admin.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture(scope="module")
def copy(source: Checked, taken: Manifest, module_state: Path) -> Iterator[Checked]:
    """An honest physical copy, made after the manifest was taken."""
    with source.restored(module_state) as restored:
        yield restored


def test_an_honest_physical_copy_gives_no_finding(copy: Checked, taken: Manifest) -> None:
    """Every check is met; what a restore always empties is listed and is no difference."""
    results = verify(copy.connect, taken)

    assert named(results) == []
    assert {name for name, result in results.items() if result.outcome != "met"} == NOT_HERE
    assert all(results[name].requirement != "required" for name in NOT_HERE)
    usual = ["connection", "catalog", "sequences", "canary", "content", "large objects", "settings", "harmless"]
    assert list(results)[:8] == usual
    assert [name for name, result in results.items() if result.blocking] == list(results)[:4]
    assert all(result.compared for name, result in results.items() if name not in NOT_HERE)
    assert [left.what for left in results["content"].not_checked] == ["more.cache"]
    assert [left.what for left in results["sequences"].not_checked] in (
        ["sequence more.cache_id_seq"],
        [],  # before PostgreSQL 15 every sequence is logged
    )


def test_an_older_manifest_is_compared_with_what_it_knows(copy: Checked, taken: Manifest) -> None:
    """Sections that came with a later format are listed as not compared, and are no difference."""

    def as_then(name: str) -> Catalog:
        with snapshot(copy.connect, name) as connection:
            return catalog.restrict_to_format(2, catalog.observe(connection, format=2))

    known = {name: replace(one, catalog=as_then(name)) for name, one in taken.databases.items()}

    older = Comparison(copy.connect, replace(taken, format=2, databases=known), SystemClock())
    result = {result.name: result for result in suite.blocking(older)}["catalog"]

    assert result.findings == ()
    assert result.outcome == "met"
    assert "catalog: system grants" in [left.what for left in result.not_checked]


def test_a_lost_member_of_an_extension_is_an_error_on_a_physical_copy(copy: Checked, taken: Manifest) -> None:
    """There it must be what it was; on another server an extension was made anew, and may differ."""
    change, undo = (f"alter extension plpgsql {verb} function plpgsql_validator(oid)" for verb in ("drop", "add"))
    with copy.cluster.connect("orders") as admin:
        admin.execute(change.encode())
    try:
        for expected, severity in ((taken, "error"), (replace(taken, system_identifier="1"), "warning")):
            results = suite.blocking(Comparison(copy.connect, expected, SystemClock()))
            (finding,) = {result.name: result for result in results}["catalog"].findings
            assert (finding.object, finding.severity) == ("extension plpgsql", severity)
    finally:
        with copy.cluster.connect("orders") as admin:
            admin.execute(undo.encode())


def test_manifest_and_verification_take_a_few_seconds_each(source: Checked, copy: Checked) -> None:
    """About 100,000 rows and 550 catalog entries, in seconds of processor time."""
    expected: list[Manifest] = []
    assert processor_seconds(source.cluster, lambda: expected.append(manifest.take(source.connect))) < 4
    assert processor_seconds(copy.cluster, lambda: verify(copy.connect, expected[0])) < 8
    assert sum(table.rows for table in expected[0].databases["orders"].contents.tables.values()) > 90_000


def test_an_honest_restored_dump_has_the_same_contents(source: Checked) -> None:
    """Rows, sequences and large objects of a dump that was restored are equal to those it was made of."""
    dumped = str(source.cluster.run_dir / "orders.dump")
    where = ("-h", str(source.cluster.run_dir), "-U", ADMIN)
    password = {"PGPASSWORD": source.cluster._password}
    with source.cluster.connect() as admin:
        admin.execute("create database again owner master template template0")
    try:
        for tool, *arguments in (("pg_dump", "-Fc", "-f", dumped, "orders"), ("pg_restore", "-d", "again", dumped)):
            done = source.cluster.run_tool(tool, *where, *arguments, env=password)
            assert done.returncode == 0, done.stderr
        with source.snapshot("orders") as before, source.snapshot("again") as after:
            outcome = content.judge(content.observe(before), content.observe(after), {})
            outcome += sequences.judge(sequences.observe(before), sequences.observe(after))
            outcome += large_objects.judge(large_objects.observe(before), large_objects.observe(after))
    finally:
        with source.cluster.connect() as admin:
            admin.execute("drop database again with (force)")
    assert outcome.findings == ()
    assert outcome.unverified == ()
    assert outcome.compared > 35


def test_everything_that_was_taken_from_a_copy_is_named_and_nothing_else(
    source: Checked, taken: Manifest, module_state: Path
) -> None:
    """A row, a byte, a default, a column's and a table's grant, a sequence, a large object and a canary beat."""
    with source.restored(module_state) as harmed:
        with harmed.cluster.connect("orders") as admin:
            oid = one(admin, "select min(oid::bigint) from pg_largeobject_metadata")
        harmed.harm("orders", *(damage.format(oid=oid) for damage in DAMAGES.values()))
        results = verify(harmed.connect, taken)

    found = named(results)
    found.remove(("catalog", "large objects"))  # which counts them by owner and right
    found.remove(("sequences and columns", SEQUENCE))  # it would give numbers that are taken
    assert found == sorted((check, thing.format(oid=oid)) for check, thing in DAMAGES)
    assert {name for name, result in results.items() if result.outcome == "missed"} == {
        "catalog", "sequences", "canary", "content", "large objects", "sequences and columns",
    }  # fmt: skip


def test_a_reader_without_rights_gets_not_verified_and_is_told_what_it_needs(copy: Checked, taken: Manifest) -> None:
    """Nothing that could not be read passes, and what could be read is still compared."""
    with copy.cluster.connect() as admin:
        admin.execute(sql.SQL("create role weak login password {}").format(copy.password))
    with copy.cluster.connect("orders") as admin:
        admin.execute("grant usage on schema more to weak")
        admin.execute("grant select on more.odd to weak")

    def connect(database: str) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=str(copy.cluster.run_dir),
            port=5432,
            user="weak",
            password=copy.password,
            dbname=database,
            autocommit=True,
        )

    try:
        results = verify(connect, taken)
    finally:
        with copy.cluster.connect("orders") as admin:
            admin.execute("drop owned by weak")
            admin.execute("drop role weak")
    for name in ("sequences", "canary", "content", "large objects", "harmless"):
        assert results[name].outcome == "not verified", results[name]
        assert results[name].requirement == "required"
    needs = {left.what: left.reason for left in results["content"].not_checked}
    assert needs["shop.payment"] == "could not be read on the copy: needs SELECT on shop.payment"
    assert "more.odd" not in needs
    assert results["content"].compared == 1
    assert {left.reason for left in results["harmless"].not_checked} == {
        "needs pg_read_all_settings",
        "needs pg_read_all_stats",
    }


def test_policies_hold_for_partitions_and_are_listed(source: Checked, module_state: Path) -> None:
    """Rows beyond the watermark may be there or not; those up to it are compared, and a share is counted."""
    policies = {
        "more.events": TablePolicy("up to", column="made"),
        "more.odd": TablePolicy("at least", percent=60),
        "more.cache": TablePolicy("skip", reason="a cache"),
        "more.typo": TablePolicy("at least", percent=60),
    }
    expected = manifest.take(source.connect, policies=policies)
    tables = expected.databases["orders"].contents.tables
    assert "more.cache" not in tables
    assert {tables[name].root for name in ("more.events_1", "more.events_2")} == {"more.events"}
    assert tables["more.events_1"].up_to == "2026-01-31 23:00:00+00"
    with source.restored(module_state) as copy:
        copy.harm(
            "orders",
            "insert into more.events values (1000, '2026-02-28', 'later')",
            'delete from more.odd where "order" is null',
        )
        results = verify(copy.connect, expected, policies)
        assert (results["content"].outcome, named(results)) == ("met", [])
        reasons = {left.what: left.reason for left in results["content"].not_checked}
        assert reasons == {
            "more.cache": "a cache",
            "more.events_1": "compared up to made 2026-01-31 23:00:00+00 only, without the rows that have no made",
            "more.events_2": "compared up to made 2026-02-05 16:00:00+00 only, without the rows that have no made",
            "more.odd": "counted only: policy 'at least 60 %'",
            "more.typo": "policy 'at least 60 %': there is no such table",
        }
        copy.harm("orders", "update more.events set body = 'changed' where id = 1", "truncate more.odd")
        results = verify(copy.connect, expected, policies)
    assert named(results) == [("content", "more.events_1"), ("content", "more.odd")]


def test_a_watermark_must_be_a_number_or_an_instant(source: Checked) -> None:
    """A text may not leave the database, and a missing column is named."""
    with source.snapshot("orders") as connection:
        for column, message in (("body", "'body' is text"), ("gone", "does not have")):
            policies = {"more.events": TablePolicy("up to", column=column)}
            found = content.observe(connection, policies=policies)
            assert message in found.unreadable["more.events_1"]
            assert "more.events_1" not in found.tables


def test_without_a_manifest_what_needs_one_is_not_verified(copy: Checked) -> None:
    """The rest is not verified, with the reason, and never passed."""
    results = verify(copy.connect, None)

    needy = {each.name for each in DECLARATIONS if each.needs_manifest}
    assert {"catalog", "content"} <= needy
    assert {name for name, result in results.items() if result.outcome == "not verified"} == needy | NOT_HERE
    assert {results[name].sentence for name in needy} == {suite.NO_MANIFEST}


@pytest.mark.parametrize(("times", "outcome"), [(1, "met"), (2, "not verified")])
def test_a_lost_connection_is_tried_again_once(copy: Checked, taken: Manifest, times: int, outcome: str) -> None:
    """Then the check is not verified, what was read in other databases is kept, and nothing is raised."""
    lost: list[str] = []

    def connect(database: str) -> psycopg.Connection[Any]:
        opened = copy.connect(database)
        if database == "orders" and len(lost) < times:
            lost.append(database)
            with copy.cluster.connect() as admin:
                admin.execute("select pg_terminate_backend(%s, 60000)", (opened.info.backend_pid,))
        return opened

    result = suite.remaining(Comparison(connect, taken, SystemClock()))[0]

    assert (result.outcome, result.findings) == (outcome, ())
    assert len(lost) == times
    if outcome == "not verified":
        assert [left.what for left in result.not_checked] == ["database orders"]


def test_a_database_that_is_gone_ends_the_blocking_checks(copy: Checked, taken: Manifest) -> None:
    """The connection check names it, and nothing else has passed."""
    expected = replace(taken, databases={**taken.databases, "gone": taken.databases["postgres"]})
    (result,) = suite.blocking(Comparison(copy.connect, expected, SystemClock()))

    assert (result.name, result.outcome, [found.object for found in result.findings]) == (
        "connection", "missed", ["database gone"],
    )  # fmt: skip


def test_a_server_that_has_lost_its_own_functions_is_damaged(copy: Checked, taken: Manifest) -> None:
    """A question that PostgreSQL alone answers and does not is a finding, and the catalog is compared all the same."""
    rename = "set allow_system_table_mods = on; update pg_proc set proname = '{}' where proname = '{}'"
    copy.harm("orders", rename.format("lost", "chr"))
    try:
        connection, *others = suite.blocking(Comparison(copy.connect, taken, SystemClock()))
    finally:  # the copy is the other tests' too
        copy.harm("orders", rename.format("chr", "lost"))

    assert (connection.outcome, [found.object for found in connection.findings]) == ("missed", ["database orders"])
    assert "catalog" in [result.name for result in others]


def test_settings_that_a_role_may_have_change_nothing(copy: Checked) -> None:
    """How literals, arrays and comparisons are read, and when a session is ended, is the owner's to choose."""
    odd = {
        "standard_conforming_strings": "off",
        "backslash_quote": "on",
        "array_nulls": "off",
        "transform_null_equals": "on",
    }
    odd |= {
        "exit_on_error": "on",
        "gin_fuzzy_search_limit": "1",
        "idle_session_timeout": "30s",
        "xmloption": "document",
    }

    @contextmanager
    def connect(database: str) -> Iterator[psycopg.Connection[Any]]:
        with copy.connect(database) as session:
            for name, value in odd.items():
                session.execute("select set_config(%s, %s, false)", (name, value))
            yield session

    assert named(verify(connect, manifest.take(connect))) == []


def test_a_table_that_stays_locked_is_not_verified(
    copy: Checked, taken: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lack of time says nothing about the copy: it is neither a difference nor a pass."""
    monkeypatch.setitem(session.PINNED, "lock_timeout", "100ms")
    with copy.cluster.connect("orders") as locker, locker.transaction():
        locker.execute("lock table more.odd")
        results = verify(copy.connect, taken)

    assert named(results) == []
    assert results["content"].outcome == "not verified"
    assert results["content"].sentence == (
        "more.odd: could not be read on the copy: canceling statement due to lock timeout; 1 not compared"
    )
    assert results["content"].compared > 10


def test_damaged_files_are_findings_by_name(source: Checked, taken: Manifest, module_state: Path) -> None:
    """A broken page, a missing file and a broken sequence are no lack of rights but a wrong copy."""
    with source.restored(module_state) as copy:
        with copy.cluster.connect("orders") as admin:
            broken, missing, sequence = (
                copy.cluster.data / one(admin, f"select pg_relation_filepath('{name}')")
                for name in ("more.odd", "more.events_2", SEQUENCE)
            )
        copy.cluster.stop()
        _flip(broken, 8000)
        missing.unlink()
        _flip(sequence, 8180)
        copy.cluster.start({"max_logical_replication_workers": "0"})
        results = verify(copy.connect, taken)
        alone = verify(copy.connect, None)

    damaged = [("constraints", "more.events_2"), ("content", "more.events_2"), ("content", "more.odd")]
    lost = ("files", "table more.events_2")
    assert named(alone) == [*damaged, lost, ("sequences and columns", SEQUENCE)]
    assert alone["content"].outcome == "missed"
    assert named(results) == [
        *damaged, lost, ("sequences", SEQUENCE), ("sequences and columns", SEQUENCE),
    ]  # fmt: skip
    (message,) = [finding.found for finding in results["content"].findings if finding.object == "more.odd"]
    assert message.startswith("invalid page in block 0 of relation")


def _flip(path: Path, at: int) -> None:
    """Turn the bits of one byte around, which the page's checksum tells."""
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


def test_a_manifest_of_one_database_is_enough_for_a_whole_copy(source: Checked, copy: Checked) -> None:
    """What belongs to the server's other databases is no part of it, whatever the copy is reached by."""
    expected = manifest.take(session.SingleDatabase(lambda: source.connect("orders"), "orders"))
    results = verify(copy.connect, expected)

    assert named(results) == []
    assert {name for name, result in results.items() if result.outcome != "met"} == NOT_HERE
    assert expected.only == "orders"
    assert REST_OF_SERVER in results["catalog"].not_checked
