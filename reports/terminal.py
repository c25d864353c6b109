"""What a person sees while a run goes on, and at its end. Plain lines where the output is no terminal."""

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
from drills.printable import printable
from drills.record import RECORD_NAME, load
from drills.turns import wording as in_turn
from reports import outcomes, reasons, recovery_words, words
from reports.view import removal

POLL_SECONDS = 0.2
REASONS_SHOWN = 6
REPORT_FILES = ("report.html", "report.pdf", "summary.md", "allure-report/index.html", "junit.xml", RECORD_NAME)
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
_FORECASTS = {"hit": "green", "miss": "bold red", "not scored": "dim"}
_TONES = {"good": "bold green", "bad": "bold red", "open": "bold yellow"}


class Progress:
    """What has been shown of one run: reads its record when it has changed, tells phases as they begin and end."""

    def __init__(self, folder: Path, console: Console, clock: Clock) -> None:
        self.record: RunRecord | None = None
        self._path = folder / RECORD_NAME
        self._console = console
        self._clock = clock
        self._stamp: tuple[int, int] | None = None
        self._told = 0
        self._begun = -1
        self._noted = ""

    def look(self) -> None:
        """Read the record if it is another than before; one that is not there yet, or not readable, is waited for."""
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp != self._stamp:
                self.record = load(self._path.parent)
                self._stamp = stamp
        except (OSError, ConfigError):
            return

    def tell(self, *, begins: bool) -> None:
        """Print a line for every phase that has ended since, and with `begins` one for a phase that has just begun."""
        if self.record is None:
            return
        phases = self.record.phases
        while self._told < len(phases) and phases[self._told].seconds is not None:
            phase = phases[self._told]
            self._line(phase, f"{phase.name}: {words.seconds_or(phase.seconds)}")
            self._told += 1
        if not begins or self._told >= len(phases):
            return
        phase = phases[self._told]
        if self._begun < self._told:
            self._begun, self._noted = self._told, phase.note
            limit = self.record.objectives.rto_seconds
            against = f", counts against the RTO of {show_duration(limit)}" if phase.clock == "rta" and limit else ""
            self._line(phase, f"{phase.name} ...{against}")
        elif self._noted != phase.note:
            self._noted = phase.note
            if phase.note:
                self._line(phase, phase.note)

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
        """The line at the bottom: the open phase, its time, the whole time and the objective that it uses up."""
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
        if phase.note:
            line.append(" | ", "dim").append(_fit(self._console, phase.note), "dim")
        line.no_wrap, line.overflow = True, "ellipsis"
        return line


def objective_used(record: RunRecord, phase: Phase, spent: float) -> tuple[str, str]:
    """How much of the RTO is used up `spent` seconds into the open phase, and in which style to say it."""
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
            progress.look()
            progress.tell(begins=not lively)
            if not over:
                clock.sleep(POLL_SECONDS)


def _fit(console: Console, text: str) -> str:
    """The text with what the console's encoding cannot write replaced, so that printing it cannot fail."""
    return printable(text).encode(console.encoding, "replace").decode(console.encoding)


def _say(console: Console, text: str, style: str = "", indent: int = 0) -> None:
    """One sentence, wrapped at words on a terminal and left whole elsewhere."""
    line = Text(" " * indent + _fit(console, text), style)
    console.print(line, soft_wrap=not console.is_terminal, highlight=False)


def summary(record: RunRecord, folder: Path, console: Console) -> None:
    """Print how the run ended: promises, objectives, verdict, findings, failures, reports and exit codes in words."""
    console.print()
    if record.promises:
        console.print(_promises(record, console))
        _skipped(record, console)
        console.print()
    console.print(_objectives(record, console))
    if risk := words.schedule_risk(record):
        _say(console, f"RPO {risk}", "yellow")
    for line in recovery_words.beside_rta(record):
        _say(console, line, "dim")
    for name, cold, warm, target, ended in recovery_words.query_rows(record):
        _say(console, f"query {name!r}: {cold} cold, {warm} warm, target {target}: {ended}", "dim")
    for way, number, how, _ in recovery_words.loss_rows(record):
        _say(console, f"data loss {way}: {number} ({how})", "dim")
    console.print()
    _over_time(record, console)
    _say(console, reasons.headline(record), _TONES[words.tone(record)])
    for stamp in words.stamps(record):
        _say(console, stamp, "bold yellow")
    _reasons(record, console)
    left = removal.still_there(record)
    if left:
        _say(console, "still there: " + ", ".join(left), "red")
    for line in removal.kept_lines(record):
        _say(console, line, "yellow")
    console.print()
    for name in REPORT_FILES:
        if (folder / name).exists():
            _say(console, words.show_path(folder / name), "cyan")
    for line in words.exit_lines(record):
        _say(console, f"exit code {line}")


def _over_time(record: RunRecord, console: Console) -> None:
    """The forecast of the day before, the run beside earlier ones, and what should be mended before an objective is missed."""
    if record.forecast:
        _say(console, words.forecast(record.forecast), _FORECASTS[record.forecast.score])
    if record.coverage:
        _say(console, f"tables over time: {in_turn.outlook(record.coverage)}")
    if record.history is None:
        return
    _say(console, f"over time: {wording.one_line(record.history)}")
    for warning in (*wording.warnings(record.history), *record.history.problems):
        _say(console, f"warning: {warning}", "yellow")


def _table(*heads: str) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=False)
    for head in heads:
        took = head == "Took"
        made.add_column(
            head, justify="right" if took else "left", no_wrap=took or head in ("Outcome", "Verdict"), overflow="fold"
        )
    return made


def _promises(record: RunRecord, console: Console) -> Table:
    """The promises that were tried, each with its reason; one that stands above already is not repeated."""
    made, told = _table("Outcome", "Promise", "Took"), set[str]()
    for promise in record.promises:
        if promise.outcome == "skipped":
            continue
        name = Text(_fit(console, promise.name))
        if promise.reason:
            known = promise.reason in told
            reason = f"{outcomes.kind_of(record, promise)}: as above" if known else outcomes.reason_of(record, promise)
            name.append("\n" + _fit(console, reason), "dim")
            told.add(promise.reason)
        took = words.seconds_or(promise.seconds) if promise.seconds else "-"
        made.add_row(Text(promise.outcome, _STYLES[promise.outcome]), name, took)
    return made


def _skipped(record: RunRecord, console: Console) -> None:
    """The skipped promises, a line for each reason; their names stand in report.html where a reason has several."""
    for reason, names in outcomes.skipped(record).items():
        _say(console, f"skipped: {names[0] if len(names) == 1 else f'{len(names)} promises'}: {reason}", "yellow")


def _objectives(record: RunRecord, console: Console) -> Table:
    made = _table("Verdict", "Measured", "Objective", "Margin")
    for view in words.objective_views(record):
        made.add_row(
            Text(view.judgement, _STYLES[view.outcome]),
            f"{view.actual_name} {view.measured}",
            f"{view.objective_name} {view.promised}",
            view.margin,
        )
    return made


def _reasons(record: RunRecord, console: Console) -> None:
    """What went wrong, a sentence each, and the warnings; few, so that verdict, reasons and paths fit a screen."""
    shown = [("red", each) for each in reasons.reasons(record)]
    warned = [each for each in words.findings(record) if each.severity == "warning"]
    shown += [
        ("yellow", f"warning: {each.object}: expected {each.expected}, found {each.found}{each.mark}")
        for each in warned
    ]
    for style, line in shown[:REASONS_SHOWN]:
        _say(console, line, style)
    if len(shown) > REASONS_SHOWN:
        _say(console, f"and {len(shown) - REASONS_SHOWN} more in report.html", "dim")
