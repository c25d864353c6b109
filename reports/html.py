"""report.html: page one and the fourteen blocks, readable offline, in print, in the dark and with a screen reader."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from drills.model.record import RunRecord
from drills.printable import printable_lines
from reports import trend_chart
from reports.view.build import report

_TEMPLATES = Path(__file__).parent / "templates"
LONG_NAME = 18  # characters of a name from which on it may be wrapped within
_WORDS = re.compile(r"\s+|\S+")
_JOINTS = re.compile(r"(?<=\w[.:/_-])(?=\w)")  # not after the sign of a number


def breakable(name: str) -> Markup:
    """Text whose long names may be wrapped at their joints (dots, colons, dashes …) and are copied without a break.

    The name of an option is not: a browser wraps it after its dashes.
    """
    return Markup("").join(map(_breakable_word, _WORDS.findall(name)))


def _breakable_word(word: str) -> Markup:
    if len(word) > LONG_NAME:
        return Markup("<wbr>").join(escape(part) for part in _JOINTS.split(word))
    return Markup('<span class="whole">{}</span>').format(word) if "--" in word else escape(word)


def _shown(value: object) -> object:
    """What is put into the page, made printable; Jinja escapes it afterwards where it is no markup."""
    if isinstance(value, Markup):
        return Markup(printable_lines(value))
    return printable_lines(value) if isinstance(value, str) else value


def swatch(mark: str) -> Markup:
    """A mark of a drawing for its key."""
    return Markup(trend_chart.swatch(mark))


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters["breakable"] = breakable
    made.globals |= {"svg": Markup, "swatch": swatch}
    return made


def render(record: RunRecord) -> str:
    """The whole page as text. Everything that stands in the record is escaped."""
    made = report(record)
    return _environment().get_template("report.html.j2").render(report=made, page=made.page)
