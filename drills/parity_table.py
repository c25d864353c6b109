"""Shows what a comparison of two configurations found: left how it was, right how it is."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from drills.cli_verify import printable
from drills.model import Finding

STYLES = {"error": "bold red", "warning": "yellow", "information": "dim"}


def table(findings: Sequence[Finding], left: str, right: str) -> Table:
    """A row for each difference; `left` and `right` name the instances."""
    shown = Table(box=None, pad_edge=False)
    for heading in ("severity", "setting", left, right, "what it leads to: what to do"):
        shown.add_column(printable(heading), overflow="fold")
    for finding in findings:
        shown.add_row(
            Text(finding.severity, style=STYLES[finding.severity]),
            *(printable(text) for text in (finding.object, finding.expected, finding.found, finding.message)),
        )
    return shown
