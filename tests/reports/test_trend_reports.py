"""Earlier runs in the page, the summary and the terminal."""

from __future__ import annotations

import dataclasses
import io
import re
import xml.etree.ElementTree as ET
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from drills.history import wording
from drills.history.trend import trend_of
from drills.model.history import DrillGap, HistoryPoint, Trend
from drills.record import from_json, to_json
from reports import html, markdown, terminal, trend_chart
from reports.view.svg import Form
from tests.reports.test_html import Outline, visible
from tests.support.example_history import FIRST, KEY, MONTH, drill_with_history, line, monthly, trend
from tests.support.example_record import failing_drill, green_drill, interrupted_drill, running_drill

COUNTS = [0, 1, 3, 15, 70]
FORMS: tuple[Form, ...] = ("wide", "narrow", "alone")


def parts(drawing: str, kind: str) -> list[ET.Element]:
    """The elements of a drawing whose class has this word in it."""
    found = ET.fromstring(drawing).iter()
    return [each for each in found if kind in (each.get("class") or "").split()]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", trend_chart.ACTUALS)
@pytest.mark.parametrize("form", FORMS)
def test_every_run_has_its_mark(count: int, name: trend_chart.Actual, form: Form) -> None:
    """However many there are, none is left out, each says which it is, and each gap is a stretch of its own."""
    found = trend(monthly(count))
    drawing = trend_chart.chart(found, name, form)
    if not count:
        assert drawing == ""
        return
    told = [each.text or "" for each in ET.fromstring(drawing).iter() if each.tag.endswith("title")]

    assert all(sum(text.startswith(f"{point.run_id}: {point.outcome}") for text in told) == 1 for point in found.points)
    assert len(parts(drawing, "gap")) == len(found.gaps)
    assert bool(parts(drawing, "size")) is (name == "RTA")
    assert len(parts(drawing, "limit")) == 2


@given(st.integers(1, 120), st.sampled_from(FORMS))
@settings(deadline=None)
def test_places_lie_side_by_side_in_their_order(count: int, form: Form) -> None:
    """Runs and gaps share the width evenly, in the order of time, and each gap stands before the run that ended it."""
    on = trend_chart.sheet(form)
    placed = trend_chart.slots(trend(monthly(count)), on)
    for one, other in pairwise(placed):
        assert one.right == pytest.approx(other.left)
        if isinstance(other.what, HistoryPoint):
            assert (one.what.at if isinstance(one.what, HistoryPoint) else one.what.to_at) <= other.what.at
        else:
            assert isinstance(one.what, HistoryPoint)
    assert placed[-1].right == pytest.approx(on.right)


def test_marks_stand_at_their_numbers() -> None:
    """Twice the time is twice as high above 0, and the objective's line is at its own height."""
    found = trend_of([line(0, FIRST, rta=450.0), line(1, FIRST + MONTH, rta=900.0)], KEY, FIRST + MONTH)
    drawing = trend_chart.chart(found, "RTA")
    one, two = (float(each.get("cy", "0")) for each in parts(drawing, "mark"))
    floor = trend_chart.TOP + trend_chart.HEIGHT
    limit = re.search(r'<path class="limit" d="M[\d.]+ ([\d.]+)', drawing)

    assert floor - two == pytest.approx(2 * (floor - one), abs=0.3)
    assert limit
    assert floor - float(limit[1]) == pytest.approx(4 * (floor - one), abs=0.5)


def test_objective_far_above_does_not_press_the_runs_to_the_floor() -> None:
    """Where the longest run used less than a quarter, the objective stands at the edge and says that it is above."""
    near = trend_of([line(0, FIRST, rta=1000.0)], KEY, FIRST)
    far = trend_of([line(0, FIRST, rta=10.0)], KEY, FIRST)

    assert "above the scale" not in trend_chart.chart(near, "RTA")
    assert "above the scale" in trend_chart.chart(far, "RTA")
    mark = parts(trend_chart.chart(far, "RTA"), "mark")[0]
    assert float(mark.get("cy", "0")) < trend_chart.TOP + trend_chart.HEIGHT / 2


def test_what_was_not_measured_is_hollow_and_at_the_floor() -> None:
    """A run without a number is drawn all the same, and not as one that took no time."""
    found = trend_of([line(0, FIRST), line(1, FIRST + MONTH, "left behind", None)], KEY, FIRST + MONTH)
    drawing = trend_chart.chart(found, "RTA")

    assert len(parts(drawing, "mark")) == 2
    assert len(parts(drawing, "none")) == 1
    assert ("good none", "hollow, at 0: not measured") in trend_chart.legend(found)


def test_outcomes_differ_in_shape_and_not_in_colour_alone() -> None:
    """Who sees no colours, or prints without them, tells the outcomes apart."""
    shapes = {re.sub(r'class="[^"]*"', "", trend_chart.mark(kind, 7, 7, 5)) for kind in trend_chart.KINDS.values()}
    assert len(shapes) == len(set(trend_chart.KINDS.values())) == 5


def test_a_drawing_of_its_own_bears_the_stamp() -> None:
    """Outside of the page the drawing says itself that it is simulated, and one of AWS says nothing of the kind."""
    key = dataclasses.replace(KEY, simulated=True)
    simulated = trend_of([dataclasses.replace(line(0, FIRST), key=key)], key, FIRST)

    assert wording.SIMULATED in trend_chart.chart(simulated, "RTA", "alone")
    assert wording.SIMULATED not in trend_chart.chart(trend(monthly(3)), "RTA", "alone")


@pytest.mark.parametrize("count", COUNTS)
def test_page_shows_every_sentence_and_is_well_formed(count: int) -> None:
    """The page holds drawings, warnings, numbers and the newest twelve runs, whatever the length of the history.

    A single run is no course of anything, and is not drawn.
    """
    record = drill_with_history(count)
    assert record.history is not None
    page = html.render(record)
    text = visible(page).lower()

    assert Outline(page).open == []
    assert page.count('<svg class="trend wide" ') == page.count('<svg class="trend narrow" ') == (2 if count > 1 else 0)
    if not count:
        assert "no run to compare with is known yet." in text
        return
    for said in (*wording.sentences(record.history), *wording.warnings(record.history)):
        assert said.lower() in text
    runs = page.partition("<summary>Runs: ")[2].partition("</table>")[0].replace("<wbr>", "")
    assert all(f">{point.run_id}" in runs for point in record.history.points[-12:])
    assert runs.count('<th scope="row"') == min(count, 12)


def test_page_without_a_history_says_so() -> None:
    """A run that has not ended, and a record of an earlier version, have no trend and are shown all the same."""
    assert "The run has not ended, so that it is compared with none." in visible(html.render(running_drill()))
    assert "No history was kept of this run." in visible(html.render(green_drill()))


def test_the_record_alone_makes_the_same_page_again() -> None:
    """Written and read again, the record gives the page with the trend of that day."""
    record = drill_with_history(15)
    assert html.render(from_json(to_json(record))) == html.render(record)


def test_a_run_that_counts_nowhere_says_so() -> None:
    """A partial run is shown the trend of the others, and that it is no part of it."""
    found = trend_of(monthly(3), KEY, FIRST + 3 * MONTH, not_counted="partial: -k rows")
    record = dataclasses.replace(interrupted_drill(), history=found)

    for text in (visible(html.render(record)), markdown.render(record)):
        assert re.search(r"(?i)this run counts nowhere \(partial: -k rows\)", text)


def test_summary_and_terminal_have_a_line_and_the_warnings(tmp_path: Path) -> None:
    """What a chat and a terminal show of it: one line, the warnings, and what of the history could not be read."""
    record = drill_with_history(15)
    assert record.history is not None
    record = dataclasses.replace(record, history=dataclasses.replace(record.history, problems=("line 3 is cut off",)))
    out = io.StringIO()
    terminal.summary(record, tmp_path, Console(file=out, width=100))
    assert record.history is not None

    for text in (markdown.render(record).replace("&gt;", ">"), out.getvalue()):
        assert wording.one_line(record.history) in text
        assert all(warning in text for warning in wording.warnings(record.history))
        assert "line 3 is cut off" in text
    assert "No history was kept of this run" in markdown.render(failing_drill())


@given(st.lists(st.integers(1, 90), min_size=1, max_size=40), st.integers(10, 60))
@settings(deadline=None)
def test_any_history_can_be_drawn(days: list[int], every: int) -> None:
    """No sequence of runs and gaps breaks the drawing, and nothing is drawn outside of it."""
    at, lines = FIRST, []
    for index, step in enumerate(days):
        at += timedelta(days=step)
        lines.append(dataclasses.replace(line(index, at), drill_every_seconds=every * 86_400.0))
    found: Trend = trend_of(lines, KEY, at + timedelta(days=every * 3))
    drawing = trend_chart.chart(found, "RTA", "alone")
    on = trend_chart.sheet("alone")

    assert isinstance(trend_chart.slots(found, on)[-1].what, DrillGap)
    for each in (*parts(drawing, "mark"), *parts(drawing, "gap")):
        x = float(each.get("cx") or each.get("x") or 0)
        assert on.left - 1 <= x <= on.right + 1
