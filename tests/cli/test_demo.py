"""`drills demo`: what it takes for the demo to have shown something, and what somebody sees of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from drills.cli.demo import command, show
from drills.cli.demo.show import DAMAGED, Side
from drills.cli.fleet.pool import Event
from drills.cli.main import main
from drills.cli.run import DAMAGE
from drills.clock import SystemClock
from drills.config.load import load
from drills.files import try_lock
from drills.model.finding import CheckResult, Finding
from drills.model.record import Restoration, RunRecord
from drills.model.timing import Phase
from drills.record import RECORD_NAME, to_json
from tests.support.clock import NOON

FINDING = Finding("content", "error", "shop.orders", "10 rows", "9 rows", "shop.orders lost 1 of 10 rows")


def side(name: str, code: int, *checks: CheckResult, notes: tuple[str, ...] = ()) -> Side:
    """A run that ended with this code and these checks of its recovery."""
    record = RunRecord(
        *(1, "20261123-120000-abcd", "sandbox", True, NOON, "0"),
        restorations=(Restoration("recovery", None, "copy", checks=checks),),
        notes=notes,
        code=code,
    )
    return Side(name, Path("reports/out") / record.run_id, record)


MET = CheckResult("catalog", "met", "as it should be")
GOOD = side("good", 0, MET, CheckResult("content", "met", "all rows"))
DAMAGED_SIDE = side(
    "damaged",
    11,
    MET,
    CheckResult("content", "missed", "a row is lost", findings=(FINDING,)),
    notes=(f"{DAMAGED}shop.orders: one row was deleted", "another note"),
)


def test_the_demo_has_shown_something_where_every_damage_is_named() -> None:
    """The good one passed, the damaged one failed verification, and a finding names what was taken away."""
    assert DAMAGED_SIDE.damaged == ("shop.orders",)
    assert show.judge(GOOD, DAMAGED_SIDE) == ""


@pytest.mark.parametrize(
    ("good", "damaged", "said"),
    [
        (side("good", 11), DAMAGED_SIDE, "expected the good backup to pass, found exit code 11"),
        (GOOD, side("damaged", 0), "expected the damaged backup to fail with 11, found exit code 0"),
        (GOOD, side("damaged", 12), "found exit code 12"),
        (GOOD, side("damaged", 11), "expected something to be damaged, found nothing"),
        (
            GOOD,
            side("damaged", 11, MET, notes=(f"{DAMAGED}shop.orders: one row was deleted",)),
            "expected each damage to be named, found nothing of shop.orders",
        ),
        (Side("good", None, None, "no PostgreSQL"), DAMAGED_SIDE, "to be drilled, found: no PostgreSQL"),
    ],
)
def test_a_demo_that_shows_nothing_says_so(good: Side, damaged: Side, said: str) -> None:
    """A damage that is overlooked, a good backup that fails and a run that never was are no demonstration."""
    assert said in show.judge(good, damaged)


def test_the_end_tells_what_differs_and_names_both_reports(tmp_path: Path) -> None:
    """What AWS says is the same for both; the checks that tell them apart stand with both outcomes, within 80 columns."""
    sides = []
    for each in (GOOD, DAMAGED_SIDE):
        folder = tmp_path / each.name
        folder.mkdir()
        (folder / "report.html").touch()
        sides.append(replace(each, folder=folder))
    out = StringIO()
    show.end(sides, "", 61.0, Console(file=out, width=80))
    told = out.getvalue()

    assert "content                   met            missed" in told
    assert "1 further check" in told
    assert "shop.orders: expected 10 rows, found 9 rows" in told
    assert "each of the 1 damages of the other was named" in told
    assert told.count("report.html") == 2
    assert max(map(len, told.split("The two reports")[0].splitlines())) <= 80


def test_phases_are_told_as_they_end_and_each_once(tmp_path: Path) -> None:
    """Both runs write their records at the same time; a record that is not there yet is waited for."""
    record = RunRecord(
        *(1, "20261123-120000-abcd", "sandbox", True, NOON, "0"),
        phases=(Phase("restore", NOON, 0.0, NOON, 1.5), Phase("connect", NOON, 1.5)),
    )
    folders = {"good": tmp_path, "damaged": tmp_path / "none"}

    def events() -> Iterator[Event]:
        (tmp_path / RECORD_NAME).write_text(to_json(record))
        yield Event("good", "ended", 0)
        yield Event("damaged", "refused", why="expected to start its run")

    out = StringIO()
    show.follow(events(), folders.get, Console(file=out, width=120), SystemClock(), ("row",))
    told = out.getvalue()

    assert told.count("good     restore: 1.5 s") == 1
    assert "connect" not in told
    assert "good     ended with exit code 0" in told
    assert "damaged: expected to start its run" in told


def test_its_runs_are_kept_apart_from_yours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence and history of the demo lie in a folder of its own, and nothing guarded is allowed."""
    monkeypatch.chdir(tmp_path)
    config = load(
        command._configure(tmp_path / "build", "good"), profile=None, target=None, environment={}, overrides={}
    )

    assert (config.target_name, config.profile.allow) == ("good", ())
    assert config.history == tmp_path / "build/history.jsonl"
    assert Path(config.evidence.folder) == tmp_path / "build/evidence"


def test_the_kinds_of_damage_are_those_of_a_run() -> None:
    """Whoever has seen the demo can do the same with data of their own."""
    assert set(command.DAMAGE) == set(DAMAGE)


def test_two_demos_at_once_do_not_take_each_others_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second ends with one sentence before it touches what the runs of the first have written."""
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    (tmp_path / "good.run").write_text("20261123-141503-a1b2")
    held = os.open(tmp_path, os.O_RDONLY)
    assert try_lock(held)
    try:
        assert main(["demo"]) == 12
    finally:
        os.close(held)
    assert capsys.readouterr().err == (
        f"drills: expected no other drills demo in {tmp_path}, found one that runs: let it end first\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["good.run"]
