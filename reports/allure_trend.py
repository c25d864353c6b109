"""The drawings that Allure shows: attachments of the whole session, in the format of allure-commons' globals."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from drills.files import write_atomically
from drills.history import wording
from drills.model.history import Trend
from drills.model.record import RunRecord
from reports import charts, trend_chart
from reports.words import seconds_or

GLOBALS = "trend-globals.json"
RUN_GLOBALS = "run-globals.json"


def write(folder: Path, trend: Trend) -> None:
    """Write the drawings and the numbers into the folder of Allure's results, and what leads Allure to them."""
    made = [
        (f"{name} of each run", f"trend-{name.lower()}-attachment.svg", "image/svg+xml", drawing)
        for name in trend_chart.ACTUALS
        if (drawing := trend_chart.chart(trend, name, "alone"))
    ]
    made.append(("Trend in words", "trend-attachment.txt", "text/plain", text_of(trend)))
    for _, source, _, body in made:
        write_atomically(folder / source, body)
    attached = [(name, source, kind) for name, source, kind, _ in made]
    write_atomically(folder / GLOBALS, _globals(attached, trend.as_of))


def write_timeline(folder: Path, record: RunRecord) -> None:
    """Write the timeline of the run into the folder of Allure's results, and what leads Allure to it."""
    drawing = charts.timeline(record, "alone")
    if not drawing:
        return
    source = "timeline-attachment.svg"
    write_atomically(folder / source, drawing)
    at = record.ended_at or record.started_at
    write_atomically(folder / RUN_GLOBALS, _globals([("Timeline", source, "image/svg+xml")], at))


def _globals(attached: list[tuple[str, str, str]], at: datetime) -> str:
    instant = round(at.timestamp() * 1000)
    told = [{"name": name, "source": source, "type": kind, "timestamp": instant} for name, source, kind in attached]
    return json.dumps({"attachments": told, "errors": []}, indent=2) + "\n"


def text_of(trend: Trend) -> str:
    """Stamp, group, numbers, warnings and every run, as lines."""
    lines = [wording.SIMULATED, ""] if trend.key.simulated else []
    lines += [f"Runs of {wording.group(trend.key)}", "", *wording.sentences(trend)]
    lines += [f"warning: {warning}" for warning in (*wording.warnings(trend), *trend.problems)]
    rows: list[tuple[str, ...]] = [("run", "outcome", "RTA", "RTO", "RPA", "RPO", "size")]
    for point in trend.points:
        times = (point.rta_seconds, point.rto_seconds, point.rpa_seconds, point.rpo_seconds)
        size = "-" if point.size_bytes is None else wording.show_bytes(point.size_bytes)
        rows.append((point.run_id, point.outcome, *(seconds_or(each, "-") for each in times), size))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    told = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", *told]) + "\n"
