"""summary.md: page one, and the blocks folded, for a chat, a ticket or the step summary of a CI run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from drills.model.record import RunRecord
from drills.printable import printable, printable_lines
from reports.view.build import report
from reports.view.parts import Block, Drawing, Facts, Findings, FindingView, FirstPage, Lines, Part, Row, Table


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
    made = report(record)
    lines = [*_page(made.page)]
    for block in made.blocks:
        lines += _block(block)
    return "\n".join([*lines, cell(made.footer)]).rstrip() + "\n"


def _page(page: FirstPage) -> Iterator[str]:
    yield from (f"# {cell(page.headline)}", "")
    for line in page.kicker:
        yield from (cell(line), "")
    for stamp in page.stamps:
        yield from (f"> **{cell(stamp)}**", "")
    yield from (*(f"- {cell(code)}" for code in page.codes), "")
    if page.failures:
        yield from ("## What failed", "")
        yield from (_finding(each) for each in page.failures)
        yield from (*(f"- {cell(each)}" for each in page.more_failures), "")
    yield from ("## Objectives", "")
    bars = [(each.name, each.actual, each.against, each.judgement, each.margin) for each in page.bars]
    yield from table(("Actual", "Measured", "Promised", "Verdict", "Margin"), bars)
    told = (f"{each.name}: {said}" for each in page.bars for said in (each.risk, each.sentence) if said)
    yield from (*(f"- {cell(each)}" for each in (*told, *page.beside_bars)), "")
    yield from ("## In short", "", *table(("In short", ""), page.answers))
    for name, items in (("Expected and not tested", page.untested), ("Exceptions", page.exceptions)):
        yield from (f"## {name}", "", *(f"- {cell(each)}" for each in items or ("none",)), "")
    yield from ("## Signatures", "", *table(("Signatures", ""), page.sealing))


def _finding(each: FindingView) -> str:
    told = [("expected", each.expected), ("found", each.found), ("meaning", each.meaning), ("what to do", each.todo)]
    said = "; ".join(f"{name}: {cell(value)}" for name, value in told if value)
    return f"- **{cell(each.severity)} {cell(each.object)}**: {said}"


def _query(each: FindingView) -> str:
    """The query that finds a difference, with its line breaks: it is there to be copied."""
    return f"<pre>{escape(printable_lines(each.query), quote=False)}</pre>\n" if each.query else ""


def _block(block: Block) -> Iterator[str]:
    """A block behind its heading, which is HTML: what Markdown marks is text there."""
    head = escape(printable(" ".join(f"{block.number} {block.name}: {block.result}".split())))
    yield from ("<details>", f"<summary>{head}</summary>", "")
    for part in block.lead:
        yield from _part(part)
    for fold in block.folded:
        yield from (f"**{cell(fold.heading)}**", "")
        for part in fold.parts:
            yield from _part(part)
    yield from ("</details>", "")


def _part(part: Part) -> Iterator[str]:
    match part:
        case Facts(rows):
            yield from table(("", ""), rows)
        case Lines(items, _, heading):
            yield from ((f"{cell(heading)}:", "") if heading else ())
            yield from (*(f"- {cell(each)}" for each in items), "")
        case Findings(caption, items):
            yield from (cell(caption), "")
            for each in items:
                yield from (_finding(each), "", _query(each))
        case Drawing(told):
            yield from (cell(told), "")
        case Table(caption, columns, rows):
            head = [each.name for each in columns]
            yield from (cell(caption), "", *table(head, [_cells(each, len(columns)) for each in rows]))


def _cells(row: Row, count: int) -> tuple[str, ...]:
    return (*row.cells, *[""] * (count - len(row.cells)))
