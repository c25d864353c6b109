"""From the measurements to the parts of a command that `estimate` reckons with; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.scale import fit
from benchmarks.scale.estimate import Work, gain_of
from benchmarks.scale.fit import Line
from benchmarks.scale.measured import Axis, Kept, Measured, points, usual

CONTENT = "content"
REST = "the rest"
TABLES = 1_000  # of the databases that are reckoned with
EXAMPLE_GAIN = 0.8  # where none could be measured


@dataclass(frozen=True, slots=True)
class Basis:
    """What the estimates of a command stand on: its parts, and the largest database that was measured, in gigabytes."""

    works: tuple[Work, ...]
    largest: float


def chosen(kept: Kept, axis: Axis, command: str) -> list[Measured]:
    """Return the runs of a command with the number of connections that most sizes were measured with."""
    runs = kept.of(axis, command)
    number = usual(runs) if runs else 0
    return [run for run in runs if run.case.connections == number]


def phase_names(runs: Sequence[Measured]) -> list[str]:
    """Return the names of the phases of all runs, in their order."""
    return list(dict.fromkeys(name for run in runs for name in run.phases))


def phase_points(runs: Sequence[Measured], name: str) -> list[tuple[float, float]]:
    """Return the seconds of a phase by size."""
    return points(runs, lambda run: run.phases.get(name, 0.0))


def used_line(runs: Sequence[Measured], names: Sequence[str]) -> Line:
    """Return the line of the seconds of processors of several phases together."""
    return fit.line(points(runs, lambda run: sum(map(run.used_by, names))))


def gain(kept: Kept) -> float | None:
    """Return what a second connection adds to the speed of the content, at the largest size that both were measured at.

    None where that was never measured with processors to spare: beside other work a second connection has none of its own.
    """
    quiet = [
        run for command in ("manifest", "verify") for run in kept.of("gigabytes", command) if run.load < kept.cores / 2
    ]
    found = {}
    for run in quiet:
        found[run.case] = run.phases.get(CONTENT, 0.0)
    pairs = [
        (case.size, seconds, found[two])
        for case, seconds in found.items()
        if case.connections == 1 and (two := replace(case, connections=2)) in found
    ]
    return gain_of(*max(pairs)[1:]) if pairs else None


def passes(runs: Sequence[Measured]) -> float:
    """Return how many gigabytes the largest run read for each gigabyte of its database."""
    largest = max(runs, key=lambda run: run.bytes)
    return largest.read / largest.bytes


def basis(kept: Kept, command: str) -> Basis | None:
    """Return what the estimates of `manifest` or `verify` stand on; None where too little was measured.

    The content is read once by both, so that what `verify` reads beyond a manifest is read by its other checks. Blocks that
    the content did not touch, those of indexes, are touched by these for the first time.
    """
    runs, manifests = chosen(kept, "gigabytes", command), chosen(kept, "gigabytes", "manifest")
    if len({run.case.size for run in runs}) < 2 or not manifests:
        return None
    helped = gain(kept)
    once = min(passes(manifests), 1.0)
    beyond = max(passes(runs) - once, 0.0) if command == "verify" else 0.0
    content = Work(CONTENT, used_line(runs, [CONTENT]), EXAMPLE_GAIN if helped is None else helped, once, once)
    others = [name for name in phase_names(runs) if name != CONTENT]
    works = [content, Work(REST, used_line(runs, others), 0.0, beyond, min(beyond, 1.0 - once))]
    if many := chosen(kept, "tables", command):
        each = fit.line(points(many, lambda run: run.processors)).slope
        works.append(Work("tables", Line(each * TABLES, 0.0), 0.0, 0.0, 0.0))
    return Basis(tuple(works), max(run.bytes for run in runs) / 1e9)
