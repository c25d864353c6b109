"""`drills ledger`: every run, and a check that a scheduler can call."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drills.cli import common
from drills.cli.main import main
from tests.support.evidence import PUBLIC
from tests.support.ledger import CHAIN, DAY, kept

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


def test_the_list_shows_each_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a person, and as JSON for a program."""
    assert main(["ledger", "list"]) == 0
    text = capsys.readouterr().out
    assert "0001" in text
    assert "passed" in text
    assert main(["ledger", "list", "--json"]) == 0
    ((found,),) = [[each["runs"] for each in json.loads(capsys.readouterr().out)]]
    assert [(line["sequence"], line["run_id"], line["outcome"]) for line in found] == [(1, "a", "passed")]


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

    assert main(["ledger", "list"]) == 0
