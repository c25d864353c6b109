"""How the PDF is laid out on its sheets: page one alone, the blocks on three more, no sheet nearly empty, nothing cut off."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import pytest
from pypdf import PdfReader

from drills.record import to_json
from reports import pdf
from reports.view.build import report
from tests.reports.test_answers import squeezed
from tests.support.example_history import drill_with_history
from tests.support.example_record import failing_drill, green_drill, interrupted_drill

RECORDS = {
    "green": green_drill(),
    "failing": failing_drill(),
    "interrupted": interrupted_drill(),
    "history": drill_with_history(15),
}
FOOT = 45.0  # points from the lower edge: below it stands the foot of the page


@cache
def sheets(name: str) -> tuple[Any, ...]:
    """The pages of a record's PDF, as pypdf reads them."""
    record = RECORDS[name]
    return tuple(PdfReader(io.BytesIO(pdf.render(record, to_json(record).encode()))).pages)


def lowest(page: Any) -> float:
    """How far down the text of a page reaches, as a part of its height."""
    found: list[float] = []

    def visit(text: str, page: list[float], line: list[float], *_: object) -> None:
        at = line[4] * page[1] + line[5] * page[3] + page[5]
        if text.strip() and at > FOOT:
            found.append(at)

    page.extract_text(visitor_text=visit)
    height = float(page.mediabox.height)
    return (height - min(found)) / height


@pytest.mark.parametrize("name", RECORDS)
def test_page_one_stands_alone(name: str) -> None:
    """On the first sheet stand the verdict, the objectives, the answers, the gaps and who signs; the blocks begin after it."""
    first, page = squeezed(sheets(name)[0].extract_text()), report(RECORDS[name]).page

    assert squeezed(page.headline) in first
    assert all(squeezed(answer) in first for _, answer in page.answers)
    assert all(squeezed(heading) in first for heading in ("Objectives", "Expected and not tested", "Exceptions"))
    assert squeezed("1 Identity") not in first


@pytest.mark.parametrize("name", RECORDS)
def test_the_blocks_end_within_five_sheets(name: str) -> None:
    """The blocks without their details stand on the first four sheets, and a few lines of a run in which much failed on a fifth."""
    texts = [page.extract_text() for page in sheets(name)]
    details = next(number for number, text in enumerate(texts) if "Details" in text)

    assert details < (5 if name in ("failing", "history") else 4)


@pytest.mark.parametrize("name", RECORDS)
def test_no_sheet_is_nearly_empty(name: str) -> None:
    """Each is filled to a third at least, but for the very last."""
    assert min(lowest(page) for page in sheets(name)[:-1]) > 1 / 3
