"""The constraints and indexes of a database are listed by the catalog's own indexes; nothing else is read by them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drills.checks.base.session import index_scans, snapshot
from drills.checks.integrity import constraint_queries, index_queries, indexes
from drills.sandbox.postgres.cluster import Cluster
from tests.support.cluster import default, state

__all__ = ["default", "state"]

pytestmark = pytest.mark.postgres


def scanned(plan: dict[str, Any], below: bool = False) -> set[str]:
    """The relations that are read from end to end once for each row of something else."""
    below = below or plan.get("Parent Relationship") == "SubPlan"
    found = {plan["Relation Name"]} if below and plan["Node Type"] == "Seq Scan" else set()
    return found.union(*(scanned(part, below) for part in plan.get("Plans", ())))


@pytest.mark.parametrize(
    "query", [constraint_queries._UNIQUE.replace("%s", "'{}'"), index_queries._INDEXES], ids=["unique", "indexes"]
)
def test_listing_is_not_quadratic(default: Cluster, query: str) -> None:
    """No listing reads the columns of all tables again for each index: 10,000 tables took minutes."""
    with default.connect() as session:
        session.execute("create table t (id int primary key)")
    with snapshot(default.connect, "postgres") as connection:
        explain = f"explain (format json) {query}".encode()

        def whole() -> set[str]:
            row = connection.execute(explain).fetchone()
            assert row
            plans = row[0] if isinstance(row[0], list) else json.loads(row[0])
            return scanned(plans[0]["Plan"])

        assert "pg_attribute" in whole()
        with index_scans(connection):
            assert "pg_attribute" not in whole()


def test_pinned_again_afterwards(default: Cluster) -> None:
    """What is read after a listing is read without indexes, as before it."""
    with snapshot(default.connect, "postgres") as connection:
        constraint_queries.list_queries(connection)
        indexes.check(connection)
        for name in ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"):
            assert connection.execute("select pg_catalog.current_setting(%s)", (name,)).fetchone() == ("off",)
