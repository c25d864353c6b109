"""The drawings of the report."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import charts, words
from tests.support.example_record import failing_drill, green_drill, interrupted_drill, phases_of

POSITIONS = st.lists(st.floats(0, 1000), max_size=80).map(sorted)


@given(POSITIONS)
def test_labels_never_overlap(wanted: list[float]) -> None:
    """Numbers keep their distance, their order and the edges, and where there is no room they share what there is."""
    placed = charts.spread(wanted, 24, 18, 982)
    room = min(24, (982 - 18) / max(1, len(wanted) - 1))
    assert len(placed) == len(wanted)
    assert all(later - earlier >= room - 1e-6 for earlier, later in pairwise(placed))
    assert all(18 - 1e-6 <= each <= 982 + 1e-6 for each in placed)


def test_labels_with_room_stay_where_they_are() -> None:
    """A number that has room stands over its phase."""
    assert charts.spread([100, 300, 600], 24, 18, 982) == [100, 300, 600]


@given(st.floats(0.01, 5e6))
def test_axis_has_a_few_round_marks(whole: float) -> None:
    """An axis has two to nine marks, from 0 and within the run."""
    marks = charts.ticks(whole)
    assert 1 <= len(marks) <= 9
    assert marks[0] == 0
    assert marks[-1] <= whole


def test_phases_are_drawn_to_scale() -> None:
    """Each phase is as wide as its share of the run, and the next begins where it ends."""
    record = green_drill()
    stretches = charts.place(record)
    assert record.wall_seconds is not None
    unit = (charts.WIDTH - 2 * charts.EDGE) / record.wall_seconds
    for stretch, following in pairwise(stretches):
        assert stretch.phase.seconds is not None
        assert stretch.right - stretch.left == pytest.approx(stretch.phase.seconds * unit)
        assert following.left == pytest.approx(stretch.right)


def test_timeline_is_whole_svg_with_a_number_for_every_phase() -> None:
    """The drawing is well-formed, with a title and a number for each phase, the recovery's in their own colour."""
    root = ET.fromstring(charts.timeline(green_drill()))
    assert "title" in root[0].tag
    numbers = [each.text for each in root if (each.get("class") or "").startswith("number")]
    assert numbers == [str(n) for n in range(1, len(green_drill().phases) + 1)]
    counted = [each for each in root if each.get("class") == "phase rta"]
    assert len(counted) == sum(phase.clock == "rta" for phase in green_drill().phases)


def test_limit_of_the_rto_is_drawn_where_it_falls() -> None:
    """The RTO's end is drawn at its place when the run went beyond it, and not at all when the run was shorter."""
    text = charts.timeline(failing_drill())
    found = re.search(r'<line class="limit" x1="([\d.]+)"', text)
    assert found
    wall = failing_drill().wall_seconds or 0
    assert float(found[1]) == pytest.approx(charts.EDGE + 1800 * (charts.WIDTH - 2 * charts.EDGE) / wall, abs=0.1)
    assert "RTO ends" not in charts.timeline(green_drill())


def test_open_phase_reaches_to_the_end_of_what_was_recorded() -> None:
    """A phase without an end is drawn to the end of the run, and as open."""
    record = interrupted_drill()
    assert charts.place(record)[-1].right == pytest.approx(charts.WIDTH - charts.EDGE)
    assert 'class="phase rta open"' in charts.timeline(record)


def test_names_are_escaped() -> None:
    """What stands in the record cannot become markup of the drawing."""
    record = dataclasses.replace(green_drill(), phases=phases_of((('<b>&"x', 1.0, ""),)))
    ET.fromstring(charts.timeline(record))
    assert "<b>" not in charts.timeline(record)


def test_runs_without_phases_or_time_are_drawn_too() -> None:
    """No phase gives no drawing, and phases that took no time give no error."""
    assert charts.timeline(dataclasses.replace(green_drill(), phases=())) == ""
    nothing = dataclasses.replace(green_drill(), wall_seconds=0.0, phases=phases_of((("x", 0.0, "rta"),)))
    ET.fromstring(charts.timeline(nothing))


def test_bar_holds_actual_and_objective_on_one_scale() -> None:
    """The actual's bar ends beyond the objective's line exactly when the objective was exceeded."""
    for record, beyond in ((green_drill(), False), (failing_drill(), True)):
        root = ET.fromstring(charts.objective_bar(words.objective_views(record)[0]))
        parts = {each.get("class", "").split(" ")[0]: each for each in root}
        assert (float(parts["actual"].get("width", "0")) > float(parts["limit"].get("x", "0"))) is beyond


def test_bar_without_a_measurement_shows_none() -> None:
    """Nothing is drawn for what was not measured, and the text says so."""
    text = charts.objective_bar(words.objective_views(failing_drill())[1])
    assert 'class="actual' not in text
    assert "not measured" in text
