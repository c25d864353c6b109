"""What `benchmarks.growth` has measured: one line a command, kept as JSON so that a measurement can go on another day."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from drills.files import write_atomically

Axis = Literal["gigabytes", "tables"]
GIGABYTE = 1e9


@dataclass(frozen=True, slots=True)
class Case:
    """A command, of which database, with so many connections. `size` is of its axis: gigabytes asked for, or tables."""

    axis: Axis
    size: float
    command: str
    connections: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One command from its start to its end.

    `bytes` is what the server says that the database takes, `read` what its processes had of the operating system
    meanwhile, in bytes. `peak` is the most memory of the command itself, in MB. `client` and `server` are seconds of
    processors, which other work on the machine makes longer by little. `load` is the machine's before it began.
    `phases` are seconds by name, "" what none of them has: the start of the process and its files. `failed` is the
    command's own sentence where it ended with an error.
    """

    case: Case
    bytes: int
    seconds: float
    peak: float
    read: int
    client: float
    server: float
    load: float
    phases: dict[str, float] = field(default_factory=dict)
    failed: str = ""

    @property
    def processors(self) -> float:
        """The seconds of processors of both sides."""
        return self.client + self.server

    def used_by(self, phase: str) -> float:
        """Return the seconds of processors of a phase: its share, by time, of the server's. The client's count as its start's."""
        if not phase:
            return self.client
        whole = sum(seconds for name, seconds in self.phases.items() if name)
        return self.server * self.phases.get(phase, 0.0) / whole if whole else 0.0

    @property
    def place(self) -> float:
        """Where it is on its axis: gigabytes of the database, or the number of its tables."""
        return self.bytes / GIGABYTE if self.case.axis == "gigabytes" else self.case.size


@dataclass(frozen=True, slots=True)
class Kept:
    """All measurements, and the machine, its cores and the day of the newest."""

    machine: str
    day: str
    cores: int = 0
    runs: tuple[Measured, ...] = ()

    def of(self, axis: Axis, command: str, connections: int | None = None) -> tuple[Measured, ...]:
        """Return the runs of a command that came to an end, by size."""
        found = [
            run
            for run in self.runs
            if (run.case.axis, run.case.command) == (axis, command)
            and connections in (None, run.case.connections)
            and not run.failed
        ]
        return tuple(sorted(found, key=lambda run: (run.case.size, run.case.connections)))


def points(runs: Iterable[Measured], value: Callable[[Measured], float]) -> list[tuple[float, float]]:
    """Return the median of a value at each place of an axis, in rising order."""
    by_size: dict[float, list[Measured]] = {}
    for run in runs:
        by_size.setdefault(run.case.size, []).append(run)
    return [
        (statistics.median(run.place for run in some), statistics.median(map(value, some)))
        for _, some in sorted(by_size.items())
    ]


def sized(axis: Axis, place: float) -> str:
    """Return a place of an axis in words, such as "0.1 GB" or "10,000 tables"."""
    return f"{place:.3g} GB" if axis == "gigabytes" else f"{place:,.0f} tables"


def usual(runs: Sequence[Measured]) -> int:
    """Return the number of connections with which most sizes were measured, of these the least."""
    sizes: dict[int, set[float]] = {}
    for run in runs:
        sizes.setdefault(run.case.connections, set()).add(run.case.size)
    return min(sizes, key=lambda number: (-len(sizes[number]), number))


def load(path: Path) -> Kept | None:
    """Read the measurements; None where there are none yet."""
    if not path.exists():
        return None
    raw = json.loads(path.read_text(encoding="utf-8"))
    runs = (Measured(**{**each, "case": Case(**each["case"])}) for each in raw["runs"])
    return Kept(raw["machine"], raw["day"], raw["cores"], tuple(runs))


def save(path: Path, kept: Kept) -> None:
    """Write the measurements, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(dataclasses.asdict(kept), indent=1) + "\n")
