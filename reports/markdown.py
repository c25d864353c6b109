"""summary.md: the run on one page, for a chat, a ticket or the step summary of a CI run."""

from __future__ import annotations

from collections.abc import Sequence

from drills.history import wording
from drills.model.record import RunRecord
from drills.printable import printable
from reports import outcomes, reasons, recovery_words, words

FINDINGS_SHOWN = 20


def cell(text: str) -> str:
    """Text that can stand in a table cell or a line: no line breaks, nothing that Markdown or HTML takes as its own."""
    flat = printable(" ".join(text.split()))
    for mark in ("\\", "|", "*", "_", "`", "[", "]", "~"):
        flat = flat.replace(mark, "\\" + mark)
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table, with an empty line after it; nothing where there are no rows."""
    if not rows:
        return []
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(cell(each) for each in row) + " |" for row in rows]
    return [*lines, ""]


def render(record: RunRecord) -> str:
    """The summary as Markdown, ending in a newline."""
    lines = [f"# {cell(reasons.headline(record))}", "", cell(words.title(record)), "", cell(words.byline(record)), ""]
    for stamp in words.stamps(record):
        lines += [f"> **{cell(stamp)}**", ""]
    if why := reasons.reasons(record):
        lines += ["## What went wrong", "", *(f"- {cell(each)}" for each in why[:FINDINGS_SHOWN])]
        lines += [f"- and {len(why) - FINDINGS_SHOWN} more, in report.html"] if len(why) > FINDINGS_SHOWN else []
        lines += [""]
    lines += [f"- exit code {cell(line)}" for line in words.exit_lines(record)] + [""]
    lines += ["## Objectives", "", *_objectives(record), *_recovery_time(record)]
    lines += table(("Data loss", "Number", "How it came about", "What it is"), words.loss_rows(record))
    if slowest := words.slowest_phase(record):
        lines += [f"Slowest phase of the recovery: {cell(slowest)}.", ""]
    lines += _over_time(record)
    lines += [f"## Promises: {words.promise_counts(record.promises)}", ""]
    lines += table(
        ("Promise", "Outcome", "Reason"),
        [(each.name, each.outcome, outcomes.reason_of(record, each)) for each in record.promises],
    )
    lines += _findings(record)
    lines += [f"## What was checked: {words.check_counts(words.recovery_checks(record))}", ""]
    lines += table(
        ("Check", "Outcome", "Observed", "Compared"),
        [(check.name, check.outcome, check.sentence, f"{check.compared:,}") for check in words.recovery_checks(record)],
    )
    lines += ["## What was not checked", ""]
    gaps = [(gap.what, gap.reason) for gap in words.not_checked(record)]
    lines += table(("What", "Why"), gaps) or [words.NOTHING_LEFT_OUT, ""]
    lines += ["No automated drill shows: " + "; ".join(words.NO_DRILL_EVIDENCES) + ".", ""]
    left = words.still_there(record)
    lines += ["## Left behind", "", *(f"- {cell(name)}" for name in left), ""] if left else []
    return "\n".join(lines).rstrip() + "\n"


def _objectives(record: RunRecord) -> list[str]:
    rows = [
        (
            f"{view.actual_name} against {view.objective_name}",
            words.seconds_or(view.actual, view.otherwise),
            words.seconds_or(view.objective, "not set"),
            view.judgement,
            view.margin,
        )
        for view in words.objective_views(record)
    ]
    return table(("Objective", "Measured", "Promised", "Verdict", "Margin"), rows)


def _recovery_time(record: RunRecord) -> list[str]:
    lines = [f"- {cell(line)}" for line in recovery_words.beside_rta(record)] + [""]
    rows = recovery_words.query_rows(record)
    lines += table(("The owner's query", "Cold", "Warm", "Target", "Ended"), rows)
    hydrated = recovery_words.hydration_line(record)
    return [*lines, *([cell(hydrated), ""] if hydrated else [])]


def _over_time(record: RunRecord) -> list[str]:
    if record.history is None:
        return []
    said = [cell(wording.one_line(record.history))]
    warnings = (*wording.warnings(record.history), *record.history.problems)
    return [
        "## Over time",
        "",
        *said,
        "",
        *(f"- **warning**: {cell(each)}" for each in warnings),
        *[""][: len(warnings)],
    ]


def _findings(record: RunRecord) -> list[str]:
    found = words.findings(record)
    if not found:
        return []
    shown = [(f.severity, f.object, f.expected, f.found, f"{f.message}{f.mark}") for f in found[:FINDINGS_SHOWN]]
    lines = [f"## Findings: {len(found)}", "", *table(("Severity", "Object", "Expected", "Found", "Meaning"), shown)]
    if len(found) > FINDINGS_SHOWN:
        lines += [f"{len(found) - FINDINGS_SHOWN} more stand in report.html.", ""]
    return lines
