"""summary.md."""

from __future__ import annotations

import dataclasses
import re

import pytest

from drills.model.record import RunRecord
from reports import markdown, reasons, words
from tests.support.example_record import SCRATCH, failing_drill, green_drill, interrupted_drill, running_drill


@pytest.mark.parametrize("record", [green_drill(), failing_drill(), interrupted_drill(), running_drill()])
def test_summary_says_verdict_stamps_and_codes(record: RunRecord) -> None:
    """The headline is the title; stamps and exit codes follow."""
    text = markdown.render(record)
    assert text.startswith(f"# {markdown.cell(reasons.headline(record))}\n")
    assert all(f"> **{markdown.cell(stamp)}**" in text for stamp in words.stamps(record))
    assert all(f"- exit code {markdown.cell(line)}" in text for line in words.exit_lines(record))
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_rows_of_a_table_have_as_many_cells_as_its_head() -> None:
    """A name with a bar or a line break in it does not break the table."""
    lines = markdown.table(("a", "b"), [("x|y\nz", "<b>_"), ("1", "2")])
    assert lines[0].count("|") == 3
    assert lines[2] == "| x\\|y z | &lt;b&gt;\\_ |"


def test_summary_names_findings_and_gaps() -> None:
    """Objects with findings and what was not checked are named; on page one, how many more there are."""
    text = markdown.render(failing_drill())
    assert "column shop.order\\_line.quantity" in text
    assert "content: table shop.event\\_2019" in text
    recovery = failing_drill().restorations[0]
    many = dataclasses.replace(recovery.checks[1], findings=recovery.checks[1].findings * 15)
    record = dataclasses.replace(failing_drill(), restorations=(dataclasses.replace(recovery, checks=(many,)),))
    page = markdown.render(record).partition("<details>")[0]
    named = re.search(r"- and (\d+) more, in block 9", page)
    assert named
    assert int(named[1]) + page.count("\n- error: ") + page.count("- **error ") >= 30


def test_summary_of_a_clean_run_has_no_section_for_findings_or_leftovers() -> None:
    """Where nothing failed, there is no section for it."""
    assert "## What failed" not in markdown.render(green_drill())
    page = markdown.render(failing_drill()).partition("## Objectives")[0]
    assert "## What failed" in page
    assert f"left behind: db-instance {SCRATCH}" in page


@pytest.mark.parametrize("record", [green_drill(), failing_drill()])
def test_what_is_not_folded_fits_two_screens(record: RunRecord) -> None:
    """The fourteen blocks are folded behind their results; before them stand no more than a hundred lines."""
    page, *folded = markdown.render(record).split("<details>")

    assert len(page.splitlines()) <= 100
    assert len(folded) == 14
    assert all(each.lstrip().startswith(f"<summary>{number} ") for number, each in enumerate(folded, 1))


def test_a_folded_heading_is_html_and_the_rest_markdown() -> None:
    """What Markdown marks is escaped in lines and cells; a summary is HTML, in which a backslash would be seen."""
    record = dataclasses.replace(green_drill(), run_id="a_b<c>*d")
    head = markdown.render(record).partition("<summary>1 ")[2].partition("</summary>")[0]

    assert "a_b&lt;c&gt;*d" in head
