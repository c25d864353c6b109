"""The three numbers of the data loss: what each comes to, what they say of each other, and what is judged by which."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.checks.owner.freshness import FreshnessResult
from drills.model.finding import CheckResult, Verdict
from drills.model.point import NEWEST, PointSelector, parse_point_selector
from drills.model.timing import DataLoss, Objectives
from drills.objectives import data_loss
from drills.objectives.data_loss import NewestData, Reference
from drills.recovery.read_loss import newest_answer
from tests.support.points import POINT

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
REFERENCE = Reference(NOON)
HOUR = 3600.0
SECONDS = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)


def losses_of(
    *,
    api: float | None,
    data: float | None,
    policy: float | None = None,
    bound: bool = False,
    field: str = "SnapshotDatabaseTime",
) -> tuple[DataLoss, DataLoss, DataLoss]:
    """The three numbers, where each source says that it is so many seconds older than noon; None: it says nothing."""
    dated = replace(POINT, data_time=None if api is None else NOON - timedelta(seconds=api), data_time_source=field)
    source = "no canary in the copy" if data is None else "freshness query 'orders'" if bound else "canary"
    reading = NewestData(None if data is None else NOON - timedelta(seconds=data), source, bound)
    return (
        data_loss.by_policy(policy, "plan daily"),
        data_loss.by_api(dated, REFERENCE),
        data_loss.by_data(reading, REFERENCE),
    )


def checked(ages: dict[str, Any]) -> CheckResult:
    """What holding the numbers against each other comes to."""
    return data_loss.compare(losses_of(**ages), 60.0)


def judged(rpo: float | None, ages: dict[str, Any], sample: PointSelector = NEWEST) -> Verdict:
    """The verdict on an RPO in seconds."""
    losses = losses_of(**ages)
    return data_loss.judge_rpo(losses, data_loss.measure(losses[2], REFERENCE), Objectives(None, rpo), sample)


@given(SECONDS, SECONDS, st.booleans())
def test_no_loss_is_ever_negative(api: float, data: float, bound: bool) -> None:
    """What lies before the reference is a number and its very distance, what lies after it is none."""
    for found, age in zip(losses_of(api=api, data=data, bound=bound)[1:], (api, data), strict=True):
        exact = (NOON - (found.reaches_to or NOON)).total_seconds()
        assert exact == pytest.approx(age, abs=1e-5)
        assert found.seconds == (exact if exact >= 0 else None)
        assert data_loss.contradicts(found) == (exact < 0)


@given(SECONDS, SECONDS, st.booleans())
def test_the_verdict_never_goes_by_the_api(api: float, data: float, bound: bool) -> None:
    """Whatever the API says, the outcome is the same."""
    with_it = judged(HOUR, {"api": api, "data": data, "bound": bound})

    assert with_it.outcome == judged(HOUR, {"api": None, "data": data, "bound": bound}).outcome


@pytest.mark.parametrize(
    ("ages", "rpo", "outcome", "said"),
    [
        ({"api": 10, "data": 20}, HOUR, "met", "20.0 s of data lost, by canary: within the RPO of 1 h"),
        ({"api": 10, "data": 2 * HOUR}, HOUR, "missed", "beyond the RPO of 1 h"),
        ({"api": 10, "data": 20, "bound": True}, HOUR, "met", "at most 20.0 s"),
        ({"api": 10, "data": 2 * HOUR, "bound": True}, HOUR, "not verified", "let a canary beat"),
        (
            {"api": 10, "data": None},
            HOUR,
            "not verified",
            "SnapshotDatabaseTime says 10.0 s, which only the data could prove",
        ),
        ({"api": None, "data": None}, HOUR, "not verified", "RPA was not measured: no canary in the copy"),
        ({"api": 10, "data": -3}, HOUR, "not verified", "3.0 s newer than the disaster"),
        ({"api": 10, "data": 20}, None, "not verified", "no RPO is set"),
    ],
)
def test_the_rpo_is_judged_by_what_the_data_prove(
    ages: dict[str, Any], rpo: float | None, outcome: str, said: str
) -> None:
    """An upper bound can meet an RPO and never miss it; without data, or with data of the future, it is not verified."""
    verdict = judged(rpo, ages)

    assert (verdict.outcome, verdict.exit_code) == (outcome, 10)
    assert said in verdict.sentence
    assert verdict.requirement == ("optional" if rpo is None else "required")


@pytest.mark.parametrize("text", ["oldest", "random", "random:7", "awsbackup:job-1", "2026-11-01T03:00:00Z"])
def test_a_point_that_is_not_the_newest_says_nothing_about_the_rpo(text: str) -> None:
    """Neither a miss for being old nor a pass for being lucky; a copy elsewhere is what a region's loss leaves."""
    verdict = judged(HOUR, {"api": 1e7, "data": 1e7}, parse_point_selector(text))

    assert (verdict.outcome, verdict.requirement) == ("not verified", "optional")
    assert judged(HOUR, {"api": 1e7, "data": 1e7}, parse_point_selector("copy")).outcome == "missed"


@pytest.mark.parametrize(
    ("ages", "severity", "said"),
    [
        ({"api": 10, "data": 71}, "warning", "the data end 1 m 1 s before the time that SnapshotDatabaseTime claims"),
        ({"api": 71, "data": 10}, "warning", "the data go 1 m 1 s past the time that SnapshotDatabaseTime claims"),
        (
            {"api": 71, "data": 10, "field": "backup job's CreationDate"},
            "information",
            "not the time of the data itself",
        ),
        ({"api": 71, "data": 10, "bound": True}, "warning", "go 1 m 1 s past"),
        ({"api": 7200, "data": 7200, "policy": HOUR}, "warning", "more than the 1 h of the schedule's worst case"),
    ],
)
def test_a_disagreement_beyond_tolerance_is_a_finding(ages: dict[str, Any], severity: str, said: str) -> None:
    """One finding that says which side says what; it fails nothing, since the verdict goes by the data anyway."""
    result = checked(ages)
    (finding,) = result.findings

    assert (finding.severity, result.outcome) == (severity, "met")
    assert said in finding.message
    assert finding.expected != finding.found


@pytest.mark.parametrize(
    "ages",
    [
        {"api": 10, "data": 70},
        {"api": 70, "data": 10},
        {"api": 10, "data": 1e6, "bound": True},
        {"api": 10, "data": 20, "policy": HOUR},
        {"api": 1e6, "data": HOUR + 60, "policy": HOUR, "field": "SnapshotCreateTime"},
    ],
)
def test_what_agrees_is_no_finding_that_counts(ages: dict[str, Any]) -> None:
    """Within tolerance, and where idle application data explain the distance."""
    result = checked(ages)

    assert result.outcome == "met"
    assert [finding.severity for finding in result.findings if finding.severity != "information"] == []
    assert result.compared == (2 if "policy" in ages else 1)


@pytest.mark.parametrize(
    ("ages", "object_"),
    [
        ({"api": 10, "data": -3}, "the newest restored row, by canary"),
        ({"api": -3, "data": 10}, "the recovery point, by SnapshotDatabaseTime"),
    ],
)
def test_what_is_newer_than_the_disaster_is_a_contradiction(ages: dict[str, Any], object_: str) -> None:
    """No clock of the run is believed then: not verified, with an error that names the side that is ahead."""
    result = checked(ages)

    assert (result.outcome, result.requirement) == ("not verified", "required")
    errors = [finding for finding in result.findings if finding.severity == "error"]
    assert [(finding.check, finding.object) for finding in errors] == [("data loss", object_)]
    assert errors[0].expected == "an instant not after the one that the loss is counted to"
    assert errors[0].found == "2026-11-23 12:00:03 UTC"
    assert "3.0 s newer than the disaster" in errors[0].message


def test_without_data_nothing_is_compared() -> None:
    """The API's number alone agrees with nothing: optional, not verified, never met."""
    result = checked({"api": 10, "data": None})

    assert (result.outcome, result.requirement, result.compared) == ("not verified", "optional", 0)


@given(st.lists(st.integers(min_value=-500, max_value=500), min_size=1, max_size=6))
def test_of_several_freshness_queries_the_newest_that_can_be_true_counts(ages: list[int]) -> None:
    """An instant after the disaster (a due date, say) tells nothing, unless there is no other: then it is reported."""
    found = [FreshnessResult(f"q{at}", NOON - timedelta(seconds=age)) for at, age in enumerate(ages)]
    reading = newest_answer(found, REFERENCE)
    past = [age for age in ages if age >= 0]

    assert reading.upper_bound
    assert reading.at == NOON - timedelta(seconds=min(past) if past else max(ages))
    assert data_loss.contradicts(data_loss.by_data(reading, REFERENCE)) == (not past)


def test_queries_that_tell_nothing_are_named() -> None:
    """Not measured, with the reason of each."""
    reading = newest_answer([FreshnessResult("orders", None, "it found no row")], REFERENCE)

    assert (reading.at, reading.source) == (
        None,
        "no canary in the copy, and freshness query 'orders': it found no row",
    )
    assert newest_answer([], REFERENCE).source == "no canary in the copy, and no freshness query is configured"


def test_a_moment_is_held_against_itself() -> None:
    """What was written after the moment and is in the copy is a contradiction, called by the moment's name."""
    moment = Reference(NOON, "the moment")

    assert data_loss.by_data(NewestData(NOON - timedelta(seconds=1), "canary"), moment).seconds == 1
    assert (
        "2.0 s newer than the moment"
        in data_loss.by_data(NewestData(NOON + timedelta(seconds=2), "canary"), moment).sentence
    )
