"""`drills schedule`: what a backup schedule can lose at worst. Asks no account and no database."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from drills.cli.common import Command
from drills.clock import SystemClock
from drills.durations import parse_duration
from drills.errors import OBJECTIVE_MISSED, ConfigError
from drills.printable import to_json
from drills.schedule.worst_case import LossInterval, ScheduleResult, ScheduleRule, exact_duration, work_out
from drills.screen import Screen

LONGEST = timedelta(days=36_500)
EXAMPLE = """\
examples:
  drills schedule 'cron(0 5 ? * * *)' --timezone Europe/Berlin --start-window 8h --backup 40m --copy 30m --rpo 24h
  drills schedule 'cron(0 5 ? * MON-FRI *)' 'cron(0 12 ? * SAT *)' --backup 20m
  drills schedule 'rate(6 hours)' --json
Several expressions back up the same resource. Quote them: the shell knows ( and * too.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drills schedule`."""
    parser.add_argument(
        "expressions", nargs="+", metavar="EXPRESSION", help="cron(...) as AWS Backup takes it, or rate(...)"
    )
    parser.add_argument("--timezone", default="Etc/UTC", metavar="ZONE", help="of the expressions (default: Etc/UTC)")
    parser.add_argument(
        "--start-window", default="0s", metavar="DURATION", help="how late a backup may begin (AWS: 8h)"
    )
    parser.add_argument(
        "--completion-window", metavar="DURATION", help="how long a backup may take until it is cancelled"
    )
    parser.add_argument("--backup", metavar="DURATION", help="how long a backup takes (default: its completion window)")
    parser.add_argument(
        "--copy", default="0s", metavar="DURATION", help="how long a copy takes that must be there as well"
    )
    parser.add_argument("--continuous", action="store_true", help="continuous backup as well: a log every 5 minutes")
    parser.add_argument("--rpo", metavar="DURATION", help="recovery point objective; exit code 10 when it is missed")
    parser.add_argument(
        "--from", dest="start", metavar="DATE", help="start of the evaluated period, as 2026-01-31 (default: now)"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    """Work the schedule out and print it; ConfigError for what cannot be read."""
    rpo = _span("--rpo", options.rpo)
    if rpo is not None and not rpo:
        raise ConfigError("--rpo: expected a duration longer than zero, found none")
    rules = _rules(options)
    try:
        worst = work_out(rules, _start(options.start))
    except ValueError as error:
        raise ConfigError(_as_fragment(str(error))) from error
    missed = rpo is not None and (worst.worst is None or worst.worst.seconds > rpo.total_seconds())
    if options.json:
        print(to_json(_facts(rules, worst, rpo, missed)))
    else:
        _show(rules, worst, rpo, Screen(highlight=False))
    return OBJECTIVE_MISSED if missed else 0


def _as_fragment(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].removesuffix(".")


def _span(option: str, text: str | None) -> timedelta | None:
    if text is None:
        return None
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"{option}: {error}") from error
    if span > LONGEST:
        raise ConfigError(f"{option}: expected at most {LONGEST.days} days, found {text!r}")
    return span


def _start(text: str | None) -> datetime:
    if text is None:
        return SystemClock().now()
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--from: expected a date such as 2026-01-31, found {text!r}") from error
    if not 1970 < at.year < 2199:
        raise ConfigError(f"--from: expected a year from 1971 to 2198, as far as expressions go, found {text!r}")
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _rules(options: argparse.Namespace) -> list[ScheduleRule]:
    window = _span("--completion-window", options.completion_window)
    backup = _span("--backup", options.backup)
    common: dict[str, Any] = {
        "zone": options.timezone,
        "start_window": _span("--start-window", options.start_window),
        "backup": (window or timedelta()) if backup is None else backup,
        "copy": _span("--copy", options.copy),
        "completion_window": window,
    }
    rules = [ScheduleRule(text, text, **common) for text in options.expressions]
    return [*rules, ScheduleRule("continuous backup", "", continuous=True)] if options.continuous else rules


# -- what is printed --------------------------------------------------------------------------------------------------


def _facts(rules: Sequence[ScheduleRule], worst: ScheduleResult, rpo: timedelta | None, missed: bool) -> dict[str, Any]:
    return {
        "rules": [
            {
                "expression": rule.expression or rule.name,
                "timezone": rule.zone,
                "start_window_seconds": rule.start_window.total_seconds(),
                "backup_seconds": rule.backup.total_seconds(),
                "copy_seconds": rule.copy.total_seconds(),
                "valid_for_aws_backup": not rule.expression.lower().startswith("rate"),
            }
            for rule in rules
        ],
        "largest_gap_seconds": worst.gap.seconds if worst.gap else None,
        "largest_gap_from": _iso(worst.gap.from_at if worst.gap else None),
        "largest_gap_to": _iso(worst.gap.to_at if worst.gap else None),
        "worst_case_seconds": worst.worst.seconds if worst.worst else None,
        "worst_case_from": _iso(worst.worst.from_at if worst.worst else None),
        "worst_case_to": _iso(worst.worst.to_at if worst.worst else None),
        "worst_case_one_missed_seconds": worst.one_missed.seconds if worst.one_missed else None,
        "unbounded": worst.unbounded or None,
        "reading": (worst.worst.reading if worst.worst else "") or None,
        "readings": [
            {
                "reading": each.reading,
                "worst_case_seconds": each.worst_seconds,
                "worst_case_one_missed_seconds": each.one_missed_seconds,
            }
            for each in worst.readings
        ],
        "notes": list(worst.notes),
        "looked_at_from": _iso(worst.from_at),
        "looked_at_until": _iso(worst.until),
        "rpo_seconds": rpo.total_seconds() if rpo else None,
        "rpo": None if rpo is None else "missed" if missed else "met",
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _show(rules: Sequence[ScheduleRule], worst: ScheduleResult, rpo: timedelta | None, console: Console) -> None:
    zone = ZoneInfo(rules[0].zone)
    console.print(Text(_describe_rules(rules)), soft_wrap=True)
    console.print()
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for heading in ("what", "how much", "where"):
        table.add_column(heading, overflow="fold")
    if worst.gap:
        table.add_row(
            "largest gap between runs", exact_duration(worst.gap.seconds), Text(_between(worst.gap, zone), "dim")
        )
    for what, loss in (("worst case", worst.worst), ("with one missed run", worst.one_missed)):
        table.add_row(what, _amount(loss, rpo), Text(_between(loss, zone) if loss else "", "dim"))
    console.print(table)
    console.print()
    for line in _remarks(worst):
        console.print(Text(line, "dim"), soft_wrap=True)
    if rpo:
        console.print(_verdict_line(worst.worst, rpo), soft_wrap=True)


def _describe_rules(rules: Sequence[ScheduleRule]) -> str:
    """Return the rules and what each run may take, in one or two lines."""
    first = rules[0]
    names = ", ".join(rule.expression or rule.name for rule in rules)
    parts = [
        f"{what} {exact_duration(span.total_seconds())}"
        for what, span in (("start window", first.start_window), ("backup", first.backup), ("copy", first.copy))
        if span
    ]
    return f"{names} in {first.zone}\n{', '.join(parts) or 'no start window, and backups that take no time: give both'}"


def _amount(loss: LossInterval | None, rpo: timedelta | None) -> Text:
    if loss is None:
        return Text("unbounded", "bold red")
    style = "bold" if rpo is None else "bold green" if loss.seconds <= rpo.total_seconds() else "bold red"
    return Text(exact_duration(loss.seconds), style)


def _between(loss: LossInterval, zone: ZoneInfo) -> str:
    if loss.from_at is None or loss.to_at is None:
        return ""
    return "\nto ".join(f"{at.astimezone(zone):%a %d %b %Y %H:%M %Z}" for at in (loss.from_at, loss.to_at))


def _remarks(worst: ScheduleResult) -> list[str]:
    found = list(worst.notes) if worst.worst else [f"unbounded: {worst.unbounded}"]
    if worst.worst and worst.worst.reading:
        others = [each.worst_seconds for each in worst.readings if each.worst_seconds is not None]
        found.append(
            f"judged as if {worst.worst.reading}; AWS Backup's guide does not say which, and the kindest reading would "
            f"lose {exact_duration(min(others))}"
        )
    if worst.from_at and worst.until:
        found.append(f"every run from {worst.from_at:%d %b %Y} to {worst.until:%d %b %Y} was evaluated")
    return found


def _verdict_line(loss: LossInterval | None, rpo: timedelta) -> Text:
    objective = f"the RPO of {exact_duration(rpo.total_seconds())}"
    if loss is None:
        return Text(f"missed: nothing bounds the loss, and so not {objective}", "bold red")
    if loss.seconds <= rpo.total_seconds():
        return Text(f"met: the worst case is within {objective}", "bold green")
    over = exact_duration(loss.seconds - rpo.total_seconds())
    return Text(f"missed: the worst case is {over} beyond {objective}", "bold red")


COMMAND = Command(EXAMPLE, add_arguments, run)
