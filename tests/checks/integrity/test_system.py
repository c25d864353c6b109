"""The system's own catalog: references that lead nowhere, and what came with PostgreSQL and is gone."""

from __future__ import annotations

import pytest
from psycopg import sql

from drills.checks.content import known_answers
from drills.checks.integrity import system_catalog
from drills.checks.integrity.system_catalog import Reference
from drills.sql import Quoted, execute
from tests.support.checked import Checked, checked
from tests.support.cluster import module_state

__all__ = ["checked", "module_state"]
REFERENCE = Reference(
    Quoted("pg_operator"), (Quoted("oprcode"),), Quoted("pg_proc"), (Quoted("oid"),), array=False, optional=True
)


@pytest.mark.postgres
def test_an_honest_catalog_is_whole_in_every_database_of_a_server(checked: Checked) -> None:
    """Every reference leads somewhere, and what came with PostgreSQL is the same in each database."""
    with checked.snapshot("orders") as connection:
        there = system_catalog.observe(connection)
        outcome = system_catalog.check(connection, there, {})
    with checked.snapshot("postgres") as connection:
        elsewhere = system_catalog.observe(connection)

    assert outcome.findings == ()
    assert outcome.compared > 200
    assert there == elsewhere
    assert there["pg_proc"].split(" ")[0].isdigit()


@pytest.mark.postgres
def test_a_built_in_function_that_is_gone_is_named_with_and_without_a_manifest(checked: Checked) -> None:
    """Its operator leads nowhere; where nothing refers to a function, the manifest knows of it."""
    with checked.copy() as copy:
        with checked.snapshot(copy) as connection:
            before = system_catalog.observe(connection)
        checked.harm(
            copy,
            "set allow_system_table_mods = on",
            "delete from pg_proc where proname = 'int4pl'",
            "delete from pg_proc where oid = 'pg_catalog.pg_backend_pid()'::regprocedure",
        )
        with checked.snapshot(copy) as connection:
            alone = system_catalog.check(connection, None, None)
            compared = system_catalog.check(connection, before, {})
            odd = system_catalog.observe_dangling(connection)
            known = system_catalog.check(connection, None, odd)

    found = {finding.object for finding in alone.findings}
    assert "pg_operator (oprcode)" in found
    assert {finding.severity for finding in alone.findings} == {"error"}
    assert {finding.object for finding in compared.findings} == found | {"pg_catalog.pg_proc"}
    assert {finding.severity for finding in known.findings} == {"information"}
    assert odd["pg_operator (oprcode)"] == "1 that lead nowhere"


@pytest.mark.postgres
def test_one_query_over_all_references_counts_what_a_query_for_each_does(checked: Checked) -> None:
    """Of one column and of two, of arrays, and of objects that are gone as a whole."""
    with checked.copy() as copy:
        checked.harm(
            copy,
            "set allow_system_table_mods = on",
            "delete from pg_proc where proname = 'int4pl'",
            "delete from pg_opclass where opcname = 'int8_ops'",
            "delete from pg_attribute where attrelid = 'shop.customer'::regclass and attnum = 1",
            "delete from pg_class where oid = 'shop.campaign'::regclass",
        )
        with checked.snapshot(copy) as connection:
            references = system_catalog.list_references(connection)
            alone = [int(execute(connection, each.query).fetchall()[0][0]) for each in references]
            together = dict(execute(connection, system_catalog.together(references)).fetchall())

    dangling = {each.name for each, count in zip(references, alone, strict=True) if count}
    assert {"pg_operator (oprcode)", "pg_index (indclass)", "pg_index (indrelid, indkey)"} <= dangling
    assert [together.get(place, 0) for place in range(len(references))] == alone


@pytest.mark.postgres
def test_a_reader_without_rights_is_told_what_was_not_followed(checked: Checked) -> None:
    """What it may not read is listed, and the rest is followed."""
    with checked.cluster.connect() as admin:
        admin.execute(sql.SQL("create role feeble login password {}").format(checked.password))
    with checked.snapshot("orders") as connection:
        everything = system_catalog.check(connection, None, None).compared
    with checked.cluster.connect("orders") as connection, connection.transaction():
        connection.execute("set local role feeble")
        outcome = system_catalog.check(connection, None, None)
    with checked.cluster.connect() as admin:
        admin.execute("drop role feeble")

    assert outcome.findings == ()
    assert everything > outcome.compared > 150
    assert "needs a superuser" in outcome.excluded[0].reason


def test_a_lost_page_of_the_catalog_is_told_by_what_it_held() -> None:
    """The numbers of both sides stand in the finding."""
    outcome = system_catalog.judge({"pg_proc": "3 that", "pg_cast": "1"}, {"pg_proc": "2 that", "pg_cast": "1"})

    (finding,) = outcome.findings
    assert (finding.object, finding.expected, finding.found) == ("pg_catalog.pg_proc", "3 that", "2 that")
    assert outcome.compared == 2


def test_an_optional_reference_may_lead_nowhere_by_being_nought() -> None:
    """As PostgreSQL's own pg_get_catalog_foreign_keys() says; an array's references are looked at one by one."""
    many = Reference(
        Quoted("pg_index"),
        (Quoted("indrelid"), Quoted("indkey")),
        Quoted("pg_attribute"),
        (Quoted("attrelid"), Quoted("attnum")),
        array=True,
        optional=True,
    )

    assert "r.oprcode <> 0" in REFERENCE.query
    assert "unnest(r.indkey)" in many.query
    assert "p.attnum = each.value" in many.query


CHANGED = {
    "int4out": ("update pg_proc set prosrc = 'int2out' where proname = 'int4out'", ["definitions of functions"]),
    "the output of a type": (
        "update pg_type set typoutput = 'int2out'::regproc where typname = 'int4'",
        ["functions int2out, int4out, int8out", "definitions of types"],
    ),
    "hashtextextended": (
        "alter function pg_catalog.hashtextextended(text, bigint) rename to former; create function "
        "pg_catalog.hashtextextended(text, bigint) returns bigint language sql immutable as 'select 7::bigint'",
        [
            "functions hashtextextended",
            "functions that hash values by their types",
            "pg_catalog.pg_proc",
            "objects added to pg_catalog",
        ],
    ),
    "a cast": (
        "update pg_cast set castcontext = 'i' where castsource = 'int8'::regtype and casttarget = 'int4'::regtype",
        ["definitions of casts"],
    ),
    "a function in pg_catalog": (
        "create function pg_catalog.md5(varchar) returns text language sql as 'select ''x'''",
        ["objects added to pg_catalog"],
    ),
}


@pytest.mark.postgres
@pytest.mark.parametrize("what", CHANGED)
def test_what_came_with_postgresql_and_was_changed_is_named(checked: Checked, what: str) -> None:
    """By known answers, without a manifest, where the checks lean on it; by its definition in any case."""
    damage, expected = CHANGED[what]
    with checked.copy("template1") as copy:
        with checked.snapshot(copy) as connection:
            before = system_catalog.observe(connection)
            assert known_answers.check(connection, "connection") == ()
        checked.harm(copy, f"set allow_system_table_mods = on; {damage}")
        with checked.snapshot(copy) as connection:
            found = [*known_answers.check(connection, "connection")]
            found += system_catalog.judge(before, system_catalog.observe(connection)).findings

    assert [finding.object for finding in found] == expected
    assert {finding.severity for finding in found} == {"error"}


def test_definitions_are_compared_between_servers_of_one_version() -> None:
    """A newer minor release may define one otherwise: listed, as another major's is."""
    builtins = {"pg_proc": "1", "definitions of functions": "a"}

    assert system_catalog.comparable(builtins, 150018, 150018, own=False) == (builtins, ())
    assert system_catalog.comparable(builtins, 150020, 150018, own=True) == (builtins, ())
    rest, left = system_catalog.comparable(builtins, 150020, 150018, own=False)
    assert (rest, [each.what for each in left]) == ({"pg_proc": "1"}, ["definitions of what came with PostgreSQL"])
    rest, left = system_catalog.comparable(builtins, 160000, 150018, own=False)
    assert (rest, [each.what for each in left]) == (None, ["what came with PostgreSQL"])
