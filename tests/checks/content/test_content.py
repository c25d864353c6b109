"""Every row, by fingerprints: different contents are distinguished, and equal ones are not."""

from __future__ import annotations

import pytest

from drills.checks.content import check as content
from drills.checks.content import fingerprint, large_objects
from drills.checks.content.check import Contents, TableContent
from drills.checks.content.fingerprint import FAST, STABLE, STRONG, Algorithm
from drills.model.policy import TablePolicy
from drills.sql import Quoted
from tests.support.checked import Checked, checked
from tests.support.cluster import module_state

__all__ = ["checked", "module_state"]
postgres = pytest.mark.postgres

ODD = """
create schema odd;
create table odd.kinds (id int, t text, n numeric, c char(5), f float8, j jsonb, b bytea, p point, m money,
                        ts timestamptz, v tsvector);
insert into odd.kinds values (1, '', 1.1, 'a', 0.0, '{"a": 1}', '\\x00', '(1,2)', 1, '2026-01-01 00:00+00', 'a b'),
                             (2, null, 2, 'b', 1, 'null', '', null, 2, null, null),
                             (3, 'x', 3, 'c', 1, 'null', '', null, 2, null, null),
                             (3, 'x', 3, 'c', 1, 'null', '', null, 2, null, null);
create table odd."Quoted ""name""
über zwei Zeilen" (a text, b text);
insert into odd."Quoted ""name""
über zwei Zeilen" values ('a', 'bc'), ('x,y', 'z');
create table odd.nothing ();
insert into odd.nothing default values;
"""
CHANGES = {
    "one row lost": "delete from odd.kinds where ctid = (select min(ctid) from odd.kinds)",
    "a pair of equal rows lost": "delete from odd.kinds where id = 3",
    "empty text became null": "update odd.kinds set t = null where id = 1",
    "null became empty text": "update odd.kinds set t = '' where id = 2",
    "null became the text NULL": "update odd.kinds set t = 'NULL' where id = 2",
    "scale changed": "update odd.kinds set n = 1.10 where id = 1",
    "zero became negative": "update odd.kinds set f = '-0' where id = 1",
    "time shifted": "update odd.kinds set ts = ts + interval '1 hour' where id = 1",
    "a byte changed": "update odd.kinds set b = '\\x01' where id = 1",
    "json scale changed": "update odd.kinds set j = '{\"a\": 1.0}' where id = 1",
    "values moved between rows": "update odd.kinds set id = 3 - id where id in (1, 2)",
}
NO_CHANGES = {
    "nothing": "select 1",
    "rewritten": "vacuum full odd.kinds",
    "another physical order": "create table odd.k as select * from odd.kinds order by id desc; truncate odd.kinds; "
    "insert into odd.kinds select * from odd.k; drop table odd.k",
    "a column dropped and added again": "alter table odd.kinds add spare int; alter table odd.kinds drop spare",
}


@pytest.fixture(scope="module")
def odd(checked: Checked) -> Checked:
    """The server with a database of odd types, names and values beside the sample."""
    with checked.cluster.connect() as session:
        session.execute("create database odd")
    with checked.cluster.connect("odd") as session:
        session.execute(ODD)
    return checked


def differences(checked: Checked, before: str, after: str) -> list[str]:
    """The names of the tables that differ between two databases."""
    with checked.snapshot(before) as one, checked.snapshot(after) as other:
        outcome = content.judge(content.observe(one), content.observe(other), {})
    assert outcome.not_checked == ()
    return [finding.object for finding in outcome.findings]


@postgres
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_each_change_of_one_value_is_found_in_its_table(odd: Checked, change: str) -> None:
    """What equality, padding or an aggregate that cancels would hide is a difference, in that table and no other."""
    with odd.copy("odd") as name:
        odd.harm(name, change)

        assert differences(odd, "odd", name) == ["odd.kinds"]


@postgres
@pytest.mark.parametrize("change", NO_CHANGES.values(), ids=NO_CHANGES.keys())
def test_what_makes_no_difference_is_no_finding(odd: Checked, change: str) -> None:
    """Physical order, rewriting and gaps in the column numbers leave the fingerprint alone."""
    with odd.copy("odd") as name:
        for statement in change.split("; "):
            odd.harm(name, statement)

        assert differences(odd, "odd", name) == []


@postgres
@pytest.mark.parametrize("algorithm", [FAST, STABLE])
def test_text_that_moves_between_columns_is_found(odd: Checked, algorithm: Algorithm) -> None:
    """'a' and 'bc' are not 'ab' and 'c': the text of a row keeps its columns apart."""
    table = 'odd."Quoted ""name""\nüber zwei Zeilen"'
    with odd.copy("odd") as name:
        odd.harm(name, f"update {table} set a = 'ab', b = 'c' where a = 'a'")
        with odd.snapshot("odd") as one, odd.snapshot(name) as other:
            before = content.observe(one, algorithm=algorithm)
            after = content.observe(other, algorithm=algorithm)

    assert [finding.object for finding in content.judge(before, after, {}).findings] == [table]


@postgres
def test_a_table_that_the_reader_may_not_read_is_not_checked(checked: Checked) -> None:
    """Row-level security that would hide rows is an error here, never a smaller table."""
    with checked.copy() as name:
        checked.harm(
            name,
            "create role hermit",
            "create table shop.hidden (id int)",
            "alter table shop.hidden owner to hermit",
            "alter table shop.hidden enable row level security",
        )
        with checked.snapshot(name) as connection:
            found = content.observe(connection)
        checked.harm(name, "drop table shop.hidden", "drop role hermit")

    assert found.unreadable == {"shop.hidden": "needs BYPASSRLS or the owner's role on shop.hidden"}


@postgres
@pytest.mark.parametrize("algorithm", [STRONG, STABLE])
def test_a_large_table_is_read_by_parallel_workers(checked: Checked, algorithm: Algorithm) -> None:
    """The row's text is built once, and the plan has a Gather."""
    with checked.copy() as name:
        checked.harm(
            name,
            "create table shop.big as select g as id, repeat('x', 100) as pad from generate_series(1, 200000) g",
            "alter table shop.big owner to master",
            "analyze shop.big",
        )
        with checked.snapshot(name) as connection:
            query = fingerprint.query(Quoted("shop.big"), [Quoted("id"), Quoted("pad")], algorithm)
            plan = "\n".join(row[0] for row in connection.execute(f"explain (verbose) {query}".encode()))

    assert "Gather" in plan
    scan = plan[plan.index("Parallel Seq Scan") :]
    assert "Output: CASE" in scan, "the scan hands up columns, so the text is built above it, once for each hash"


@postgres
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("select lo_unlink(min(oid)) from pg_largeobject_metadata", "is missing"),
        ("select lo_put(min(oid), 5, 'x') from pg_largeobject_metadata", "has other contents"),
    ],
)
def test_a_large_object_that_is_lost_or_changed_is_named(checked: Checked, change: str, message: str) -> None:
    """Large objects are compared one by one, also those that are longer than a chunk."""
    with checked.copy() as name:
        checked.harm(name, "select lo_from_bytea(999999, convert_to(repeat('y', 9000000), 'UTF8'))")
        checked.harm(name, "alter large object 999999 owner to master")
        with checked.copy(name) as harmed:
            checked.harm(harmed, change)
            with checked.snapshot(name) as one, checked.snapshot(harmed) as other:
                outcome = large_objects.judge(large_objects.observe(one), large_objects.observe(other))

    assert [message in finding.message for finding in outcome.findings] == [True]
    assert outcome.not_checked == ()


BEFORE = Contents(FAST, {"a.t": TableContent(100, "0" * 32)})


@pytest.mark.parametrize(
    ("rows", "policy", "findings"),
    [
        (100, "exact", 0),
        (99, "exact", 1),
        (99, "at least 99 %", 0),
        (98, "at least 99 %", 1),
        (0, "skip", 0),
    ],
)
def test_a_policy_decides_what_is_a_difference(rows: int, policy: str, findings: int) -> None:
    """Exact means exact, a share is counted, and what is left out is listed."""
    policies = {
        "exact": TablePolicy("exact"),
        "at least 99 %": TablePolicy("at least", percent=99),
        "skip": TablePolicy("skip", reason="a cache"),
    }
    fingerprint = ("0" if rows == 100 else "1") * 32
    found = Contents(FAST, {"a.t": TableContent(rows, fingerprint)})

    outcome = content.judge(BEFORE, found, {"a.t": policies[policy]})
    assert len(outcome.findings) == findings
    assert (outcome.excluded == ()) == (policy == "exact")
    assert outcome.compared == (policy != "skip")


def test_damage_that_the_server_reports_is_a_finding() -> None:
    """A table that cannot be read because its pages are broken is a difference, not a lack of rights."""
    found = Contents(FAST, damaged={"a.t": "invalid page in block 0"})

    assert [finding.object for finding in content.judge(BEFORE, found, {}).findings] == ["a.t"]
