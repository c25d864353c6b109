"""A record and a line of the history that an earlier version wrote, before phases and scenarios were renamed."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from drills.cli import main as cli
from drills.history import line
from drills.model.phases import FORMER
from drills.record import from_json, load
from tests.support.paths import CHECKOUT

RECORD = CHECKOUT / "tests/support/former_record.json"
HISTORY = CHECKOUT / "tests/support/former_history.jsonl"


def phases_entered() -> set[str]:
    """Return every name that the engine gives to a phase."""
    texts = [path.read_text(encoding="utf-8") for path in (CHECKOUT / "drills").rglob("*.py") if path.stem != "phases"]
    return {
        name for text in texts for call in re.findall(r"enter\w*\((.*)", text) for name in re.findall(r'"(.*?)"', call)
    }


def test_a_former_phase_has_its_present_name() -> None:
    """Every phase, the slowest one and a failure's; all else is read as it was written."""
    text = RECORD.read_text(encoding="utf-8")
    raw, record = json.loads(text), from_json(text)
    before = [phase["name"] for phase in raw["phases"]]

    assert set(FORMER) - set(before) == {"look at the guards"}  # outside of the sandbox alone
    assert [phase.name for phase in record.phases] == [FORMER.get(name, name) for name in before]
    assert [promise.name for promise in record.promises] == [promise["name"] for promise in raw["promises"]]
    raw["failures"] = [{"sentence": "it ended", "exit_code": 12, "phase": "write on"}]
    raw["measurements"][0]["slowest_phase"] = "check what blocks"
    changed = from_json(json.dumps(raw))
    assert changed.failures[0].phase == "write after the backup"
    assert changed.measurements[0].slowest_phase == "run the blocking checks"


def test_the_engine_enters_phases_by_their_present_names() -> None:
    """A name in the table is one that a run still gives, and no run gives a former one."""
    entered = phases_entered() | {"remaining scenarios"}

    assert len(entered) > 20
    assert set(FORMER.values()) <= entered
    assert not set(FORMER) & entered


def test_history_counts_a_former_record() -> None:
    """The line that is made of it is the one that was written then, but for the reports, which the record's end includes."""
    (before,), problems = line.read_lines(HISTORY.read_text(encoding="utf-8"))

    assert problems == ()
    now = line.line_of(from_json(RECORD.read_text(encoding="utf-8")), before.drill_every_seconds)
    assert dataclasses.replace(now, ended_at=before.ended_at) == before


def test_reports_of_a_former_record_are_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`drills report` shows its promises under their own names, and its phases under the present ones."""
    monkeypatch.setenv("PATH", "")  # Allure's page needs a minute of Node.js, and is not what this is about
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(RECORD, folder / "drill.json")

    assert cli.main(["report", str(folder)]) == 0, capsys.readouterr()

    page, record = (folder / "report.html").read_text(encoding="utf-8"), load(folder)
    cases = ElementTree.fromstring((folder / "junit.xml").read_text(encoding="utf-8")).iter("testcase")
    assert [case.get("name") for case in cases] == [promise.name for promise in record.promises]
    assert "The last backup has succeeded" in page
    assert "remaining scenarios" in page
    assert "the other promises" not in page
    assert (folder / "summary.md").read_text(encoding="utf-8").startswith("# Passed")
