"""A difference as the commands print it: for reading, with its query on request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from drills.checks.manifest import Manifest
from drills.model.finding import CheckResult, Finding
from drills.printable import printable as escape
from drills.screen import STYLES, Screen, printable


def show_findings(console: Console, results: Iterable[CheckResult]) -> None:
    """Print the findings of all results as `show_finding` does, each headed by its check; the most severe first."""
    findings = [finding for result in results for finding in result.findings]
    for finding in sorted(findings, key=lambda each: list(STYLES).index(each.severity)):
        show_finding(console, finding, check=True)


def show_finding(console: Console, finding: Finding, *, check: bool = False, query: bool = False) -> None:
    """Print severity and object, then what was expected, what was found; of a finding headed by its `check` what to do.

    Nothing is cut, and no line is broken: a terminal wraps it, and a file has it whole.
    """
    console.print()
    heading = (f"{finding.check}: " if check else "") + finding.object + finding.mark
    console.print(Text(finding.severity, style=STYLES[finding.severity]), printable(heading), soft_wrap=True)
    said = [("expected", finding.expected), ("found", finding.found)]
    said += [("to do", finding.message)] if check else []
    for what, text in said:
        if text:
            console.print(printable(f"  {what:<9}{text}"), soft_wrap=True)
    if query and finding.query:
        lines = "\n".join(f"    {escape(line)}" for line in finding.query.splitlines())
        console.print(Text(f"  query\n{lines}"), soft_wrap=True)


def show_verification(expected: Manifest, results: Sequence[CheckResult], *, queries: bool) -> None:
    """Print the checks of a database against a manifest, then the differences, then what was not compared."""
    console = Screen()
    console.print(
        f"against {', '.join(expected.databases)} as of {expected.taken_at:%Y-%m-%d %H:%M:%S %Z}", markup=False
    )
    checks = Table(box=None, pad_edge=False)
    for heading in ("check", "outcome", "what was seen"):
        checks.add_column(heading, overflow="fold")
    for result in results:
        outcome = result.outcome if result.requirement == "required" else f"{result.outcome} ({result.requirement})"
        style = {"met": "green", "missed": "bold red"}.get(result.outcome, "yellow")
        checks.add_row(printable(result.name), Text(outcome, style=style), printable(result.sentence))
    console.print(checks)
    for finding in (each for result in results for each in result.findings):
        show_finding(console, finding, query=queries)
    left = [item for result in results for item in result.not_checked]
    if left:
        console.print("\nnot checked, or not exactly:")
        for item in left:
            console.print(printable(f"  {item.what}: {item.reason}"), soft_wrap=True)
