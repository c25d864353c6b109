"""What somebody sees of the demo: the phases of both runs as they come, and at the end what tells them apart."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drills.cli.fleet.pool import Event
from drills.clock import Clock
from drills.durations import show_duration
from drills.errors import VERIFICATION_FAILED, ConfigError
from drills.model.record import RunRecord
from drills.model.timing import Phase
from drills.plural import counted
from drills.record import load
from reports import words

NAMES = ("good", "damaged")
DAMAGED = "damaged on purpose before the restore: "  # how the note of a run begins that names what was taken away
TICK = 0.3  # seconds between two looks at the records
FILES = ("report.html", "report.pdf")
_COLORS = {"met": "green", "missed": "bold red", "not verified": "yellow"}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs: its folder and its record, None where it has none, and what it `said` instead."""

    name: str
    folder: Path | None
    record: RunRecord | None
    said: str = ""

    @property
    def damaged(self) -> tuple[str, ...]:
        """The objects that were damaged on purpose."""
        notes = self.record.notes if self.record else ()
        return tuple(each.removeprefix(DAMAGED).split(": ")[0] for each in notes if each.startswith(DAMAGED))

    @property
    def found(self) -> dict[str, str]:
        """What the run found wrong: the object, and the sentence about it."""
        findings = words.findings(self.record) if self.record else []
        return {
            each.object: f"expected {each.expected}, found {each.found}"
            for each in findings
            if each.severity == "error"
        }


def judge(good: Side, damaged: Side) -> str:
    """Return why the demo did not show what it is to show, "" where it did. Pure."""
    for side in (good, damaged):
        if side.record is None:
            return f"expected the {side.name} backup to be drilled, found: {side.said}"
    assert good.record
    assert damaged.record
    if good.record.code != 0:
        return f"expected the good backup to pass, found exit code {good.record.code}: see its report"
    if damaged.record.code != VERIFICATION_FAILED:
        return f"expected the damaged backup to fail with {VERIFICATION_FAILED}, found exit code {damaged.record.code}"
    if not damaged.damaged:
        return "expected something to be damaged, found nothing"
    unnamed = [each for each in damaged.damaged if each not in damaged.found]
    return f"expected each damage to be named, found nothing of {', '.join(unnamed)}" if unnamed else ""


def follow(
    events: Iterator[Event],
    folder_of: Callable[[str], Path | None],
    console: Console,
    clock: Clock,
    damage: Sequence[str],
) -> None:
    """Tell the phases of both runs as they end, until both have."""
    began, told = clock.monotonic(), dict.fromkeys(NAMES, 0)
    _say(
        console,
        f"two sandboxes with the same sample; from the second one's backup is taken: {', '.join(damage)}",
        "bold",
    )

    def tell() -> None:
        for name in NAMES:
            for phase in _ended_phases(folder_of(name))[told[name] :]:
                told[name] += 1
                at = show_duration(clock.monotonic() - began)
                _say(console, f"[{at:>8}] {name:<8} {phase.name}: {words.seconds_or(phase.seconds)}", "dim")

    over = threading.Event()
    teller = threading.Thread(target=lambda: _until(over, tell, clock), daemon=True)
    teller.start()
    try:
        for event in events:
            at = show_duration(clock.monotonic() - began)
            if event.kind == "ended":
                _say(console, f"[{at:>8}] {event.name:<8} ended with exit code {event.status}", "bold")
            elif event.kind == "refused":
                _say(console, f"{event.name}: {event.why}", "bold red")
    finally:
        over.set()
        teller.join(5.0)


def _until(over: threading.Event, tell: Callable[[], None], clock: Clock) -> None:
    while not over.is_set():
        tell()
        clock.sleep(TICK)
    tell()


def record_of(folder: Path | None) -> RunRecord | None:
    """Return the record of a run's folder; None before there is one."""
    try:
        return load(folder) if folder else None
    except ConfigError:
        return None


def _ended_phases(folder: Path | None) -> Sequence[Phase]:
    record = record_of(folder)
    return [each for each in record.phases if each.seconds is not None] if record else ()


def end(sides: Sequence[Side], problem: str, took: float, console: Console) -> None:
    """Print both runs side by side, what was found of the damage, and where the reports are."""
    console.print()
    console.print(_table(sides))
    damaged = sides[1]
    for name in damaged.damaged:
        found = damaged.found.get(name)
        _say(console, f"  {name}: {found or 'NOT FOUND'}", "" if found else "bold red")
    _say(console, "")
    if problem:
        _say(console, f"The demo did not show what it is to show: {problem}", "bold red")
    else:
        number = len(damaged.damaged)
        _say(
            console,
            f"The good backup passed, and each of the {number} damages of the other was named.",
            "bold green",
        )
    _say(console, f"{words.SIMULATED}. It took {show_duration(took)}. The two reports:", "yellow")
    for side in sides:
        for name in FILES:
            if side.folder and (side.folder / name).exists():
                _say(console, f"  {side.name:<8} {words.show_path(side.folder / name)}", "cyan")


def _table(sides: Sequence[Side]) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in ("", *(f"{side.name} backup" for side in sides)):
        made.add_column(head, overflow="fold")
    for label, cells in _rows(sides):
        made.add_row(label, *(Text(text, _COLORS.get(text, "")) for text in cells))
    return made


def _rows(sides: Sequence[Side]) -> Iterator[tuple[str, list[str]]]:
    """Yield what differs between the two runs, and what both are about."""
    records = [side.record for side in sides]
    yield "AWS says of the restore", ["available" if record and words.recovery(record) else "-" for record in records]
    names = dict.fromkeys(each.name for record in records if record for each in words.recovery_checks(record))
    outcomes = {name: [_outcome(record, name) for record in records] for name in names}
    differing = {name: cells for name, cells in outcomes.items() if len(set(cells)) > 1}
    yield from differing.items()
    yield counted(len(outcomes) - len(differing), "further check"), ["as the other"] * len(sides)
    yield "exit code", [f"{record.code}" if record else side.said for side, record in zip(sides, records, strict=True)]


def _outcome(record: RunRecord | None, name: str) -> str:
    checks = words.recovery_checks(record) if record else ()
    return next((each.outcome for each in checks if each.name == name), "-")


def facts(sides: Sequence[Side], problem: str, took: float) -> dict[str, Any]:
    """Return what came of the demo, as JSON has it. Pure."""
    told = {
        side.name: {
            "run": side.record.run_id if side.record else None,
            "code": side.record.code if side.record else None,
            "report": str(side.folder / FILES[0]) if side.folder else None,
            "damaged": list(side.damaged),
            "found": side.found,
        }
        for side in sides
    }
    return {"shown": not problem, "problem": problem, "seconds": round(took, 1), "simulated": True} | told


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style), soft_wrap=not console.is_terminal, highlight=False)
