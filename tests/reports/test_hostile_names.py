"""Names with terminal escapes, overrides of direction, Markdown and HTML in them, in every report."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from drills.record import from_json, to_json
from drills.screen import Screen
from reports import allure_files, terminal, write
from tests.support.example_record import failing_drill

HOSTILE = "x\x1b]0;t\x07\x9b2J\u202e\u200b\x00|*b*<img src=x onerror=a()>[a](b)"
NAMED = {
    "object",
    "expected",
    "found",
    "message",
    "query",
    "reason",
    "sentence",
    "what",
    "note",
    "value",
    "slowest_phase",
}


def poison(value: Any, name: str = "") -> Any:
    """The value with the hostile name at the end of every sentence and name in it."""
    if isinstance(value, dict):
        return {key: poison(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [poison(inner, name) for inner in value]
    return value + HOSTILE if isinstance(value, str) and name in NAMED | {"notes", "databases"} else value


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a failing run whose names are hostile, with its reports."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    made = tmp_path / "out" / "run"
    made.mkdir(parents=True)
    record = from_json(json.dumps(poison(json.loads(to_json(failing_drill())))))
    (made / "drill.json").write_text(to_json(record), encoding="utf-8")
    (made / "allure-results").mkdir()
    assert write.write_all(made, render_allure=False) == []
    (made / "environment.properties").write_text(allure_files.environment_properties(record))
    out = io.StringIO()
    terminal.summary(record, made, Screen(file=out, width=100))
    (made / "terminal.txt").write_text(out.getvalue(), encoding="utf-8")
    return made


@pytest.mark.parametrize(
    "name",
    [
        "report.html",
        "summary.md",
        "junit.xml",
        "terminal.txt",
        "environment.properties",
        "allure-results/executor.json",
    ],
)
def test_no_report_holds_what_cannot_be_seen(folder: Path, name: str) -> None:
    """Every report holds nothing but what can be seen, and shows the rest as escapes."""
    text = (folder / name).read_text(encoding="utf-8")
    assert {each for each in text if not each.isprintable()} <= {"\n"}
    assert "<img" not in text or name in ("terminal.txt", "environment.properties")
    if name.endswith(".xml"):
        ET.fromstring(text)
    if name in ("report.html", "summary.md", "junit.xml", "terminal.txt"):
        assert "x1b]0;t" in text.replace("\n", "").replace("\\", "").replace(" ", "")


def test_the_record_keeps_the_exact_name(folder: Path) -> None:
    """drill.json, which programs read, keeps the name as it is, and is JSON."""
    text = (folder / "drill.json").read_text(encoding="utf-8")
    checks = [check for each in json.loads(text)["restorations"] for check in each["checks"]]
    assert any(HOSTILE in finding["object"] for check in checks for finding in check["findings"])
    assert "\x1b" not in text
