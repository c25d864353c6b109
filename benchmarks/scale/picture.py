"""The picture of docs/scale.md: seconds and memory by gigabytes and by tables, as SVG text; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

from benchmarks.scale.fit import line
from benchmarks.scale.measured import Axis, Kept, Measured, points, sized, usual
from reports.charts import spread
from reports.view import svg
from reports.view.svg import Frame

WIDTH, HEIGHT = 1000.0, 500.0
TIMES, MEMORIES = (64.0, 230.0), (360.0, 86.0)  # where the panels begin, and their heights
COLUMNS = {"gigabytes": (70.0, 330.0), "tables": (560.0, 330.0)}
COMMANDS = {"manifest": "drills manifest", "verify": "drills verify", "pg_dump": "pg_dump | sha256sum"}
UNITS = {"gigabytes": "GB of pgbench's tables", "tables": "tables of 20 rows"}
MEMORY_LIMIT = 150.0  # MB
STYLE = """\
<style>.fit { fill: none; stroke-width: 1.4; stroke-dasharray: 5 4; } .dot { stroke: #ffffff; stroke-width: 1; }
.fit.manifest { stroke: #0b62c4; } .fit.verify { stroke: #1a7f37; } .fit.pg_dump { stroke: #8b97a5; }
.dot.manifest, text.manifest { fill: #0b62c4; } .dot.verify, text.verify { fill: #1a7f37; }
.dot.pg_dump { fill: #8b97a5; } text.pg_dump { fill: #59636e; } text.head { fill: #1b1f24; font-weight: 700; }
.grid { stroke: #e6e9ed; }</style>"""


@dataclass(frozen=True, slots=True)
class Scale:
    """Values into places on an axis, from `low` to `high`; by their logarithms unless `plain`."""

    low: float
    high: float
    start: float
    end: float
    plain: bool = False

    def at(self, value: float) -> float:
        """Where a value is drawn."""
        if self.plain:
            share = (value - self.low) / (self.high - self.low)
        else:
            share = log10(max(value, 1e-9) / self.low) / log10(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """The powers of ten between its ends."""
        return [10.0**power for power in range(ceil(log10(self.low) - 1e-9), floor(log10(self.high) + 1e-9) + 1)]


def around(values: Sequence[float], start: float, end: float) -> Scale:
    """A scale from a power of ten below all values to one above."""
    low, high = floor(log10(min(values))), ceil(log10(max(values)) - 1e-9)
    return Scale(10.0**low, 10.0 ** max(high, low + 1), start, end)


def along(values: Sequence[float], start: float, end: float) -> Scale:
    """A scale that ends a little beyond the values."""
    return Scale(min(values) / 1.3, max(values) * 1.3, start, end)


@dataclass(frozen=True, slots=True)
class _Panel:
    axis: Axis
    x: Scale
    y: Scale

    def grid(self, labels: Sequence[tuple[float, str]]) -> str:
        """Lines across, with their values, and ticks below."""
        left, right, floor_y = self.x.start, self.x.end, self.y.start
        parts = []
        for value, label in labels:
            y = self.y.at(value)
            parts.append(f'<line class="grid" x1="{left:g}" x2="{right:g}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(svg.text("tick", left - 8, y + 5, label, "end"))
        parts.append(f'<line class="axis" x1="{left:g}" x2="{right:g}" y1="{floor_y:g}" y2="{floor_y:g}"/>')
        for value in self.x.ticks():
            x = self.x.at(value)
            parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{floor_y:g}" y2="{floor_y + 5:g}"/>')
            parts.append(svg.text("tick", x, floor_y + 21, f"{value:,g}"))
        return "".join(parts)

    def dots(self, command: str, found: Sequence[tuple[float, float]], unit: str) -> str:
        """A mark for each measurement, which says its value when it is pointed at."""
        return "".join(
            f'<circle class="dot {command}" cx="{self.x.at(place):.1f}" cy="{self.y.at(value):.1f}" r="5">'
            f"<title>{escape(COMMANDS[command])}, {sized(self.axis, place)}: {value:,.4g} {unit}</title></circle>"
            for place, value in found
        )

    def fit(self, command: str, found: Sequence[tuple[float, float]]) -> str:
        """The line of the measurements, which is curved where sizes are drawn by their logarithms."""
        of, low, high = line(found), found[0][0], found[-1][0]
        places = [low * (high / low) ** (step / 24) for step in range(25)]
        way = " L".join(f"{self.x.at(place):.1f} {self.y.at(of.at(place)):.1f}" for place in places)
        return f'<path class="fit {command}" d="M{way}"/>'


def series(kept: Kept, axis: Axis, value: Callable[[Measured], float]) -> dict[str, list[tuple[float, float]]]:
    """The medians of each command, with the number of connections that most sizes were measured with."""
    found = {}
    for command in COMMANDS:
        if runs := kept.of(axis, command):
            number = usual(runs)
            found[command] = points([run for run in runs if run.case.connections == number], value)
    return found


def draw(kept: Kept) -> str:
    """The picture."""
    parts = [STYLE]
    for axis in COLUMNS:
        parts += [_times(kept, axis), _memory(kept, axis)]  # type: ignore[arg-type]
    title = "Seconds and memory by size"
    told = "Seconds of drills manifest, drills verify and pg_dump by gigabytes and by tables; dashed the straight line through "
    told += "them. Below, the memory of the commands, which stays the same. The tables of the page have every number."
    return Frame("scale", "alone", WIDTH, HEIGHT).around(title, told, "".join(parts)) + "\n"


def _times(kept: Kept, axis: Axis) -> str:
    found = series(kept, axis, lambda run: run.seconds)
    if not found:
        return ""
    left, width = COLUMNS[axis]
    top, height = TIMES
    places = [place for some in found.values() for place, _ in some]
    times = [value for some in found.values() for _, value in some]
    panel = _Panel(axis, along(places, left, left + width), around(times, top + height, top))
    ends = sorted((panel.y.at(some[-1][1]), command) for command, some in found.items())
    labels = spread([y for y, _ in ends], 17, top, top + height)
    return "".join(
        [
            svg.text("head", left, top - 38, f"Seconds by {axis}", "start"),
            svg.text("tick", left, top - 19, f"{UNITS[axis]}, both axes logarithmic", "start"),
            panel.grid([(value, f"{value:,g} s") for value in panel.y.ticks()]),
            *(panel.fit(command, some) for command, some in found.items() if len(some) > 1),
            *(panel.dots(command, some, "s") for command, some in found.items()),
            *(
                svg.text(command, left + width + 12, y + 5, command, "start")
                for y, (_, command) in zip(labels, ends, strict=True)
            ),
        ]
    )


def _memory(kept: Kept, axis: Axis) -> str:
    found = series(kept, axis, lambda run: run.peak)
    found.pop("pg_dump", None)  # a program without an interpreter
    if not found:
        return ""
    left, width = COLUMNS[axis]
    top, height = MEMORIES
    places = [place for some in found.values() for place, _ in some]
    most = max([MEMORY_LIMIT, *(value for some in found.values() for _, value in some)]) * 1.15
    panel = _Panel(axis, along(places, left, left + width), Scale(0.0, most, top + height, top, plain=True))
    limit = panel.y.at(MEMORY_LIMIT)
    ends = sorted(
        [
            (limit, "limit", MEMORY_LIMIT),
            *((panel.y.at(some[-1][1]), command, some[-1][1]) for command, some in found.items()),
        ]
    )
    labels = spread([y for y, _, _ in ends], 16, top, top + height)
    return "".join(
        [
            svg.text("head", left, top - 12, "Most memory", "start"),
            panel.grid([(0.0, "0 MB")]),
            f'<line class="limit" x1="{left:g}" x2="{left + width:g}" y1="{limit:.1f}" y2="{limit:.1f}"/>',
            *(panel.dots(command, some, "MB") for command, some in found.items()),
            *(
                svg.text(kind, left + width + 12, y + 5, f"{value:.0f} MB", "start")
                for y, (_, kind, value) in zip(labels, ends, strict=True)
            ),
        ]
    )
