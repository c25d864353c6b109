"""How a check is carried out where its connection is lost, and where a database has names that are no text."""

from __future__ import annotations

from typing import Any

import pytest

from drills.checks import manifest, suite
from drills.checks.base.session import Connection, SingleDatabase
from drills.checks.content import check as content
from drills.checks.content import read, summing
from drills.checks.server import harmless
from drills.checks.suite import Comparison
from drills.clock import SystemClock
from drills.model.finding import CheckResult
from drills.sandbox.postgres.cluster import Cluster
from tests.support.cluster import default, state

__all__ = ["default", "state"]
pytestmark = pytest.mark.postgres


def run_suite(cluster: Cluster, database: str, taken: manifest.Manifest) -> dict[str, CheckResult]:
    """The results of all checks by their names."""
    comparison = Comparison(SingleDatabase(lambda: cluster.connect(database), database), taken, SystemClock())
    return {result.name: result for result in (*suite.blocking(comparison), *suite.remaining(comparison))}


@pytest.mark.parametrize(("times", "outcome"), [(1, "met"), (2, "not verified")])
def test_a_connection_that_is_lost_at_the_last_table_is_made_again_once(
    default: Cluster, monkeypatch: pytest.MonkeyPatch, times: int, outcome: str
) -> None:
    """A session that was ended is no property of the table that it was about to read."""
    with default.connect() as session:
        session.execute("create table alone (id int primary key); insert into alone values (1)")
    taken = manifest.take(SingleDatabase(default.connect, "postgres"))
    real, lost = summing.summed, list[int]()

    def ended(connection: Connection, *given: Any) -> Any:
        if len(lost) < times:
            lost.append(connection.info.backend_pid)
            with default.connect() as admin:
                admin.execute("select pg_terminate_backend(%s, 60000)", (lost[-1],))
        return real(connection, *given)

    monkeypatch.setattr(read, "summed", ended)
    result = run_suite(default, "postgres", taken)[content.NAME]

    assert (result.outcome, result.findings, len(lost)) == (outcome, (), times)


def test_names_that_are_no_text_are_no_damage(default: Cluster) -> None:
    """In a database of encoding SQL_ASCII a name may be any bytes: not verified, with what that needs."""
    with default.connect() as session:
        session.execute("create database bytes encoding 'SQL_ASCII' locale 'C' template template0")
    taken = manifest.take(SingleDatabase(lambda: default.connect("bytes"), "bytes"))
    with default.connect("bytes") as session:
        session.execute("set client_encoding = 'SQL_ASCII'")
        session.execute(b'create table "b\xff" (id int)')
    found = run_suite(default, "bytes", taken)

    assert [result.findings for name, result in found.items() if name != harmless.NAME] == [()] * (len(found) - 1)
    assert found["catalog"].outcome == "not verified"
    assert found["catalog"].not_checked[0].reason == "needs names that are valid in its encoding"


def test_a_comment_whose_object_is_gone_is_a_finding(default: Cluster) -> None:
    """What the catalog has lost is named, and a comment that is left on it does not end the check."""
    with default.connect() as session:
        session.execute("create table said (id int constraint positive check (id > 0))")
        session.execute("comment on constraint positive on said is 'here'")
        taken = manifest.take(SingleDatabase(default.connect, "postgres"))
        session.execute("set allow_system_table_mods = on")
        session.execute("delete from pg_constraint where conname = 'positive'")
        session.execute("update pg_class set relchecks = 0 where relname = 'said'")
    found = run_suite(default, "postgres", taken)["catalog"]

    assert found.outcome == "missed"
    assert "constraint positive on public.said" in {finding.object for finding in found.findings}
