"""`drills ledger`: every run, and a check that a scheduler can call."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drills.cli import common
from drills.cli.main import main
from drills.evidence.ledger import LedgerLine
from drills.evidence.seal import Seal
from drills.history.line import key_of, line_of, write_line
from drills.model.history import Trend
from drills.model.record import RunRecord
from tests.support.between import at_every_step
from tests.support.evidence import PUBLIC
from tests.support.example_record import green_drill
from tests.support.ledger import CHAIN, DAY, kept, opening

NOW = datetime.now(UTC)
TOML = '[profiles.aws]\naccounts = ["123456789012"]\nregions = ["eu-central-1"]\n[targets.orders]\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a target, whose simulated chain has one success of yesterday."""
    (tmp_path / "drill.toml").write_text(TOML)
    (tmp_path / "drill.pub.pem").write_text(PUBLIC)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRILL_PROFILE", raising=False)
    kept(tmp_path / "reports/evidence" / CHAIN, "a", NOW - DAY)
    return tmp_path


def check(*options: str) -> int:
    """The exit code of the check."""
    return main(["ledger", "check", "--max-age", "35d", *options])


def test_the_check_is_silent_while_drills_go_on(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the key and without."""
    assert (check(), check("--key", "drill.pub.pem"), check("--target", "orders")) == (0, 0, 0)
    assert capsys.readouterr().out == ""


def test_a_success_that_is_too_old_is_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """12, and how old it is."""
    assert main(["ledger", "check", "--max-age", "1h"]) == 12
    assert "expected a success at most 1 h old, found the last one" in capsys.readouterr().out


@pytest.mark.parametrize("options", [("--target", "orders", "--profile", "aws"), ("--profile", "aws", "--target", "x")])
def test_a_simulated_run_never_counts_for_aws(project: Path, options: tuple[str, ...]) -> None:
    """The chain of the profile that is asked for is not there; a target that there is none of is wrong usage."""
    assert check(*options) == (2 if "x" in options else 12)


def test_a_profile_without_a_chain_is_no_silence(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No drill with the profile that was asked for ever came, whoever names it and whatever other chains there are."""
    assert check("--profile", "aws") == 12
    monkeypatch.setenv("DRILL_PROFILE", "aws")
    assert check() == 12
    assert capsys.readouterr().out.count("with the profile aws, found none: no drill ever came") == 2


def test_a_drill_that_is_due_and_never_came_is_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the target's own interval, where it has no chain at all."""
    (project / "drill.toml").write_text(TOML + '[targets.stock]\ndrill_every = "7d"\n[drill]\ntarget = "orders"\n')

    assert check() == 12
    assert "sandbox-stock: expected a drill of target stock, found that none ever came" in capsys.readouterr().out


def test_what_was_tampered_with_goes_before_what_is_missing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """11: a success that does not verify is none."""
    (project / "reports/evidence" / CHAIN / "0001-a" / "drill.json").unlink()

    assert check("--target", "orders") == 11
    assert "does not verify" in capsys.readouterr().out


def test_without_any_run_no_drill_ever_came(project: Path) -> None:
    """A scheduler that never started one is not silence."""
    (project / "reports").rename(project / "elsewhere")

    assert check() == 12


def test_the_list_names_the_chains_that_there_are(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is none of the profile and target that were asked for."""
    assert main(["ledger", "list", "--profile", "aws"]) == 0
    assert f"no run with profile aws has left evidence yet; there are chains {CHAIN}" in capsys.readouterr().out


def test_a_success_from_before_there_was_a_key_is_none(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the check is made with a key: anybody can have made it."""
    folder = project / "evidence" / CHAIN
    kept(folder, "a", NOW - DAY, seal=Seal())
    (project / "drill.toml").write_text(TOML + '[evidence]\nfolder = "evidence"\n')
    assert check() == 0
    kept(folder, "b", NOW, dataclasses.replace(green_drill(), code=11))
    assert check("--key", "drill.pub.pem") == 12
    told = capsys.readouterr().out
    assert f"{CHAIN}: expected a drill that passed, found none that is signed: a passed " in told
    assert "ago, and is not signed: anybody can have made what is from before there was a key" in told


def test_the_list_shows_each_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a person, and as JSON for a program."""
    assert main(["ledger", "list"]) == 0
    text = capsys.readouterr().out
    assert "0001" in text
    assert "passed" in text
    assert main(["ledger", "list", "--json"]) == 0
    ((found,),) = [[each["runs"] for each in json.loads(capsys.readouterr().out)]]
    assert [(line["sequence"], line["run_id"], line["outcome"]) for line in found] == [(1, "a", "passed")]


def review_by(run: str, reviewer: str, role: str) -> LedgerLine:
    """A line of the ledger with everything that it can have, and a review."""
    said = (f"accepted by {reviewer} ({role})", f"rejected by {reviewer} ({role})")
    return LedgerLine(12, 13, run, NOW, "verification failed", "validation", "", "L1+TSA", 90061.0, 5025.0, said)


@pytest.mark.parametrize("width", [50, 80, 120])
@pytest.mark.parametrize("reviewer", ["A. Weber", "Maximiliane Donaudampfschifffahrtsgesellschaft-" + "x" * 60])
def test_the_list_loses_no_letter(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int, reviewer: str
) -> None:
    """However narrow the screen is, and however long a name: what does not fit goes on in the next line."""
    line = review_by("20261123-141503-a1b2", reviewer, "head of operations")
    monkeypatch.setattr("drills.evidence.ledger.lines_of", lambda _: (line,))
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["ledger", "list"]) == 0
    out = capsys.readouterr().out.partition("─")[2]  # below the folder and the heads

    def letters(text: str) -> Counter[str]:
        return Counter("".join(text.replace("─", "").split()))

    cells = ("0012-0013", line.run_id, "verification failed (validation)", "L1+TSA", "1 d 1 h", "1 h 23 m")
    reviews = [f"0012-0013 {each}" for each in line.reviews]
    assert letters(out) == letters("".join((*cells, *reviews)))
    assert all(len(each) <= width for each in out.splitlines()[1:])
    if reviewer == "A. Weber" and width >= 80:
        assert all(each in out for each in (*cells[:2], *cells[3:], *reviews))


def test_a_limit_is_said_as_it_was_given(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """However short it is: a limit that is rounded to nothing is another one."""
    assert main(["ledger", "check", "--max-age", "1ms"]) == 12
    assert "expected a success at most 1ms old" in capsys.readouterr().out


def test_a_key_is_of_one_chain(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside a chain that is not signed, the check says how the signed one is judged alone."""
    kept(
        project / "reports/evidence/endpoint-orders",
        "b",
        NOW - DAY,
        dataclasses.replace(green_drill(), profile="endpoint"),
        Seal(),
    )
    assert check("--key", "drill.pub.pem") == 11
    assert "name it with --profile and --target, such as --profile sandbox --target orders" in capsys.readouterr().out
    assert check("--key", "drill.pub.pem", "--profile", "sandbox") == 0
    assert capsys.readouterr().out == ""


def test_what_of_history_and_chain_cannot_be_read_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line of the history on stderr, since no run is missed by it; a start record in place of which there is something else."""
    (project / "reports/history.jsonl").write_text("garbled\n")
    assert check() == 0
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "reports/history.jsonl: line 1 of the history is cut off or no JSON" in said.err

    (start,) = (project / "reports/evidence" / CHAIN / "starts").glob("*.json")
    for text, found in (("", "an empty file"), ("[]", "a list"), ("null", "null"), ("{}", "an empty object, {}")):
        start.write_text(text)
        assert check() == 11
        assert f"expected a start record, JSON with schema_version, found {found}" in capsys.readouterr().out


def test_a_duration_that_is_none_is_wrong_usage(project: Path) -> None:
    """2, as everywhere."""
    assert main(["ledger", "check", "--max-age", "soon"]) == 2


def test_a_sealed_bundle_is_no_place_for_reports(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Reports are not written into evidence, which would no longer verify, nor masked ones."""
    bundle = project / "reports/evidence" / CHAIN / "0001-a"

    for options in (
        [str(bundle)],
        [str(bundle), "--redact", "external"],
        [str(bundle), "--redact", "external", "-o", "reports/evidence/" + CHAIN],
    ):
        assert main(["report", *options]) == 2
        assert "is sealed: nothing is written into it" in capsys.readouterr().err
    assert check("--key", "drill.pub.pem") == 0


def test_a_part_is_called_from_any_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of a command lacks the options of another one, also where it has to look for the project first."""
    (project / "below").mkdir()
    monkeypatch.chdir(project / "below")
    monkeypatch.setattr(common, "project_folder", lambda: project)

    assert main(["ledger", "list", "--config", "../drill.toml"]) == 0


def test_no_folder_is_listed_that_nobody_named(
    project: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Beside no drill.toml it is 2, with what to type; a folder that is given is used, and which one it is is said."""
    evidence = project / "reports/evidence"
    monkeypatch.chdir(tmp_path_factory.mktemp("auditor"))
    for part in (["list"], ["check", "--max-age", "35d"]):
        assert main(["ledger", *part]) == 2
        assert f"found neither: type drills ledger {part[0]} FOLDER, or name" in capsys.readouterr().err
        for folder in (evidence, evidence / CHAIN):
            assert main(["ledger", *part, str(folder)]) == 0
            assert (str(evidence / CHAIN) in capsys.readouterr().out) == (part[0] == "list")
        assert main(["ledger", *part, str(project / "reports")]) == 2
        assert "expected a folder of chains, or a chain, found none in" in capsys.readouterr().err
    assert check(str(evidence), "--target", "stock") == 12


def history_of(project: Path, *runs: RunRecord) -> None:
    """The history of these runs."""
    (project / "reports/history.jsonl").write_text("".join(f"{write_line(line_of(run))}\n" for run in runs))


def test_a_chain_that_was_begun_anew_does_not_look_whole(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The history knows the runs that went with the old folder: they are named, unless drill.toml states the first entry."""
    former, own = opening("former", NOW - 3 * DAY), opening("a", NOW - DAY)
    history_of(project, opening("older", NOW - 4 * DAY), former, own)
    said = "expected an entry for each run of the target that the history has, found none of 2 runs (former (passed), older"
    assert check() == 11
    told = capsys.readouterr().out
    assert f"{CHAIN}: {said}" in told
    assert 'begins_with = ["a"] in [evidence]' in told
    assert main(["ledger", "list"]) == 0
    assert "found none of 2 runs" in capsys.readouterr().out
    (project / "drill.toml").write_text(TOML + '[evidence]\nbegins_with = ["a"]\n')
    assert check() == 0
    assert main(["ledger", "list", "--json"]) == 0
    (facts,) = json.loads(capsys.readouterr().out)
    assert (facts["against_history"], "2 runs (former (passed), older" in facts["stated"][0]) == ([], True)


def test_a_chain_that_is_gone_is_named_by_the_history(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another target's chain does not stand for it."""
    history_of(project, opening("a", NOW - DAY), dataclasses.replace(opening("s", NOW - DAY), profile="staging"))
    assert check() == 11
    assert "sandbox" not in (told := capsys.readouterr().out)
    assert (
        "staging-orders: expected the chain of the 1 run that the history has of target orders with profile st" in told
    )
    assert check("--profile", "sandbox") == 0


@pytest.mark.parametrize("options", [(), ("--target", "orders"), ("--profile", "sandbox")])
def test_no_drill_is_said_to_be_missing_where_only_its_evidence_is(
    project: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    """Drills came, as the history says: their chain is what is not there, and all that is told."""
    history_of(project, *(dataclasses.replace(opening(name, NOW - DAY), profile="sandbox") for name in ("a", "b")))
    (project / "reports/evidence").rename(project / "elsewhere")
    assert check(*options) == 11
    told = capsys.readouterr().out
    assert told.startswith(f"{CHAIN}: expected the chain of the 2 runs that the history has of target orders")
    assert (told.count("\n"), "never came" in told, "ever came" in told) == (1, False, False)


def test_a_run_that_was_removed_from_the_history_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that was added to it, after its oldest line; with a store other machines may have made it."""
    history_of(project, opening("a", NOW - DAY))
    added = dataclasses.replace(green_drill(), history=Trend(NOW, key_of(green_drill())))
    kept(project / "reports/evidence" / CHAIN, "b", NOW, added)
    assert check() == 11
    assert "expected each run of the chain in the history, to which it was added, found none of 1 run (b (p" in (
        capsys.readouterr().out
    )
    (project / "drill.toml").write_text(TOML + '[evidence]\nstore = "elsewhere"\n')
    assert check() == 0
    (project / "drill.toml").write_text(TOML)
    history_of(project, dataclasses.replace(opening("b", NOW), profile="sandbox"))
    assert check() == 0


def test_a_run_that_ends_while_the_check_reads_is_missed_nowhere(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is added to the history and sealed between any two looks: what the one has and the other has not yet is no alarm."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    history_of(project, opening("a", NOW - DAY))
    reports = (project / "reports").rename(project / "before")
    own = opening("a", NOW - DAY), opening("b", NOW)

    def made() -> Path:
        shutil.rmtree(project / "reports", ignore_errors=True)
        return Path(shutil.copytree(reports, project / "reports"))

    def ends(_: Path) -> None:
        history_of(project, *(dataclasses.replace(each, profile="sandbox") for each in own))
        added = dataclasses.replace(green_drill(), history=Trend(NOW, key_of(green_drill())))
        kept(project / "reports/evidence" / CHAIN, "b", NOW, added)

    for step, _, code, _ in at_every_step(made, lambda reports: reports, lambda _: check(), ends):
        assert code == 0, (step, capsys.readouterr().out)


def test_a_machine_without_evidence_fetches_it_from_the_store(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Into the folder of [evidence]; without a store, or with a FOLDER, the sentence says what is missing."""
    (project / "reports/evidence").rename(project / "share")
    assert check("--fetch") == 2
    assert 'expected a store in [evidence] for the profile "sandbox", found none' in capsys.readouterr().err
    (project / "drill.toml").write_text(TOML + '[evidence]\nstore = "share"\n')

    assert (check(), check("--fetch", "--key", "drill.pub.pem"), check(), check("--fetch", "share")) == (12, 0, 0, 2)


def test_the_check_tells_the_age_of_the_last_success(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON, for a metric: of the chain that is worst off, and no number where a chain proves nothing."""

    def age(since: timedelta) -> float:
        return (datetime.now(UTC) - (NOW - since)).total_seconds() - 300

    def facts(*options: str) -> dict[str, Any]:
        code = check("--json", *options)
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert told["code"] == code
        return told

    assert facts()["last_success_age_seconds"] == pytest.approx(age(DAY), abs=60)
    other = dataclasses.replace(green_drill(), profile="endpoint")
    kept(project / "reports/evidence/endpoint-orders", "b", NOW - 40 * DAY, other)
    told = facts()
    assert told["last_success_age_seconds"] == pytest.approx(age(40 * DAY), abs=60)
    assert [alarm["code"] for alarm in told["alarms"]] == [12]
    assert facts("--profile", "aws")["last_success_age_seconds"] is None
    (project / "reports/evidence" / CHAIN / "0001-a" / "drill.json").unlink()
    assert facts()["last_success_age_seconds"] is None
