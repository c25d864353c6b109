"""What Allure's report tells of earlier runs: the trend as attachments, and Allure's own history of each scenario."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drills.history import wording
from drills.history.trend import trend_of
from drills.model.history import Trend
from drills.model.record import RunRecord
from reports import allure_files, allure_history, allure_render, allure_trend, charts
from tests.support.example_history import FIRST, KEY, line, monthly, trend
from tests.support.example_record import failing_drill, green_drill

REPORTS = Path(allure_render.__file__).parent
IDS = [f"20261124-17042{index}-c0c1" for index in range(5)]


def record_of(run: str, found: Trend | None = None, not_counted: str = "") -> RunRecord:
    """A run with a trend."""
    made = dataclasses.replace(found or trend(monthly(15)), not_counted=not_counted)
    return dataclasses.replace(failing_drill(), run_id=run, history=made)


def history_of(folder: Path, run: str, not_counted: str = "") -> allure_history.AllureHistory:
    """Allure's history as the run with that id finds it."""
    found = allure_history.of(record_of(run, not_counted=not_counted), folder / run)
    assert found is not None
    return found


def test_trend_is_attached_to_the_session(tmp_path: Path) -> None:
    """The drawings of RTA and RPA, and the numbers in words, are named in a file of globals that Allure reads."""
    record = record_of(IDS[0])
    allure_files.write(tmp_path, record)
    told = json.loads((tmp_path / allure_trend.GLOBALS).read_text("utf-8"))["attachments"]
    text = (tmp_path / told[2]["source"]).read_text("utf-8")

    assert [each["name"] for each in told] == ["RTA of each run", "RPA of each run", "Trend in words"]
    assert all((tmp_path / each["source"]).read_text("utf-8").startswith("<svg") for each in told[:2])
    assert record.history is not None
    assert all(said in text for said in wording.sentences(record.history))
    assert all(f"warning: {said}" in text for said in wording.warnings(record.history))
    assert all(re.search(rf"^{point.run_id}  {point.outcome}", text, re.MULTILINE) for point in record.history.points)


def test_the_timeline_of_the_report_is_attached(tmp_path: Path) -> None:
    """It is the report's own drawing with colours of its own, stamped where the run was simulated."""
    for record, stamped in ((failing_drill(), False), (green_drill(), True)):
        allure_files.write(tmp_path, record)
        (told,) = json.loads((tmp_path / allure_trend.RUN_GLOBALS).read_text("utf-8"))["attachments"]
        drawing = (tmp_path / told["source"]).read_text("utf-8")

        assert drawing == charts.timeline(record, "alone")
        assert (wording.SIMULATED in drawing) is stamped


def test_attachments_of_a_simulated_run_are_stamped(tmp_path: Path) -> None:
    """Each of them says that it is about no AWS, and those of a run on AWS do not."""
    key = dataclasses.replace(KEY, simulated=True)
    simulated = trend_of([dataclasses.replace(line(0, FIRST), key=key)], key, FIRST)
    for found, stamped in ((simulated, True), (trend(monthly(3)), False)):
        allure_trend.write(tmp_path, found)
        texts = [path.read_text("utf-8") for path in tmp_path.glob("trend-*attachment*")]
        assert [wording.SIMULATED in text for text in texts] == [stamped] * 3


def test_a_run_sees_those_before_it_and_is_added_once(tmp_path: Path) -> None:
    """A report that is made again, in whatever order, shows the same runs, and the history does not grow by it."""
    for run in (*IDS, *reversed(IDS)):
        history_of(tmp_path, run).keep(json.dumps({"name": run}))
    for place, run in enumerate(IDS):
        seen = [json.loads(each)["name"] for each in history_of(tmp_path, run).earlier().splitlines()]
        assert seen == IDS[:place]


def test_a_run_that_counts_nowhere_sees_the_history_and_is_not_added(tmp_path: Path) -> None:
    """A partial run would tell of scenarios that were left out as if they had vanished."""
    history_of(tmp_path, IDS[0]).keep("{}")
    partial = history_of(tmp_path, IDS[1], not_counted="partial")
    partial.keep("{}")

    assert partial.earlier() == "{}\n"
    assert history_of(tmp_path, IDS[2]).earlier() == "{}\n"


@given(st.text(max_size=60), st.booleans())
@settings(deadline=None)
def test_a_spoilt_line_does_not_reach_allure(
    tmp_path_factory: pytest.TempPathFactory, spoilt: str, at_end: bool
) -> None:
    """Allure would refuse the whole file; the other lines are passed on."""
    folder = tmp_path_factory.mktemp("out")
    kept = history_of(folder, IDS[0])
    kept.keep('{"name": "first"}')
    whole = kept.path.read_text("utf-8")
    kept.path.write_text(whole + spoilt if at_end else f"{spoilt}\n{whole}", encoding="utf-8", errors="replace")
    for each in history_of(folder, IDS[1]).earlier().splitlines():
        json.loads(each)
    assert '{"name": "first"}' in history_of(folder, IDS[1]).earlier()


def test_groups_have_files_of_their_own(tmp_path: Path) -> None:
    """Simulated runs never stand among those of AWS, nor one kind of point or class among another."""
    places = set()
    for changes in (
        {},
        {"simulated": True},
        {"point_kind": "copy"},
        {"instance_class": "db.m6g.large"},
        {"account": "2"},
    ):
        found = trend_of([], dataclasses.replace(KEY, **changes), FIRST)
        made = allure_history.of(record_of(IDS[0], found), tmp_path / "out" / IDS[0])
        assert made is not None
        assert made.path.parent == tmp_path / "out" / "allure-history"
        places.add(made.path)
    assert len(places) == 5
    assert allure_history.of(failing_drill(), tmp_path / "out" / "run") is None


def results_of(folder: Path, status: str, after: timedelta) -> Path:
    """A folder with the result of one scenario."""
    made = folder / "allure-results"
    made.mkdir(parents=True)
    start = round((FIRST + after).timestamp() * 1000)
    result = {
        "uuid": f"0b0e7b0a-1111-4b51-9c9d-{start % 10**12:012d}",
        "historyId": "one",
        "testCaseId": "one",
        "fullName": "features.test_features#test_one",
        "name": "The newest recovery point meets the recovery time",
        "status": status,
        "labels": [{"name": "feature", "value": "A lost database comes back"}],
        "start": start,
        "stop": start + 50,
    }
    (made / "one-result.json").write_text(json.dumps(result), encoding="utf-8")
    return made


@pytest.mark.slow
def test_real_allure_keeps_its_history_and_shows_the_trend(tmp_path: Path) -> None:
    """The pinned Allure adds a line a run, tells of the run before, holds the attachments, and adds nothing twice."""
    pages = []
    for place, run in enumerate((*IDS[:2], IDS[1])):
        folder = tmp_path / run
        if not folder.exists():
            allure_files.write(
                results_of(folder, "passed" if place else "failed", timedelta(days=place)), record_of(run)
            )
        said = allure_render.render(folder / "allure-results", folder / "allure-report", history_of(tmp_path, run))
        if "npm ci" in said and not (REPORTS / "allure" / "node_modules" / "renderer" / allure_render.STAMP).exists():
            pytest.skip(f"the renderer is not installed and cannot be: {said}")
        assert said.startswith("Allure report: ")
        assert "later ones will not tell" not in said
        pages.append((folder / "allure-report" / "index.html").read_text("utf-8"))
    kept = [json.loads(each) for each in history_of(tmp_path, IDS[2]).path.read_text("utf-8").splitlines()]
    drawing = (tmp_path / IDS[1] / "allure-results" / "trend-rta-attachment.svg").read_bytes()

    assert [each[allure_history.RUN] for each in kept] == IDS[:2]
    assert [[result["status"] for result in each["testResults"].values()] for each in kept] == [["failed"], ["passed"]]
    assert base64.b64encode(drawing).decode() in pages[1]
    assert sorted(path.name for path in (tmp_path / IDS[1]).iterdir()) == ["allure-report", "allure-results"]
