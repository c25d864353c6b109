"""Hydration reads indexes of every kind from end to end: the server's own count of the blocks says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drills.clock import SystemClock
from drills.model.record import Hydration
from drills.recovery.hydration.hydrate import hydrate
from drills.sandbox.postgres.cluster import Cluster
from tests.support.cluster import ORIGINS, cluster_in, make, module_state, usable

__all__ = ["module_state"]
pytestmark = pytest.mark.postgres
MAKE = """
create table up (id int not null, at point, during int4range, tags int[], prefs jsonb, body tsvector, whole jsonb,
    word text, kept int4range not null, span int4range);
insert into up select g, point(g, -g), int4range(g * 2, g * 2 + 1), array[g % 9, g, g * 7], jsonb_build_object('n', g),
    to_tsvector('simple', 'common word' || g || ' word' || g % 50), jsonb_build_object('k' || g % 50, g), 'word ' || g,
    int4range(g * 2, g * 2 + 1), int4range(g, g + 1) from generate_series(1, 6000) g;
create index up_id on up (id);
create index up_id_range on up using brin (id) with (pages_per_range = 1);
create index up_ranges on up using brin (span range_inclusion_ops, word) with (pages_per_range = 1);
create index up_tags on up using gin (tags);
create index up_prefs on up using gin (prefs jsonb_path_ops);
create index up_both on up using gin (body, whole);
create index up_some on up using gin (to_tsvector('simple', word)) where word <> 'word 1';
create index up_twin on up using gin (tags, prefs);
create index up_at on up using gist (at);
create index up_during on up using spgist (during);
create index up_kept on up using gist (kept);
create table empty_one (id int, tags int[]);
create index empty_range on empty_one using brin (id);
create index empty_tags on empty_one using gin (tags);
vacuum analyze;
"""
READ = """
select i.indexrelname, s.idx_blks_read, pg_relation_size(i.indexrelid) / current_setting('block_size')::int
from pg_stat_user_indexes as i join pg_statio_user_indexes as s using (indexrelid)
"""


@pytest.fixture(scope="module", params=ORIGINS)
def hydrated(request: pytest.FixtureRequest, module_state: Path) -> Iterator[tuple[Hydration, dict[str, float]]]:
    """What hydration says of a server that has just been started, and the share of each index that it then has read."""
    cluster: Cluster = cluster_in(module_state, usable(request.param), request.param)
    try:
        make(cluster)
        cluster.start({"autovacuum": "off"})
        with cluster.connect() as session:
            for statement in filter(str.strip, MAKE.split(";\n")):
                session.execute(statement.encode())
        cluster.stop()
        cluster.start({"autovacuum": "off", "shared_buffers": "256MB"})
        found = hydrate(cluster.connect, SystemClock())
        with cluster.connect() as session:
            read = {str(name): blocks / size for name, blocks, size in session.execute(READ.encode()) if size}
        yield found, read
    finally:
        cluster.kill()


@pytest.mark.parametrize(
    "index",
    [
        "up_id", "up_id_range", "up_ranges", "up_tags", "up_prefs", "up_both", "up_some", "up_at", "up_during", "up_kept",
    ],
)  # fmt: skip
def test_every_block_that_leads_to_rows_is_read(hydrated: tuple[Hydration, dict[str, float]], index: str) -> None:
    """All but the pages above the leaves and those that are free; nothing is named as left out."""
    found, read = hydrated

    assert f"index public.{index}" not in {left.what for left in found.not_read}
    assert read[index] > 0.9


def test_an_index_that_another_answers_for_is_named(hydrated: tuple[Hydration, dict[str, float]]) -> None:
    """The planner chooses, so that nothing is claimed of an index that it does not take for its own question."""
    found, _ = hydrated

    assert [left.what for left in found.not_read if left.what.startswith("index ")] == ["index public.up_twin"]


def test_what_was_read_is_in_the_sum(hydrated: tuple[Hydration, dict[str, float]]) -> None:
    """The indexes of an empty table are read as well, and count."""
    found, read = hydrated

    assert {"empty_range", "empty_tags"} <= set(read)
    assert found.relations > len(read)
