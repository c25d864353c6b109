"""Extended Support: what a restore asks for follows from the lifecycle of the major version, and is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.aws.databases.requests import ScratchGroups, restore_request
from drills.aws.engine import Lifecycle, decide, lifecycle_of
from drills.model.engine import ENROLLED, NOT_ENROLLED, major_of
from drills.model.parity import NotVerified
from drills.recovery import engine_version
from tests.support.clock import NOON
from tests.support.points import point_of

END = datetime(2027, 2, 28, 23, 59, 59, tzinfo=UTC)
LATER = datetime(2030, 2, 28, 23, 59, 59, tzinfo=UTC)
ROW = {
    "MajorEngineVersion": "14",
    "SupportedEngineLifecycles": [
        {"LifecycleSupportName": "open-source-rds-extended-support", "LifecycleSupportEndDate": LATER},
        {"LifecycleSupportName": "open-source-rds-standard-support", "LifecycleSupportEndDate": END},
    ],
}
GROUPS = ScratchGroups("parameters", "subnets", "sg-1")


def test_the_ends_of_support_are_read_by_their_names() -> None:
    """In whatever order AWS lists them; a version without a row is not known, and one without a name has no end."""
    assert lifecycle_of([{"MajorEngineVersion": "13"}, ROW], "14.9") == Lifecycle(END, LATER)
    assert lifecycle_of([ROW], "15.4") is None
    assert lifecycle_of([{"MajorEngineVersion": "14"}], "14.9") == Lifecycle(None, None)


@pytest.mark.parametrize(("version", "major"), [("16.9", "16"), ("9.6.24", "9.6"), ("17", "17")])
def test_the_major_version_of_a_version(version: str, major: str) -> None:
    """Before 10 it has two parts (PostgreSQL versioning policy)."""
    assert major_of(version) == major


@given(st.timedeltas(min_value=timedelta(days=-4000), max_value=timedelta(days=4000)))
def test_a_copy_is_enrolled_where_its_support_ends_before_it_does(left: timedelta) -> None:
    """And nowhere else: an enrolment is charged past that end, and without one RDS upgrades the copy."""
    until = END - left
    found = decide("14.9", Lifecycle(END, LATER), until)

    assert found.setting == (NOT_ENROLLED if left > timedelta(0) else ENROLLED)
    assert "2027-02-28" in found.reason
    assert (found.version, found.standard_until, found.extended_until) == ("14.9", END, LATER)
    assert ("charges" in found.reason) == (found.setting == ENROLLED)


@pytest.mark.parametrize("lifecycle", [NotVerified("AccessDenied: needs a right"), None, Lifecycle(None, None)])
def test_what_is_not_known_keeps_the_version(lifecycle: Lifecycle | NotVerified | None) -> None:
    """A copy is then enrolled, whatever that costs, and the reason says that it is not known."""
    found = decide("14.9", lifecycle, NOON)

    assert found.setting == ENROLLED
    assert "not known" in found.reason
    assert ("AccessDenied" in found.reason) == isinstance(lifecycle, NotVerified)


@pytest.mark.parametrize("kind", ["awsbackup", "continuous"])
def test_the_request_says_what_was_decided(kind: str) -> None:
    """Explicitly, in both calls that restore: RDS's own default enrols."""
    request = restore_request("drill-1", GROUPS, point_of("one", kind=kind), NOT_ENROLLED, None, [])

    assert request.parameters["EngineLifecycleSupport"] == NOT_ENROLLED
    assert "DBInstanceClass" not in request.parameters


def test_a_copy_that_may_be_charged_for_is_noted() -> None:
    """In the record, for every report; one that costs nothing is not."""
    (noted,) = engine_version.notes(decide("14.9", Lifecycle(END, LATER), END))

    assert noted.startswith("the copy is enrolled in Extended Support, which RDS charges")
    assert engine_version.notes(decide("14.9", Lifecycle(END, LATER), NOON)) == ()
