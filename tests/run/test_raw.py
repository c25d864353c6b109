"""raw/ of a run: the calls of AWS, the statements and the scenarios, as files for a person to read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from drills.aws.recorder import CALLS_NAME
from drills.notebook import Notebook
from drills.run import raw


def call(operation: str, answer: Any) -> dict[str, Any]:
    """A call as the recorder notes it, as far as it matters here."""
    return {"operation": operation, "answer": answer, "request_id": "r"}


def test_each_operation_has_a_file_and_repeated_answers_stand_once(tmp_path: Path) -> None:
    """A poller's answers are written once; each later call keeps its own number and request id and names the first."""
    notes = Notebook(tmp_path / CALLS_NAME)
    for operation, answer in (("rds.A", {"x": 1}), ("rds.B", None), ("rds.A", {"x": 1}), ("rds.A", {"x": 2})):
        notes.add(call(operation, answer))
    raw.write(tmp_path)
    assert sorted(path.name for path in (tmp_path / "raw/aws").iterdir()) == ["0001-A.json", "0002-B.json"]
    read = json.loads((tmp_path / "raw/aws/0001-A.json").read_text())
    assert [(each["number"], each.get("answer"), each.get("same_as")) for each in read["calls"]] == [
        (1, {"x": 1}, None),
        (3, None, 1),
        (4, {"x": 2}, None),
    ]
    assert all(each["request_id"] == "r" for each in read["calls"])


def test_a_password_in_a_message_of_a_scenario_is_masked(tmp_path: Path) -> None:
    """The report that pytest-bdd writes goes through the same redaction as every other."""
    path = tmp_path / "raw/cucumber.json"
    path.parent.mkdir()
    step = {"name": "it holds", "result": {"status": "failed", "error_message": "postgresql://me:hunter22@host/db"}}
    path.write_text(json.dumps([{"elements": [{"steps": [step]}]}]))
    raw.write(tmp_path)
    assert "hunter22" not in path.read_text()
    assert json.loads(path.read_text())[0]["elements"][0]["steps"][0]["result"]["status"] == "failed"


def test_a_run_that_noted_nothing_has_no_files(tmp_path: Path) -> None:
    """A run that was refused before its first call leaves no empty files."""
    raw.write(tmp_path)
    assert not list(tmp_path.iterdir())
