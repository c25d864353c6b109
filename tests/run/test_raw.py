"""raw/ of a run: the calls of AWS, the statements and the scenarios, as files for a person to read."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from drills.aws.recorder import CALLS_NAME
from drills.checks.base.statements import STATEMENTS_NAME
from drills.checks.observed import OBSERVED_NAME
from drills.model.timing import OperationCalls
from drills.notebook import Notebook
from drills.run import raw


def call(operation: str, answer: Any) -> dict[str, Any]:
    """A call as the recorder notes it, as far as it matters here."""
    return {"operation": operation, "answer": answer, "request_id": "r"}


def test_the_calls_are_counted_with_those_that_were_repeated(tmp_path: Path) -> None:
    """By operation, the most frequent first; a line of an earlier version without the number of repetitions counts as none."""
    notes = Notebook(tmp_path / CALLS_NAME)
    for operation, more in (("rds.A", {"repeated": 2}), ("rds.B", {"repeated": 0}), ("rds.A", {})):
        notes.add({"operation": operation, **more})

    assert raw.count_calls(tmp_path) == (OperationCalls("rds.A", 2, 2), OperationCalls("rds.B", 1, 0))


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


def test_each_check_has_a_file_with_its_statements(tmp_path: Path) -> None:
    """In their order, each ended by a semicolon; what was left out is counted, and what looks like a password masked."""
    notes = Notebook(tmp_path / STATEMENTS_NAME)
    for check, text in (
        ("data loss", "select 1"),
        ("content", "select 2"),
        ("data loss", ""),
        ("data loss", "select 3"),
    ):
        notes.add({"check": check, "text": text})
    notes.add({"check": "content", "text": "alter role r password 'hunter22'"})
    raw.write(tmp_path)
    assert (tmp_path / "raw/sql/data-loss.sql").read_text() == (
        "select 1;\n\nselect 3;\n\n-- 1 more statement left out: only names differ\n"
    )
    assert "hunter22" not in (tmp_path / "raw/sql/content.sql").read_text()


@pytest.mark.parametrize("large", [False, True])
def test_observations_are_one_document_and_compressed_where_they_are_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    """A line for each observation; an interrupted run has those that there were."""
    monkeypatch.setattr(raw, "PLAIN_AT_MOST", 10 if large else 1_000)
    notes = Notebook(tmp_path / OBSERVED_NAME)
    for number in (1, 2):
        notes.add({"check": "content", "value": {"number": number}})
    raw.write(tmp_path)
    path = tmp_path / ("observations.json.gz" if large else "observations.json")
    text = gzip.decompress(path.read_bytes()).decode() if large else path.read_text()
    read = json.loads(text)
    assert (read["format"], [each["value"]["number"] for each in read["observations"]]) == (1, [1, 2])


def test_a_stored_manifest_is_kept_with_the_run(tmp_path: Path) -> None:
    """A target's own manifest lies elsewhere: what a copy was compared with is evidence of the run."""
    (tmp_path / ".manifest.json").write_text("{}")
    raw.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_a_run_that_noted_nothing_has_no_files(tmp_path: Path) -> None:
    """A run that was refused before its first call leaves no empty files."""
    raw.write(tmp_path)
    assert not list(tmp_path.iterdir())
