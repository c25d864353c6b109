"""The scorecard of a fleet, and its Allure results."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from drills.fleet import score
from drills.fleet.record import FLEET_VERSION, FleetRecord, Member
from drills.history.wording import SIMULATED
from reports import words
from reports.fleet import allure, show
from reports.fleet.show import HEAD
from tests.support.example_record import START, failing_drill, green_drill

GREEN = dataclasses.replace(green_drill(), code=0, all_codes=(0,))
RED = dataclasses.replace(failing_drill(), code=11, all_codes=(11, 10), run_id="20261123-141503-0002")


def fleet() -> FleetRecord:
    """A fleet with a target that passed, one that did not, and one that could not start, whose name is an attack."""
    members = (
        score.of_run(Member("orders"), 0, GREEN, ""),
        score.of_run(Member("billing"), 11, RED, ""),
        score.of_run(Member("<b>x</b>|\x1b[31m"), 2, None, "no vault"),
    )
    names = tuple(each.target for each in members)
    made = FleetRecord(FLEET_VERSION, "fleet-1", "sandbox", True, START, "0", names, members, wall_seconds=61.0)
    return score.judged(made, names)


def test_the_cost_of_a_fleet_is_the_sum_of_what_is_known(tmp_path: Path) -> None:
    """Targets whose cost is not whole are named; where nothing is known it is said, and where no run has a cost nothing is."""

    def told(*costs: tuple[str | None, int | None], simulated: bool = False) -> str:
        members = [
            dataclasses.replace(each, kind="volume", cost_usd=usd, cost_unknown=unknown)
            for each, (usd, unknown) in zip(fleet().members, costs, strict=True)
        ]
        made = dataclasses.replace(fleet(), members=tuple(members), simulated=simulated)
        show.write(tmp_path, made)
        said = show.cost_line(made)
        for name in (show.SCORECARD, show.MARKDOWN):
            assert (said or "The copies of all runs") in (tmp_path / name).read_text() or not said
        return said

    assert told(("1.25", 0), ("0.5", 0), ("0.001", 0)) == "The copies of all runs cost about $1.75"
    nothing = "The copies of all runs would cost about $1.25; nothing is known of 1 target: billing"
    assert told(("1.25", 0), (None, 2), (None, 0), simulated=True) == nothing
    assert told(("1.25", 1), ("1", 0), (None, 0)).endswith("cost about $2.25, without a part of 1 target: orders")
    both = "cost less than $0.0001, without a part of 1 target: billing; nothing is known of 1 target: orders"
    assert told((None, None), ("0.00000003", 3), (None, 0)).endswith(both)
    assert told((None, 1), (None, 2), (None, 0)) == "What the copies of all runs cost is not known"
    assert told((None, 0), (None, 0), (None, 0)) == ""
    assert told((None, None), (None, None), (None, None)) == ""


def test_the_scorecard_is_the_same_everywhere(tmp_path: Path) -> None:
    """Each target with its codes and its reason, the stamp, and the exit codes with their targets."""
    folder = tmp_path / "fleet-1"
    folder.mkdir()
    (tmp_path / GREEN.run_id).mkdir()
    (tmp_path / GREEN.run_id / "report.html").touch()
    show.write(folder, fleet())
    screen = io.StringIO()
    show.terminal(fleet(), folder, Console(file=screen, width=80))
    page, text, seen = (folder / show.SCORECARD).read_text(), (folder / show.MARKDOWN).read_text(), screen.getvalue()

    for shown in (page, text, seen):
        for part in ("1 of 3 targets passed", SIMULATED, "orders", "billing", "11 10", "no vault"):
            assert part in shown, part
        assert "\x1b" not in shown
        for part in ("proved", "on trust", "orders", "instance"):
            assert part in " ".join(shown.split()).replace("On trust", "on trust").replace("Proved", "proved"), part
    for target, kind, proved, trusted in show.proofs(fleet()):
        assert kind == "instance"
        for part in (target, proved, trusted):
            assert all(part in " ".join(shown.split()) for shown in (page, text, seen)), part
    narrow = io.StringIO()
    show.terminal(fleet(), folder, Console(file=narrow, width=80, force_terminal=True, color_system=None))
    paths = words.show_path(folder)  # which are whole
    assert [line for line in narrow.getvalue().splitlines() if len(line) > 80 and not line.startswith(paths)] == []
    assert "exit code 11: verification failed: schema, data or parity differ (1: billing)" in " ".join(seen.split())
    assert f'<a href="../{GREEN.run_id}/report.html">orders</a>' in page
    assert RED.run_id not in page
    assert "<b>x</b>" not in page
    assert "<b>x</b>" not in text


def test_the_terminal_leaves_what_a_large_fleet_proved_to_the_page(tmp_path: Path) -> None:
    """Of more than a dozen targets one line says where it is; a target without a record is not said to prove anything."""
    one = fleet().members[0]
    many = dataclasses.replace(fleet(), members=tuple(dataclasses.replace(one, target=f"t{n}") for n in range(13)))
    seen = {}
    for number in (12, 13):
        screen = io.StringIO()
        shown = dataclasses.replace(many, members=many.members[:number])
        show.terminal(shown, tmp_path / "f", Console(file=screen, width=80))
        seen[number] = screen.getvalue()

    assert (seen[12].count("  proved: "), seen[13].count("  proved: ")) == (12, 0)
    assert f"what is taken on trust: {show.SCORECARD}" in seen[13]
    assert show.html(many, tmp_path).count(one.on_trust[0]) == 13
    assert [target for target, *_ in show.proofs(fleet())] == ["orders", "billing"]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_name_is_broken_in_a_narrow_terminal(tmp_path: Path, width: int) -> None:
    """Where the table has no room each target has lines of its own; no line is wider than the terminal, and no number is parted."""
    name = "orders-eu-central-1-replica/billing"
    named = dataclasses.replace(fleet(), members=(dataclasses.replace(fleet().members[0], target=name, seconds=100.0),))
    row, screen = show.row(named.members[0]), io.StringIO()
    show.terminal(
        named, tmp_path / "f", Console(file=screen, width=width, height=25, force_terminal=True, color_system=None)
    )
    lines = screen.getvalue().splitlines()

    assert any(line.startswith(name) for line in lines)
    assert max(len(line) for line in lines if tmp_path.name not in line) <= width  # a path is in one piece
    numbers = [
        "Took 1 m 40 s",
        *(f"{head} {number};" for head, number in zip(HEAD, row, strict=True) if head in ("RTA", "RPA")),
    ]
    for number in numbers:
        assert any(number in line for line in lines) is (width < 120), number


def test_no_result_of_a_target_is_taken_for_a_try_of_another(tmp_path: Path) -> None:
    """Allure shows the last of two results with one history id alone: each target's scenario has an id of its own."""
    runs = []
    for number, target in enumerate(("orders", "billing")):
        folder = tmp_path / f"2026112{number}-141503-a1b2" / "allure-results"
        folder.mkdir(parents=True)
        same = {
            "historyId": "h",
            "testCaseId": "t",
            "name": "promise",
            "labels": [{"name": "parentSuite", "value": "f"}],
        }
        (folder / f"{number}-result.json").write_text(json.dumps({"uuid": str(number), **same}))
        (folder / f"{number}-container.json").write_text("{}")
        (folder / f"{number}-attachment.txt").write_text(target)
        (folder / "timeline-attachment.svg").write_text(f"<svg>{target}</svg>")
        told = {"attachments": [{"name": "Timeline", "source": "timeline-attachment.svg"}], "errors": []}
        (folder / "run-globals.json").write_text(json.dumps(told))
        (folder / "categories.json").write_text("[]")
        (folder / "environment.properties").write_text(f"target={target}\n")
        runs.append(allure.Results(target, folder))
    into = tmp_path / "all"

    assert allure.collect(runs, fleet(), into) == 2
    results = [json.loads(path.read_text()) for path in sorted(into.glob("*-result.json"))]
    for name in allure.IDS:
        assert len({each[name] for each in results} - {"h", "t"}) == 2
    assert [each["parameters"] for each in results] == [[{"name": "target", "value": each.target}] for each in runs]
    assert [each["labels"] for each in results] == [[{"name": "parentSuite", "value": each.target}] for each in runs]
    whole = [json.loads(path.read_text())["attachments"][0] for path in into.glob("*-globals.json")]
    assert {each["name"]: (into / each["source"]).read_text() for each in whole} == {
        f"{each.target}: Timeline": f"<svg>{each.target}</svg>" for each in runs
    }
    for run in runs:
        for path in run.folder.glob("[01]-*"):
            assert (into / path.name).is_file()
    assert "target_orders=passed (0)" in (into / "environment.properties").read_text()
