"""report.pdf: the report as PDF/A-3, tagged, with the run record attached; the same record gives the same bytes.

Made by typst, which comes with the extra `pdf`: its fonts are built in, and nothing of the machine or a network is read.
"""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any, Literal

from drills.errors import DrillError
from drills.model.record import RunRecord
from drills.printable import printable_lines
from reports.view.build import report
from reports.view.parts import as_data

TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
# A-3a holds all that A-3b asks for, and needs tags and Unicode; UA-1 refuses a drawing without words.
STANDARDS: list[Literal["a-3a", "ua-1"]] = ["a-3a", "ua-1"]
HOW_TO_GET = "report.pdf was not made: it needs the extra pdf (pip install -e .[pdf]); report.html can be printed"
# What the built-in fonts have glyphs for; PDF/A allows no text without one. Others are shown as escapes.
_COVERED = re.compile(
    "[^\n\t\x20-\x7e\xa1-\xac\xae-\u017f\u0391-\u03a1\u03a3-\u03c9\u0410-\u044f\u2013\u2014\u2018-\u201d\u2022\u2026\u20ac\u2264\u2265\u200b]"
)
_JOINT = re.compile(r"(?<=\w[.:/_-])(?=\w)|(?<=\w{32})(?=\w)")
_LONG = re.compile(r"\S{19,}")


def is_available() -> bool:
    """Whether typst is installed."""
    return importlib.util.find_spec("typst") is not None


def render(record: RunRecord, record_file: bytes) -> bytes:
    """The PDF. `record_file` is what drill.json holds, byte for byte. Raises DrillError where typst refuses."""
    import typst  # an extra, and 80 MB: loaded where it is used

    try:
        return bytes(
            typst.compile(
                str(TEMPLATE),
                root=str(TEMPLATE.parent),
                sys_inputs=inputs(record, record_file),
                ignore_system_fonts=True,
                pdf_standards=[*STANDARDS],
            )
        )
    except typst.TypstError as error:
        raise DrillError(f"typst: {error}") from error


def inputs(record: RunRecord, record_file: bytes) -> dict[str, str]:
    """What the template reads: the report as JSON, and the record's file."""
    at = record.ended_at or record.started_at
    data = _shown(as_data(report(record)))
    data |= {"date": [at.year, at.month, at.day, at.hour, at.minute, at.second]}
    data |= {"author": f"drills {record.tool_version}"}
    return {"report": json.dumps(data), "record": record_file.decode("utf-8")}


def _shown(value: Any, key: str = "") -> Any:
    """The data with every text made printable with the fonts that there are, and long names made breakable."""
    if isinstance(value, dict):
        return {name: _shown(each, name) for name, each in value.items() if name not in ("wide", "narrow")}
    if isinstance(value, list):
        return [_shown(each, key) for each in value]
    if not isinstance(value, str):
        return value
    text = _COVERED.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), printable_lines(value))
    return (
        text
        if key in ("title", "alone", "query", "told")
        else _LONG.sub(lambda found: _JOINT.sub("\u200b", found[0]), text)
    )
