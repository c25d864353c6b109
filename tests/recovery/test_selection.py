"""Which recovery point is chosen, and why others are not."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.model.point import NEWEST, PointSelector, RecoveryPoint, Window, parse_point_selector
from drills.recovery.disaster import declare
from drills.recovery.selection import choose, choose_moment, choose_newest, explain_none
from tests.support.clock import NOON
from tests.support.points import POINT


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


def test_points_of_clusters_are_called_so() -> None:
    """Of another cluster of that name, by the resource id that AWS gives clusters; the same where there were several."""
    points = [replace(POINT, dbi_resource_id=name) for name in ("cluster-A", "cluster-B")]
    choice = choose_newest(points, dbi_resource_id="cluster-A", usable_at=NOON)

    assert "taken from another cluster of that name (cluster-B)" in choice.refused[0].reason
    assert (choice.findings[0].expected, choice.findings[0].found) == (
        *("recovery points of one cluster", "2 DbClusterResourceIds: cluster-A, cluster-B"),
    )
    assert choice.findings[0].message.startswith("several clusters were called")


AGES = st.lists(st.integers(min_value=1, max_value=999), min_size=1, max_size=8, unique=True)


@given(AGES, st.integers(min_value=0, max_value=2**31))
def test_each_sample_takes_its_point_and_never_what_a_drill_made(ages: list[int], seed: int) -> None:
    """Newest, oldest, the newest copy, one at random that the same seed gives again; tagged points are none of them."""
    made = [aged(0.5, made_by_drill=True), aged(2000, made_by_drill=True)]
    points = [aged(age, kind="copy" if age % 2 else "awsbackup") for age in ages]

    def taken(sample: PointSelector) -> RecoveryPoint | None:
        return choose(sample, [*points, *made], dbi_resource_id="db-A", usable_at=NOON, seed=seed).point

    copies = [age for age in ages if age % 2]
    assert taken(NEWEST) == choose_newest([*points, *made], dbi_resource_id="db-A", usable_at=NOON).point
    assert getattr(taken(NEWEST), "data_time", None) == aged(min(ages)).data_time
    assert getattr(taken(parse_point_selector("oldest")), "data_time", None) == aged(max(ages)).data_time
    assert getattr(taken(parse_point_selector("copy")), "data_time", None) == (
        aged(min(copies)).data_time if copies else None
    )
    drawn = choose(parse_point_selector("random"), points, dbi_resource_id="db-A", usable_at=NOON, seed=seed)
    assert drawn.point in points
    assert taken(parse_point_selector(f"random:{drawn.seed}")) == drawn.point


def test_a_named_point_is_taken_or_refused_and_never_replaced() -> None:
    """By ARN or snapshot id, also one that a drill made; one that cannot be restored leaves nothing, with its reason."""
    late = replace(POINT, arn="arn:aws:rds:eu-central-1:123456789012:snapshot:late-1", snapshot_id="late-1")
    late = replace(late, completed_at=NOON + timedelta(seconds=1), made_by_drill=True)
    named = {"dbi_resource_id": "db-A", "usable_at": NOON + timedelta(seconds=2)}

    assert choose(parse_point_selector(POINT.arn), [POINT, late], **named).point == POINT  # type: ignore[arg-type]
    assert choose(parse_point_selector("late-1"), [POINT, late], **named).point == late  # type: ignore[arg-type]
    refused = choose(parse_point_selector("late-1"), [POINT, late], dbi_resource_id="db-A", usable_at=NOON)
    assert refused.point is None
    assert "after the disaster: name another one" in explain_none(
        "orders", None, refused, parse_point_selector("late-1")
    )
    absent = choose(parse_point_selector("other-1"), [POINT, late], dbi_resource_id="db-A", usable_at=NOON)
    assert (absent.point, absent.refused) == (None, ())
    assert "there is none of that name" in explain_none("orders", None, absent, parse_point_selector("other-1"))


@pytest.mark.parametrize(
    ("hours", "window", "reason"),
    [
        (3, (4, 1), ""),
        (4, (4, 1), ""),
        (1, (4, 1), ""),
        (5, (4, 1), "before 2026-11-23 08:00:00 UTC, when its oldest automated backup had ended"),
        (0.5, (4, 1), "after 2026-11-23 11:00:00 UTC, the latest time that can be restored now"),
        (-1, (4, -2), "after the disaster at 2026-11-23 12:00:00 UTC"),
        (3, None, "no automated backup"),
    ],
)
def test_a_moment_is_restored_or_refused_and_never_replaced(
    hours: float, window: tuple[float, float] | None, reason: str
) -> None:
    """Within the window the very moment, else none, with what can be restored in the sentence."""
    moment = NOON - timedelta(hours=hours)
    between = Window(*(NOON - timedelta(hours=each) for each in window)) if window else None
    choice = choose_moment(moment, between, replace(POINT, kind="continuous"), usable_at=NOON)

    assert (choice.point.data_time if choice.point else None) == (None if reason else moment)
    if reason:
        sentence = explain_none("orders", None, choice, PointSelector("moment", "then", moment=moment))
        assert sentence.startswith("expected to restore 'orders' to then")
        assert reason in sentence


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("newest", "newest"),
        (" oldest ", "oldest"),
        ("random", "random"),
        ("random:12", "random"),
        ("copy", "copy"),
        ("awsbackup:job-5a0c27c1-6f0e-4d7e-a1de-7a4c7e0f8a11", "named"),
        ("arn:aws:rds:eu-central-1:123456789012:snapshot:before-migration", "named"),
        ("before-migration", "named"),
        ("2026-11-01T03:00:00Z", "moment"),
        ("2026-11-01 04:00:00+01:00", "moment"),
    ],
)
def test_a_sample_is_read_as_it_is_written(text: str, kind: str) -> None:
    """And shown as it was written; a moment is one instant however its offset is written."""
    sample = parse_point_selector(text)

    assert (sample.kind, str(sample)) == (kind, text.strip())
    if kind == "moment":
        assert sample.moment == datetime(2026, 11, 1, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", '"newest"'),
        ("newset", 'did you mean "newest"'),
        ("2026-11-01T03:00:00", "offset from UTC"),
        ("2026-13-01T03:00:00Z", "a moment such as"),
        ("the last one", "a snapshot id"),
        ("random:-1", "random"),
        ("-x", "a snapshot id"),
    ],
)
def test_a_sample_that_names_nothing_is_refused(text: str, said: str) -> None:
    """With what is allowed, and never taken for another one."""
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_point_selector(text)


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
