"""`drills schedule`: what it prints, its JSON, its exit codes, and what it refuses in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from drills.cli import main as cli

Ask = Callable[..., tuple[int, str, str]]
DAILY = "cron(0 5 ? * * *)"
GIVEN = (
    "--timezone",
    "Europe/Berlin",
    "--start-window",
    "8h",
    "--backup",
    "40m",
    "--copy",
    "30m",
    "--from",
    "2026-01-01",
)


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs the command; exit code, output, complaints."""

    def asked(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["schedule", *arguments])
        return code, *capsys.readouterr()

    return asked


def facts(ask: Ask, *arguments: str) -> dict[str, Any]:
    """The JSON of the command."""
    found: dict[str, Any] = json.loads(ask(*arguments, "--json")[1])
    return found


def test_a_daily_plan_in_berlin_misses_a_day(ask: Ask) -> None:
    """25 hours in autumn, 8 of start window, 70 minutes until the copy is there; the day that is missed comes on top."""
    code, out, _ = ask(DAILY, *GIVEN, "--rpo", "24h")
    found = facts(ask, DAILY, *GIVEN, "--rpo", "24h")

    assert code == 10
    assert [line.split("  ")[0] for line in out.splitlines()[3:9:2]] == [
        "largest gap between runs",
        "worst case",
        "with one missed run",
    ]
    for words in (
        "34 h 10 m",
        "2 d 10 h 10 m",
        "Sat 24 Oct 2026 05:00 CEST",
        "missed: the worst case is 10 h 10 m beyond",
    ):
        assert words in out
    assert found["worst_case_seconds"] == 34 * 3600 + 600
    assert found["worst_case_one_missed_seconds"] == 58 * 3600 + 600
    assert found["largest_gap_from"] == "2026-10-24T03:00:00+00:00"
    assert found["rpo"] == "missed"


def test_a_monthly_plan_fails_an_rpo_of_a_day_whatever_ran_today(ask: Ask) -> None:
    """The schedule is judged, not the age of the newest backup; within the RPO the exit code is 0."""
    assert ask("cron(0 5 1 * ? *)", "--rpo", "24h")[0] == 10
    assert ask("cron(0 5 1 * ? *)", "--rpo", "31d")[0] == 0
    assert ask("cron(0 5 1 * ? *)")[0] == 0


def test_several_expressions_back_up_the_same_resource(ask: Ask) -> None:
    """Weekdays and Saturday together leave Sunday alone."""
    assert facts(ask, "cron(0 5 ? * MON-FRI *)", "cron(0 5 ? * SAT *)")["largest_gap_seconds"] == 48 * 3600


def test_both_readings_of_a_skipped_time_are_told(ask: Ask) -> None:
    """The worse one is judged and named, and what the kindest would come to."""
    code, out, _ = ask("cron(30 2 ? * * *)", "--timezone", "Europe/Berlin", "--rpo", "46h")
    found = facts(ask, "cron(30 2 ? * * *)", "--timezone", "Europe/Berlin")

    assert code == 10
    assert "judged as if a run at a time that the clocks skip is left out" in out
    assert found["worst_case_seconds"] == max(each["worst_case_seconds"] for each in found["readings"]) == 47 * 3600


def test_a_schedule_that_ends_is_unbounded_and_misses_every_rpo(ask: Ask) -> None:
    """There is no number for it, in words or as JSON."""
    code, out, _ = ask("cron(0 5 * * ? 2030)", "--rpo", "999d")
    found = facts(ask, "cron(0 5 * * ? 2030)")

    assert code == 10
    assert out.count("unbounded") >= 2
    assert (found["worst_case_seconds"], found["largest_gap_seconds"]) == (None, None)
    assert "ends with the year 2030" in found["unbounded"]


def test_a_rate_is_worked_out_and_named_as_no_schedule_of_aws_backup(ask: Ask) -> None:
    """Other schedulers take it."""
    assert "rate() is no schedule of AWS Backup" in ask("rate(6 hours)")[1]
    assert [rule["valid_for_aws_backup"] for rule in facts(ask, "rate(6 hours)", DAILY)["rules"]] == [False, True]


def test_continuous_backup_and_completion_window_count(ask: Ask) -> None:
    """A log every five minutes; a backup of unknown length may take its whole completion window."""
    assert facts(ask, DAILY, "--continuous")["worst_case_seconds"] == 300
    assert facts(ask, DAILY, "--completion-window", "3h")["worst_case_seconds"] == 27 * 3600
    assert "cancelled" in facts(ask, DAILY, "--completion-window", "3h", "--backup", "4h")["unbounded"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["cron(0 5 * * *)"], "expected six fields in 'cron(0 5 * * *)'"),
        (["daily"], "expected cron(minute hour day-of-month month day-of-week year), found 'daily'"),
        (["rate(1 year)"], "expected rate(number unit)"),
        ([DAILY, "--timezone", "Mars/Olympus"], "expected a time zone"),
        ([DAILY, "--timezone", "../etc/passwd"], "expected a time zone"),
        ([DAILY, "--start-window", "soon"], "--start-window: 'soon' is no duration"),
        ([DAILY, "--copy", "40000d"], "--copy: expected at most 36500 days"),
        ([DAILY, "--rpo", "0s"], "--rpo: expected a duration longer than zero"),
        ([DAILY, "--from", "yesterday"], "--from: expected a date"),
        ([DAILY, "--from", "0001-01-01"], "--from: expected a year"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(ask: Ask, arguments: list[str], words: str) -> None:
    """Exit code 2, nothing on stdout, one line on stderr."""
    code, out, err = ask(*arguments)

    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("drills: ")
    assert words in err
