"""Which recovery point is chosen, and why others are not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.disaster import declare
from drills.model import RecoveryPoint
from drills.selection import choose_newest, explain_none

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
POINT = RecoveryPoint(
    arn="arn:aws:rds:eu-central-1:123456789012:snapshot:awsbackup:job-1",
    kind="awsbackup",
    snapshot_id="awsbackup:job-1",
    vault="vault",
    status="COMPLETED",
    instance_id="orders",
    dbi_resource_id="db-A",
    created_at=NOON - timedelta(hours=3),
    completed_at=NOON - timedelta(hours=2),
    data_time=NOON - timedelta(hours=3),
    data_time_source="SnapshotDatabaseTime",
)


def aged(hours: float, **changes: object) -> RecoveryPoint:
    """A usable point whose data are `hours` old at noon."""
    at = NOON - timedelta(hours=hours)
    return replace(POINT, arn=f"{POINT.arn}-{hours}", data_time=at, completed_at=at, created_at=at, **changes)  # type: ignore[arg-type]


def test_the_point_whose_data_reach_furthest_is_chosen() -> None:
    """Among usable points the newest data win, in whatever order the API lists them."""
    choice = choose_newest([aged(5), aged(1), aged(3)], dbi_resource_id="db-A", usable_at=NOON)

    assert choice.point == aged(1)
    assert choice.refused == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "PARTIAL"}, "status PARTIAL"),
        ({"status": "creating"}, "status creating"),
        ({"expires_at": NOON}, "expired"),
        ({"dbi_resource_id": "db-B"}, "another instance"),
        ({"completed_at": NOON + timedelta(seconds=1)}, "after the disaster"),
        ({"made_by_drill": True}, "made by a drill"),
        ({"data_time": None}, "which instant"),
    ],
)
def test_a_point_that_is_not_usable_is_refused_with_the_reason(changes: dict[str, object], reason: str) -> None:
    """A point that is unfinished, expired, foreign, late or a drill's own is never chosen, and the record says why."""
    choice = choose_newest([replace(POINT, **changes)], dbi_resource_id="db-A", usable_at=NOON)  # type: ignore[arg-type]

    assert choice.point is None
    assert reason in choice.refused[0].reason
    assert reason in explain_none("orders", "vault", choice)


def test_several_resource_ids_under_one_name_are_a_finding() -> None:
    """Names are reused: points of another instance of the same name are refused and the mix is reported."""
    choice = choose_newest([aged(1, dbi_resource_id="db-B"), aged(2)], dbi_resource_id="db-A", usable_at=NOON)

    assert choice.point == aged(2)
    assert [finding.object for finding in choice.findings] == ["orders"]


def test_without_a_living_source_the_newest_points_id_counts() -> None:
    """When the source is gone its id is taken from the newest usable point."""
    choice = choose_newest([aged(1, dbi_resource_id="db-B"), aged(2)], dbi_resource_id=None, usable_at=NOON)

    assert choice.point == aged(1, dbi_resource_id="db-B")


def test_no_point_at_all_is_explained_in_one_sentence() -> None:
    """An empty vault is told with where was looked and what to do."""
    sentence = explain_none("orders", "vault", choose_newest([], dbi_resource_id=None, usable_at=NOON))

    assert "'orders'" in sentence
    assert "'vault'" in sentence
    assert "none at all" in sentence


@given(st.integers(min_value=0, max_value=2**31 - 1), st.floats(min_value=0.01, max_value=1000))
def test_a_random_disaster_lies_within_the_last_interval_and_can_be_repeated(seed: int, hours: float) -> None:
    """The same seed gives the same instant, never before the newest point was usable and never in the future."""
    first = declare("random", [aged(hours)], NOON, seed)

    assert aged(hours).completed_at <= first.at <= NOON  # type: ignore[operator]
    assert declare("random", [aged(hours)], NOON, seed) == first


def test_a_disaster_before_the_next_point_leaves_only_the_one_before() -> None:
    """Just before the newest point became usable, the drill has to fall back on the one before it."""
    disaster = declare("before-next-point", [aged(1), aged(25)], NOON)

    choice = choose_newest([aged(1), aged(25)], dbi_resource_id="db-A", usable_at=disaster.at)
    assert choice.point == aged(25)
