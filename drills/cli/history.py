"""`drills history`: the runs that were kept, and the trend of each group of them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drills.cli.common import CONFIG_OPTIONS, Command
from drills.clock import SystemClock
from drills.config import load as config
from drills.durations import show_duration
from drills.errors import ConfigError
from drills.history import store as history_file
from drills.history import trend, wording
from drills.history.line import is_complete
from drills.model.history import GroupKey, HistoryLine, HistoryPoint, RunOutcome, Trend
from drills.screen import Screen

RUNS_SHOWN = 12
EXAMPLE = """\
examples:
  drills history                     every group of runs, with its newest 12
  drills history --target myappdbprod --all
  drills history --json              the same for a program: `groups`, `not_counted`, `problems`
"""
EXIT_CODES = "exit codes: 0 said what there is; 2 wrong usage or configuration"
_STYLES: dict[RunOutcome, str] = {
    "passed": "green",
    "objective missed": "bold red",
    "verification failed": "bold red",
    "could not run": "bold magenta",
}
_TREND: TypeAdapter[Trend] = TypeAdapter(Trend)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drills history`."""
    parser.add_argument("--target", metavar="NAME", help="the runs of this target alone")
    parser.add_argument(
        "--all", action="store_true", help=f"every run that is kept, not the newest {RUNS_SHOWN} of a group"
    )
    parser.add_argument("--json", action="store_true", help="print facts as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the history. Raises ConfigError."""
    path = config.history_of(Path(options.config) if options.config else None) or history_file.DEFAULT
    lines, problems = history_file.read(path)
    names = sorted({line.key.target for line in lines})
    if options.target is not None:
        if names and options.target not in names:
            raise ConfigError(
                f'--target: expected a target with runs in {path}, found "{options.target}"; there are {", ".join(names)}'
            )
        lines = tuple(line for line in lines if line.key.target == options.target)
    trends = trends_of(lines, SystemClock().now())
    left_out = [line for line in lines if line.not_counted]
    if options.json:
        print(json.dumps(_facts(path, trends, left_out, problems), indent=2))
        return 0
    _show(Screen(), path, trends, left_out, problems, None if options.all else RUNS_SHOWN)
    return 0


def trends_of(lines: Sequence[HistoryLine], as_of: datetime) -> list[Trend]:
    """Return the trend of each group that came to know what it is, then those of runs that fit into none; the latest one first."""
    counted = [line for line in lines if not line.not_counted]
    keys: dict[GroupKey, None] = {line.key: None for line in reversed(counted) if is_complete(line.key)}
    keys |= {trend.group_for(line, counted): None for line in reversed(counted)}
    return [trend.trend_of(lines, key, as_of) for key in keys]


def _facts(
    path: Path, trends: Sequence[Trend], left_out: Sequence[HistoryLine], problems: Sequence[str]
) -> dict[str, Any]:
    return {
        "history": str(path),
        "groups": [_group_facts(found) for found in trends],
        "not_counted": [{"run_id": line.run_id, "reason": line.not_counted} for line in left_out],
        "problems": list(problems),
    }


def _group_facts(found: Trend) -> dict[str, Any]:
    raw: dict[str, Any] = _TREND.dump_python(found, mode="json")
    for name in ("not_counted", "problems"):  # these are the whole history's here
        del raw[name]
    stamp = {"stamp": wording.SIMULATED} if found.key.simulated else {}
    return stamp | raw | {"key": asdict(found.key), "warnings": wording.warnings(found)}


# -- for people -------------------------------------------------------------------------------------------------------


def _show(
    console: Console,
    path: Path,
    trends: Sequence[Trend],
    left_out: Sequence[HistoryLine],
    problems: Sequence[str],
    limit: int | None,
) -> None:
    if not trends and not left_out:
        _say(console, f"no run is kept in {path} yet")
    for found in trends:
        _say(console, wording.group(found.key), "bold")
        if found.key.simulated:
            _say(console, wording.SIMULATED, "bold yellow")
        shown = found.points if limit is None else found.points[-limit:]
        if len(shown) < len(found.points):
            _say(
                console,
                f"the newest {len(shown)} of {wording.runs(len(found.points))}; --all shows every one",
                "dim",
            )
        console.print(_table(shown, found))
        for line in wording.sentences(found):
            _say(console, line)
        for warning in wording.warnings(found):
            _say(console, f"warning: {warning}", "yellow")
        console.print()
    for each in left_out:
        _say(console, f"counts nowhere: {each.run_id}, {each.not_counted}", "dim")
    for problem in problems:
        _say(console, f"warning: {problem}", "yellow")


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style), soft_wrap=not console.is_terminal, highlight=False)


def _table(points: Sequence[HistoryPoint], found: Trend) -> Table:
    """The runs of a group; on a narrow terminal names and outcomes are wrapped, and no number is cut."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    made.add_column("Run", overflow="fold")
    made.add_column("Outcome", overflow="fold")
    numbers = [(_seconds(each.rta_seconds), _seconds(each.rpa_seconds), _size(each.size_bytes)) for each in points]
    for place, head in enumerate(("RTA", "RPA", "Size")):
        widest = max((len(row[place]) for row in numbers), default=0)
        made.add_column(head, justify="right", no_wrap=True, min_width=max(widest, len(head)))
    after = {gap.from_at: gap for gap in found.gaps}
    for point, row in zip(points, numbers, strict=True):
        made.add_row(point.run_id, Text(point.became, _STYLES.get(point.outcome, "yellow")), *row)
        if point.at in after:
            missed = after[point.at].missed
            made.add_row("", Text(f"({missed} missed)", "yellow"), "", "", "")
    return made


def _size(value: int | None) -> str:
    return "-" if value is None else wording.show_bytes(value)


def _seconds(value: float | None) -> str:
    return "-" if value is None else show_duration(value)


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, parents=(CONFIG_OPTIONS,), paths=("config",))
