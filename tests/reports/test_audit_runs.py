"""The runs of the chains of evidence, and `drills report controls`, which shows them to an auditor."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drills.cli import main as cli
from drills.evidence.seal import Seal
from drills.history.line import line_of, write_line
from drills.model.restore_job import RestoreTest
from reports.audit.runs import read_all
from tests.support.controls_record import from_afar, judged, real_drill
from tests.support.example_record import green_drill
from tests.support.ledger import at_time, put, reviewed, started

FIRST, SECOND, THIRD = (datetime(2026, month, 15, 3, tzinfo=UTC) for month in (10, 11, 12))
MATRIX = "q4." + "md"
CONFIG = """
[drill]
target = "orders"
[targets.orders]
instance = "myappdbprod"
drill_every = "31d"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a drill.toml, which a command works in."""
    (tmp_path / "drill.toml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def chain(project: Path, name: str = "aws-orders") -> Path:
    """Where a chain lies by default."""
    return project / "reports" / "evidence" / name


def test_bundles_have_their_digest_level_and_review(tmp_path: Path) -> None:
    """The digest is that of SHA256SUMS; without a signature the level is L0, whatever the record says."""
    unsigned = put(tmp_path / "c", at_time(judged(real_drill(), 10, rto="missed"), FIRST), Seal())
    digest = put(tmp_path / "c", at_time(real_drill(), SECOND)).digest
    reviewed(tmp_path / "c", unsigned)
    found = read_all([tmp_path], ())

    assert found.problems == ()
    assert [(each.sequence, each.standing, each.level, each.review) for each in found.runs] == [
        (1, "failed", "L0", "accepted by R. Viewer"),
        (2, "done", "L1", ""),
    ]
    assert found.runs[1].digest == digest
    assert found.runs[1].rows


def test_a_validated_restore_test_supports_controls_and_is_no_drill(tmp_path: Path) -> None:
    """It stands in the population apart, with the reason, and fills no gap."""
    test = RestoreTest("job", "plan", "i", "arn", result="SUCCESSFUL")
    put(tmp_path / "c", at_time(dataclasses.replace(real_drill(), restore_test=test), FIRST))
    (found,) = read_all([tmp_path], ()).runs

    assert found.standing == "no drill"
    assert found.said.startswith("a validated restore test is no drill, unless validations_are_drills = true: ")
    assert found.rows


def test_a_start_without_a_bundle_is_an_aborted_run(tmp_path: Path) -> None:
    """It stays in the population, and is named; one that goes on is not yet aborted."""
    put(tmp_path / "c", at_time(real_drill(), FIRST))
    started(tmp_path / "c", at_time(real_drill(), SECOND))
    held = started(tmp_path / "c", at_time(real_drill(), THIRD), running=True).held
    found = read_all([tmp_path], ())
    os.close(held)

    assert [(each.standing, each.target, each.profile, each.rows) for each in found.runs[1:]] == [
        ("aborted", "orders", "aws", ()),
        ("no drill", "orders", "aws", ()),
    ]
    assert found.runs[2].said == "it goes on"
    assert len(found.problems) == 1
    assert "was started and has no bundle" in found.problems[0]


def test_a_gap_in_the_numbers_is_named(tmp_path: Path) -> None:
    """An entry that is there no more."""
    records = [at_time(real_drill(), each) for each in (FIRST, SECOND, THIRD)]
    for each in records:
        put(tmp_path / "c", each)
    shutil.rmtree(tmp_path / "c" / f"0002-{records[1].run_id}")
    for path in (tmp_path / "c" / "starts").glob("0002-*"):
        path.unlink()

    found = read_all([tmp_path], ())
    assert len(found.runs) == 2
    assert any("gap: there is neither start record nor bundle 0002" in each for each in found.problems)


@pytest.mark.parametrize("damage", ["changed", "another file", "no record", "no JSON"])
def test_a_bundle_that_does_not_add_up_counts_nowhere_and_is_named(tmp_path: Path, damage: str) -> None:
    """A bundle that is not as it was sealed supports nothing, and its run does not disappear."""
    record = at_time(real_drill(), FIRST)
    put(tmp_path / "c", record)
    kept = tmp_path / "c" / f"0001-{record.run_id}" / "drill.json"
    if damage == "changed":
        kept.write_text(kept.read_text().replace('"code": 0', '"code": 10'))
    elif damage == "no JSON":
        kept.write_bytes(b"\xff")
    elif damage == "no record":
        kept.unlink()
    else:
        kept.with_name("summary.md").write_text("another")
    found = read_all([tmp_path], ())

    assert [(each.run_id, each.standing, each.rows) for each in found.runs] == [(record.run_id, "no drill", ())]
    assert found.runs[0].said.startswith("its bundle counts nowhere: ")
    assert any(each.startswith("c: ") for each in found.problems)


def test_a_run_of_the_history_alone_is_said_to_have_no_bundle(tmp_path: Path) -> None:
    """One that stands in a chain too is counted once, from there."""
    sealed, old = at_time(real_drill(), SECOND), at_time(real_drill(), FIRST)
    put(tmp_path / "c", sealed)
    runs = read_all([tmp_path], [line_of(sealed, 86400.0), line_of(old, 86400.0)]).runs

    assert [(each.run_id, bool(each.digest), bool(each.rows)) for each in runs] == [
        (old.run_id, False, False),
        (sealed.run_id, True, True),
    ]
    assert runs[0].place.startswith("history only: no bundle")


@pytest.mark.parametrize(
    ("changes", "standing"),
    [
        ({"interrupted_by": "SIGTERM", "code": 12}, "aborted"),
        ({"partial": True}, "no drill"),
        ({"code": 12}, "could not run"),
        ({"code": 13}, "failed"),
        ({"code": 14}, "failed"),
        ({"code": None}, "aborted"),
    ],
)
def test_chain_and_history_agree_on_how_a_run_stands(tmp_path: Path, changes: dict[str, Any], standing: str) -> None:
    """The same run stands alike, wherever it was read from."""
    record = dataclasses.replace(at_time(real_drill(), FIRST), **changes)
    put(tmp_path / "c", record)

    assert [each.standing for each in read_all([tmp_path], ()).runs] == [standing]
    assert [each.standing for each in read_all([tmp_path / "none"], [line_of(record)]).runs] == [standing]


def test_a_folder_that_is_no_chain_is_none(tmp_path: Path) -> None:
    """Only a folder with start records is one; where nothing is, nothing is found."""
    (tmp_path / "notes").mkdir()

    assert read_all([tmp_path, tmp_path / "none"], ()).runs == ()


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", ["60", "200"])
def test_the_command_prints_the_matrix(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """Population, runs with their entries, frameworks, and what is missing from the chain; on a narrow terminal too."""
    monkeypatch.setenv("COLUMNS", columns)
    put(chain(project), at_time(real_drill(), FIRST))
    started(chain(project), at_time(real_drill(), FIRST, "c3d4"))
    put(chain(project), at_time(judged(real_drill(), 11, content="missed"), SECOND))

    assert cli.main(["report", "controls", "--period", "2026-10-01..2026-11-20"]) == 0
    said = capsys.readouterr().out
    for each in ("At least 1 drill expected, 2 ran to a verdict, 1 of them failed", "aws-orders/0003", "SOC 2", "L1"):
        assert each in said
    assert "was started and has no bundle" in said.replace("\n", " ")


def test_json_holds_every_run_with_its_rows(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Populations, runs, controls and problems; simulated runs are stamped."""
    record = at_time(from_afar(real_drill()), FIRST)
    digest = put(chain(project), record).digest
    put(chain(project, "sandbox-orders"), at_time(green_drill(), SECOND))

    assert cli.main(["report", "controls", "--period", "2026-Q4", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    real, simulated = facts["populations"]
    assert (real["done"], real["runs"][0]["digest"], simulated["stamp"][:9]) == (1, digest, "SIMULATED")
    by_name = {f"{each['framework']} {each['control']}": each for each in facts["controls"]}
    assert by_name["nist80053 CP-6"]["supported_by"] == [record.run_id]


@pytest.mark.parametrize("ending", ["html", "md", "json"])
@pytest.mark.parametrize("by", ["target", "control"])
def test_a_file_is_written_in_the_format_of_its_name(project: Path, ending: str, by: str) -> None:
    """Each holds the run and its digest whole, needs nothing from elsewhere and calls nothing compliant."""
    record = at_time(judged(real_drill(), 11, content="missed"), FIRST)
    digest = put(chain(project), record).digest

    assert cli.main(["report", "controls", "--period", "2026-Q4", "--by", by, "-o", f"q4.{ending}"]) == 0
    text = (project / f"q4.{ending}").read_text("utf-8")
    assert digest in text
    assert record.run_id in text
    words = re.sub(r"https?://\S+", "", text)
    assert not re.search("complian|certified", words, re.IGNORECASE)
    if ending == "html":
        assert not re.search(r"<(script|link|img|iframe)|url\(|@import", text)
    if by == "control" and ending != "json":
        assert f"{record.run_id} (a test that failed)" in text
        assert "paraphrase not verified against the original" in text


def test_names_are_escaped_in_the_page(project: Path) -> None:
    """A reviewer's or a target's name is text, on the page and in Markdown."""
    record = at_time(real_drill(), FIRST)
    assert record.target
    hostile = dataclasses.replace(record, target=dataclasses.replace(record.target, name="<b>|x\x1b[2J"))
    put(chain(project), hostile)
    for ending in ("html", "md"):
        assert cli.main(["report", "controls", "--period", "2026-Q4", "-o", f"q4.{ending}"]) == 0
        text = (project / f"q4.{ending}").read_text("utf-8")
        assert "<b>" not in text
        assert "\x1b" not in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["controls"], "--period: expected a quarter"),
        (["controls", "--period", "Q4"], 'found "Q4"'),
        (["controls", "--period", "2026-Q4", "--target", "nope"], "there are orders"),
        (["controls", "--period", "2026-Q4", "-o", "x.pdf"], ".html, .md or .json"),
        (["controls", "--period", "2026-Q4", "--json", "-o", MATRIX], "ends in .json"),
        (["controls", "--period", "2026-Q4", "-o", f"no/such/{MATRIX}"], "--output: expected a place"),
        (["controls", "--period", "2026-Q4", "--redact", "external"], "--redact: expected it with the report of a run"),
        (["controls", "--period", "2026-Q4", "--evidence", "nowhere"], "--evidence: expected a folder"),
        (["--period", "2026-Q4"], "drills report controls --period"),
        (["reports/out/x", "--json"], "drills report controls --period"),
    ],
)
def test_wrong_usage_is_a_sentence(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """It ends with 2 and says what was expected."""
    assert cli.main(["report", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_one_chain_may_be_given(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As --evidence, like the folder that holds it."""
    put(chain(project), at_time(real_drill(), FIRST))

    assert cli.main(["report", "controls", "--period", "2026-Q4", "--json", "--evidence", str(chain(project))]) == 0
    assert [each["done"] for each in json.loads(capsys.readouterr().out)["populations"]] == [1]


def test_a_period_that_has_not_begun_says_so(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In its first sentence, and nothing is shown as counted so far."""
    assert cli.main(["report", "controls", "--period", "2999-Q4"]) == 0
    said = capsys.readouterr().out
    assert "The period has not begun: its first day is 2999-10-01" in said
    assert "so far" not in said


def test_the_folder_of_each_profile_is_read(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where drill.toml keeps the evidence, for all profiles and for one."""
    more = '[evidence]\nfolder = "here"\n[profiles.aws]\nkind = "aws"\naccounts = ["123456789012"]\n'
    (project / "drill.toml").write_text(f'{CONFIG}{more}[profiles.aws.evidence]\nfolder = "there"\n', encoding="utf-8")
    put(project / "here" / "sandbox-orders", at_time(green_drill(), FIRST))
    put(project / "there" / "aws-orders", at_time(real_drill(), SECOND))

    assert cli.main(["report", "controls", "--period", "2026-Q4", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [(each["profile"], each["done"]) for each in facts["populations"]] == [("aws", 1), ("sandbox", 1)]


def test_without_evidence_the_history_is_read(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Runs stand there without a digest, which is said, and support no control."""
    (project / "reports").mkdir()
    (project / "reports" / "history.jsonl").write_text(write_line(line_of(at_time(real_drill(), FIRST))) + "\n")

    assert cli.main(["report", "controls", "--period", "2026-Q4", "-o", MATRIX]) == 0
    text = (project / MATRIX).read_text("utf-8")
    assert "history only: no bundle in reports/evidence" in text
    assert "No run of the period has a bundle" in text
