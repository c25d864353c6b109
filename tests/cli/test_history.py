"""`drills history`."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from drills.cli import main as cli
from drills.history import store as history_file
from drills.history.line import write_line
from drills.history.wording import SIMULATED
from drills.model.history import HistoryLine
from tests.support.example_history import FIRST, KEY, MONTH, line, monthly


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without settings, and a line that is wide enough."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drill.toml").touch()  # a project of its own
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


def keep(lines: Sequence[HistoryLine], path: Path = history_file.DEFAULT) -> None:
    """Write a history."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(write_line(each) + "\n" for each in lines), encoding="utf-8")


def test_table_and_trend_of_each_group(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each run has its row, outcomes are told apart, missed drills stand between, and the numbers follow."""
    keep(monthly(12))
    assert cli.main(["history"]) == 0
    out = capsys.readouterr().out

    assert all(each.run_id in out for each in monthly(12))
    for said in ("passed", "objective missed", "verification failed", "could not run", "(2 missed)"):
        assert said in out
    assert "target orders, profile production, account 123456789012, region eu-central-1" in out
    assert "9 of 11 runs passed, which proves a pass rate of at least 53.0 % (95 % confidence)" in out
    assert "1 run could not run or could not verify" in out
    # the last judged run is long ago by now, so that the stretch since then is the last one
    assert re.search(
        r"warning: \d+ drills missed: none from 2022-02-26 to [^;]*; \d+ missed in all, in 3 such stretches", out
    )
    assert SIMULATED not in out


def test_groups_stand_apart_and_simulated_ones_are_stamped(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run in the sandbox is never in a table of runs on AWS."""
    sandboxed = dataclasses.replace(KEY, profile="sandbox", simulated=True)
    keep([*monthly(2), dataclasses.replace(line(7, FIRST + 5 * MONTH), key=sandboxed)])
    cli.main(["history"])
    first, second = capsys.readouterr().out.strip().split("\n\n\n")[0].split("target orders, profile production")

    assert SIMULATED in first
    assert "-0007" in first
    assert SIMULATED not in second
    assert "-0007" not in second


def test_facts_for_a_program(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json holds groups with points, numbers and warnings, what counts nowhere, and what could not be read."""
    partial = dataclasses.replace(line(99, FIRST - MONTH), not_counted="partial: -k rows")
    keep([*monthly(30), partial])
    with history_file.DEFAULT.open("a", encoding="utf-8") as out:
        out.write('{"version":1,"run_')
    assert cli.main(["history", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (group,) = told["groups"]

    assert len(group["points"]) == 30
    assert [each["name"] for each in group["series"]] == ["RTA", "RPA"]
    assert group["series"][0]["p95"] is None
    assert 0 < group["pass_rate_at_least"] < group["passed"] / group["judged"]
    assert "stamp" not in group
    assert told["not_counted"] == [{"run_id": partial.run_id, "reason": "partial: -k rows"}]
    assert told["problems"] == ["line 32 of the history is cut off, so that its run counts nowhere"]


def test_a_target_that_has_no_runs_is_refused_with_those_that_have(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slip in the name is no empty history."""
    keep(monthly(1))
    assert cli.main(["history", "--target", "ordres"]) == 2
    assert 'found "ordres"; there are orders' in capsys.readouterr().err
    assert cli.main(["history", "--target", "orders"]) == 0


def test_newest_twelve_are_shown_and_all_on_demand(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A long history does not fill the screen, and says that there is more."""
    keep(monthly(30))
    cli.main(["history"])
    short = capsys.readouterr().out
    cli.main(["history", "--all"])
    long = capsys.readouterr().out

    assert sum(each.run_id in short for each in monthly(30)) == 12
    assert "the newest 12 of 30 runs; --all shows every one" in short
    assert all(each.run_id in long for each in monthly(30))


def test_the_place_is_the_configurations(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`[drill] history` counts from the folder of the file; several targets need no choice here."""
    (here / "deep").mkdir()
    text = '[drill]\nhistory = "kept/runs.jsonl"\n[targets.a]\n[targets.b]\n'
    (here / "deep" / "drill.toml").write_text(text, encoding="utf-8")
    keep(monthly(1), here / "deep" / "kept" / "runs.jsonl")
    assert cli.main(["history", "--config", "deep/drill.toml"]) == 0
    assert monthly(1)[0].run_id in capsys.readouterr().out


def test_no_run_yet_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before the first run there is a sentence, and the exit code is 0."""
    assert cli.main(["history"]) == 0
    assert capsys.readouterr().out == "no run is kept in reports/history.jsonl yet\n"


def test_no_number_is_cut_on_a_narrow_terminal(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 60 columns names are wrapped, and each number stands whole."""
    monkeypatch.setenv("COLUMNS", "60")
    keep(monthly(14))
    assert cli.main(["history"]) == 0
    table = capsys.readouterr().out.partition("Size")[2]
    assert "…" not in table
