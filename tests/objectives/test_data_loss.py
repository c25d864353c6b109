"""The data loss word for word: each number, each difference and each verdict as a record keeps it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from drills import errors
from drills.model.finding import CheckResult, Finding, Outcome, Requirement, Severity
from drills.model.point import NEWEST, parse_point_selector
from drills.model.timing import DataLoss, Measurement, Objectives
from drills.objectives import data_loss
from drills.objectives.data_loss import NewestData, Reference
from tests.support.points import POINT

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
REFERENCE = Reference(NOON)
HINT = "compare the clocks, and the point with the disaster"


def before(seconds: float) -> datetime:
    """So many seconds before noon."""
    return NOON - timedelta(seconds=seconds)


def api(seconds: float | None, source: str = "SnapshotDatabaseTime") -> DataLoss:
    """The number by an API field."""
    at = None if seconds is None else before(seconds)
    return data_loss.by_api(replace(POINT, data_time=at, data_time_source=source), REFERENCE)


def data(seconds: float | None, source: str = "canary", *, upper_bound: bool = False) -> DataLoss:
    """The number by the restored data."""
    return data_loss.by_data(NewestData(None if seconds is None else before(seconds), source, upper_bound), REFERENCE)


def policy(seconds: float | None) -> DataLoss:
    """The number by the schedule."""
    return data_loss.by_policy(seconds, "plan daily")


def test_each_number_says_what_it_is_and_where_from() -> None:
    """By policy, API and data: a number with its source, or why there is none."""
    field = "SnapshotDatabaseTime"
    assert data_loss.by_policy(None) == DataLoss(
        "policy", None, None, "no backup plan was read", "not worked out: no backup plan was read"
    )
    assert policy(60.0) == DataLoss("policy", 60.0, None, "plan daily", "up to 1 m of data lost, by plan daily")
    unknown = "not known: no API field says which instant the recovery point reaches to"
    assert api(None) == DataLoss("api", None, None, "", unknown)
    assert api(0.0) == DataLoss("api", 0.0, NOON, field, f"0.0 s of data lost, by {field}")
    ahead = f"not measured: by {field} the recovery point is 5.0 s newer than the disaster; {HINT}"
    assert api(-5.0) == DataLoss("api", None, before(-5.0), field, ahead)
    assert data(None, "no canary") == DataLoss("data", None, None, "no canary", "not measured: no canary")
    assert data(0.0) == DataLoss("data", 0.0, NOON, "canary", "0.0 s of data lost, by canary")
    assert data(5.0, "q", upper_bound=True) == DataLoss(
        "data", 5.0, before(5.0), "q", "at most 5.0 s of data lost, by q (upper bound, by application data)", True
    )
    ahead = f"not measured: by q the newest restored row is 5.0 s newer than the disaster; {HINT}"
    assert data(-5.0, "q", upper_bound=True) == DataLoss("data", None, before(-5.0), "q", ahead, True)


def test_a_number_is_found_by_its_method() -> None:
    """None where the record has none of that method."""
    losses = (policy(1.0), api(1.0))

    assert data_loss.find_loss(losses, "api") is losses[1]
    assert data_loss.find_loss(losses, "data") is None


def apart(severity: Severity, claimed: str, found: str, message: str) -> Finding:
    """A difference between API and data."""
    return Finding("data loss", severity, "the recovery point", claimed, found, message)


STOPPED = "the canary's beat had stopped, or the point lacks what it claims to hold"


@pytest.mark.parametrize(
    ("losses", "tolerance", "finding"),
    [
        ((api(0.0), data(10.0)), 10.0, None),
        ((api(10.0), data(0.0)), 10.0, None),
        ((api(0.0), data(10.0, upper_bound=True)), 1.0, None),
        ((api(0.0), data(0.5, upper_bound=True)), 0.1, None),
        (
            (api(0.0), data(10.0)),
            9.0,
            apart(
                "warning",
                "2026-11-23 12:00:00 UTC by SnapshotDatabaseTime",
                "2026-11-23 11:59:50 UTC by canary",
                f"the data end 10.0 s before the time that SnapshotDatabaseTime claims: {STOPPED}",
            ),
        ),
        (
            (api(0.0), data(0.5)),
            0.1,
            apart(
                "warning",
                "2026-11-23 12:00:00 UTC by SnapshotDatabaseTime",
                "2026-11-23 11:59:59 UTC by canary",
                f"the data end 0.5 s before the time that SnapshotDatabaseTime claims: {STOPPED}",
            ),
        ),
        (
            (api(10.0), data(0.0, upper_bound=True)),
            9.0,
            apart(
                "warning",
                "2026-11-23 11:59:50 UTC by SnapshotDatabaseTime",
                "2026-11-23 12:00:00 UTC by canary",
                "the data go 10.0 s past the time that SnapshotDatabaseTime claims: whose point is this?",
            ),
        ),
        (
            (api(10.0, "CreationDate"), data(0.0)),
            9.0,
            apart(
                "information",
                "2026-11-23 11:59:50 UTC by CreationDate",
                "2026-11-23 12:00:00 UTC by canary",
                "the data go 10.0 s past CreationDate, which is not the time of the data itself",
            ),
        ),
        (
            (api(0.0, "CreationDate"), data(0.5)),
            0.1,
            apart(
                "warning",
                "2026-11-23 12:00:00 UTC by CreationDate",
                "2026-11-23 11:59:59 UTC by canary",
                f"the data end 0.5 s before the time that CreationDate claims: {STOPPED}",
            ),
        ),
        ((policy(5.0), data(7.0)), 2.0, None),
        ((policy(5.0), data(9.0, upper_bound=True)), 1.0, None),
        (
            (policy(5.0), data(8.0)),
            2.0,
            Finding(
                "data loss",
                "warning",
                "the schedule",
                "at most 5.0 s",
                "8.0 s",
                "8.0 s were lost, more than the 5.0 s of the schedule's worst case: a backup is missing, or another "
                "schedule makes them",
            ),
        ),
    ],
)
def test_a_difference_is_told_with_both_sides(
    losses: tuple[DataLoss, ...], tolerance: float, finding: Finding | None
) -> None:
    """Up to and including the tolerance there is none; beyond it the finding says what is claimed and what is there."""
    result = data_loss.compare(losses, tolerance)

    within = f"1 of the numbers held against the data, none apart by more than {tolerance:.1f} s"
    if finding is None:
        assert result == CheckResult("data loss", "met", within, compared=1)
    else:
        assert result == CheckResult("data loss", "met", finding.message, compared=1, findings=(finding,))


def test_a_contradiction_leaves_nothing_verified() -> None:
    """The first contradiction is the sentence; what was compared beside it is counted."""
    losses = (policy(60.0), api(-5.0), data(1.0))
    result = data_loss.compare(losses, 1e9)

    finding = Finding(
        "data loss",
        "error",
        "the recovery point, by SnapshotDatabaseTime",
        "an instant not after the one that the loss is counted to",
        "2026-11-23 12:00:05 UTC",
        losses[1].sentence,
    )
    assert result == CheckResult("data loss", "not verified", losses[1].sentence, compared=1, findings=(finding,))


@pytest.mark.parametrize(
    ("losses", "why"),
    [
        ((), "nothing was read"),
        ((policy(1.0), api(1.0)), "nothing was read"),
        ((policy(1.0), api(1.0), data(None, "no canary")), "not measured: no canary"),
        ((policy(None), api(None), data(1.0)), "1.0 s of data lost, by canary"),
        ((data(1.0),), "1.0 s of data lost, by canary"),
    ],
)
def test_nothing_to_compare_is_not_verified_and_not_required(losses: tuple[DataLoss, ...], why: str) -> None:
    """Without data, or with data alone, the reason is that of the data."""
    sentence = f"nothing to hold the recovery point's own time against: {why}"

    assert data_loss.compare(losses, 1.0) == CheckResult("data loss", "not verified", sentence, "optional")


def test_rpa_is_the_loss_by_data() -> None:
    """With the instants that it lies between; without a number its sentence says so."""
    found, missing = data(5.0), data(None, "no canary")

    assert data_loss.measure(found, REFERENCE) == Measurement(
        "RPA", 5.0, before(5.0), NOON, "canary", "5.0 s of data lost, by canary"
    )
    assert data_loss.measure(missing, REFERENCE) == Measurement(
        "RPA", None, None, NOON, "no canary", "RPA was not measured: no canary"
    )


@pytest.mark.parametrize(
    ("losses", "point", "outcome", "requirement", "sentence"),
    [
        (
            (api(1.0), data(5.0)),
            "random",
            "not verified",
            "optional",
            "the RPO is not judged by this recovery point ({description}); 5.0 s of data lost, by canary",
        ),
        (
            (api(1.0), data(None, "no canary")),
            "newest",
            "not verified",
            "required",
            "RPA was not measured: no canary; SnapshotDatabaseTime says 1.0 s, which only the data could prove",
        ),
        (
            (api(1.0), data(-5.0)),
            "newest",
            "not verified",
            "required",
            f"RPA was not measured: by canary the newest restored row is 5.0 s newer than the disaster; {HINT}",
        ),
        (
            (api(-1.0), data(None, "no canary")),
            "newest",
            "not verified",
            "required",
            "RPA was not measured: no canary",
        ),
    ],
)
def test_the_rpo_is_not_verified_in_these_words(
    losses: tuple[DataLoss, ...], point: str, outcome: Outcome, requirement: Requirement, sentence: str
) -> None:
    """By a point that is not the newest, or without a number: a claim of the API is quoted where no clock contradicts it."""
    sample = NEWEST if point == "newest" else parse_point_selector(point)
    rpa = data_loss.measure(losses[1], REFERENCE)

    verdict = data_loss.judge_rpo(losses, rpa, Objectives(None, 60.0), sample)

    assert (verdict.name, verdict.outcome, verdict.requirement) == ("rpo", outcome, requirement)
    assert verdict.sentence == sentence.format(description=sample.description)
    assert verdict.exit_code == errors.OBJECTIVE_MISSED


def test_an_upper_bound_beyond_the_rpo_has_not_missed_it() -> None:
    """The owner's tables may have been idle; within the RPO it meets it, and the canary's own number is a miss."""

    def judged(found: DataLoss) -> tuple[Outcome, bool]:
        losses = (api(1.0), found)
        verdict = data_loss.judge_rpo(losses, data_loss.measure(found, REFERENCE), Objectives(None, 60.0), NEWEST)
        return verdict.outcome, verdict.sentence.endswith(
            ", which an idle application explains as well: let a canary beat"
        )

    assert judged(data(61.0, "q", upper_bound=True)) == ("not verified", True)
    assert judged(data(60.0, "q", upper_bound=True)) == ("met", False)
    assert judged(data(61.0)) == ("missed", False)
