"""report.html: one page with everything in it, readable offline, in print, in the dark and with a screen reader."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from drills.durations import show_duration
from drills.history import wording
from drills.model.history import Trend
from drills.model.record import RunRecord
from drills.printable import printable_lines
from reports import charts, outcomes, reasons, recovery_words, trend_chart, words

_TEMPLATES = Path(__file__).parent / "templates"
RUNS_SHOWN = 12
_JOINTS = re.compile(r"(?<=[.:/_-])(?=\w)")


def breakable(name: str) -> Markup:
    """A long name that may be wrapped at its joints (dots, colons, dashes …) and is copied without a break."""
    return Markup("<wbr>").join(escape(part) for part in _JOINTS.split(name))


def _shown(value: object) -> object:
    """What is put into the page, made printable; Jinja escapes it afterwards where it is no markup."""
    if isinstance(value, Markup):
        return Markup(printable_lines(value))
    return printable_lines(value) if isinstance(value, str) else value


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters["duration"] = words.seconds_or
    made.filters["breakable"] = breakable
    made.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    made.filters["instant"] = words.show_instant
    return made


def render(record: RunRecord) -> str:
    """The whole page as text. Everything that stands in the record is escaped."""
    stretches = charts.place(record)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            record=record,
            words=words,
            recovery_words=recovery_words,
            reason_of=outcomes.reason_of,
            headline=reasons.headline(record),
            reasons=reasons.reasons(record),
            title=words.title(record),
            tone=words.tone(record),
            views=[(view, Markup(charts.objective_bar(view))) for view in words.objective_views(record)],
            timeline=Markup(charts.timeline(record)),
            stretches=stretches,
            whole=charts.total_seconds(record),
            show_duration=show_duration,
            recovery=words.recovery(record),
            rehearsals=words.rehearsals(record),
            features=words.promises_by_feature(record.promises),
            verdicts=words.verdicts_beside_checks(record),
            resources=words.resources_by_purpose(record),
            place=words.common_place(record.resources),
            findings=words.findings(record),
            not_checked=words.not_checked(record),
            left=words.still_there(record),
            **_trend(record.history),
        )
    )


def _trend(trend: Trend | None) -> dict[str, object]:
    """What the section on earlier runs needs."""
    return {
        "trend": trend,
        "trend_words": wording,
        "trend_rows": trend.points[-RUNS_SHOWN:] if trend else (),
        "trend_charts": [Markup(trend_chart.chart(trend, name)) for name in trend_chart.ACTUALS] if trend else (),
        "trend_legend": [(Markup(trend_chart.swatch(kind)), told) for kind, told in trend_chart.legend(trend)]
        if trend
        else (),
    }
