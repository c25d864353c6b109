"""A run within a budget in its reports: when each table was last proved whole, how many drills are left, and never a full proof."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta

import pytest

from drills.model.coverage import Coverage, Learned, Outlook, Proof, ProvedByParts, ProvedTogether
from drills.model.record import RunRecord
from drills.record import from_json, to_json
from reports import html, markdown, pdf, reasons, words
from reports.view.build import report
from reports.view.parts import Table
from tests.reports.test_html import visible
from tests.reports.test_view import headings
from tests.support.example_record import RUN_ID, START, green_drill


def proof(days: int, run_id: str = "") -> Proof:
    """A run so many days before this one."""
    return Proof(run_id or f"run-{days}", START - timedelta(days=days))


NOW = proof(0, RUN_ID)
IN_TURN = Coverage(
    300.0,
    6,
    Learned(RUN_ID, START, {"orders": ("shop.b",)}, {"orders": {"shop.vast": ((0, 9),)}}),
    (
        ProvedTogether(proof(60), ("shop.old",)),
        ProvedTogether(proof(7), ("shop.a", "shop.c")),
        ProvedTogether(NOW, ("shop.b",)),
    ),
    (ProvedByParts("shop.vast", 32, 20, proof(7), NOW),),
    ("shop.new", "shop.vast"),
    Outlook(3, 9),
)


def drill(coverage: Coverage = IN_TURN) -> RunRecord:
    """A drill that passed, of a target that is compared within a budget."""
    return dataclasses.replace(green_drill(), coverage=coverage)


def test_a_run_that_has_not_compared_everything_is_never_shown_as_a_full_proof() -> None:
    """Not in its headline, its colour or its stamps, with exit code 0 too; a run that has compared all is as any other."""
    record = drill()
    assert record.code == 0
    assert words.headline(record).endswith("1 of 6 tables compared whole by this run, parts of 1 more: no full proof")
    assert words.tone(record) == "open"
    assert any(each.startswith("NO FULL PROOF: 1 of 6 tables") for each in words.stamps(record))
    assert "no full proof" in reasons.headline(record)

    whole = Learned(RUN_ID, START, {"orders": ("shop.b",)})
    full = drill(Coverage(300.0, 1, whole, (ProvedTogether(NOW, ("shop.b",)),), (), (), Outlook(0, 1)))
    assert words.headline(full) == words.headline(green_drill())
    assert (words.tone(full), words.stamps(full)) == ("good", words.stamps(green_drill()))


def test_each_table_is_shown_with_when_it_was_last_proved_whole_the_oldest_first() -> None:
    """In page, summary and PDF, folded, with the forecast on page one; and a record read again says the same."""
    record = from_json(to_json(drill()))
    assert record == drill()
    page, summary = visible(html.render(record)), markdown.render(record)
    said = "at this budget (5 m) everything will have been proved after 3 more drills; unproved: 2 tables"

    for text in (page, summary):
        assert text.count(said) == 2
        assert "no one copy was proved whole by it" in text
        places = [
            text.index(f"shop.{name}", text.index("The longest ago first")) for name in ("new", "vast", "old", "a", "b")
        ]
        assert places == sorted(places)
        assert re.search(r"20 of 32 parts, 2026-11-16 14:15 UTC to 2026-11-23 14:15 UTC", text)
        assert "When each table was last proved whole: 2 of 6 never" in text
    assert any("When each table was last proved whole" in each for each in headings(record))
    assert pdf.inputs(record, b"{}")


def test_many_tables_share_the_rows_of_the_run_that_proved_them() -> None:
    """Each of ten thousand is named, and the page stays one that a browser can show; the PDF sets the longest names."""
    names = tuple(f"shop.t{number}" for number in range(10_000))
    many = dataclasses.replace(
        IN_TURN, tables=10_001, whole=(ProvedTogether(proof(9), names),), unproved=("shop.new",), by_parts=()
    )
    made = report(drill(many))
    (fold,) = [fold for block in made.blocks for fold in block.folded if fold.heading.startswith("When each table")]
    made_table = fold.parts[1]
    assert isinstance(made_table, Table)
    rows = made_table.rows

    assert len(rows) < 300
    assert rows[0].cells[0] == "never"
    assert {name for row in rows for name in row.cells[3].split(", ")} == {*names, "shop.new"}
    long = tuple(f"{'s_' * 31}.{'t_' * 30}{number}" for number in range(100))
    assert pdf.render(drill(dataclasses.replace(many, tables=101, whole=(ProvedTogether(proof(9), long),))), b"{}")


@pytest.mark.parametrize(
    ("outlook", "unproved", "said"),
    [
        (Outlook(1, 4), ("a",), "everything will have been proved after 1 more drill; unproved: 1 table"),
        (Outlook(0, 4), (), "everything was proved; at this budget (5 m) it takes 4 drills to prove it anew"),
        (
            Outlook(None, None, (("a", "why"),)),
            ("a",),
            "at this budget (5 m) never everything: a: why",
        ),
        (
            Outlook(0, None, (("a", "why"),)),
            (),
            "everything was proved; at this budget (5 m) not all of it again: a: why",
        ),
        (Outlook(2, 4, assumed=True), ("a",), "nothing was measured yet, so that this is a guess"),
    ],
)
def test_what_is_left_is_said_in_words(outlook: Outlook, unproved: tuple[str, ...], said: str) -> None:
    """How many drills, or that there are never enough, or in how many everything is proved anew."""
    found = report(drill(dataclasses.replace(IN_TURN, outlook=outlook, unproved=unproved)))

    assert said in dict(found.page.answers)["tables over time"]
