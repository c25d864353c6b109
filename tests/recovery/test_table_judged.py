"""What a table's manifest proves of a copy that is older than it."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from drills.model.record import Expectation
from drills.recovery.resource.observed import ItemsSeen
from drills.recovery.table.judged import compare_items, expectation_of
from drills.tables.fingerprint import BUCKETS, Bucket, Fingerprint
from drills.tables.manifest import TableManifest
from reports import words
from tests.support.points import POINT

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
ONE, TWO = (Fingerprint((Bucket(n, n, n), *(Bucket(0, 0, 0),) * (BUCKETS - 1))) for n in (1, 2))
SETTINGS = {"key_schema": "id HASH"}


def manifest(ended_at: datetime) -> TableManifest:
    """One that was taken until then, of a table with two items."""
    return TableManifest("orders", "id", ended_at - timedelta(seconds=9), ended_at, True, SETTINGS, (), TWO)


@pytest.mark.parametrize(
    ("seconds", "given", "called"),
    [
        (0, "stored", "stored"),
        (1, "stored", "stored later"),
        (-1, "stored", "stored"),
        (1, "at backup", "at backup"),
    ],
)
def test_a_stored_manifest_that_was_taken_after_the_data_of_the_point_is_not_called_one_from_before(
    seconds: int, given: Expectation, called: str
) -> None:
    """One that was being taken when the backup began is after it as well; the sandbox takes its own beside the backup."""
    point = dataclasses.replace(POINT, data_time=AT)

    assert expectation_of(manifest(AT + timedelta(seconds=seconds)), given, point) == called
    assert ("after the data" in words.EXPECTATIONS[called]) == (called == "stored later")


def test_where_an_instant_or_the_manifest_is_not_known_nothing_is_said_of_it() -> None:
    """A run that ended before it chose has no point."""
    assert expectation_of(None, "none", POINT) == "none"
    for point in (None, dataclasses.replace(POINT, data_time=None)):
        assert expectation_of(manifest(AT), "stored", point) == "stored"


def test_what_differs_from_a_later_manifest_accuses_nobody() -> None:
    """It may have been written since; the same items are proved all the same."""
    kept = manifest(AT)
    before, later = (compare_items(kept, "id HASH", ItemsSeen(ONE), each) for each in ("stored", "stored later"))
    same = compare_items(kept, "id HASH", ItemsSeen(TWO), "stored later")

    assert (before.outcome, later.outcome, same.outcome) == ("missed", "not verified", "met")
    assert later.findings == ()
    assert later.unverified == 1
    assert before.sentence in later.sentence
    assert "was taken until 2026-11-30 12:00:00 UTC, after the data of the recovery point" in later.sentence
