"""`drills metrics`, and what a run that has ended writes by itself."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from drills.cli.main import main
from drills.cli.outputs import ended
from drills.config.load import Config, load
from drills.model.record import RunRecord
from drills.record import to_json
from tests.support.example_record import green_drill


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a configuration, and the working directory; it has one run, in `run/`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drill.toml").write_text('[metrics]\ntextfile = "node"\n[targets.orders]\n')
    (tmp_path / "run").mkdir()
    keep(tmp_path, green_drill())
    return tmp_path


def keep(folder: Path, record: RunRecord) -> None:
    """Write the record of the run."""
    (folder / "run" / "drill.json").write_text(to_json(record))


def config(folder: Path) -> Config:
    """The effective configuration."""
    return load(folder / "drill.toml", profile=None, target=None, environment={})


def test_it_prints_the_text_format(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the stamp in the target's name, and the facts as JSON where that is asked for."""
    assert main(["metrics", "run"]) == 0
    text = capsys.readouterr().out
    assert main(["metrics", "run", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)

    assert (
        'dr_drill_rto_seconds{profile="sandbox",scenario="",simulated="true",target="SIMULATED orders"} 1800.0' in text
    )
    assert {"name": "dr_drill_rto_seconds", "labels": facts[0]["labels"], "value": 1800.0} in facts


def test_it_writes_a_file_or_to_the_places_of_the_configuration(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is not there is said in one sentence, and is exit code 12."""
    assert main(["metrics", "run", "-o", "own.prom"]) == 0
    assert main(["metrics", "run", "--send"]) == 12
    (folder / "node").mkdir()
    assert main(["metrics", "run", "--send"]) == 0

    said = capsys.readouterr().out.splitlines()
    assert said[0] == "written: own.prom"
    assert said[1].startswith(
        "text file in node: expected the folder of node_exporter's textfile collector, found none"
    )
    assert said[2] == "text file in node: written"
    assert (folder / "own.prom").read_text() == (folder / "node" / "drills-sandbox-SIMULATED_orders.prom").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["metrics", "nowhere"], 2, "nowhere"),
        (["metrics", "run", "--send", "--json"], 2, "expected one of -o, --send and --json"),
        (["metrics", "run", "-o", "no/such/folder/x.prom"], 2, "-o: expected a file to write, found: No such file"),
        (["metrics", "run", "--send", "--config", "bare.toml"], 2, "--send: expected a place in [metrics]"),
    ],
)
def test_wrong_usage_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, sentence: str
) -> None:
    """And no traceback."""
    (folder / "bare.toml").write_text("[targets.orders]\n")

    assert main(arguments) == code
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_a_run_that_counts_nowhere_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its numbers would hide that no drill came."""
    keep(folder, dataclasses.replace(green_drill(), partial=True, partial_reason="-k objective"))

    assert main(["metrics", "run"]) == 12
    assert "counts" in capsys.readouterr().err


def test_a_run_that_has_ended_writes_by_itself(folder: Path) -> None:
    """It says nothing where all is well, and notes beside the record what was written where."""
    (folder / "node").mkdir()

    assert ended.tell(folder / "run", green_drill(), config(folder)) == ()

    assert len(list((folder / "node").glob("*.prom"))) == 1
    noted = json.loads((folder / "run" / ended.NAME).read_text())
    assert noted == {"metrics": [{"place": f"text file in {folder}/node", "problem": ""}]}


def test_a_place_that_fails_is_said_and_changes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours or of a library too: monitoring never breaks a drill."""

    def broken(*_: object) -> None:
        raise RuntimeError("a fault\nof ours")

    before = (folder / "run" / "drill.json").read_bytes()
    missing = ended.tell(folder / "run", green_drill(), config(folder))
    (folder / "node").mkdir()
    monkeypatch.setattr("drills.metrics.text.write_textfile", broken)
    fault = ended.tell(folder / "run", green_drill(), config(folder))

    assert "found none: make it" in missing[0]
    assert fault == (
        f"metrics: text file in {folder}/node: expected to write there, found RuntimeError: a fault of ours",
    )
    assert (folder / "run" / "drill.json").read_bytes() == before
    assert "RuntimeError" in (folder / "run" / ended.NAME).read_text()


def test_without_a_place_nothing_is_written(folder: Path) -> None:
    """A run without [metrics] leaves no trace of it."""
    (folder / "drill.toml").write_text("[targets.orders]\n")

    assert ended.tell(folder / "run", green_drill(), config(folder)) == ()
    assert [path.name for path in (folder / "run").iterdir()] == ["drill.json"]
