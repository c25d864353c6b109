"""The dates on which recoverability ends: sorted, with the days that are left, and the last point decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drills.config.target import Target
from drills.model.point import RecoveryPoint
from drills.model.record import RunRecord
from drills.preflight import ends
from drills.preflight.facts import Key
from drills.preflight.sides import Sides
from drills.recovery.setup import Setup
from tests.support.clock import NOON
from tests.support.foreseen import POINT, foreseen, result_of


def test_dates_are_sorted_and_those_that_never_come_are_last() -> None:
    """With the days that are left; a point that is kept for ever has no date."""
    kept = replace(POINT, arn="kept", kind="manual", expires_at=None)
    found = ends.ends(replace(foreseen(), points=(POINT, kept)))
    dated = [each.at for each in found if each.at]

    assert dated == sorted(dated)
    assert [each.what for each in found if each.at is None] == ["last recovery point"]
    assert found[-1].at is None
    assert all(each.days == (each.at - NOON) / timedelta(days=1) for each in found if each.at)


def test_what_a_drill_would_make_lives_as_long_as_what_one_makes() -> None:
    """Its time to live begins when the last step of the run must have ended, and not now: the forecast asks what is asked then."""
    target = Target(instance="orders", time_to_live="1h")  # type: ignore[arg-type]
    clients: Any = SimpleNamespace()
    expires = Sides("orders", target, clients, clients).expires(NOON)
    record = RunRecord(1, "20260101-120000-abcd", "aws", False, NOON, "0")
    drill: Any = SimpleNamespace(journal=SimpleNamespace(record=record), target=target, name="orders")

    assert expires == Setup.expires(drill)
    assert expires > NOON + timedelta(hours=2)


def test_an_automated_snapshot_ends_with_the_retention_of_its_instance() -> None:
    """RDS says no date of it, and keeps it for the backup retention period."""
    automated = replace(POINT, kind="automated", expires_at=None)
    (newest, _) = (each for each in ends.ends(replace(foreseen(), points=(automated,))) if each.rolling)

    assert newest.at == automated.created_at + timedelta(days=7)  # type: ignore[operator]


@given(
    st.lists(st.integers(min_value=-400, max_value=4000), min_size=1, max_size=6),
    st.integers(min_value=1, max_value=400),
)
def test_the_last_point_is_the_one_that_is_kept_longest(days: list[int], within: int) -> None:
    """Points whose end is past count for nothing; the threshold decides over the others."""
    points = tuple(
        replace(POINT, arn=str(index), expires_at=NOON + timedelta(days=each)) for index, each in enumerate(days)
    )
    facts = replace(foreseen(), points=points, points_end_within=timedelta(days=within))
    last = next((each for each in ends.ends(facts) if each.what == "last recovery point"), None)
    left = [each for each in days if each > 0]

    assert (last.days if last else None) == (max(left) if left else None)
    assert (result_of(facts, "dates").outcome == "missed") == (bool(left) and max(left) <= within)


def test_points_of_another_status_do_not_count() -> None:
    """A date of what cannot be restored is none."""
    partial: RecoveryPoint = replace(POINT, status="PARTIAL")

    assert not [each for each in ends.ends(replace(foreseen(), points=(partial,))) if each.rolling]


def test_imported_key_material_that_expires_ends_recoverability() -> None:
    """What was encrypted under it cannot be restored from then on, as under a key that is deleted (KMS, `ValidTo`)."""
    expires = NOON + timedelta(days=2)
    metadata = {"Arn": "arn:aws:kms:eu-central-1:1:key/imported", "Origin": "EXTERNAL", "ValidTo": expires}
    facts = replace(foreseen(), keys={str(metadata["Arn"]): Key(metadata, {}, ())})
    (found,) = (each for each in ends.ends(facts) if each.what == "key imported loses its material")

    assert (found.at, found.days) == (expires, 2)
    assert [each.severity for each in result_of(facts, "dates").findings if each.object == found.what] == ["error"]


def test_each_date_has_the_remedy_of_its_own_kind() -> None:
    """Whatever words stand in the name that AWS gives an action, a key or an authority."""
    maintenance = ({"Action": "key-copy-point-certificate", "ForcedApplyDate": NOON + timedelta(days=1)},)
    metadata = {"Arn": "arn:aws:kms:eu-central-1:1:key/copy-of-a-point", "DeletionDate": NOON + timedelta(days=2)}
    key = Key(metadata, {}, ())
    facts = replace(foreseen(), maintenance=maintenance, keys={str(metadata["Arn"]): key})
    remedies = {each.what: each.remedy for each in ends.ends(facts)}

    assert "apply-pending-maintenance-action" in remedies["maintenance key-copy-point-certificate of the source"]
    assert "cancel-key-deletion" in remedies["key copy-of-a-point deleted"]
    assert "newer major version" in remedies["standard support of PostgreSQL 16"]
    assert "drills backup" in remedies["newest recovery point"]
    found = [each for each in result_of(facts, "dates").findings if each.object.startswith("maintenance")]
    assert [each.message for each in found] == [remedies["maintenance key-copy-point-certificate of the source"]]


def test_a_point_whose_vault_was_not_read_is_not_said_to_be_kept() -> None:
    """RDS tells no end of a snapshot of AWS Backup's: neither is its date shown, nor that of the last, unless another is kept."""
    elsewhere = replace(POINT, arn="elsewhere", vault=None, expires_at=None, data_time=NOON)
    facts = replace(foreseen(), points=(POINT, elsewhere), vault="bunker")
    dates = result_of(facts, "dates")

    assert not [each for each in ends.ends(facts) if each.rolling]
    assert [(each.what, each.reason) for each in dates.not_checked] == [
        (
            f"retention of 1 recovery point, {POINT.snapshot_id} among them",
            "kept by AWS Backup in another vault than bunker; that alone tells the date",
        )
    ]
    kept = replace(POINT, arn="kept", kind="manual", expires_at=None)
    found = ends.ends(replace(facts, points=(elsewhere, kept)))
    assert [(each.what, each.at) for each in found if each.rolling] == [("last recovery point", None)]


def test_a_date_that_is_near_is_counted_in_the_sentence() -> None:
    """A warning fails nothing, and "none near" stood above it."""
    soon = replace(POINT, arn="soon", expires_at=NOON + timedelta(hours=23), data_time=NOON)
    near, none = (result_of(replace(foreseen(), points=points), "dates") for points in ((POINT, soon), (POINT,)))

    assert (near.outcome, [each.object for each in near.findings]) == ("met", ["newest recovery point"])
    assert "known, 1 near; 1 to review" in near.sentence
    assert none.sentence.endswith("known, none near")
