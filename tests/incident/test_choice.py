"""Which point an incident restores: the newest data that do not go beyond the moment, whoever made the backup."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from drills.incident.choice import NOT_NEWER, Continuous, Known, choose, choose_named, distance
from drills.model.point import RecoveryPoint, Window
from tests.support.clock import NOON

MINUTE = timedelta(minutes=1)
LIVING, GONE = "db-LIVING", "db-GONE"


def snapshot(minutes: float, resource_id: str = LIVING, **changes: object) -> RecoveryPoint:
    """A snapshot whose data reach to so many minutes before noon."""
    at = NOON - minutes * MINUTE
    name = f"awsbackup:job-{minutes:g}-{resource_id}"
    arn = f"arn:aws:rds:eu-central-1:123456789012:snapshot:{name}"
    usual = RecoveryPoint(
        *(arn, "awsbackup", name, "vault", "COMPLETED", "orders", resource_id),
        *(at, at + MINUTE / 60, at, "SnapshotDatabaseTime"),
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def continuous(earliest: float, latest: float, resource_id: str = LIVING) -> Continuous:
    """An automated backup that can be restored to any moment between so many minutes before noon."""
    arn = f"arn:aws:rds:eu-central-1:123456789012:auto-backup:ab-{resource_id}"
    point = replace(snapshot(0, resource_id), arn=arn, kind="continuous", snapshot_id="", vault=None, data_time=None)
    return Continuous(point, Window(NOON - earliest * MINUTE, NOON - latest * MINUTE))


def chosen(known: Known, not_after: datetime | None = None) -> RecoveryPoint:
    """The point that is chosen at noon."""
    point = choose(known, not_after, NOON).point
    assert point
    return point


MINUTES = st.lists(st.integers(1, 500), unique=True, max_size=6)


@given(MINUTES, st.none() | st.tuples(st.integers(250, 500), st.integers(1, 249)), st.integers(0, 510))
def test_the_newest_data_from_before_the_moment_are_taken_and_none_of_after_it(
    backups: list[int], window: tuple[int, int] | None, asked: int
) -> None:
    """Whatever there is: what is chosen does not go beyond the moment, and nothing that is left reaches nearer to it."""
    limit = NOON - asked * MINUTE
    kept = (continuous(*window),) if window else ()
    found = choose(Known(tuple(map(snapshot, backups)), kept, LIVING), limit, NOON).point

    reachable = [NOON - each * MINUTE for each in backups if each >= asked]
    if kept and kept[0].window and kept[0].window.earliest <= limit:
        reachable.append(min(limit, kept[0].window.latest))
    assert (found.data_time if found else None) == max(reachable, default=None)
    assert found is None or (found.data_time and found.data_time <= limit)


def test_without_a_moment_the_newest_there_is_is_taken() -> None:
    """The automated backup reaches further than the snapshot, and of two that reach as far the snapshot is sooner there."""
    known = Known((snapshot(60),), (continuous(600, 5),), LIVING)

    assert (chosen(known).kind, chosen(known).data_time) == ("continuous", NOON - 5 * MINUTE)
    assert chosen(replace(known, points=(snapshot(5),))).kind == "awsbackup"
    assert chosen(replace(known, why_no_moment="another region")).kind == "awsbackup"
    assert choose(replace(known, why_no_moment="another region"), None, NOON).refused[0].reason == "another region"


def test_what_is_too_new_is_named_with_its_reason() -> None:
    """Somebody who asks for last night sees why this morning's backup is none."""
    found = choose(Known((snapshot(10),), (continuous(30, 5),), LIVING), NOON - 60 * MINUTE, NOON)

    assert found.point is None
    assert [each.reason for each in found.refused] == [
        NOT_NEWER,
        "it begins at 2026-11-23 11:30:00 UTC, after the moment asked for",
    ]


def test_a_source_that_is_gone_is_restored_from_what_it_left() -> None:
    """Its retained automated backup and its points count; of several instances of the name the one with the newest data."""
    known = Known((snapshot(600, "db-OLDER"), snapshot(300, GONE)), (continuous(400, 120, GONE),), None)

    assert (chosen(known).dbi_resource_id, chosen(known).data_time) == (GONE, NOON - 120 * MINUTE)
    assert chosen(known, NOON - 500 * MINUTE).dbi_resource_id == "db-OLDER"


def test_an_instance_that_was_made_anew_does_not_hide_the_old_ones_data() -> None:
    """Somebody has made an empty instance under the name: a moment from before it leads to the old one, and that is said."""
    known = Known((snapshot(300, GONE), snapshot(10)), (), LIVING)
    found = choose(known, NOON - 60 * MINUTE, NOON)

    assert found.point == snapshot(300, GONE)
    assert "the living one is db-LIVING; found db-GONE, which is restored" in found.findings[0].message
    assert chosen(known) == snapshot(10)


def test_a_backup_on_demand_counts_and_a_copy_of_a_drill_does_not() -> None:
    """What was backed up before a release is what people want back; a drill's copy may be damaged on purpose."""
    asked_for = snapshot(20, made_by_drill=True)
    own = snapshot(5, snapshot_id="drill-20261123-110000-abcd-rehearsal-copy")

    assert chosen(Known((snapshot(60), asked_for, own), (), LIVING)).arn == asked_for.arn


def test_a_named_point_is_taken_of_whichever_instance_it_is() -> None:
    """Who names a point knows which; one that cannot be restored is refused with its reason."""
    known = Known((snapshot(300, GONE), snapshot(10), snapshot(20, status="EXPIRED")), (), LIVING)

    assert choose_named(known, snapshot(300, GONE).arn, NOON).point == snapshot(300, GONE)
    assert choose_named(known, snapshot(10).snapshot_id, NOON).point == snapshot(10)
    assert choose_named(known, snapshot(20).arn, NOON).refused[0].reason.startswith("status EXPIRED")
    assert choose_named(known, "orders-nightly", NOON).point is None


def test_how_far_the_data_reach_is_told() -> None:
    """Beside the moment that was asked for, else beside the call."""
    point = snapshot(10)

    assert distance(point, None, NOON) == "data up to 2026-11-23 11:50:00 UTC, 10 m before this was called"
    assert distance(point, NOON - 9 * MINUTE, NOON).endswith("11:50:00 UTC, 1 m before the moment asked for")
    assert distance(point, NOON - 10 * MINUTE, NOON).endswith("11:50:00 UTC, exactly as asked for")
    assert distance(replace(point, data_time=None), None, NOON) == "which instant its data reach to is not known"
