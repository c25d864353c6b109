"""The runs of a group as a drawing: every point, the objective, the size of the data, and gaps for missed drills.

Pure, SVG as text. Runs stand at equal distances in their order and missed drills have a place of their own, so that twelve
monthly runs and twelve of one afternoon can both be read. A run's outcome is told by its shape as well as by its colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from types import MappingProxyType
from typing import Literal

from drills.history import wording
from drills.model.history import DrillGap, HistoryPoint, RunOutcome, Trend
from reports.charts import ticks
from reports.view import svg
from reports.view.svg import WIDTHS, Form, Frame
from reports.words import seconds_or

TOP, HEIGHT = 34.0, 170.0
SIZE_TOP, SIZE_HEIGHT = 240.0, 40.0
FAR_ABOVE = 4.0  # an objective beyond this multiple of the longest run would press all runs to the floor
KINDS: Mapping[RunOutcome, str] = MappingProxyType(
    {
        "passed": "good",
        "objective missed": "late",
        "verification failed": "wrong",
        "could not run": "absent",
        "left behind": "unclean",
        "not sealed": "unclean",
        "not ended": "absent",
    }
)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place on the drawing: a run, or drills that were missed; from where to where, in the drawing's units."""

    what: HistoryPoint | DrillGap
    left: float
    right: float

    @property
    def middle(self) -> float:
        """Where its mark stands."""
        return (self.left + self.right) / 2


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where the runs are drawn: from `left` to `right` on a drawing that is `width` wide, with so many `dates` below."""

    width: float
    left: float
    right: float
    dates: int

    @property
    def is_narrow(self) -> bool:
        """Whether there is no room beside the runs, so that the objective's name stands in the first line."""
        return self.width < WIDTHS["wide"]


def sheet(form: Form) -> Sheet:
    """The sheet of a form of the drawing."""
    return Sheet(400.0, 66.0, 392.0, 2) if form == "narrow" else Sheet(1000.0, 92.0, 870.0, 7)


def slots(trend: Trend, on: Sheet) -> list[Slot]:
    """Every run in its order, and each gap before the first run after it; a gap before the first run that is kept is none."""
    order: list[HistoryPoint | DrillGap] = list(trend.points)
    for gap in trend.gaps:
        later = [place for place, each in enumerate(order) if isinstance(each, HistoryPoint) and each.at >= gap.to_at]
        if not later:
            order.append(gap)
        elif later[0] > 0:
            order.insert(later[0], gap)
    width = (on.right - on.left) / max(1, len(order))
    return [Slot(what, on.left + place * width, on.left + (place + 1) * width) for place, what in enumerate(order)]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Seconds into heights: `top` is what the upper edge stands for; `far` when the objective lies beyond it."""

    top: float
    far: bool
    on: Sheet

    def y(self, seconds: float) -> float:
        """Where so many seconds are drawn; what is beyond the scale stands at its edge."""
        return TOP + HEIGHT * (1 - min(seconds / self.top, 1.0))


Actual = Literal["RTA", "RPA"]
ACTUALS: tuple[Actual, ...] = ("RTA", "RPA")


def actual_of(point: HistoryPoint, name: Actual) -> float | None:
    """The run's RTA or RPA."""
    return point.rta_seconds if name == "RTA" else point.rpa_seconds


def objective_of(point: HistoryPoint, name: Actual) -> float | None:
    """What was promised when the run took place."""
    return point.rto_seconds if name == "RTA" else point.rpo_seconds


def _scale(trend: Trend, name: Actual, on: Sheet) -> _Scale:
    values = [value for point in trend.points if (value := actual_of(point, name)) is not None]
    promised = [value for point in trend.points if (value := objective_of(point, name)) is not None]
    longest, limit = max(values, default=0.0), promised[-1] if promised else 0.0
    far = 0 < longest * FAR_ABOVE < limit
    return _Scale((longest * 1.4 if far else max(longest, limit) * 1.15) or 1.0, far, on)


def chart(trend: Trend, name: Actual, form: Form = "wide") -> str:
    """The drawing of one actual, "" where the group has no run; "alone" has stamp and legend in it."""
    if not trend.points:
        return ""
    on = sheet(form)
    placed, scale = slots(trend, on), _scale(trend, name, on)
    sized = name == "RTA" and any(point.size_bytes is not None for point in trend.points)
    floor = SIZE_TOP + SIZE_HEIGHT if sized else TOP + HEIGHT
    parts = [*_grid(scale, name), *_gaps(placed, floor), _objective(placed, scale, name)]
    parts += [_median(trend, scale, name), _way(placed, scale, name), *_marks(placed, scale, name)]
    parts += [*_values(placed, scale, name), *(_sizes(placed, trend, on) if sized else ()), *_dates(placed, on, floor)]
    height = floor + (30 if form != "alone" else 58)
    if form == "alone":
        parts.append(_legend_alone(trend, on, height - 10))
    frame = Frame(f"trend-{name.lower()}", form, on.width, height)
    return frame.around(f"{name} of {wording.runs(len(trend.points))}", wording.one_line(trend), "".join(parts))


def _grid(scale: _Scale, name: Actual) -> list[str]:
    marks = ticks(scale.top)
    marks = marks[:: 1 + len(marks) // 6]
    parts = [svg.text("head", 0, 16, f"{name} of each run", "start")]
    for mark in marks:
        y = scale.y(mark)
        parts.append(f'<line class="grid" x1="{scale.on.left:g}" x2="{scale.on.right:g}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(svg.text("tick", scale.on.left - 8, y + 5, "0" if mark == 0 else seconds_or(mark), "end"))
    return parts


def _gaps(placed: Sequence[Slot], floor: float) -> list[str]:
    parts = []
    for slot in placed:
        if isinstance(slot.what, DrillGap):
            told = escape(
                f"{slot.what.missed} missed between {slot.what.from_at:%Y-%m-%d} and {slot.what.to_at:%Y-%m-%d}"
            )
            width = slot.right - slot.left
            parts.append(
                f'<rect class="gap" x="{slot.left:.1f}" y="{TOP:g}" width="{width:.1f}" height="{floor - TOP:.1f}">'
                f"<title>{told}</title></rect>"
            )
            missed = f"{slot.what.missed} missed" if width > 64 else str(slot.what.missed)
            parts.append(svg.text("missed", slot.middle, TOP + HEIGHT - 8, missed))
    return parts


def _objective(placed: Sequence[Slot], scale: _Scale, name: Actual) -> str:
    """The objective as it was at each run; a gap has the one of the run before it."""
    way, last, label, y = "", None, "", TOP
    for slot in placed:
        value = objective_of(slot.what, name) if isinstance(slot.what, HistoryPoint) else last
        if value is not None:
            way += f"{'L' if last is not None else 'M'}{slot.left:.1f} {scale.y(value):.1f} H{slot.right:.1f} "
            promised = "RTO" if name == "RTA" else "RPO"
            label, y = f"{promised} {seconds_or(value)}", scale.y(value)
        last = value
    if not way:
        return ""
    drawn = f'<path class="limit" d="{way.strip()}"/>'
    beyond = "above the scale" if scale.far else ""
    if scale.on.is_narrow:
        return drawn + svg.text("limit", scale.on.right, 16, " ".join(filter(None, (label, beyond))), "end")
    drawn += svg.text("limit", scale.on.right + 8, y + 5, label, "start")
    return drawn + (svg.text("limit", scale.on.right + 8, y + 22, beyond, "start") if beyond else "")


def _median(trend: Trend, scale: _Scale, name: Actual) -> str:
    found = next((each for each in trend.series if each.name == name), None)
    if found is None or found.median is None or found.n < 3:
        return ""
    y = scale.y(found.median)
    return f'<line class="median" x1="{scale.on.left:g}" x2="{scale.on.right:g}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _counted(slot: Slot, name: Actual) -> float | None:
    """The run's number where it counts: that of a copy with wrong data does not."""
    if not isinstance(slot.what, HistoryPoint) or slot.what.outcome == "verification failed":
        return None
    return actual_of(slot.what, name)


def _way(placed: Sequence[Slot], scale: _Scale, name: Actual) -> str:
    """A line from number to number, broken where drills were missed, and where an RPA was measured in another way."""
    way, pen, method = "", "M", ""
    for slot in placed:
        value = _counted(slot, name)
        if value is not None and isinstance(slot.what, HistoryPoint):
            if name == "RPA" and slot.what.rpa_method != method:
                pen, method = "M", slot.what.rpa_method
            way += f"{pen}{slot.middle:.1f} {scale.y(value):.1f} "
            pen = "L"
        elif isinstance(slot.what, DrillGap):
            pen = "M"
    return f'<path class="way" d="{way.strip()}"/>' if way else ""


def mark(kind: str, x: float, y: float, size: float) -> str:
    """The shape of an outcome: a disc, a triangle, a square, a cross or a diamond."""
    a, b, c = 2 * size, 1.3 * size, 2.2 * size
    shape = {
        "late": f"M{x:.1f} {y - b:.1f} l{c / 2:.1f} {a:.1f} h{-c:.1f} Z",
        "wrong": f"M{x - size:.1f} {y - size:.1f} h{a:.1f} v{a:.1f} h{-a:.1f} Z",
        "absent": f"M{x - size:.1f} {y - size:.1f} l{a:.1f} {a:.1f} m0 {-a:.1f} l{-a:.1f} {a:.1f}",
        "unclean": f"M{x:.1f} {y - b:.1f} l{b:.1f} {b:.1f} l{-b:.1f} {b:.1f} l{-b:.1f} {-b:.1f} Z",
    }.get(kind)
    if shape is None:
        return f'<circle class="mark {kind}" cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}"'
    return f'<path class="mark {kind}" d="{shape}"'


def _marks(placed: Sequence[Slot], scale: _Scale, name: Actual) -> list[str]:
    size = max(2.2, min(5.0, (placed[0].right - placed[0].left) / 3))
    parts = []
    for slot in placed:
        point = slot.what
        if isinstance(point, HistoryPoint):
            value = actual_of(point, name)
            by = f" by {point.rpa_method}" if name == "RPA" and point.rpa_method else ""
            told = f"{point.run_id}: {point.became}, {name} {seconds_or(value)}{by}"
            drawn = mark(KINDS[point.outcome], slot.middle, scale.y(value or 0.0) - (size + 1) * (value is None), size)
            if value is None:  # on the floor and hollow
                drawn = drawn.replace('class="mark ', 'class="mark none ')
            parts.append(f"{drawn}><title>{escape(told)}</title></{drawn[1 : drawn.index(' ')]}>")
    return parts


def _values(placed: Sequence[Slot], scale: _Scale, name: Actual) -> list[str]:
    """The longest and the last number in words."""
    numbered = [(slot, value) for slot in placed if (value := _counted(slot, name)) is not None]
    if not numbered:
        return []
    longest, last = max(numbered, key=lambda each: each[1]), numbered[-1]
    shown = [longest] if longest[0].middle > last[0].middle - 110 and longest[1] >= last[1] else [longest, last]
    parts = []
    for slot, value in shown:
        anchor = (
            "end" if slot.middle > scale.on.width - 70 else "start" if slot.middle < scale.on.left + 30 else "middle"
        )
        parts.append(svg.text("value", slot.middle, scale.y(value) - 11, seconds_or(value), anchor))
    return parts


def _sizes(placed: Sequence[Slot], trend: Trend, on: Sheet) -> list[str]:
    """The size of what was restored, from nothing to its largest, on a strip of its own."""
    sizes = [(slot.middle, slot.what.size_bytes) for slot in placed if isinstance(slot.what, HistoryPoint)]
    known = [(x, size) for x, size in sizes if size is not None]
    largest = max(size for _, size in known) or 1
    floor = SIZE_TOP + SIZE_HEIGHT
    way = " L".join(f"{x:.1f} {floor - SIZE_HEIGHT * 0.9 * size / largest:.1f}" for x, size in known)
    parts = [f'<line class="grid" x1="{on.left:g}" x2="{on.right:g}" y1="{floor:g}" y2="{floor:g}"/>']
    parts.append(f'<path class="size" d="M{way}"/>')
    parts += [
        f'<circle class="dot" cx="{x:.1f}" cy="{floor - SIZE_HEIGHT * 0.9 * size / largest:.1f}" r="1.8">'
        f"<title>{wording.show_bytes(size)}</title></circle>"
        for x, size in known
    ]
    x, last = known[-1]
    what = "data" if trend.size_of == "data" else "storage"
    parts.append(svg.text("tick", on.left - 8, floor - 14, what, "end"))
    anchor = "end" if x > on.width - 90 else "middle"
    y = floor - SIZE_HEIGHT * 0.9 * last / largest - 7
    return [*parts, svg.text("tick", x, y, wording.show_bytes(last), anchor)]


def _dates(placed: Sequence[Slot], on: Sheet, floor: float) -> list[str]:
    """A few days below the runs they belong to; with the hour where all runs are of two days."""
    runs = [(slot.middle, slot.what.at) for slot in placed if isinstance(slot.what, HistoryPoint)]
    long = len(runs) == 1 or runs[-1][1] - runs[0][1] > timedelta(days=2)
    form = "%Y-%m-%d" if long else "%m-%d %H:%M"
    step = -(-len(runs) // on.dates)
    parts = []
    for x, at in runs[::-step]:  # from the last one back, so that it has its date
        anchor = "end" if x > on.width - 60 else "middle"
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{floor:g}" y2="{floor + 5:g}"/>')
        parts.append(svg.text("tick", x, floor + 21, f"{at:{form}}", anchor))
    return parts


def legend(trend: Trend) -> list[tuple[str, str]]:
    """What the marks of this drawing mean: their kinds and the words for them."""
    kinds: dict[str, list[str]] = {}
    for outcome, kind in KINDS.items():
        if any(point.outcome == outcome for point in trend.points):
            became = dict.fromkeys(point.became for point in trend.points if point.outcome == outcome)
            kinds.setdefault(kind, []).extend(became)
    told = [(kind, " or ".join(outcomes)) for kind, outcomes in kinds.items()]
    told = [(kind, f"{words} (its number does not count)" if kind == "wrong" else words) for kind, words in told]
    judged = [point for point in trend.points if KINDS[point.outcome] != "absent"]
    if any(actual_of(point, name) is None for point in judged for name in ACTUALS):
        told.append(("good none", "hollow, at 0: not measured"))
    return told


def swatch(kind: str) -> str:
    """A mark for the legend of a page: of a run, of missed drills ("gap"), or of a phase ("rta", "other")."""
    drawn = {
        "gap": '<rect class="gap" x="1" y="1" width="12" height="12"',
        "rta": '<rect class="rta" x="0" y="0" width="14" height="14"',
        "other": '<rect class="other" x="0" y="4" width="14" height="10"',
    }.get(kind) or mark(kind, 7, 7, 5)
    return f'<svg class="swatch" viewBox="0 0 14 14" aria-hidden="true">{drawn}/></svg>'


def _legend_alone(trend: Trend, on: Sheet, y: float) -> str:
    parts, x = [], on.left
    for kind, told in legend(trend):
        parts += [mark(kind, x, y - 5, 5) + "/>", svg.text("tick", x + 12, y, told, "start")]
        x += 34 + 8 * len(told)
    if trend.key.simulated:
        parts.append(svg.text("stamp", on.right, 16, wording.SIMULATED, "end"))
    return "".join(parts)
