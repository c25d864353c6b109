"""summary.md."""

from __future__ import annotations

import dataclasses

import pytest

from drills.model.record import RunRecord
from reports import markdown, reasons, words
from tests.support.example_record import failing_drill, green_drill, interrupted_drill, running_drill


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
    """Objects with findings and what was not checked are named, long lists with how many more there are."""
    text = markdown.render(failing_drill())
    assert "column shop.order\\_line.quantity" in text
    assert "content: table shop.event\\_2019" in text
    recovery = failing_drill().restorations[0]
    many = dataclasses.replace(recovery.checks[1], findings=recovery.checks[1].findings * 15)
    record = dataclasses.replace(failing_drill(), restorations=(dataclasses.replace(recovery, checks=(many,)),))
    assert "10 more stand in report.html." in markdown.render(record)


def test_summary_of_a_clean_run_has_no_section_for_findings_or_leftovers() -> None:
    """Where there is nothing to tell, there is no empty section."""
    text = markdown.render(green_drill())
    assert "## Findings" not in text
    assert "## Left behind" not in text
    assert "## Left behind" in markdown.render(failing_drill())
