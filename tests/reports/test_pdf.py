"""report.pdf: what PDF/A asks for, the record inside, and the same bytes each time."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import zlib
from pathlib import Path

import pytest

from drills.cli import main as cli
from drills.model.finding import Finding
from drills.model.record import RunRecord
from drills.record import from_json, to_json
from reports import pdf, write
from tests.support.example_record import failing_drill, green_drill, interrupted_drill, running_drill

ALL = [green_drill(), failing_drill(), interrupted_drill(), running_drill()]


def streams(document: bytes) -> list[bytes]:
    """Every stream of the document, unpacked where it is packed."""
    found = []
    for body in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL):
        try:
            found.append(zlib.decompress(body))
        except zlib.error:
            found.append(body)
    return found


def objects(document: bytes) -> bytes:
    """The document with everything that is packed, to be searched."""
    return b"\n".join([document, *streams(document)])


@pytest.mark.parametrize("record", ALL, ids=["green", "failing", "interrupted", "running"])
def test_the_same_record_gives_the_same_bytes(record: RunRecord) -> None:
    """Written twice, also from a record that was read again, the PDF is one and the same; its date is the run's."""
    raw = to_json(record).encode()
    first = pdf.render(record, raw)

    assert first == pdf.render(from_json(to_json(record)), raw)
    ended = record.ended_at or record.started_at
    assert f"D:{ended:%Y%m%d%H%M%S}".encode() in objects(first)


def test_it_says_that_it_is_pdf_a_and_is_tagged() -> None:
    """The metadata name PDF/A-3 and PDF/UA-1, and the document has its language, its title and its tags."""
    found = objects(pdf.render(green_drill(), b"{}"))

    assert re.search(rb"<pdfaid:part>3</pdfaid:part>", found)
    assert re.search(rb"<pdfuaid:part>1</pdfuaid:part>", found)
    assert b"/MarkInfo" in found
    assert b"/StructTreeRoot" in found
    assert b"/Lang" in found
    assert b"/AFRelationship/Source" in found.replace(b" ", b"")


def test_drill_json_is_attached_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attachment is the file that lies beside the report, also where the reports are what completes it."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    for name, record in (
        ("whole", green_drill()),
        ("open", dataclasses.replace(green_drill(), code=None, all_codes=())),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "drill.json").write_text(to_json(record), encoding="utf-8")
        assert write.write_all(folder, render_allure=False) == []
        assert (folder / "drill.json").read_bytes() in streams((folder / "report.pdf").read_bytes())


@pytest.mark.parametrize(
    "text", ["#panic()", "$x$ *b* _i_ `c` <l> @r // c", "数据 ✓ \U0001f600", "x\x1b]0;t\x07\u202e\u200b"]
)
def test_names_are_text_whatever_stands_in_them(text: str) -> None:
    """No name is taken as typst's markup, and one that the fonts cannot show is shown as escapes."""
    record = failing_drill()
    recovery = record.restorations[0]
    found = Finding("content", "error", text, text, text, text, text)
    check = dataclasses.replace(recovery.checks[0], name=text, outcome="missed", findings=(found,))
    changed = dataclasses.replace(record, restorations=(dataclasses.replace(recovery, checks=(check,)),))

    assert pdf.render(changed, b"{}").startswith(b"%PDF-")


def test_without_the_extra_one_line_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other reports are made all the same, and `drills report` names what is missing."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "typst" else find(name, *more))
    (tmp_path / "drill.json").write_text(to_json(green_drill()), encoding="utf-8")

    assert cli.main(["report", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("pip install -e .[pdf]") == 1
    assert (tmp_path / "report.html").exists()
    assert not (tmp_path / "report.pdf").exists()
