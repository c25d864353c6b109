"""What a person sees while a run goes on, and at its end."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from drills.model.instance import Resource
from drills.model.record import RunRecord
from drills.record import RECORD_NAME, to_json
from reports import reasons, terminal, words
from tests.support.example_record import (
    PHASES,
    START,
    failing_drill,
    green_drill,
    interrupted_drill,
    phases_of,
    running_drill,
)


class WoundClock:
    """A clock that only moves when somebody sleeps; what is due happens while it does."""

    def __init__(self, on_sleep: Callable[[float], None] = lambda now: None) -> None:
        self.passed = 0.0
        self._on_sleep = on_sleep

    def now(self) -> datetime:
        """The wound instant."""
        return START + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        """Seconds since it was made."""
        return self.passed

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.passed += seconds
        self._on_sleep(self.passed)


def plain(width: int = 80) -> tuple[Console, io.StringIO]:
    """A console that is no terminal, and what is written to it."""
    out = io.StringIO()
    return Console(file=out, width=width), out


def put(folder: Path, record: RunRecord) -> None:
    """Write the record, as a Journal would."""
    half = folder / "half"
    half.write_text(to_json(record), encoding="utf-8")
    half.replace(folder / RECORD_NAME)


def play(folder: Path, console: Console) -> None:
    """Follow a run that goes through all phases of the green drill, on a wound clock."""
    starts = [phase.start_seconds for phase in green_drill().phases]

    def on_sleep(now: float) -> None:
        begun = sum(start <= now for start in starts)
        put(folder, dataclasses.replace(running_drill(), phases=phases_of(PHASES[:begun], open_last=True)))
        if now >= 40:
            put(folder, green_drill())

    clock = WoundClock(on_sleep)
    terminal.follow(folder, lambda: clock.passed >= 40, console, clock)


def test_plain_lines_where_there_is_no_terminal(tmp_path: Path) -> None:
    """Without a terminal every phase has a line when it ends, long ones one when they begin, and plain text only."""
    console, out = plain()
    play(tmp_path, console)
    text = out.getvalue()
    assert "\r" not in text
    assert "\x1b" not in text
    for name, seconds, _ in PHASES:
        assert text.count(f"] {name}: {words.seconds_or(round(seconds, 3))}\n") == 1, name
    assert text.count("] restore ...") == 1
    assert "restore ..., counts against the RTO of 30 m" in text
    assert "back up ...\n" in text


def test_record_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    """Before the run has a record, and while it cannot be read, nothing is said and nothing fails."""
    console, out = plain()

    def spoil(now: float) -> None:
        (tmp_path / RECORD_NAME).write_text("{half", encoding="utf-8")

    clock = WoundClock(spoil)
    terminal.follow(tmp_path, lambda: clock.passed > 1, console, clock)
    assert out.getvalue() == ""


def test_unchanged_record_is_not_read_again(tmp_path: Path) -> None:
    """A record is read when it was replaced, and kept otherwise."""
    put(tmp_path, running_drill())
    progress = terminal.Progress(tmp_path, plain()[0], WoundClock())
    progress.look()
    first = progress.record
    progress.look()
    assert progress.record is first
    put(tmp_path, green_drill())
    progress.look()
    assert progress.record == green_drill()


def test_live_line_tells_phase_times_and_objective(tmp_path: Path) -> None:
    """The line at the bottom holds the phase, its time, the whole time, and how much of the RTO is used."""
    put(tmp_path, running_drill())
    clock = WoundClock()
    clock.passed = 20.08
    progress = terminal.Progress(tmp_path, plain()[0], clock)
    assert "waiting" in progress.__rich__().plain
    progress.look()
    assert progress.__rich__().plain == "[  20.1 s] restore 6.0 s | RTO 30 m, 6.1 s used"


def test_a_phase_that_waits_says_why(tmp_path: Path) -> None:
    """Both the line at the bottom and the plain ones have the reason, and each reason has one line."""
    waits = running_drill()
    *ended, last = waits.phases
    console, out = plain(200)
    progress = terminal.Progress(tmp_path, console, WoundClock())
    for reason in ("", "not reached yet: no route", "not reached yet: no route", ""):
        put(tmp_path, dataclasses.replace(waits, phases=(*ended, dataclasses.replace(last, note=reason))))
        progress.look()
        progress.tell(begins=True)
        assert progress.__rich__().plain.endswith(f" | {reason}" if reason else "used")
    assert out.getvalue().count("] not reached yet: no route\n") == 1


@pytest.mark.parametrize(
    ("spent", "limit", "said"),
    [
        (10.0, 1800.0, "RTO 30 m, 10.1 s used"),
        (100.3, 60.0, "RTO 1 m missed by 40.3 s"),
        (5.0, None, "no RTO is set, 5.1 s used"),
    ],
)
def test_rto_is_counted_over_all_phases_of_the_recovery(spent: float, limit: float | None, said: str) -> None:
    """What the earlier phases of the recovery used counts too, and a passed limit is said at once."""
    record = running_drill()
    record = dataclasses.replace(record, objectives=dataclasses.replace(record.objectives, rto_seconds=limit))
    assert terminal.objective_used(record, record.phases[-1], spent)[0] == said


def test_phase_outside_the_recovery_uses_up_nothing() -> None:
    """A phase on nobody's clock names no objective."""
    record = running_drill()
    assert terminal.objective_used(record, record.phases[0], 5.0) == ("", "")


@pytest.mark.parametrize("width", [10, 40, 80, 120])
@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_any_terminal_can_show_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, term: str) -> None:
    """Narrow and dumb terminals get everything without an error, and a dumb one no escape codes."""
    monkeypatch.setenv("TERM", term)
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, height=24)
    play(tmp_path, console)
    for record in (green_drill(), failing_drill(), interrupted_drill()):
        terminal.summary(record, tmp_path, console)
    assert ("\x1b" in out.getvalue()) is (term != "dumb")


def test_summary_tells_everything_that_decides(tmp_path: Path) -> None:
    """Promises with reasons, actual against objective, first findings and how many more, leftovers, codes in words."""
    console, out = plain(100)
    terminal.summary(failing_drill(), tmp_path, console)
    text = out.getvalue()
    for promise in failing_drill().promises:
        assert promise.name in text
        assert promise.reason in text
    assert "RTA 41 m 26 s" in text
    assert "RTO 30 m " in text
    assert "RPA not measured" in text
    why = reasons.reasons(failing_drill())
    assert [each for each in why if f"\n{each}\n" in text] == why[: terminal.REASONS_SHOWN]
    assert "more in report.html" in text
    assert "still there: db-instance" in text
    assert reasons.headline(failing_drill()) in text
    assert all(f"exit code {line}\n" in text for line in words.exit_lines(failing_drill()))


def test_summary_says_what_is_kept_and_what_to_type(tmp_path: Path) -> None:
    """A copy of the data that stands on purpose is told with its command, and not as something that is still there."""
    kept = Resource("db-instance", "orders-aside", "kept", note="to remove it: aws rds delete-db-instance")
    console, out = plain(100)
    terminal.summary(dataclasses.replace(green_drill(), resources=(kept,)), tmp_path, console)

    assert "kept: db-instance orders-aside: to remove it: aws rds delete-db-instance" in out.getvalue()
    assert "still there" not in out.getvalue()


def test_summary_names_only_reports_that_exist_relative_to_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths count from the current directory; what was not made is not named."""
    folder = tmp_path / "out" / "run"
    folder.mkdir(parents=True)
    (folder / "report.html").touch()
    monkeypatch.chdir(tmp_path)
    console, out = plain()
    terminal.summary(green_drill(), folder, console)
    assert "\nout/run/report.html\n" in out.getvalue()
    assert "allure-report" not in out.getvalue()


def test_failures_are_sentences(tmp_path: Path) -> None:
    """Why a run could not go on is printed whole, without a traceback, and with the stamps of the run."""
    console, out = plain()
    terminal.summary(interrupted_drill(), tmp_path, console)
    assert "the restore did not end: SIGTERM came after 4.1 s; run the drill again\n" in out.getvalue()
    assert words.SIMULATED in out.getvalue()
    assert "PARTIAL" in out.getvalue()


def test_names_are_text_and_fit_the_encoding(tmp_path: Path) -> None:
    """Brackets in a name are no markup, and a letter that the terminal cannot write does not stop the summary."""
    record = green_drill()
    promise = dataclasses.replace(record.promises[0], name="[bold]ščř[/bold]", outcome="failed", reason="[/x] ž")
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii", write_through=True), width=80)
    terminal.summary(dataclasses.replace(record, promises=(promise,)), tmp_path, console)
    assert b"[bold]???[/bold]" in raw.getvalue()
    assert b"[/x] ?" in raw.getvalue()
