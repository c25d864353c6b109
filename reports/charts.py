"""Drawings for the report, as SVG text: the timeline to scale, and an objective beside its actual.

Pure. Lengths are in the drawing's own units; a wide one has WIDTH of them, a narrow one has text that is as large on a
telephone as the wide one's on a desktop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

from drills.durations import show_duration
from drills.model.record import RunRecord
from drills.model.timing import Phase
from reports.view import svg
from reports.view.svg import WIDTHS, Form, Frame
from reports.words import SIMULATED, ObjectiveView, seconds_or

WIDTH = WIDTHS["wide"]
EDGE = 18.0
LABEL_GAP = 24.0
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A phase on the timeline: its number in the legend, and from where to where it is drawn."""

    number: int
    phase: Phase
    left: float
    right: float


def total_seconds(record: RunRecord) -> float:
    """How long the timeline is, in seconds: the run's wall clock, or as far as its phases reach."""
    ends = [phase.end_seconds or phase.start_seconds for phase in record.phases]
    return max([record.wall_seconds or 0.0, *ends])


def place(record: RunRecord, width: float = WIDTH) -> list[Stretch]:
    """Where each phase is drawn; an open phase reaches to the end of what was recorded."""
    whole = total_seconds(record)
    scale = (width - 2 * EDGE) / whole if whole > 0 else 0.0
    return [
        Stretch(
            number,
            phase,
            EDGE + phase.start_seconds * scale,
            EDGE + (whole if phase.end_seconds is None else phase.end_seconds) * scale,
        )
        for number, phase in enumerate(record.phases, start=1)
    ]


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move rising positions apart to at least `gap`, within `low` to `high`, each as near as can be to where it was.

    Where there is no room for all, the gap is made smaller rather than leaving one out.
    """
    if not wanted:
        return []
    gap = min(gap, (high - low) / max(1, len(wanted) - 1))
    placed: list[float] = []
    for position in wanted:
        placed.append(max(position, placed[-1] + gap if placed else low))
    limit = high
    for index in range(len(placed) - 1, -1, -1):
        placed[index] = min(placed[index], limit)
        limit = placed[index] - gap
    return placed


def ticks(whole: float) -> list[float]:
    """Round instants for the axis, in seconds, four to nine of them over `whole` seconds."""
    if whole <= 0:
        return [0.0]
    if whole < 5:
        magnitude = 10.0 ** floor(log10(whole / 5))
        step = next(magnitude * factor for factor in (1, 2, 5, 10) if whole / (magnitude * factor) <= 8)
    else:
        step = next((float(each) for each in _STEPS if whole / each <= 8), 86400.0 * ceil(whole / 86400 / 8))
    return [index * step for index in range(int(whole / step) + 1)]


def _tick_label(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < 60 else show_duration(seconds)


def timeline(record: RunRecord, form: Form = "wide") -> str:
    """The phases drawn to scale, numbered as in the table, with the RTO's limit where it falls within the run.

    Numbered are the phases of the recovery, and the others that are wide enough for a number.
    """
    width = WIDTHS[form]
    stretches = place(record, width)
    if not stretches:
        return ""
    whole = total_seconds(record)
    scale = (width - 2 * EDGE) / whole if whole > 0 else 0.0
    counted = [s for s in stretches if s.phase.clock == "rta"]
    named = [s for s in stretches if s.right - s.left >= LABEL_GAP or (form != "narrow" and s.phase.clock == "rta")]
    labels = spread([(s.left + s.right) / 2 for s in named], LABEL_GAP, EDGE, width - EDGE)
    parts = [_stretch(each) for each in stretches]
    parts += [_number(each, label) for each, label in zip(named, labels, strict=True)]
    marks = ticks(whole)
    for tick in marks[:: 1 if form != "narrow" else 1 + len(marks) // 4]:
        x = EDGE + tick * scale
        anchor = "start" if tick == 0 else "middle" if x < width - 3 * EDGE else "end"
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="86" y2="92"/>')
        parts.append(svg.text("tick", x, 107, _tick_label(tick), anchor))
    limit = record.objectives.rto_seconds
    if counted and limit is not None and counted[0].phase.start_seconds + limit <= whole:
        parts.append(_limit(counted[0].left + limit * scale, limit, width))
    if form == "alone" and record.simulated:
        parts.append(svg.text("stamp", EDGE, 125, SIMULATED, "start"))
    return Frame("timeline", form, width, 132).around(
        f"Timeline to scale: {len(stretches)} phases over {show_duration(whole)}",
        "; ".join(
            f"{each.number}. {each.phase.name}, {seconds_or(each.phase.seconds, 'not ended')}" for each in counted
        )
        + ". These count against the RTO; the table of phases has every number.",
        "".join(parts),
    )


def _stretch(stretch: Stretch) -> str:
    phase = stretch.phase
    kind = "rta" if phase.clock == "rta" else "other"
    state = " open" if phase.end_seconds is None else ""
    told = f"{stretch.number}. {phase.name}: {seconds_or(phase.seconds, 'not ended')}"
    width = max(stretch.right - stretch.left, 0.8)
    height = 44 if kind == "rta" else 32  # told apart without colour as well
    return (
        f'<rect class="phase {kind}{state}" x="{stretch.left:.2f}" y="{86 - height}" width="{width:.2f}" '
        f'height="{height}"><title>{escape(told)}</title></rect>'
    )


def _number(stretch: Stretch, label: float) -> str:
    kind = "rta" if stretch.phase.clock == "rta" else "other"
    middle, top = (stretch.left + stretch.right) / 2, 42 if kind == "rta" else 54
    way = f"M{label:.1f} 21 L{label:.1f} 26 L{middle:.1f} 38 L{middle:.1f} {top}"
    return f'<path class="leader" d="{way}"/>' + svg.text(f"number {kind}", label, 16, str(stretch.number))


def _limit(x: float, seconds: float, width: float) -> str:
    anchor = "middle" if 90 < x < width - 90 else "start" if x <= 90 else "end"
    line = f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="34" y2="92"/>'
    return line + svg.text("limit", x, 125, f"RTO ends: {show_duration(seconds)}", anchor)


def objective_bar(view: ObjectiveView, form: Form = "wide") -> str:
    """The actual as a bar and the objective as a line across it, on one scale; the page says it in words beside it."""
    known = [value for value in (view.objective, view.actual, view.further) if value is not None]
    whole, width = max(known, default=0.0) * 1.08 or 1.0, WIDTHS[form]
    parts = [f'<rect class="track" x="0" y="4" width="{width:g}" height="16"/>']
    if view.objective is not None:
        allowed = view.objective / whole * width
        parts.append(f'<rect class="allowed" x="0" y="4" width="{allowed:.2f}" height="16"/>')
    if view.further is not None and view.risk:
        far = view.further / whole * width
        parts.append(f'<rect class="further" x="0.5" y="5.5" width="{far - 1:.2f}" height="13"/>')
    if view.actual is not None:
        kind = {"met": "met", "missed": "missed", "not verified": "open"}[view.outcome]
        long = max(view.actual / whole * width, 4.0)
        parts.append(f'<rect class="actual {kind}" x="0" y="7" width="{long:.2f}" height="10"/>')
    if view.objective is not None:
        parts.append(
            f'<rect class="limit" x="{view.objective / whole * width - 1.5:.2f}" y="0" width="3" height="24"/>'
        )
    name = f"{view.actual_name} against {view.objective_name}"
    told = f"{view.actual_name} {view.measured}, {view.objective_name} {view.promised}: {view.judgement}, {view.margin}"
    told += f"; {view.risk}" if view.risk else ""
    key = view.actual_name.lower().replace(" ", "-")
    return Frame(f"bar-{key}", form, width, 24).around(name, told, "".join(parts), ' preserveAspectRatio="none"')
