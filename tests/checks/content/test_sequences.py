"""Positions of sequences: each one that stands elsewhere is named once, and none is passed over in silence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.session import pin
from drills.checks.content import sequences
from drills.checks.content.sequences import Sequences
from drills.sandbox.postgres.cluster import Cluster
from tests.support.cluster import ORIGINS, cluster_in, default, make, module_state, state, usable

__all__ = ["default", "module_state", "state"]

postgres = pytest.mark.postgres
MANY = 450


@pytest.fixture(scope="module", params=ORIGINS)
def session(request: pytest.FixtureRequest, module_state: Path) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's session on a server with more sequences than are read at once."""
    cluster: Cluster = cluster_in(module_state, usable(request.param), request.param)
    make(cluster)
    cluster.start()
    try:
        with cluster.connect() as connection:
            connection.execute("create role reader; grant pg_read_all_data to reader; create role stranger")
            connection.execute('create schema "S p"; create sequence "S p"."it\'s.one" increment -2 minvalue -9')
            connection.execute(
                f"do $$ begin for i in 1..{MANY} loop execute format('create sequence s%s', i); end loop; end $$"
            )
            connection.execute("create sequence hidden; revoke all on sequence hidden from public")
            yield connection
    finally:
        cluster.kill()


def seen(session: psycopg.Connection[Any], role: str, change: str = "select 1") -> Sequences:
    """What a role observes after a change, which is rolled back."""
    with session.transaction(force_rollback=True):
        session.execute(change.encode())
        session.execute(f"set local session authorization {role}".encode())
        pin(session)
        return sequences.observe(session)


@postgres
@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("select setval('s7', 41, true)", "public.s7"),
        ("select nextval('s450')", "public.s450"),
        ("select nextval('\"S p\".\"it''s.one\"')", '"S p"."it\'s.one"'),
    ],
)
def test_a_moved_sequence_is_named(session: psycopg.Connection[Any], change: str, name: str) -> None:
    """One finding for the sequence that moved, a first use included, and none for the others."""
    before = seen(session, "reader")
    assert len(before.positions) == MANY + 2
    assert sequences.judge(before, seen(session, "reader")) == CheckOutcome(MANY + 2)
    session.execute(change.encode())  # a position does not roll back
    outcome = sequences.judge(before, seen(session, "reader"))
    (finding,) = outcome.findings
    assert (finding.object, finding.severity, outcome.not_checked) == (name, "error", ())
    assert "is_called=false" in finding.expected
    assert "is_called=true" in finding.found
    session.execute(finding.query.encode())


@postgres
def test_sequences_of_extensions_and_in_schemas_of_postgresql_are_compared_or_listed(
    session: psycopg.Connection[Any],
) -> None:
    """What a dump carries is compared, wherever it lies; what belongs to an extension alone is named, and not compared."""
    made = (
        "create sequence information_schema.own; create sequence marked; create sequence private; "
        "alter extension plpgsql add sequence marked; alter extension plpgsql add sequence private; "
        "update pg_catalog.pg_extension set extconfig = array['marked'::regclass]::oid[], extcondition = array[''] "
        "where extname = 'plpgsql'; grant usage on schema information_schema to reader"
    )
    found = seen(session, "reader", made)
    assert {"information_schema.own", "public.marked"} <= set(found.positions)
    assert found.members == ("public.private",)
    moved = Sequences({**found.positions, "information_schema.own": "last_value=9, is_called=true"})
    outcome = sequences.judge(found, moved)
    assert [each.object for each in outcome.findings] == ["information_schema.own"]
    assert [(each.what, each.reason) for each in outcome.excluded] == [
        ("sequence public.private", "belongs to an extension that does not mark it for a dump")
    ]


@postgres
def test_what_cannot_be_read_is_listed_with_the_right_it_needs(session: psycopg.Connection[Any]) -> None:
    """A role without rights reads what it may; the rest is named and never counted as equal."""
    found = seen(
        session, "stranger", 'grant select on sequence s1 to stranger; grant select on "S p"."it\'s.one" to stranger'
    )
    assert list(found.positions) == ["public.s1"]
    assert found.unreadable["public.hidden"] == "needs SELECT on sequence public.hidden"
    assert found.unreadable['"S p"."it\'s.one"'] == 'needs USAGE on schema "S p"'
    outcome = sequences.judge(seen(session, "reader"), found)
    assert (outcome.findings, outcome.compared, len(outcome.unverified)) == ((), 1, MANY + 1)


def test_a_missing_sequence_is_left_to_the_catalog() -> None:
    """It is judged there, so that it is reported once."""
    assert sequences.judge(Sequences({"a": "last_value=1, is_called=true"}), Sequences()) == CheckOutcome()


def test_a_sequence_that_the_server_cannot_read_is_named() -> None:
    """Its page is damaged: a difference, not a lack of rights."""
    found = Sequences(damaged={"a": "bad magic number in sequence"})
    (finding,) = sequences.judge(Sequences({"a": "last_value=1, is_called=true"}), found).findings
    assert (finding.object, finding.found) == ("a", "unreadable: bad magic number in sequence")


@postgres
def test_a_sequence_without_its_row_is_found(default: Cluster) -> None:
    """A sequence whose page is empty answers no row and no error, and must not be passed over as if it were not there."""
    with default.connect() as admin:
        admin.execute("create sequence hollow; select setval('hollow', 40)")
        pin(admin)
        expected = sequences.observe(admin)
        row = admin.execute("select pg_relation_filepath('public.hollow')").fetchone()
        assert row is not None
    default.stop()
    path = default.data / row[0]
    path.write_bytes(bytes(path.stat().st_size))
    default.start()
    with default.connect() as admin:
        pin(admin)
        outcome = sequences.judge(expected, sequences.observe(admin))

    assert [finding.object for finding in outcome.findings] == ["public.hollow"]
    assert "holds no row" in outcome.findings[0].message
