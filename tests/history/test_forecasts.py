"""A drill scores the forecast of the day before; the hit rate stands in the trend, and no other forecast counts."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from drills.history import forecasts, trend, wording
from drills.history.line import line_of
from drills.model.finding import Verdict
from drills.model.forecast import Forecast, ScoredForecast
from drills.model.instance import FILE_SYSTEM, TABLE, VOLUME
from drills.model.record import Failure, RunRecord
from drills.model.restore_job import RestoreTest
from reports import words
from tests.support.example_record import START, green_drill


def real() -> RunRecord:
    """A drill of an AWS account whose copy became available."""
    record = green_drill()
    assert record.target
    target = replace(record.target, account="123456789012", region="eu-central-1", dbi_resource_id="db-A")
    return replace(record, simulated=False, profile="aws", target=target)


def refused() -> RunRecord:
    """The same where AWS refused the restore."""
    record = real()
    lost = tuple(replace(each, statuses=(), checks=()) for each in record.restorations)
    return replace(record, restorations=lost, failures=(Failure("AWS refused the restore", 12, "restore"),))


def forecast(record: RunRecord, foreseen: str = "accepted", hours: float = 10.0) -> Forecast:
    """What was foreseen so many hours before the drill."""
    assert record.target
    return Forecast(
        at=record.started_at - timedelta(hours=hours),
        target="orders",
        simulated=record.simulated,
        account=record.target.account,
        region=record.target.region,
        instance_id=record.target.instance_id,
        dbi_resource_id=record.target.dbi_resource_id,
        vault=record.target.vault,
        foreseen=foreseen,  # type: ignore[arg-type]
        reasons=() if foreseen == "accepted" else ("key: it is disabled",),
    )


@pytest.mark.parametrize(
    ("record", "foreseen", "score"),
    [
        (real(), "accepted", "hit"),
        (real(), "refused", "miss"),
        (refused(), "refused", "hit"),
        (refused(), "accepted", "miss"),
        (real(), "not known", "not scored"),
        (refused(), "not known", "not scored"),
    ],
    ids=["came true", "was restored all the same", "was refused", "was refused unforeseen", "open", "open and refused"],
)
def test_a_forecast_is_a_hit_where_the_restore_came_out_so(record: RunRecord, foreseen: str, score: str) -> None:
    """What was not known is scored neither way; the sentence says what was foreseen and what came."""
    scored = forecasts.score(record, [forecast(record, foreseen)])

    assert scored
    assert scored.score == score
    assert f"as {foreseen}" in scored.sentence
    assert ("key: it is disabled" in scored.sentence) == (foreseen == "refused")


@pytest.mark.parametrize(
    ("kind", "status", "failures", "score"),
    [
        (TABLE, "ACTIVE", (), "hit"),
        (VOLUME, "available", (), "hit"),
        (FILE_SYSTEM, "available", (), "hit"),
        (FILE_SYSTEM, "available", (Failure("the job FAILED", 12, "restore"),), "miss"),
        (FILE_SYSTEM, "available", (Failure("access was denied", 12, "run the blocking checks"),), "hit"),
        (TABLE, "CREATING", (Failure("the job FAILED", 12, "restore"),), "miss"),
    ],
)
def test_what_is_no_database_was_restored_where_its_job_made_it(
    kind: str, status: str, failures: tuple[Failure, ...], score: str
) -> None:
    """By AWS's own word for each; a job that fails when what it has made is there already has restored nothing."""
    record = real()
    assert record.target
    statuses = (replace(record.restorations[0].statuses[0], status=status),)
    restored = tuple(replace(each, statuses=statuses) for each in record.restorations)
    record = replace(record, target=replace(record.target, kind=kind), restorations=restored, failures=failures)

    assert forecasts.score(record, [forecast(record)]).score == score  # type: ignore[union-attr]


def test_a_drill_without_a_point_is_no_restore() -> None:
    """Nothing could be restored, which is what a forecast of a refusal says."""
    missed = Verdict("recovery point", "missed", "none", exit_code=10)
    record = replace(real(), restorations=(), verdicts=(missed,))

    assert forecasts.score(record, [forecast(record, "refused")]).score == "hit"  # type: ignore[union-attr]


def test_the_newest_forecast_before_the_drill_counts() -> None:
    """One that was made after it began was no forecast of it, and one of days ago is not of the day before."""
    record = real()
    newest, older, after = (
        forecast(record, each, hours) for each, hours in (("accepted", 2), ("refused", 30), ("refused", -1))
    )

    assert forecasts.score(record, [newest, older, after]).score == "hit"  # type: ignore[union-attr]
    (stale,) = [forecasts.score(record, [forecast(record, hours=49)])]
    assert stale
    assert stale.score == "not scored"
    assert "run drills preflight daily" in stale.sentence


@pytest.mark.parametrize(
    "other",
    [
        {"account": "999999999999"},
        {"region": "us-east-1"},
        {"instance_id": "payments"},
        {"dbi_resource_id": "db-B"},
        {"dbi_resource_id": ""},
        {"vault": "other"},
        {"simulated": True},
    ],
    ids=["account", "region", "instance", "resource", "gone", "vault", "simulated"],
)
def test_a_forecast_of_another_instance_is_none(other: dict[str, object]) -> None:
    """Names are reused; a simulated forecast says nothing about AWS."""
    record = real()
    elsewhere = replace(forecast(record), **other)  # type: ignore[arg-type]

    assert forecasts.score(record, [elsewhere]).foreseen is None  # type: ignore[union-attr]


def test_a_drill_that_finds_the_source_gone_scores_what_was_foreseen_of_it() -> None:
    """It is the disaster that was foreseen; a line that was kept without its vault is still one of the target."""
    record = real()
    assert record.target
    gone = replace(record, target=replace(record.target, dbi_resource_id=""))
    foreseen = replace(forecast(record), vault=None)

    assert forecasts.score(gone, [foreseen]).score == "hit"  # type: ignore[union-attr]


def test_a_run_that_came_to_no_restore_scores_nothing() -> None:
    """Interrupted before it, or without a forecast in a simulation."""
    interrupted = replace(refused(), interrupted_by="SIGTERM")
    simulated = replace(real(), simulated=True)

    validated = replace(real(), restore_test=RestoreTest("job-1", "plan", "orders", "arn"))
    assert forecasts.score(validated, [forecast(validated)]) is None
    assert forecasts.score(interrupted, [forecast(interrupted)]) is None
    assert forecasts.score(replace(real(), restorations=()), [forecast(real())]) is None
    assert forecasts.score(simulated, []) is None


def test_forecasts_are_kept_a_line_each(tmp_path: Path) -> None:
    """Beside the history; what is no forecast is left out, and no file holds none."""
    path = forecasts.file_beside(tmp_path / "history.jsonl")
    assert forecasts.read(path) == ()
    first, second = forecast(real(), hours=20), forecast(real(), "refused", 10)

    assert (forecasts.append(path, second), forecasts.append(path, first)) == ("", "")
    with path.open("a") as file:
        file.write('{"version":1,"at":"2026-11-')

    assert path.name == "forecasts.jsonl"
    assert forecasts.read(path) == (first, second)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """In a sentence with what to do; nothing is raised."""
    assert "no drill can score it" in forecasts.append(tmp_path, forecast(real()))


def test_the_trend_shows_the_hit_rate() -> None:
    """Of the runs whose forecast was scored; without one nothing is said."""
    lines = []
    for index, score in enumerate(("hit", "hit", "miss", "not scored")):
        scored = ScoredForecast(score, "sentence", "accepted", START)  # type: ignore[arg-type]
        record = replace(real(), run_id=f"run-{index}", started_at=START + timedelta(days=index), forecast=scored)
        lines.append(line_of(replace(record, code=0, all_codes=(0,))))
    found = trend.trend_of(lines, lines[0].key, START + timedelta(days=9))

    assert [line.forecast for line in lines] == ["hit", "hit", "miss", ""]
    assert (found.forecasts_hit, found.forecasts_scored) == (2, 3)
    assert "2 of 3 forecasts of the day before came true (67 %)" in wording.one_line(found)
    assert "forecasts" not in wording.one_line(dataclasses.replace(found, forecasts_hit=0, forecasts_scored=0))


def test_the_report_says_it_in_a_line() -> None:
    """What was foreseen, and how it came out."""
    scored = forecasts.score(real(), [forecast(real())])

    assert scored
    assert words.forecast(scored).startswith("forecast hit: foreseen on 2026-11-23")
