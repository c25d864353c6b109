"""docs/scale.md and its picture, of what `benchmarks.growth` has kept; pure but for `write`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import fill

from benchmarks.common import ROOT
from benchmarks.scale import estimate, fit, picture
from benchmarks.scale.estimate import Machine
from benchmarks.scale.forecast import (
    CONTENT,
    EXAMPLE_GAIN,
    TABLES,
    basis,
    chosen,
    gain,
    passes,
    phase_names,
    phase_points,
)
from benchmarks.scale.measured import Axis, Kept, Measured, points, sized
from benchmarks.scale.wording import ASSUMPTIONS, COLD, HEAD, HOW, KNOWN_GAIN, LARGEST, LINES, SOURCES, UNKNOWN_GAIN
from drills.durations import show_duration

PAGE, PICTURE = ROOT / "docs/scale.md", ROOT / "docs/images/scale.svg"
WIDTH = 125
AXES: tuple[Axis, ...] = ("gigabytes", "tables")
UNIT = {"gigabytes": "GB", "tables": "1,000 tables"}
PER = {"gigabytes": 1.0, "tables": 1000.0}
SHOWN = 0.02  # of a command's time at the largest size, from which on a phase has a line of its own
MACHINES = ((2, 500.0), (8, 500.0), (16, 1000.0), (64, 4000.0))
EXAMPLES = (100.0, 300.0)  # MB/s of a first touch
DATABASES = (1_000.0, 10_000.0)  # gigabytes


def write(kept: Kept) -> None:
    """Write the page and its picture."""
    PICTURE.write_text(picture.draw(kept), encoding="utf-8")
    PAGE.write_text(page(kept), encoding="utf-8")


def page(kept: Kept) -> str:
    """The page."""
    loads = [run.load for run in kept.runs]
    facts = {"machine": kept.machine, "day": kept.day, "low": f"{min(loads):g}", "high": f"{max(loads):g}"}
    parts = [
        HEAD[0],
        *_prose(each.format(**facts) for each in HEAD[1:]),
        "![Seconds and memory by size](images/scale.svg)",
    ]
    parts += _prose(_largest(kept))
    for axis in AXES:
        parts += [f"## By {axis}", *_by(kept, axis)]
    parts += ["## By connections", *_connections(kept), "## Memory", *_memory(kept)]
    parts += ["## What 1 TB and 10 TB take", *_prose(ASSUMPTIONS[:1]), *_assumptions(kept), *_estimates(kept)]
    parts += ["## How it was measured", *_prose(HOW[:1]), *HOW[1:]]
    return "\n\n".join(parts) + "\n"


def _largest(kept: Kept) -> Iterator[str]:
    """Yield a sentence about the largest database that was verified, beside its dump."""
    verified = kept.of("gigabytes", "verify")
    dumps = {run.case.size: run for run in kept.of("gigabytes", "pg_dump")}
    whole = [run for run in verified if run.case.size in dumps]
    if not whole:
        return
    run = max(whole, key=lambda each: (each.case.size, -each.seconds))
    dump = dumps[run.case.size]
    yield LARGEST.format(
        size=sized("gigabytes", run.place), peak=f"{run.peak:.0f}", seconds=shown(run.seconds), load=f"{run.load:g}",
        used=shown(run.processors), dump=shown(dump.seconds), dump_load=f"{dump.load:g}", dump_used=shown(dump.processors),
        ratio=f"{run.processors / dump.processors:.2f}",
    )  # fmt: skip


def _prose(texts: Iterable[str]) -> list[str]:
    return [_filled(each) for each in texts]


def _filled(text: str, hanging: str = "") -> str:
    return fill(text, WIDTH, break_on_hyphens=False, break_long_words=False, subsequent_indent=hanging)


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *others = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, "| --- " * len(rows[0]) + "|", *others])


def shown(seconds: float) -> str:
    """Seconds with as many digits as a reader can use."""
    return f"{seconds:.2f}" if seconds < 10 else f"{seconds:,.0f}" if seconds >= 100 else f"{seconds:.1f}"


def _by(kept: Kept, axis: Axis) -> Iterator[str]:
    """A command's phases by size, each with its line."""
    yield _filled(LINES[axis])
    for command, name in picture.COMMANDS.items():
        runs = chosen(kept, axis, command)
        if not runs:
            continue
        number = runs[0].case.connections
        told = f", {number} connection{'s' if number > 1 else ''}" if command != "pg_dump" else ""
        sizes = [sized(axis, place) for place, _ in _total(runs)]
        loads = " · ".join(f"{load:g}" for _, load in points(runs, lambda run: run.load))
        head = [
            "`" + name.replace(" | ", "` into `") + f"`{told}",
            *sizes,
            "fixed",
            f"each {UNIT[axis]}",
            "furthest from the line",
            "leaves it",
        ]
        yield _table([head, *_phase_rows(runs, axis)])
        yield f"Load before each: {loads}."
    yield from (_filled(each) for each in _failures(kept, axis))


def _total(runs: Sequence[Measured]) -> list[tuple[float, float]]:
    return points(runs, lambda run: run.seconds)


def _phase_rows(runs: Sequence[Measured], axis: Axis) -> Iterator[list[str]]:
    whole = _total(runs)[-1][1]
    named = {name: phase_points(runs, name) for name in phase_names(runs)}
    small = [name for name, found in named.items() if found[-1][1] < SHOWN * whole]
    for name, found in named.items():
        if name not in small:
            yield _row(name or "start, and the files", found, axis)
    if small:
        yield _row(
            "the others together", points(runs, lambda run: sum(run.phases.get(name, 0.0) for name in small)), axis
        )
    yield _row("**all**", _total(runs), axis)
    yield _row("processors of the client", points(runs, lambda run: run.client), axis)
    yield _row("processors of the server", points(runs, lambda run: run.server), axis)


def _row(name: str, found: Sequence[tuple[float, float]], axis: Axis) -> list[str]:
    of = fit.line(found)
    far = max(fit.deviations(of, found), key=abs)
    left = fit.departure(found)
    place = ""
    if left:
        place = f"at {sized(axis, left.size)}: {shown(left.measured)} s in place of {shown(left.expected)} s"
    slope = f"{shown(of.slope * PER[axis])} s" if len(found) > 1 else ""
    fixed = f"{shown(of.start)} s" if len(found) > 1 else ""
    told = f"{far:+.0%}" if len(found) > 2 else ""
    return [name, *(f"{shown(value)} s" for _, value in found), fixed, slope, told, place or "nowhere" if told else ""]


def _failures(kept: Kept, axis: Axis) -> list[str]:
    failed = {
        (run.case.command, run.case.size): run.failed for run in kept.runs if run.failed and run.case.axis == axis
    }
    return [f"`{command}` of {sized(axis, size)} ended with: {said}" for (command, size), said in failed.items()]


def _connections(kept: Kept) -> Iterator[str]:
    rows, numbers = [], sorted({run.case.connections for run in kept.runs if run.case.command != "pg_dump"})
    for command in ("manifest", "verify"):
        runs = kept.of("gigabytes", command)
        for size in sorted({run.case.size for run in runs}):
            here = [run for run in runs if run.case.size == size]
            if len({run.case.connections for run in here}) > 1:
                found = [_content_of(here, number) for number in numbers]
                rows.append([f"content of `drills {command}`, {size:g} GB", *found])
    if rows:
        yield _table([["", *(f"{number} connection{'s' if number > 1 else ''}" for number in numbers)], *rows])
    yield from _prose([LINES["connections"]])


def _content_of(runs: Sequence[Measured], number: int) -> str:
    some = phase_points([run for run in runs if run.case.connections == number], CONTENT)
    return f"{shown(some[0][1])} s" if some else ""


def _memory(kept: Kept) -> Iterator[str]:
    rows = [["most memory", *(f"least, by {axis}" if not at else f"most, by {axis}" for axis in AXES for at in (0, 1))]]
    for command in ("manifest", "verify"):
        row = [f"`drills {command}`"]
        for axis in AXES:
            peaks = [(run.peak, run.place) for run in kept.of(axis, command)]
            for peak, place in (min(peaks), max(peaks)) if peaks else ():
                row.append(f"{peak:.0f} MB at {sized(axis, place)}")
        rows.append(row + [""] * (len(rows[0]) - len(row)))
    yield _table(rows)
    yield from _prose([LINES["memory"]])


def _assumptions(kept: Kept) -> Iterator[str]:
    manifests, verified = chosen(kept, "gigabytes", "manifest"), chosen(kept, "gigabytes", "verify")
    if not manifests or not verified:
        return
    helped = gain(kept)
    facts = {
        "largest": f"{max(run.place for run in verified):.3g}",
        "once": f"{passes(manifests):.2f}",
        "all": f"{passes(verified):.2f}",
        "gain": UNKNOWN_GAIN.format(example=EXAMPLE_GAIN) if helped is None else KNOWN_GAIN.format(gain=helped),
        "tables": f"{TABLES:,}",
    }
    yield "\n".join(_filled(f"- {each.format(**facts)}", "  ") for each in ASSUMPTIONS[1:])


def _estimates(kept: Kept) -> Iterator[str]:
    for command in ("manifest", "verify"):
        found = basis(kept, command)
        if not found:
            continue
        cold = [f"cold, a first touch gives {each:g} MB/s" for each in EXAMPLES] if command == "verify" else []
        rows = [[f"`drills {command}`", "vCPUs", "storage", "warm", *cold]]
        for size in DATABASES:
            rows += [_estimate(found.works, size, *each, bool(cold)) for each in MACHINES]
        yield _table(rows)
    yield from _prose(COLD)
    yield "\n".join(_filled(f"- {each}", "  ") for each in SOURCES)


def _estimate(works: Sequence[estimate.Work], size: float, processors: int, storage: float, cold: bool) -> list[str]:
    machines = [Machine(processors, storage), *(Machine(processors, storage, each) for each in EXAMPLES if cold)]

    def told(machine: Machine) -> str:
        long = show_duration(estimate.seconds(works, size, machine))
        return f"{long}, by {estimate.limit(works, size, machine)}"

    return [f"{size / 1000:g} TB", str(processors), f"{storage:,.0f} MB/s", *map(told, machines)]
