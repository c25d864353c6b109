"""Drawings for the report, as SVG text: the timeline to scale, and an objective beside its actual.

Pure. Colours come from the page's style sheet through classes, so that light, dark and print each have their own.
Lengths are in the drawing's own units; a timeline is WIDTH of them wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

from drills.durations import show_duration
from drills.model.record import RunRecord
from drills.model.timing import Phase
from reports.words import ObjectiveView, seconds_or

WIDTH = 1000.0
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


def place(record: RunRecord) -> list[Stretch]:
    """Where each phase is drawn; an open phase reaches to the end of what was recorded."""
    whole = total_seconds(record)
    scale = (WIDTH - 2 * EDGE) / whole if whole > 0 else 0.0
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


def timeline(record: RunRecord) -> str:
    """The phases drawn to scale, numbered as in the legend, with the RTO's limit where it falls within the run."""
    stretches = place(record)
    if not stretches:
        return ""
    whole = total_seconds(record)
    scale = (WIDTH - 2 * EDGE) / whole if whole > 0 else 0.0
    counted = [s for s in stretches if s.phase.clock == "rta"]
    middles = [(s.left + s.right) / 2 for s in stretches]
    labels = spread(middles, LABEL_GAP, EDGE, WIDTH - EDGE)
    parts = [_numbered(s, middle, label) for s, middle, label in zip(stretches, middles, labels, strict=True)]
    for tick in ticks(whole):
        x = EDGE + tick * scale
        anchor = "start" if tick == 0 else "middle" if x < WIDTH - 3 * EDGE else "end"
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="86" y2="92"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="107" text-anchor="{anchor}">{_tick_label(tick)}</text>')
    limit = record.objectives.rto_seconds
    if counted and limit is not None and counted[0].phase.start_seconds + limit <= whole:
        parts.append(_limit(counted[0].left + limit * scale, limit))
    told = f"{len(stretches)} phases over {show_duration(whole)}, {len(counted)} of them count against the RTO"
    return (
        f'<svg class="timeline" viewBox="0 0 {WIDTH:g} 132" role="img" aria-labelledby="timeline-title">'
        f'<title id="timeline-title">Timeline to scale: {escape(told)}; the table below gives every number</title>'
        + "".join(parts)
        + "</svg>"
    )


def _numbered(stretch: Stretch, middle: float, label: float) -> str:
    phase = stretch.phase
    kind = "rta" if phase.clock == "rta" else "other"
    state = " open" if phase.end_seconds is None else ""
    told = f"{stretch.number}. {phase.name}: {seconds_or(phase.seconds, 'not ended')}"
    width = max(stretch.right - stretch.left, 0.8)
    return (
        f'<rect class="phase {kind}{state}" x="{stretch.left:.2f}" y="42" width="{width:.2f}" height="44">'
        f"<title>{escape(told)}</title></rect>"
        f'<path class="leader" d="M{label:.1f} 21 L{label:.1f} 26 L{middle:.1f} 38 L{middle:.1f} 42"/>'
        f'<text class="number {kind}" x="{label:.1f}" y="16" text-anchor="middle">{stretch.number}</text>'
    )


def _limit(x: float, seconds: float) -> str:
    anchor = "middle" if 90 < x < WIDTH - 90 else "start" if x <= 90 else "end"
    return (
        f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="34" y2="92"/>'
        f'<text class="limit" x="{x:.1f}" y="125" text-anchor="{anchor}">RTO ends: {show_duration(seconds)}</text>'
    )


def objective_bar(view: ObjectiveView) -> str:
    """The actual as a bar and the objective as a line across it, on one scale; the page says it in words beside it."""
    known = [value for value in (view.objective, view.actual) if value is not None]
    whole = max(known, default=0.0) * 1.08 or 1.0
    parts = ['<rect class="track" x="0" y="4" width="100" height="16"/>']
    if view.objective is not None:
        parts.append(f'<rect class="allowed" x="0" y="4" width="{view.objective / whole * 100:.2f}" height="16"/>')
    if view.actual is not None:
        kind = {"met": "met", "missed": "missed", "not verified": "open"}[view.outcome]
        width = max(view.actual / whole * 100, 0.6)
        parts.append(f'<rect class="actual {kind}" x="0" y="7" width="{width:.2f}" height="10"/>')
    if view.objective is not None:
        parts.append(
            f'<rect class="limit" x="{view.objective / whole * 100 - 0.2:.2f}" y="0" width="0.4" height="24"/>'
        )
    told = (
        f"{view.actual_name} {seconds_or(view.actual, view.otherwise)} against {view.objective_name} "
        f"{seconds_or(view.objective, 'not set')}: {view.outcome}"
    )
    return (
        f'<svg class="bar" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(told, quote=True)}">' + "".join(parts) + "</svg>"
    )
