"""An index that leads to all rows of its table in order, and to no key twice, proves that no two rows have one key."""

from __future__ import annotations

import pytest

from drills.checks import suite
from drills.checks.base import batches
from drills.checks.base.session import snapshot
from drills.checks.integrity import constraints, indexes
from drills.checks.integrity.indexes import Progress
from drills.checks.suite import Comparison
from drills.clock import SystemClock
from drills.model.finding import CheckResult
from drills.sandbox.postgres.cluster import Cluster
from tests.support.cluster import default, state

__all__ = ["default", "state"]
pytestmark = pytest.mark.postgres

TABLES = """
create table proved (id int primary key, word text, at timestamptz, pair int, u uuid);
insert into proved select g, 'word ' || g, 'epoch'::timestamptz + g * interval '1 s', g / 2,
    md5(g::text)::uuid from generate_series(1, 300) g;
create unique index proved_word on proved (word); create unique index proved_at on proved (at desc);
create unique index proved_pair on proved (pair, id); create unique index proved_u on proved (u);
create unique index proved_upper on proved (upper(word)); create unique index proved_ways on proved (pair, id desc);
create table part (id int); insert into part select g from generate_series(1, 300) g;
create unique index part_id on part (id) where id > 250;
create table plain (id int); insert into plain select g from generate_series(1, 300) g; create index plain_id on plain (id);
create table empty (id int primary key);
create table half (id int primary key, word text unique);
insert into half select g, case when g % 2 = 0 then 'word ' || g end from generate_series(1, 300) g;
"""
TWICE = """
create table twice (id int not null, word text); insert into twice select g % 299, g from generate_series(1, 300) g;
create index twice_id on twice (id);
update pg_index set indisunique = true where indexrelid = 'twice_id'::regclass;
"""


@pytest.fixture
def keyed(default: Cluster, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Cluster:
    """Tables with unique indexes, read together or one by one."""
    if request.param == "alone":
        monkeypatch.setattr(batches, "_BYTES", -1)
    with default.connect() as session:
        session.execute(TABLES.encode())
    return default


both = pytest.mark.parametrize("keyed", ["together", "alone"], indirect=True)


def results(cluster: Cluster, *names: str) -> dict[str, CheckResult]:
    """The results of these checks by their names."""
    found = suite.run(Comparison(cluster.connect, None, SystemClock(), scratch=False), names)
    return {result.name: result for result in found}


@both
def test_what_holds_no_key_twice_is_known(keyed: Cluster) -> None:
    """Of one type or several, of a part, of an expression; not where a null or opposite orders keep it from being seen."""
    progress = Progress()
    with snapshot(keyed.connect, "postgres") as connection:
        outcome = indexes.check(connection, progress)

    assert outcome.findings == ()
    known = {name.removeprefix("public.") for name in progress.shown.unique}
    full = {"proved_pkey", "proved_word", "proved_at", "proved_u", "proved_pair", "proved_upper"}
    assert known == full | {"part_id", "empty_pkey", "half_pkey"}


@both
def test_as_much_is_proved_as_by_the_table_alone(keyed: Cluster) -> None:
    """The constraints that an index has validated are counted as the others are."""
    alone = results(keyed, constraints.NAME)[constraints.NAME]
    after = results(keyed, constraints.NAME, indexes.NAME)[constraints.NAME]

    assert (alone.outcome, alone.compared) == (after.outcome, after.compared)
    assert alone.outcome == "met"


@both
def test_a_key_twice_in_a_unique_index_is_named(keyed: Cluster) -> None:
    """The index leads to both rows and is in order, so that the table is read to validate it, and it is broken."""
    with keyed.connect() as session:
        session.execute("set allow_system_table_mods = on")
        session.execute(TWICE.encode())
    found = results(keyed, constraints.NAME, indexes.NAME)

    assert found[indexes.NAME].findings == ()
    assert [finding.object for finding in found[constraints.NAME].findings] == ["unique index public.twice_id"]


@pytest.mark.parametrize("keyed", ["together"], indirect=True)
def test_nulls_that_are_not_distinct_are_proved_by_the_table(keyed: Cluster) -> None:
    """Two nulls break the constraint there, which the order of an index does not show."""
    if keyed.binaries.major < 15:
        pytest.skip("needs PostgreSQL 15")
    with keyed.connect() as session:
        session.execute("create table few (id int); insert into few values (1), (2)")
        session.execute("create unique index few_id on few (id) nulls not distinct")
    progress = Progress()
    with snapshot(keyed.connect, "postgres") as connection:
        indexes.check(connection, progress)

    assert "public.few_id" not in progress.shown.unique
