"""The check of files leaves alone what PostgreSQL itself makes shorter without saying so in its catalog."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from drills.checks.base.anomalies import to_known
from drills.checks.base.session import pin
from drills.checks.catalog import check as catalog
from drills.checks.catalog.check import Catalog
from drills.checks.integrity import files as integrity_files
from drills.checks.integrity import state as integrity_state
from drills.sandbox.postgres.cluster import Cluster
from tests.support.cluster import ORIGINS, cluster_in, make, state, usable

__all__ = ["state"]


@pytest.fixture(params=ORIGINS)
def cluster(request: pytest.FixtureRequest, state: Path) -> Iterator[Cluster]:
    """A running server of each origin."""
    made = cluster_in(state, usable(request.param), request.param)
    make(made)
    made.start()
    yield made
    made.kill()


@pytest.mark.postgres
def test_a_catalog_of_relations_that_was_written_anew_is_not_taken_for_cut(cluster: Cluster) -> None:
    """PostgreSQL 18 does not correct pg_class's entry about itself when VACUUM FULL writes it anew."""
    with cluster.connect() as admin:
        admin.execute("do $$ begin for i in 1..300 loop execute format('create table t%s ()', i); end loop; end $$")
        admin.execute("analyze pg_class")
        admin.execute("do $$ begin for i in 1..300 loop execute format('drop table t%s', i); end loop; end $$")
        admin.execute("vacuum full pg_class")
        shorter = admin.execute(
            "select pg_relation_size(oid) / current_setting('block_size')::int < relpages from pg_class "
            "where oid = 'pg_class'::regclass"
        ).fetchone()
        pin(admin)

        assert shorter == (cluster.binaries.major == 18,)
        assert integrity_files.check(admin).findings == ()


@pytest.mark.postgres
def test_a_shared_catalog_that_another_database_vacuumed_is_not_taken_for_cut(cluster: Cluster) -> None:
    """Each database counts its pages, and VACUUM corrects the number of its own database alone."""
    with cluster.connect() as admin:
        admin.execute("do $$ begin for i in 1..2000 loop execute format('create role r%s', i); end loop; end $$")
        admin.execute("create database elsewhere")
    with cluster.connect("elsewhere") as admin:
        admin.execute("vacuum analyze pg_authid")
    with cluster.connect() as admin:
        admin.execute("do $$ begin for i in 1..2000 loop execute format('drop role r%s', i); end loop; end $$")
        admin.execute("vacuum full pg_authid")
    with cluster.connect("elsewhere") as admin:
        shorter = admin.execute(
            "select pg_relation_size(oid) / current_setting('block_size')::int < relpages from pg_class "
            "where oid = 'pg_authid'::regclass"
        ).fetchone()
        pin(admin)

        assert shorter == (True,)
        assert integrity_files.check(admin).findings == ()


# What a failed build leaves: of a new index, of an index built anew, of a partition's; and an index that lacks a partition's.
LEFT = """
create table dup (a int); insert into dup values (1), (1); create table re (a int); create unique index re_a on re (a);
create table p (a int, b int) partition by list (a); create table p1 partition of p for values in (1);
create table p2 partition of p for values in (2); insert into p values (1, 1), (1, 1);
create index p_b on only p (b); create index p1_b on p1 (b); alter index p_b attach partition p1_b;
create unique index p_u on only p (a, b)
"""
FAIL = (
    "create unique index concurrently dup_a on dup (a)",
    "create unique index concurrently p1_u on p1 (a, b)",
    "reindex index concurrently re_a",
)
TWICE = """update pg_index set indisready = {0} where indexrelid = 're_a'::regclass"""


@pytest.mark.postgres
def test_what_a_failed_build_leaves_is_no_damage(cluster: Cluster) -> None:
    """It is unusable on the source too: no file was cut, its state is information, and a dump may leave it out or build it."""
    with cluster.connect() as admin:
        for statement in (
            *LEFT.split(";"),
            TWICE.format("false"),
            "insert into re values (1), (1)",
            TWICE.format("true"),
        ):
            admin.execute(statement.encode())
        for statement in FAIL:
            with pytest.raises(psycopg.errors.UniqueViolation):
                admin.execute(statement.encode())
        admin.execute("alter index p_u attach partition p1_u")
        pin(admin)
        known, entries = integrity_state.observe(admin), catalog.observe(admin)
        files, state = integrity_files.check(admin), integrity_state.check(admin, to_known(known))

    names = {"public.dup_a", "public.p1_u", "public.p_b", "public.p_u", "public.re_a_ccnew"}
    assert files.findings == ()
    assert {each.object for each in known} == {f"index {name}" for name in names}
    assert {finding.severity for finding in state.findings} == {"information"}
    parts = json.loads(entries["indexes"]["public.p_b"])
    del parts["invalid"]
    lost = {**entries, "indexes": {name: text for name, text in entries["indexes"].items() if name not in names}}
    built = {**entries, "indexes": {**entries["indexes"], "public.p_b": json.dumps(parts)}}
    of_their_own = names - {"public.p1_u"}  # which is an entry of the index that it is attached to
    assert severities(entries, lost) == dict.fromkeys(of_their_own, "information")
    assert severities(lost, entries) == dict.fromkeys(of_their_own, "warning")
    assert severities(entries, built) == {"public.p_b": "information"}
    assert severities(built, entries) == {"public.p_b": "error"}


def severities(before: Catalog, after: Catalog) -> dict[str, str]:
    """What the catalog check says of each object."""
    return {finding.object: finding.severity for finding in catalog.judge(before, after)}


@pytest.mark.postgres
def test_a_partition_about_to_be_detached_is_said(cluster: Cluster) -> None:
    """Its rows are not seen through the parent; where the source has it so, it is information."""
    with cluster.connect() as admin:
        admin.execute("create table r (a int) partition by range (a)")
        admin.execute("create table r1 partition of r for values from (1) to (9)")
        admin.execute("update pg_inherits set inhdetachpending = true where inhparent = 'r'::regclass")
        pin(admin)
        (pending,) = integrity_state.observe(admin)
        same, other = integrity_state.check(admin, to_known([pending])), integrity_state.check(admin, {})

    assert (pending.object, pending.state) == ("partition public.r1", "about to be detached")
    assert [finding.severity for finding in (*same.findings, *other.findings)] == ["information", "warning"]
