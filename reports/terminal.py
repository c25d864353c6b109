"""Output of a run on the terminal: progress, and a summary at its end. Plain lines where the output is no terminal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from drills.clock import Clock
from drills.durations import show_duration
from drills.errors import ConfigError
from drills.history import wording
from drills.model.record import RunRecord
from drills.model.timing import Phase
from drills.record import RECORD_NAME, load
from reports import outcomes, recovery_words, words

POLL_SECONDS = 0.2
FINDINGS_SHOWN = 5
REPORT_FILES = ("report.html", "summary.md", "allure-report/index.html", "junit.xml", RECORD_NAME)
_STYLES = {
    "passed": "green",
    "met": "green",
    "failed": "bold red",
    "missed": "bold red",
    "error": "bold red",
    "broken": "bold magenta",
    "skipped": "yellow",
    "not verified": "yellow",
    "warning": "yellow",
}
_TONES = {"good": "bold green", "bad": "bold red", "open": "bold yellow"}


class Screen(Console):
    """A console that raises BrokenPipeError when its output is closed; rich's own ends the process."""

    def on_broken_pipe(self) -> None:
        """Raise the error again, which rich has caught."""
        raise


class Progress:
    """The progress of one run: reads its record when it has changed, and prints phases as they begin and end."""

    def __init__(self, folder: Path, console: Console, clock: Clock) -> None:
        self.record: RunRecord | None = None
        self._path = folder / RECORD_NAME
        self._console = console
        self._clock = clock
        self._stamp: tuple[int, int] | None = None
        self._ended = 0
        self._announced = -1

    def read(self) -> None:
        """Read the record if it has changed; ignore one that is absent or not readable yet."""
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp != self._stamp:
                self.record = load(self._path.parent)
                self._stamp = stamp
        except (OSError, ConfigError):
            return

    def print_phases(self, *, begins: bool) -> None:
        """Print a line for each phase that has ended since, and with `begins` one for a phase that has just begun."""
        if self.record is None:
            return
        phases = self.record.phases
        while self._ended < len(phases) and phases[self._ended].seconds is not None:
            phase = phases[self._ended]
            self._line(phase, f"{phase.name}: {words.seconds_or(phase.seconds)}")
            self._ended += 1
        if begins and self._ended < len(phases) and self._announced < self._ended:
            self._announced = self._ended
            phase = phases[self._ended]
            limit = self.record.objectives.rto_seconds
            against = f", counts against the RTO of {show_duration(limit)}" if phase.clock == "rta" and limit else ""
            self._line(phase, f"{phase.name} ...{against}")

    def _line(self, phase: Phase, text: str) -> None:
        end = phase.start_seconds if phase.end_seconds is None else phase.end_seconds
        self._console.print(
            Text(_fit(self._console, f"[{show_duration(end):>8}] {text}"), "dim" if not phase.clock else ""),
            soft_wrap=not self._console.is_terminal,
            overflow="ellipsis",
            no_wrap=True,
            crop=self._console.is_terminal,
        )

    def __rich__(self) -> Text:
        """Return the line at the bottom: the open phase, its duration, the run's, and the share of the RTO that is used."""
        if self.record is None or not self.record.phases:
            return Text("waiting for the run to begin", "dim")
        now = self._clock.now()
        whole = max((now - self.record.started_at).total_seconds(), 0.0)
        phase = self.record.phases[-1]
        if phase.seconds is not None:
            return Text(f"[{show_duration(whole):>8}] ending", "dim")
        spent = max((now - phase.started_at).total_seconds(), 0.0)
        line = Text(_fit(self._console, f"[{show_duration(whole):>8}] {phase.name} {show_duration(spent)}"), "bold")
        used, style = objective_used(self.record, phase, spent)
        if used:
            line.append(" | ", "dim").append(used, style)
        line.no_wrap, line.overflow = True, "ellipsis"
        return line


def objective_used(record: RunRecord, phase: Phase, spent: float) -> tuple[str, str]:
    """Return how much of the RTO is used `spent` seconds into the open phase, and the style of that text."""
    if phase.clock != "rta":
        return "", ""
    used = spent + sum(each.seconds or 0.0 for each in record.phases if each.clock == "rta" and each is not phase)
    limit = record.objectives.rto_seconds
    if limit is None:
        return f"no RTO is set, {show_duration(used)} used", "dim"
    if used > limit:
        return f"RTO {show_duration(limit)} missed by {show_duration(used - limit)}", "bold red"
    return f"RTO {show_duration(limit)}, {show_duration(used)} used", "yellow" if used > 0.8 * limit else "green"


def follow(folder: Path, ended: Callable[[], bool], console: Console, clock: Clock) -> None:
    """Show the run in `folder` while it goes on, until `ended` says that it is over.

    On a terminal a line at the bottom lives; elsewhere, and on a dumb one, a plain line stands for the beginning and
    the end of each phase, without carriage returns or escape codes.
    """
    progress = Progress(folder, console, clock)
    lively = console.is_terminal and not console.is_dumb_terminal
    live: AbstractContextManager[object] = nullcontext()
    if lively:
        live = Live(progress, console=console, refresh_per_second=8, transient=True, redirect_stdout=False)
    with live:
        over = False
        while not over:
            over = ended()
            progress.read()
            progress.print_phases(begins=not lively)
            if not over:
                clock.sleep(POLL_SECONDS)


def _fit(console: Console, text: str) -> str:
    """Return the text with the characters replaced that the console's encoding does not have."""
    return text.encode(console.encoding, "replace").decode(console.encoding)


def _print_line(console: Console, text: str, style: str = "", indent: int = 0) -> None:
    """Print one sentence, wrapped at words on a terminal and in one line elsewhere."""
    line = Text(" " * indent + _fit(console, text), style)
    console.print(line, soft_wrap=not console.is_terminal, highlight=False)


def summary(record: RunRecord, folder: Path, console: Console) -> None:
    """Print the result of a run: promises, objectives, verdict, findings, failures, reports and exit codes."""
    console.print()
    if record.promises:
        console.print(_promises(record, console))
        console.print()
    console.print(_objectives(record, console))
    for line in recovery_words.beside_rta(record):
        _print_line(console, line, "dim")
    for name, cold, warm, target, ended in recovery_words.query_rows(record):
        _print_line(console, f"query {name!r}: {cold} cold, {warm} warm, target {target}: {ended}", "dim")
    for way, number, how, _ in words.loss_rows(record):
        _print_line(console, f"data loss {way}: {number} ({how})", "dim")
    console.print()
    _print_line(console, words.headline(record), _TONES[words.tone(record)])
    for stamp in words.stamps(record):
        _print_line(console, stamp, "bold yellow")
    _over_time(record, console)
    _findings(record, console)
    for failure in record.failures:
        _print_line(console, failure.sentence, "red")
    left = words.still_there(record)
    if left:
        _print_line(console, "not removed: " + ", ".join(left), "red")
    console.print()
    for name in REPORT_FILES:
        if (folder / name).exists():
            _print_line(console, words.show_path(folder / name), "cyan")
    for line in words.exit_lines(record):
        _print_line(console, f"exit code {line}")


def _over_time(record: RunRecord, console: Console) -> None:
    """Print the trend in one line, and a warning where an objective is nearly missed."""
    if record.history is None:
        return
    _print_line(console, f"over time: {wording.one_line(record.history)}")
    for warning in (*wording.warnings(record.history), *record.history.problems):
        _print_line(console, f"warning: {warning}", "yellow")


def _table(*heads: str) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=False)
    for head in heads:
        took = head == "Took"
        made.add_column(
            head, justify="right" if took else "left", no_wrap=took or head in ("Outcome", "Verdict"), overflow="fold"
        )
    return made


def _promises(record: RunRecord, console: Console) -> Table:
    made = _table("Outcome", "Promise", "Took")
    for promise in record.promises:
        name = Text(_fit(console, promise.name))
        if promise.reason:
            name.append("\n" + _fit(console, outcomes.reason_of(record, promise)), "dim")
        took = words.seconds_or(promise.seconds) if promise.seconds else "-"
        made.add_row(Text(promise.outcome, _STYLES[promise.outcome]), name, took)
    return made


def _objectives(record: RunRecord, console: Console) -> Table:
    made = _table("Verdict", "Measured", "Objective", "Margin")
    for view in words.objective_views(record):
        made.add_row(
            Text(view.outcome, _STYLES[view.outcome]),
            f"{view.actual_name} {words.seconds_or(view.actual, view.otherwise)}",
            f"{view.objective_name} {words.seconds_or(view.objective, 'not set')}",
            view.margin,
        )
    return made


def _findings(record: RunRecord, console: Console) -> None:
    found = words.findings(record)
    for finding in found[:FINDINGS_SHOWN]:
        line = f"{finding.severity}: {finding.object}: expected {finding.expected}, found {finding.found}"
        _print_line(console, line, _STYLES.get(finding.severity, ""))
    if len(found) > FINDINGS_SHOWN:
        _print_line(console, f"and {len(found) - FINDINGS_SHOWN} more findings in report.html", "dim")
