"""Shows the matrix of a period: on the terminal, as Markdown, as one HTML page that needs nothing else, and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import TypeAdapter
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drills.history import wording
from drills.printable import printable_lines
from reports import controls, markdown
from reports.audit.model import STANDINGS, Matrix, PeriodRun
from reports.audit.sections import By, Section, byline, headline, missed, sections, title

TEMPLATES = Path(__file__).parents[1] / "templates"
WIDE, FEW = 120, 3  # a terminal's width, and columns that fit any
DIGEST_SHOWN = 16  # characters of a digest on the terminal
STYLES = {"done": "green", "failed": "bold red", "could not run": "bold magenta", "aborted": "bold magenta"}
_RUN: TypeAdapter[PeriodRun] = TypeAdapter(PeriodRun)


def as_json(matrix: Matrix) -> str:
    """Return all of the matrix for a program; every run with its rows."""
    facts: dict[str, Any] = {
        "period": {
            "text": matrix.period.text,
            "begin": matrix.period.begin.isoformat(),
            "end": matrix.period.end.isoformat(),
            "until": matrix.until.isoformat(),
        },
        "made_at": matrix.made_at.isoformat(),
        "populations": [
            {
                "target": each.target,
                "profile": each.profile,
                "simulated": each.simulated,
                **({"stamp": wording.SIMULATED} if each.simulated else {}),
                "drill_every_seconds": each.every_seconds,
                "expected": each.expected,
                **{name.replace(" ", "_"): each.count(name) for name in STANDINGS},
                "missed": missed(each),
                "missed_stretches": [
                    {"first": gap.first.isoformat(), "last": gap.last.isoformat(), "count": gap.count}
                    for gap in each.missed
                ],
                "runs": [_RUN.dump_python(run, mode="json") for run in each.runs],
            }
            for each in matrix.populations
        ],
        "controls": [
            {
                "framework": each.row.framework_id,
                "control": each.row.control,
                "degree": each.row.degree,
                "asks": each.row.asks,
                "covers": each.row.covers,
                "supported_by": [run.run_id for run in each.supported_by],
                "failed_tests": [run.run_id for run in each.failed],
                "against": [run.run_id for run in each.against],
                "why_not": each.why_not,
            }
            for each in matrix.controls
        ],
        "not_evidenced": [asdict(each) for each in controls.NOT_EVIDENCED],
        "problems": list(matrix.problems),
    }
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


def as_markdown(matrix: Matrix, by: By) -> str:
    """Return the matrix as Markdown, ending in a newline."""
    lines = [
        f"# {markdown.cell(title(matrix))}",
        "",
        markdown.cell(byline(matrix)),
        "",
        f"**{markdown.cell(headline(matrix))}**",
        "",
    ]
    for each in sections(matrix, by):
        lines += [f"## {markdown.cell(each.title)}", ""]
        lines += [f"- {markdown.cell(said)}" for said in each.sentences] + ([""] if each.sentences else [])
        lines += markdown.table(each.head, each.rows)
    return "\n".join(lines).rstrip() + "\n"


def as_html(matrix: Matrix, by: By) -> str:
    """Return the matrix as one page; everything in it is escaped, and nothing is loaded from elsewhere."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable_lines(value) if type(value) is str else value,
    )
    return made.get_template("controls.html.j2").render(
        title=title(matrix),
        byline=byline(matrix),
        headline=headline(matrix),
        sections=sections(matrix, by),
        tones={"done": "good", "failed": "bad", "could not run": "open", "aborted": "open", "no drill": "open"},
    )


def on_terminal(console: Console, matrix: Matrix, by: By) -> None:
    """Print the matrix."""
    _say(console, title(matrix), "bold")
    _say(console, byline(matrix), "dim")
    _say(console, headline(matrix))
    for each in sections(matrix, by):
        console.print()
        _say(console, each.title, "bold")
        for said in each.sentences:
            _say(console, said, "bold yellow" if said == wording.SIMULATED else "")
        if each.rows and (console.width >= WIDE or len(each.head) <= FEW):
            console.print(_table(each))
        elif each.rows:
            _cards(console, each)


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style), soft_wrap=not console.is_terminal, highlight=False)


def _cards(console: Console, section: Section) -> None:
    """Print a row's cells one below the other: a table of many columns would leave each a few letters wide."""
    for row in section.rows:
        _say(console, row[0], "bold")
        for name, cell in zip(section.head[1:], row[1:], strict=True):
            _say(console, f"  {name}: {_short(cell)}", STYLES.get(cell, ""))


def _table(section: Section) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for each in section.head:
        made.add_column(each, overflow="fold")
    for row in section.rows:
        made.add_row(*(Text(_short(each), STYLES.get(each, "")) for each in row))
    return made


def _short(cell: str) -> str:
    is_digest = len(cell) == 64 and all(each in "0123456789abcdef" for each in cell)
    return f"{cell[:DIGEST_SHOWN]}…" if is_digest else cell
