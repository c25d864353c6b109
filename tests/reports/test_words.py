"""The words that every report shares."""

from __future__ import annotations

import dataclasses

import pytest

from drills.history.line import why_not_counted
from drills.model.finding import CheckResult, NotChecked, Verdict
from drills.model.record import RunRecord
from drills.model.timing import Phase
from reports import html, markdown, words
from reports.view import gaps, select
from tests.support.example_record import START, failing_drill, green_drill, interrupted_drill, running_drill


def not_checked(record: RunRecord) -> list[NotChecked]:
    """All that a run left unverified."""
    return [each for left in gaps.gaps(record).values() for each in left]


def test_headline_says_the_verdict_in_words() -> None:
    """The headline of a run that ended comes from its exit codes, the first one first."""
    assert words.headline(green_drill()) == "Passed: all promises held"
    failed = words.headline(failing_drill())
    assert failed.startswith("Verification failed: ")
    assert failed.index("differ") < failed.index("objective was missed") < failed.index("still there")


@pytest.mark.parametrize(
    ("changes", "forbidden"),
    [({"interrupted_by": "SIGINT"}, "passed"), ({"code": None, "all_codes": ()}, "passed"), ({"code": 12}, "passed")],
)
def test_only_a_clean_run_is_called_passed(changes: dict[str, object], forbidden: str) -> None:
    """A run that was interrupted, has no code or another one than 0 is never called passed."""
    record = dataclasses.replace(green_drill(), **changes)  # type: ignore[arg-type]
    assert forbidden not in words.headline(record).lower()
    assert words.tone(record) != "good"


def test_filtered_run_passes_only_in_part() -> None:
    """A run that was filtered says so, even when all that was run held."""
    record = dataclasses.replace(green_drill(), partial=True, partial_reason="-k rows")
    assert words.headline(record).startswith("Passed in part")
    assert words.tone(record) == "open"
    assert any("PARTIAL" in stamp and "-k rows" in stamp for stamp in words.stamps(record))
    assert words.exit_lines(record) == ["0: the promises that were run held"]


def test_what_was_not_to_be_judged_is_called_that() -> None:
    """A drill of an old recovery point does not judge the RPO: the headline does not say that all held, nor the code."""
    record = green_drill()
    verdicts = tuple(
        dataclasses.replace(each, outcome="not verified", requirement="optional") if each.name == "rpo" else each
        for each in record.verdicts
    )
    record = dataclasses.replace(record, verdicts=verdicts)

    assert words.headline(record) == "Passed: all promises that were judged held; not judged: RPO"
    assert words.exit_lines(record) == ["0: all promises that were judged held; not judged: RPO"]
    assert [each.judgement for each in words.objective_views(record)][:2] == ["met", "not judged"]


def test_each_scenario_that_did_not_run_is_named() -> None:
    """All of them stand under what was not checked, in the page and in the summary, and the first in the stamp."""
    missing = ("The rows match", "The grants match")
    record = dataclasses.replace(green_drill(), partial=True, partial_reason="2 of 9 scenarios", missing=missing)

    assert [(each.what, each.reason) for each in not_checked(record)][:2] == [
        (name, "was expected of this run and did not run") for name in missing
    ]


def test_stamps_tell_simulated_partial_and_interrupted_runs() -> None:
    """Each way in which a run is less than a drill on AWS has its stamp; a whole run on AWS has none."""
    assert words.stamps(failing_drill()) == []
    assert words.stamps(green_drill()) == [words.SIMULATED]
    assert [stamp.split()[0] for stamp in words.stamps(interrupted_drill())] == [
        "SIMULATED:",
        "PARTIAL:",
        "INTERRUPTED",
    ]
    assert words.stamps(running_drill())[-1].startswith("NOT ENDED")


def test_an_interrupted_run_says_in_which_phase_it_was_aborted() -> None:
    """In the headline, which is all that a chat shows, and in the stamp; records of old say what ended them."""
    record = dataclasses.replace(interrupted_drill(), aborted_in="restore")

    assert words.headline(record) == "Aborted in phase restore: interrupted by SIGTERM; this run is no drill"
    assert words.stamps(record)[-1].startswith("ABORTED in phase restore: interrupted by SIGTERM; what follows")
    assert "aborted" not in words.headline(interrupted_drill())


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("the command itself was killed", "the command was killed"),
        ("its supervisor was killed", "its supervisor was killed"),
        ("tox is gone", "tox is gone"),
        ("the end of all its processes", "all its processes had ended"),
        ("SIGHUP", "interrupted by SIGHUP"),
    ],
)
def test_what_ended_a_run_is_a_sentence(reason: str, told: str) -> None:
    """Whatever ended it, in headline, stamp and where it counts nowhere, the same words."""
    record = dataclasses.replace(interrupted_drill(), interrupted_by=reason, aborted_in="restore")
    assert words.headline(record) == f"Aborted in phase restore: {told}; this run is no drill"
    assert words.stamps(record)[-1].startswith(f"ABORTED in phase restore: {told}; ")
    assert why_not_counted(record) == f"aborted in phase restore: {told}"


def test_every_exit_code_is_said_in_words() -> None:
    """Every code of the record stands in the lines, with words that are its own."""
    lines = words.exit_lines(failing_drill())
    assert [line.split(":")[0] for line in lines] == ["11", "10", "12", "13"]
    assert len({line.split(":", 1)[1] for line in lines}) == 4
    assert "not known" in words.code_words(failing_drill(), 99)


def test_not_measured_is_no_number_and_no_pass() -> None:
    """An actual that was not measured has no margin and is not verified."""
    rta, rpa = words.objective_views(failing_drill())
    assert (rta.outcome, rta.margin) == ("missed", "11 m 26 s too long")
    assert rpa.actual is None
    assert rpa.outcome == "not verified"
    assert "not measured" in rpa.margin


def test_objective_without_a_verdict_is_not_verified() -> None:
    """A measured actual without a verdict in the record is shown as not verified, whatever the numbers are."""
    record = dataclasses.replace(green_drill(), verdicts=())
    assert {view.outcome for view in words.objective_views(record)} == {"not verified"}


def test_the_schedules_worst_case_stands_beside_the_measured_loss() -> None:
    """It is held against the same objective; one that nothing bounds is unbounded, and never "not measured"."""
    green = green_drill()
    assert green.worst_case
    missed = Verdict("rpo by policy", "missed", "nothing bounds what the schedule can lose", exit_code=10)
    endless = dataclasses.replace(green.worst_case, seconds=None)
    record = dataclasses.replace(green, worst_case=endless, verdicts=(missed,))
    met, unbounded = words.objective_views(green)[2], words.objective_views(record)[2]

    assert (met.actual_name, met.actual, met.objective, met.outcome) == ("worst case", 300.0, 300.0, "met")
    assert (unbounded.actual, unbounded.outcome, unbounded.margin) == (None, "missed", "no margin: unbounded")
    assert "unbounded" in markdown.render(record)
    assert "unbounded" in html.render(record)


def test_everything_left_out_is_listed() -> None:
    """Gaps of the run and of its checks, checks and verdicts that were not verified: all are listed, once."""
    left = [gap.what for gap in not_checked(failing_drill())]
    assert left == [
        "check amcheck (impossible)",
        "rpo (required)",
        "parity of the AWS configuration",
        "content: table shop.event_2019",
    ]


def test_run_without_checks_says_that_the_copy_was_not_checked() -> None:
    """Where nothing was checked, that is itself listed."""
    assert "the restored copy" in [gap.what for gap in not_checked(interrupted_drill())]


def test_findings_of_rehearsals_are_not_the_runs() -> None:
    """A damaged backup's findings are wanted, and never counted as differences of the recovery."""
    assert words.findings(green_drill()) == []
    assert select.all_findings(select.rehearsals(green_drill())[0])[0].object == "table shop.customer"


def test_gravest_findings_come_first() -> None:
    """Errors stand before warnings."""
    severities = [finding.severity for finding in words.findings(failing_drill())]
    assert severities == sorted(severities)
    assert severities[-1] == "warning"


def test_slowest_phase_is_named_only_when_the_recovery_ended() -> None:
    """While a phase of the recovery is open nobody knows which one is the slowest."""
    assert words.slowest_phase(green_drill()) == "restore, 9.7 s"
    assert words.slowest_phase(interrupted_drill()) == ""
    other = dataclasses.replace(green_drill(), measurements=(), phases=(Phase("x", START, 0.0, START, 2.0),))
    assert words.slowest_phase(other) == ""


@pytest.mark.parametrize(
    ("size", "said"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (48_234_496, "46.0 MiB"), (5 * 2**40, "5.0 TiB")],
)
def test_sizes_have_binary_units(size: int, said: str) -> None:
    """Sizes are said with the unit that keeps the number short."""
    assert words.show_bytes(size) == said


@pytest.mark.parametrize(("seconds", "said"), [(0.05, "50 ms"), (0.0, "0.0 s"), (0.2, "0.2 s"), (None, "not measured")])
def test_short_durations_are_not_rounded_to_nothing(seconds: float | None, said: str) -> None:
    """A phase that took milliseconds is not shown as 0.0 s."""
    assert words.seconds_or(seconds) == said


def test_verdicts_that_repeat_a_check_are_told_once() -> None:
    """A check's own verdict stands in the table of checks; one that judges it differently is shown."""
    green = green_drill()
    content = next(check for check in words.recovery_checks(green) if check.name == "content")
    same = Verdict(content.name, content.outcome, content.sentence)
    other = Verdict("canary", "not verified", "1 difference", "optional")
    record = dataclasses.replace(green, verdicts=(*green.verdicts, same, other))
    assert gaps.verdicts_beside_checks(record) == [*green.verdicts, other]


def test_place_is_common_only_when_it_is_the_same_for_all() -> None:
    """One account and one region are said once; two are not."""
    made = green_drill().resources
    elsewhere = dataclasses.replace(made[0], region="eu-west-1")
    assert select.common_place(made) == "account 123456789012, region eu-central-1"
    assert select.common_place((*made, elsewhere)) == ""
    assert select.common_place(()) == ""


def test_check_counts_never_call_an_unverified_check_met() -> None:
    """The outcomes are counted apart."""
    checks = (CheckResult("a", "not verified", ""), CheckResult("b", "met", "", compared=3))
    assert words.check_counts(checks) == "1 not verified, 1 met; 3 objects compared"
    assert words.check_counts(()) == "none was made"
    assert words.promise_counts(()) == "none was run"
