"""What the history keeps of a run, and how it is read again."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drills.history.line import agrees, became, key_of, line_of, outcome_of, read_lines, verdict_of, write_line
from drills.history.trend import trend_of
from drills.model.finding import Verdict
from drills.model.history import HistoryLine
from drills.model.record import Failure, RunRecord, Setting
from tests.support.example_history import FIRST, KEY, MONTH, line, monthly
from tests.support.example_record import failing_drill, green_drill, interrupted_drill, running_drill

SANDBOXED = Setting("profile.kind", "sandbox", "default")
KEYS = st.builds(
    dataclasses.replace,
    st.just(KEY),
    account=st.sampled_from(["", "1", "2"]),
    scenario=st.sampled_from(["", "instance loss"]),
    simulated=st.booleans(),
    instance_class=st.sampled_from(["", "a", "b"]),
    point_kind=st.sampled_from(["", "awsbackup", "copy"]),
    dbi_resource_id=st.sampled_from(["", "db-A"]),
    sample=st.sampled_from(["newest", "oldest"]),
)


def on_aws() -> RunRecord:
    """A whole drill on AWS whose target is known as far as a drill comes to know it."""
    record = failing_drill()
    assert record.target is not None
    target = dataclasses.replace(record.target, account="123456789012", region="eu-central-1")
    return dataclasses.replace(record, target=target)


def test_a_run_of_an_old_recovery_point_is_of_another_group() -> None:
    """Its data are old by choice, and say nothing of what a disaster would take."""
    record = on_aws()
    old = dataclasses.replace(record, settings=(*record.settings, Setting("target.sample", "random:7", "--sample")))

    assert line_of(old).key == dataclasses.replace(line_of(record).key, sample="random")


def test_a_line_holds_what_a_run_is_compared_by() -> None:
    """Group, outcome, codes, actuals with their objectives and the size are those of the record."""
    kept = line_of(on_aws(), 86_400.0)

    assert kept.key == dataclasses.replace(KEY, profile="aws", rto_clock="disruption")
    assert (kept.outcome, kept.code, kept.all_codes) == ("verification failed", 11, (11, 10, 12, 13))
    assert kept.rta_seconds == pytest.approx(2486.2)
    assert (kept.rpa_seconds, kept.rto_seconds, kept.rpo_seconds) == (None, 1800.0, 3600.0)
    assert (kept.size_bytes, kept.allocated_gib, kept.source_class) == (48_234_496, 20, "db.m6g.large")
    assert (kept.not_counted, kept.drill_every_seconds) == ("", 86_400.0)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (0, "passed"),
        (10, "objective missed"),
        (11, "verification failed"),
        (12, "could not run"),
        (2, "could not run"),
        (13, "left behind"),
        (14, "not sealed"),
        (None, "not ended"),
    ],
)
def test_outcomes_are_told_apart(code: int | None, outcome: str) -> None:
    """An objective missed, a verification failed and a drill that could not run are three things, and none is a pass."""
    assert outcome_of(dataclasses.replace(green_drill(), code=code)) == outcome


def test_a_run_that_could_not_verify_something_is_told_apart_from_one_that_could_not_run() -> None:
    """Both have 12. The first went to its end: no failure, no promise that broke, no signal; the line keeps that, and the point."""
    open_one = Verdict("content equal to manifest", "not verified", "no manifest was found")
    unverified = dataclasses.replace(green_drill(), code=12, all_codes=(12,), verdicts=(open_one,))
    broken = dataclasses.replace(green_drill().promises[0], outcome="broken")
    left_open = dataclasses.replace(broken, reason=open_one.why_open)
    both = dataclasses.replace(unverified, promises=(*green_drill().promises, left_open))
    others = (
        dataclasses.replace(both, verdicts=()),
        dataclasses.replace(both, promises=(left_open, broken)),
        dataclasses.replace(unverified, verdicts=()),
        dataclasses.replace(unverified, failures=(Failure("AWS refused it", 12),)),
        dataclasses.replace(unverified, promises=(broken,)),
        dataclasses.replace(unverified, interrupted_by="SIGTERM"),
    )

    assert (outcome_of(unverified), became(unverified)) == ("could not run", "not verified")
    assert became(both) == "not verified"  # its promise broke for want of that verdict alone
    assert {became(each) for each in others} == {"could not run"}
    assert (
        verdict_of(dataclasses.replace(unverified, partial=True))
        == "not verified, counts nowhere (partial: the run was filtered)"
    )
    written = [read_lines(write_line(line_of(each)) + "\n")[0][0] for each in (both, others[0])]
    assert [(each.outcome, each.not_verified) for each in written] == [
        ("could not run", True),
        ("could not run", False),
    ]
    assert [point.became for point in trend_of(written[:1], written[0].key, FIRST).points] == ["not verified"]


def test_what_is_no_drill_counts_nowhere() -> None:
    """Interrupted and partial runs, and those whose backup was damaged on purpose, are kept with the reason."""
    damaged = dataclasses.replace(green_drill(), settings=(Setting("--damage", "row", "command line"),))
    partial = dataclasses.replace(green_drill(), partial=True, partial_reason="-k rows")

    assert line_of(interrupted_drill()).not_counted == "interrupted by SIGTERM"
    assert line_of(partial).not_counted == "partial: -k rows"
    assert line_of(damaged).not_counted == "the backup was damaged on purpose: row"
    assert line_of(green_drill()).not_counted == ""


def test_a_source_that_is_made_anew_each_time_is_the_same_source() -> None:
    """In the sandbox the resource id is another in every run, and the data that was loaded says what the source is."""
    green = green_drill()
    sandboxed = dataclasses.replace(green, settings=(SANDBOXED, Setting("--seed", "my.dump", "command line")))

    assert key_of(sandboxed).dbi_resource_id == ""
    assert key_of(sandboxed).seed == "my.dump"
    assert key_of(green).dbi_resource_id == "db-7QXW3ZJ5LHO2KVRN"
    assert line_of(sandboxed).dbi_resource_id == "db-7QXW3ZJ5LHO2KVRN"


def test_a_bare_run_has_a_line_too() -> None:
    """A run that ended before anything was known is kept with what it knew."""
    bare = RunRecord(1, "x", "aws", False, FIRST, "0", code=12, all_codes=(12,))
    kept = line_of(bare)

    assert (kept.outcome, kept.rta_seconds, kept.key.point_kind) == ("could not run", None, "")
    assert line_of(running_drill()).outcome == "not ended"


@given(KEYS, st.sampled_from(["passed", "could not run"]), st.none() | st.floats(0, 1e7))
@settings(deadline=None)
def test_lines_come_back_as_they_were_written(key: object, outcome: str, rta: float | None) -> None:
    """Writing a line and reading it gives the same values, on one line."""
    kept = dataclasses.replace(line(1, FIRST), key=key, outcome=outcome, rta_seconds=rta)  # type: ignore[arg-type]
    text = write_line(kept)

    assert "\n" not in text
    assert read_lines(text + "\n") == ((kept,), ())


@given(st.integers(1, 400))
@settings(deadline=None)
def test_a_line_that_is_cut_off_takes_no_other_with_it(cut: int) -> None:
    """What was being written when a run was killed is named, and every run before it is read."""
    whole, last = monthly(3), write_line(line(9, FIRST + 9 * MONTH))
    text = "".join(write_line(each) + "\n" for each in whole) + last[: min(cut, len(last) - 1)]
    lines, problems = read_lines(text)

    assert list(lines) == whole
    assert problems == ("line 4 of the history is cut off, so that its run counts nowhere",)


def test_lines_that_are_none_are_named_with_their_number() -> None:
    """A newer version, other JSON, other text and an instant without a zone: one sentence each, and the rest is read."""
    good = write_line(line(1, FIRST))
    newer = json.dumps(json.loads(good) | {"version": 2, "run_id": "n"})
    naive = json.dumps(json.loads(good) | {"started_at": "2026-01-01T00:00:00", "run_id": "m"})
    lines, problems = read_lines("\n".join([newer, "[1]", "half {", naive, good, ""]))

    assert [each.run_id for each in lines] == [line(1, FIRST).run_id]
    assert len(problems) == 4
    assert "line 1 of the history has version 2 and this project reads up to 1: use a newer one" in problems[0]
    assert all("so that its run counts nowhere" in problem for problem in problems)


def test_a_run_that_was_added_twice_counts_once() -> None:
    """The later line of a run is the one that holds, and runs are in the order in which they began."""
    first, second = line(1, FIRST), line(2, FIRST + MONTH)
    again = dataclasses.replace(first, outcome="left behind", code=13)
    lines, _ = read_lines("".join(write_line(each) + "\n" for each in (second, first, again)))

    assert lines == (again, second)


@given(KEYS, KEYS, st.none() | st.floats(0, 1e6))
@settings(deadline=None)
def test_numbers_never_stand_beside_those_of_another_group(one: object, other: object, rta: float | None) -> None:
    """A run with a number agrees with its own group alone; one without agrees where nothing that it knew differs."""
    kept: HistoryLine = dataclasses.replace(line(1, FIRST), key=one, rta_seconds=rta, rpa_seconds=None)  # type: ignore[arg-type]
    if agrees(kept, other) and rta is not None:  # type: ignore[arg-type]
        assert one == other
    if agrees(kept, other):  # type: ignore[arg-type]
        known = dataclasses.asdict(one)  # type: ignore[call-overload]
        wanted = dataclasses.asdict(other)  # type: ignore[call-overload]
        assert all(known[name] in ("", value) or known[name] == value for name, value in wanted.items())
        assert (known["simulated"], known["scenario"]) == (wanted["simulated"], wanted["scenario"])


def test_instants_of_a_line_are_aware() -> None:
    """What is read can be compared with the clock."""
    ((read,), _) = read_lines(write_line(line(1, FIRST)))
    assert isinstance(read.started_at, datetime)
    assert read.started_at.tzinfo is not None


def test_a_run_that_was_refused_is_no_run() -> None:
    """Wrong usage stands in no history, and what earlier versions added of it is not read."""
    refused = dataclasses.replace(line(1, FIRST), code=2, all_codes=(2,))
    kept = line(2, FIRST + MONTH)

    assert read_lines(f"{write_line(refused)}\n{write_line(kept)}\n") == ((kept,), ())
