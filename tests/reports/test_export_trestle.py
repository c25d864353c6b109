"""OSCAL assessment results, read by compliance-trestle (Apache-2.0): `tox -e exports`, which installs its forty packages."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from drills.model.evidence import Initiator
from reports.export import oscal
from tests.support.controls_record import from_afar, judged, real_drill
from tests.support.example_record import failing_drill, green_drill, interrupted_drill, running_drill

trestle = pytest.importorskip("trestle.oscal.assessment_results", reason="needs compliance-trestle: tox -e exports")
RUNS = {
    "real": real_drill(),
    "real copy": from_afar(real_drill()),
    "real late": judged(real_drill(), 10, rto="missed"),
    "real failed": judged(real_drill(), 11, content="missed"),
    "green": green_drill(),
    "failing": failing_drill(),
    "interrupted": interrupted_drill(),
    "running": running_drill(),
    "started by CI": dataclasses.replace(
        real_drill(), initiator=Initiator(user="runner", host="ci-7", actor="octocat")
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_trestle_reads_the_assessment_results(name: str, tmp_path: Path) -> None:
    """Every field is one that OSCAL 1.2.1 knows, with a value that it allows; nothing that is needed is missing."""
    path = tmp_path / "assessment-results.json"
    path.write_text(oscal.render(RUNS[name], {"drill.json": "a" * 64, "config.json": "b" * 64}), encoding="utf-8")

    read = trestle.AssessmentResults.oscal_read(path)

    assert oscal.VERSION in str(read.metadata.oscal_version)
    assert len(read.results) == 1


def test_trestle_refuses_what_is_no_oscal(tmp_path: Path) -> None:
    """The test above can fail: a state that OSCAL does not know is refused."""
    text = oscal.render(real_drill(), {"drill.json": "a" * 64})
    path = tmp_path / "assessment-results.json"
    path.write_text(text.replace('"satisfied"', '"great"'), encoding="utf-8")

    assert '"great"' in path.read_text("utf-8")
    assert json.loads(path.read_text("utf-8"))
    with pytest.raises(Exception, match=r"great|satisfied"):
        trestle.AssessmentResults.oscal_read(path)
