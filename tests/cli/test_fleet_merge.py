"""`drills report merge`: one fleet out of what its shares left, without loss."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills import work_folder
from drills.cli.fleet import union
from drills.cli.main import main
from drills.clock import SystemClock
from drills.evidence.folder import read_chain
from drills.evidence.seal import Seal
from drills.fleet import record as records
from drills.fleet import score
from drills.fleet.record import FLEET_VERSION, FleetRecord, Member
from drills.history import coverage
from drills.history.line import line_of, read_lines, write_line
from drills.history.store import append_text
from drills.model.coverage import Learned
from drills.model.record import Setting
from drills.record import Journal, load
from reports.fleet import show
from reports.words import show_path
from tests.support.example_record import START, green_drill
from tests.support.ledger import kept

Capture = pytest.CaptureFixture[str]
TARGETS = ("billing", "orders")


def share(root: Path, index: int, *, state: str = "ended", code: int = 0) -> Path:
    """The reports/ of a share with one target: its run, its chain, its line in the history, and the fleet's record."""
    target, folder = TARGETS[index - 1], root / f"share-{index}" / "reports"
    run_id = f"20261123-14150{index}-a1b2"
    known = green_drill()
    assert known.target
    run = dataclasses.replace(
        known, run_id=run_id, code=code, all_codes=(code,), target=dataclasses.replace(known.target, name=target)
    )
    bundle = kept(folder / "evidence" / f"sandbox-{target}", run_id, START, run, seal=Seal())
    run = load(bundle.folder)
    (folder / "out" / run_id).mkdir(parents=True)
    Journal.create(folder / "out" / run_id, run, origin=0.0)
    append_text(folder / "history.jsonl", write_line(line_of(run)))
    learned = Learned(run_id, START, {"orders": (f"shop.{target}",)})
    assert coverage.append(folder / coverage.FILE, coverage.whose(run), learned) == ""
    member = dataclasses.replace(Member(target, shard=f"{index}/2"), state="running")
    if state == "ended":
        member = score.of_run(member, code, run, "")
    fleet = FleetRecord(
        FLEET_VERSION, f"fleet-{run_id}", "sandbox", True, START, "0", TARGETS, (member,), shard=f"{index}/2"
    )
    place = folder / "out" / fleet.fleet_id
    (place / "members").mkdir(parents=True)
    (place / "members" / f"sandbox-{target}.run").write_text(run_id)
    records.save(place, fleet)
    return folder.parent


def merged(into: Path) -> FleetRecord:
    """The newest fleet of the joint folder."""
    return records.load(max((into / "out").glob("fleet-*"), key=lambda path: path.stat().st_mtime_ns))


def test_nothing_of_a_share_is_lost(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is there as it was, every run in the history, every chain is read; to do it again, by the folder that has
    the shares, adds nothing, and the scorecard is on the page of GitHub's job.
    """
    shares = [share(tmp_path, index) for index in (1, 2)]
    into = tmp_path / "joint" / "all"

    assert main(["report", "merge", *map(str, shares), "-o", str(into)]) == 0
    assert "2 of 2 targets passed" in capsys.readouterr().out
    for one in shares:
        for path in (each for each in (one / "reports").rglob("*") if each.is_file() and each.suffix != ".jsonl"):
            assert (into / path.relative_to(one / "reports")).read_bytes() == path.read_bytes()
    runs, problems = read_lines((into / "history.jsonl").read_text())
    assert ([each.key.target for each in runs], problems) == (list(TARGETS), ())
    now = SystemClock().now()
    covered = [
        coverage.known(into / coverage.FILE, coverage.whose(load(path)), now) for path in (into / "out").glob("2*")
    ]
    assert sorted(table for known, _ in covered for table in known.tables["orders"]) == [
        f"shop.{name}" for name in sorted(TARGETS)
    ]
    chains = [read_chain(into / "evidence" / f"sandbox-{name}") for name in TARGETS]
    assert [(len(chain.bundles), unread) for chain, unread in chains] == [(1, ()), (1, ())]

    before = (into / "history.jsonl").read_bytes()
    page = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    (tmp_path / "share-3").mkdir()  # of a job that failed before it began
    assert main(["report", "merge", str(tmp_path), "-o", str(into), "--json"]) == 0
    assert "2 of 2 targets passed" in page.read_text()
    assert json.loads(capsys.readouterr().out)["targets"] == list(TARGETS)
    assert (into / "history.jsonl").read_bytes() == before


@pytest.mark.parametrize("given", [[], ["--json"]])
def test_a_fleet_that_the_newest_of_its_folder_leaves_out_is_said(
    tmp_path: Path, capsys: Capture, given: list[str]
) -> None:
    """Only the newest of a folder is in the scorecard: how many are not, and how one of them is shown; also into itself."""
    path = one_of_one(tmp_path)
    folder = path.parents[2]
    before = path.parent.with_name("fleet-20261122-141501-a1b2")
    shutil.copytree(path.parent, before)
    shutil.copytree(path.parent, before.with_name("fleet-20261121-141501-a1b2"))

    assert main(["report", "merge", str(folder), "-o", str(folder), *given]) == 0
    assert capsys.readouterr().err == (
        f"of {show_path(folder)} the scorecard has the newest fleet alone, {path.parent.name}, and not 2 earlier ones: drills "
        f"report {show_path(before)} shows the one before it\n"
    )
    assert main(["report", "merge", str(share(tmp_path, 2)), "-o", str(tmp_path / "all"), *given]) == 12
    assert "earlier" not in capsys.readouterr().err


def test_a_share_that_is_not_given_is_12(tmp_path: Path, capsys: Capture) -> None:
    """Its target is in the scorecard; and the reports/ itself may be given."""
    one = share(tmp_path, 1)

    assert main(["report", "merge", str(one / "reports"), "-o", str(tmp_path / "all")]) == 12
    assert "orders: share 2/2, which was to drill it, left no record" in capsys.readouterr().out
    assert [(each.target, each.code) for each in merged(tmp_path / "all").members] == [("billing", 0), ("orders", 12)]


def test_a_run_whose_fleet_was_killed_is_read_from_its_own_record(tmp_path: Path) -> None:
    """It brings itself to its end when the fleet has gone."""
    shares = [share(tmp_path, 1, state="running"), share(tmp_path, 2)]

    assert main(["report", "merge", *map(str, shares), "-o", str(tmp_path / "all")]) == 0
    assert [each.outcome for each in merged(tmp_path / "all").members] == ["passed", "passed"]


def change(path: Path, old: str, new: str) -> None:
    """Change a file, which has to have the text."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def alone(tmp_path: Path, capsys: Capture) -> tuple[int, Member, str]:
    """What merge makes of the first share alone: its exit code, the row of its target and what is said."""
    code = main(["report", "merge", str(tmp_path / "share-1"), "-o", str(tmp_path / "all")])
    return code, merged(tmp_path / "all").member("billing"), capsys.readouterr().out


def one_of_one(tmp_path: Path, code: int = 0) -> Path:
    """The reports/ of a fleet with one target, whose run ended so; and the file of its fleet."""
    folder = share(tmp_path, 1, code=code) / "reports"
    (path,) = folder.glob("out/*/fleet.json")
    change(path, '"1/2"', '""')
    change(path, '"billing",\n    "orders"', '"billing"')
    return path


def test_a_row_is_believed_by_what_its_run_left_alone(tmp_path: Path, capsys: Capture) -> None:
    """A scorecard that says passed beside a run that missed an objective does not pass; both files are named."""
    path = one_of_one(tmp_path, code=10)
    change(path, '"code": 10', '"code": 0')
    change(path, "        10\n", "        0\n")
    change(path, "objective missed", "passed")
    change(path, '"status": 10', '"status": 0')

    code, row, said = alone(tmp_path, capsys)
    assert (code, row.all_codes, row.outcome) == (10, (10, 12), "not as recorded")
    run = "20261123-141501-a1b2"
    assert (
        f"out/fleet-{run}/fleet.json says exit code 0, outcome passed; out/{run}/drill.json says exit code 10" in said
    )
    assert "0 of 1 target passed" in said

    assert main(["report", str(path.parent)]) == 0
    assert "not as" in capsys.readouterr().out
    assert main(["report", str(merged_place(tmp_path))]) == 0  # the scorecard is written
    lines = capsys.readouterr().out.splitlines()
    assert any(each.startswith("the fleet has exit code 12: ") for each in lines)
    assert not any(each.startswith("exit code") for each in lines)  # whose the command would have


def merged_place(tmp_path: Path) -> Path:
    """The folder of the merged fleet."""
    return tmp_path / "all" / "out" / merged(tmp_path / "all").fleet_id


@pytest.mark.parametrize(
    ("gone", "found"),
    [
        (("out/2*", "evidence", "history.jsonl"), "the record of its run is not there"),
        (("evidence/sandbox-billing/0001-*",), "its bundle is not there: expected evidence/sandbox-billing/0001-"),
        (("evidence",), "its bundle is not there"),
        (("out/2*",), ""),
        (("history.jsonl",), ""),
    ],
)
def test_a_row_without_the_record_of_its_run_is_12(
    tmp_path: Path, capsys: Capture, gone: tuple[str, ...], found: str
) -> None:
    """One of its two records is enough where it is the sealed one."""
    folder = one_of_one(tmp_path).parents[2]
    for path in (each for pattern in gone for each in list(folder.glob(pattern))):
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    code, row, said = alone(tmp_path, capsys)
    assert (code, row.code) == ((12, 12) if found else (0, 0))
    assert found in said


@pytest.mark.parametrize(
    ("pattern", "old", "new", "expected", "found"),
    [
        (
            "out/2*/drill.json",
            '"code": 10',
            '"code": 0',
            10,
            "0001-20261123-141501-a1b2/drill.json says outcome objective missed",
        ),
        ("evidence/*/0001*/drill.json", '"code": 10', '"code": 0', 11, "drill.json was changed after it was sealed"),
        ("history.jsonl", '"code":10', '"code":11', 10, "history.jsonl says"),
        ("out/2*/drill.json", '"name": "billing"', '"name": "stock"', 10, "is of target stock"),
        ("out/fleet*/members/*.run", "141501", "141502", 10, "members/sandbox-billing.run says 20261123-141502-a1b2"),
        ("out/fleet*/fleet.json", '"simulated": true', '"simulated": false', 10, "profile sandbox, simulated;"),
        ("out/fleet*/fleet.json", '"target": "billing"', '"target": "other"', 10, "has no row of it"),
        ("out/2*/drill.json", '"outcome": "met"', '"outcome": "not verified"', 10, "drill.json of"),
    ],
)
def test_whatever_differs_is_said(
    tmp_path: Path, capsys: Capture, pattern: str, old: str, new: str, expected: int, found: str
) -> None:
    """Each of the files that tell of a run is held against the others."""
    folder = one_of_one(tmp_path, code=10).parents[2]
    (path,) = folder.glob(pattern)
    change(path, old, new)

    code, row, said = alone(tmp_path, capsys)
    assert code == expected
    assert 12 in row.all_codes
    assert found in said


def begun_in(path: Path, said: str) -> None:
    """Seal the run of a fleet of one anew, as it would have been begun in that fleet."""
    folder = path.parents[2]
    run = dataclasses.replace(load(next(folder.glob("out/2*"))), evidence=None)
    shutil.rmtree(folder / "evidence")
    shutil.rmtree(folder / "out" / run.run_id)
    run = dataclasses.replace(run, settings=(*run.settings, Setting(records.SETTING, said, "drills run --all")))
    run = load(kept(folder / "evidence/sandbox-billing", run.run_id, START, run, seal=Seal()).folder)
    (folder / "out" / run.run_id).mkdir()
    Journal.create(folder / "out" / run.run_id, run, origin=0.0)


@pytest.mark.parametrize(
    ("fleet_id", "targets", "code", "found"),
    [
        ("fleet-20261123-141501-a1b2", ("billing",), 0, ""),
        ("fleet-20261123-141501-a1b2", TARGETS, 12, "fleet.json lists 1 target, "),
        ("fleet-20261101-000000-ffff", ("billing",), 12, "says that the run was begun in fleet-20261101-000000-ffff"),
    ],
)
def test_a_target_that_was_taken_out_of_the_record_is_missed(
    tmp_path: Path, capsys: Capture, fleet_id: str, targets: tuple[str, ...], code: int, found: str
) -> None:
    """Each run has sealed at its start in which fleet it was begun, and of how many targets; merged again it is said once."""
    path = one_of_one(tmp_path)
    fleet = dataclasses.replace(records.load(path.parent), fleet_id=fleet_id, targets=targets)
    begun_in(path, records.begun_in(fleet))

    ended, _row, said = alone(tmp_path, capsys)
    assert ended == code
    assert found in " ".join(said.split())
    if code and targets == TARGETS:
        assert ", and run 20261123-141501-a1b2 was begun in a fleet of 2 targets, " in said
        assert main(["report", str(merged_place(tmp_path))]) == 0
        assert capsys.readouterr().out.count("was begun in a fleet of") == 1


def test_what_the_history_lacks_is_said(tmp_path: Path, capsys: Capture) -> None:
    """A line that cannot be read, a run without a line, and no history at all: the run counts by its record."""
    path = one_of_one(tmp_path)
    history = path.parents[2] / "history.jsonl"
    history.write_text("garbled\n" + history.read_text().replace("141501", "141509"))

    code, _row, said = alone(tmp_path, capsys)
    assert code == 0
    assert "history.jsonl: line 1 of the history is cut off or no JSON, so that its run counts nowhere" in said
    assert "billing: run 20261123-141501-a1b2 has no line in history.jsonl" in said

    shutil.rmtree(tmp_path / "all")
    history.unlink()
    assert "no line of a history.jsonl was left: no run was held against its own" in alone(tmp_path, capsys)[2]


@pytest.mark.parametrize(
    ("run", "code", "found"),
    [
        ("20261123-141501-a1b2", 0, ""),
        (
            "20261123-141501-a1b2",
            10,
            "fleet.json says exit code 10; evidence/sandbox-billing/0001-",
        ),
        ("20261123-141502-ffff", 0, "the record of run 20261123-141502-ffff is not there"),
    ],
)
def test_a_target_that_was_drilled_before_is_held_against_that_run(
    tmp_path: Path, capsys: Capture, run: str, code: int, found: str
) -> None:
    """Its bundle has to be in one of the folders."""
    path = one_of_one(tmp_path)
    said = f"target billing is drilled once in 2026-11: run {run} (number 1 of sandbox-billing) ended with: passed"
    begun = dataclasses.replace(Member("billing"), state="running")
    fleet = records.load(path.parent)
    row = score.of_run(begun, code, None, said, once=True)
    records.save(path.parent, dataclasses.replace(fleet, members=(row,)))
    (path.parent / "members" / "sandbox-billing.run").write_text("20261124-000000-0000")

    ended, row, out = alone(tmp_path, capsys)
    assert ended == (12 if found else 0)
    assert row.outcome == (score.DRILLED_BEFORE if not found or "not there" in found else "not as recorded")
    assert found in out


@pytest.mark.parametrize(("run", "code"), [("20261123-141501-a1b2", 0), ("20261123-141502-ffff", 12)])
def test_a_run_that_went_on_elsewhere_passes_once_its_bundle_says_so(
    tmp_path: Path, capsys: Capture, run: str, code: int
) -> None:
    """Until then nothing says that it does; that it has ended since is no sign of a change."""
    path = one_of_one(tmp_path)
    said = (
        f"target billing is drilled once in 2026-11: run {run} (number 1 of sandbox-billing) goes on, or ended on another "
        "machine a short while ago, so that no other is begun; leave --once-per out to drill all the same"
    )
    begun = dataclasses.replace(Member("billing"), state="running")
    row = score.of_run(begun, 0, None, said, once=True)
    records.save(path.parent, dataclasses.replace(records.load(path.parent), members=(row,), code=12, all_codes=(12,)))
    (path.parent / "members" / "sandbox-billing.run").write_text("20261124-000000-0000")

    assert main(["report", str(path.parent)]) == 0
    assert f"exit code {code}: " in capsys.readouterr().out
    ended, row, out = alone(tmp_path, capsys)
    assert (ended, row.code) == (code, code)
    assert row.outcome == (score.GOES_ON if code else score.DRILLED_BEFORE)
    assert "not as recorded" not in out


def test_a_run_that_was_sealed_after_its_fleet_is_as_it_was_sealed(tmp_path: Path, capsys: Capture) -> None:
    """The next run of a target seals what was left open, so that the row is the older word."""
    path = one_of_one(tmp_path)
    change(path, '"code": 0', '"code": 14')
    change(path, "        0\n", "        14\n")
    change(path, '"outcome": "passed"', '"outcome": "not sealed"')
    assert alone(tmp_path, capsys)[0] == 12

    (record,) = path.parents[2].glob("out/2*/drill.json")
    shutil.rmtree(tmp_path / "all")
    run = load(record.parent)
    Journal.open(record.parent).update(notes=(*run.notes, "sealed later by run 20261124-141501-a1b2"))
    assert alone(tmp_path, capsys)[0] == 0


def test_evidence_that_is_kept_elsewhere_is_said(tmp_path: Path, capsys: Capture) -> None:
    """The record names the place, and nothing of the chain is there: not compared, and no fault."""
    path = one_of_one(tmp_path)
    (record,) = path.parents[2].glob("out/2*/drill.json")
    settings = (*load(record.parent).settings, Setting("evidence.folder", "/mnt/ledger", "drill.toml"))
    Journal.open(record.parent).update(settings=settings)
    shutil.rmtree(path.parents[2] / "evidence")

    code, _row, said = alone(tmp_path, capsys)
    assert code == 0
    assert "billing: not compared with its bundle, which is in /mnt/ledger" in said


def test_what_was_merged_already_is_no_share(tmp_path: Path, capsys: Capture) -> None:
    """It is named, and the way to add to it; alone it can be merged again."""
    shares = [str(share(tmp_path, index)) for index in (1, 2)]
    into = str(tmp_path / "all")
    assert main(["report", "merge", *shares, "-o", into]) == 0

    assert main(["report", "merge", shares[1], into, "-o", str(tmp_path / "more")]) == 2
    assert f"found that {into} is merged already" in capsys.readouterr().err
    assert main(["report", "merge", into, "-o", str(tmp_path / "again")]) == 0


def test_a_target_that_a_killed_fleet_never_began_says_so(tmp_path: Path, capsys: Capture) -> None:
    """And where runs left Allure results without a scenario, that is the reason why there is no page."""
    path = one_of_one(tmp_path)
    fleet = records.load(path.parent)
    members = (dataclasses.replace(Member("billing"), state="running"), Member("orders"))
    records.save(path.parent, dataclasses.replace(fleet, members=members, targets=TARGETS, code=None, all_codes=()))
    results = path.parents[1] / "20261123-141501-a1b2" / "allure-results"
    results.mkdir()
    (results / "categories.json").write_text("[]")

    code, row, said = alone(tmp_path, capsys)
    assert (code, row.code) == (12, 0)
    assert "orders: it was never begun" in said
    assert "no Allure report: no run came to its first scenario" in said


def test_a_fleet_that_was_killed_is_shown_as_aborted(tmp_path: Path, capsys: Capture) -> None:
    """Its command holds a lock while it lives: then a run goes on; afterwards none does, and what was not begun never is."""
    path = one_of_one(tmp_path)
    fleet = records.load(path.parent)
    members = (dataclasses.replace(Member("billing"), state="running"), Member("orders"))
    records.save(path.parent, dataclasses.replace(fleet, members=members, targets=TARGETS))
    (record,) = path.parents[2].glob("out/2*/drill.json")
    shutil.rmtree(path.parents[2] / "evidence")
    Journal.open(record.parent).update(code=None, all_codes=())

    held = work_folder.hold(path.parent / "members")
    assert main(["report", str(path.parent)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "The fleet has not ended" in said
    assert "billing - running" in said
    os.close(held)

    assert main(["report", str(path.parent)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "0 of 2 targets passed" in said
    assert "billing 12 aborted" in said
    assert "orders 12 not begun" in said
    assert f"the command of {fleet.fleet_id} was killed before it ended" in said
    assert "running" not in (path.parent / "summary.md").read_text()


def test_a_fleet_that_ends_while_it_is_shown_was_not_killed(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it goes on is asked before its record is read, which has its end when it does not."""
    path = one_of_one(tmp_path)
    begun = records.load(path.parent)
    ended = dataclasses.replace(begun, code=0, all_codes=(0,))

    def ends(_: Path) -> bool:
        records.save(path.parent, ended)
        return False

    monkeypatch.setattr(work_folder, "is_held", ends)
    assert main(["report", str(path.parent)]) == 0
    assert "was killed" not in capsys.readouterr().out


def test_the_last_scorecard_of_a_fleet_is_not_replaced_by_one_from_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fleet ends, and writes its own, after its record was read to be shown and before that is written."""
    path = one_of_one(tmp_path)
    ended = dataclasses.replace(records.load(path.parent), code=0, all_codes=(0,))
    held = work_folder.hold(path.parent / "members")
    write = show.write

    def ends(folder: Path, fleet: FleetRecord) -> None:
        if records.load(path.parent).code is None:
            records.save(path.parent, ended)
            write(path.parent, ended)
        write(folder, fleet)

    monkeypatch.setattr(show, "write", ends)
    assert main(["report", str(path.parent)]) == 0
    os.close(held)
    assert "not ended" not in (path.parent / "summary.md").read_text()


def test_a_fleet_that_goes_on_is_not_joined(tmp_path: Path, capsys: Capture) -> None:
    """It is named with its folder and with what it has not drilled, and nothing is written; when it has ended, all is joined."""
    shares = [share(tmp_path, 1, state="running"), share(tmp_path, 2)]
    (place,) = shares[0].glob("reports/out/fleet-*")
    words = ["report", "merge", *map(str, shares), "-o", str(tmp_path / "all")]

    held = work_folder.hold(place / "members")
    assert main(words) == 12
    os.close(held)
    told = capsys.readouterr().err
    assert f"{place.name} goes on in {shares[0] / 'reports'} (share 1/2, 0 of 1 drilled, left: billing): " in told
    assert "killed" not in told
    assert not (tmp_path / "all").exists()
    assert main(words) == 0


def test_a_run_that_goes_on_is_not_joined(tmp_path: Path, capsys: Capture) -> None:
    """Whether its fleet was killed or it has none: its folder is half written."""
    one = share(tmp_path, 2)
    (start,) = one.glob("reports/evidence/sandbox-orders/starts/*.json")

    with start.open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)  # as its processes do
        assert main(["report", "merge", str(one), "-o", str(tmp_path / "all")]) == 12
    assert f"run 20261123-141502-a1b2 goes on in {one / 'reports'} (sandbox-orders): " in capsys.readouterr().err
    assert not (tmp_path / "all").exists()


def test_a_run_that_begins_while_files_are_listed_is_not_joined(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder was listed half."""
    one = share(tmp_path, 2)
    (start,) = one.glob("reports/evidence/sandbox-orders/starts/*.json")
    plan, held = union.plan, start.open()

    def begins(folders: Sequence[Path], into: Path) -> union.Union:
        fcntl.flock(held, fcntl.LOCK_SH)
        return plan(folders, into)

    monkeypatch.setattr(union, "plan", begins)
    with held:
        assert main(["report", "merge", str(one), "-o", str(tmp_path / "all")]) == 12
    assert "goes on" in capsys.readouterr().err
    assert not (tmp_path / "all").exists()


def test_what_a_process_was_writing_is_not_joined(tmp_path: Path) -> None:
    """In the folder of a run, in a chain, and in the folder in which a bundle was made."""
    halves = (
        "out/run/.drill.json.12-0a1b2c3d",
        "evidence/sandbox-orders/starts/.0001-run.json",
        "evidence/sandbox-orders/.sealing-0001-run/raw/call.json",
    )
    whole = ("out/run/drill.json", "evidence/sandbox-orders/starts/0001-run.json", "out/run/.hidden")
    for name in (*halves, *whole):
        (tmp_path / "share" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "share" / name).touch()

    assert set(union.plan([tmp_path / "share"], tmp_path / "joint").files) == set(whole)


def test_files_that_differ_are_not_joined(tmp_path: Path, capsys: Capture) -> None:
    """Nothing is written then; one of them would be lost."""
    shares = [share(tmp_path, index) for index in (1, 2)]
    (shares[0] / "reports/evidence/same").write_text("one")
    (shares[1] / "reports/evidence/same").write_text("other")

    assert main(["report", "merge", *map(str, shares), "-o", str(tmp_path / "all")]) == 12
    assert "found others in evidence/same: nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "all").exists()


def test_a_chain_with_two_ends_does_not_pass(tmp_path: Path, capsys: Capture) -> None:
    """Two machines that drill one target without a common store give one number twice: both are kept, and it is said."""
    one, other = share(tmp_path, 1), share(tmp_path, 2)
    fork = dataclasses.replace(green_drill(), run_id="20261123-150000-ffff")
    kept(other / "reports/evidence/sandbox-billing", fork.run_id, START + timedelta(hours=1), fork, seal=Seal())

    assert main(["report", "merge", str(one), str(other), "-o", str(tmp_path / "all")]) == 11
    assert "sandbox-billing has 2 entries with number 0001" in capsys.readouterr().out
    assert len([*(tmp_path / "all/evidence/sandbox-billing/starts").glob("*.json")]) == 2


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["merge"], "expected the folders of the shares and -o FOLDER"),
        (["merge", "one"], "expected the folders of the shares and -o FOLDER"),
        (["merge", "nothing", "-o", "all"], "found no fleet.json"),
        (["merge", "nothing", "-o", "-"], "expected the name of a folder"),
        (["one", "two"], "several are joined by merge"),
    ],
)
def test_wrong_usage_is_one_sentence(tmp_path: Path, capsys: Capture, given: list[str], found: str) -> None:
    """With exit code 2."""
    assert main(["report", *given]) == 2

    said = capsys.readouterr().err
    assert found in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{}", "an empty object, {}"),
        ("[]", "a list"),
        ("null", "null"),
        ("", "an empty file"),
        ("{", "no JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))"),
        ('{"schema_version": "1"}', "an object whose schema_version is a text"),
        ('{"targets": []}', "an object without schema_version"),
        ('{"schema_version": 1}', "fleet_id: Field required"),
    ],
)
def test_a_file_that_is_no_record_of_a_fleet_is_named_with_what_it_is(
    tmp_path: Path, capsys: Capture, text: str, found: str
) -> None:
    """What was expected, what was found, and what to do, in the same words whatever it is."""
    path = one_of_one(tmp_path)
    path.write_text(text)

    for words in (["merge", str(path.parents[2]), "-o", str(tmp_path / "all")], [str(path.parent)]):
        assert main(["report", *words]) == 2
        assert capsys.readouterr().err == (
            f"drills: {path} is no record of a fleet: expected JSON with schema_version, as drills run --all writes it, found "
            f"{found}: take the reports/ of that machine again, or leave its folder out, and its targets are counted as not "
            "drilled\n"
        )


@given(st.lists(st.lists(st.text("ab", min_size=1, max_size=2), max_size=6), min_size=1, max_size=3))
def test_every_line_of_every_history_is_there(histories: list[list[str]]) -> None:
    """Once, and those of one machine in their order."""
    with tempfile.TemporaryDirectory() as place:
        sources = []
        for number, lines in enumerate(histories):
            (Path(place) / str(number)).mkdir()
            sources.append(Path(place) / str(number))
            (sources[-1] / "history.jsonl").write_text("".join(f"{line}\n" for line in lines))
        into = Path(place) / "all"
        into.mkdir()
        union.write(union.plan(sources, into), into)
        written = (into / "history.jsonl").read_text().split() if (into / "history.jsonl").exists() else []

    assert sorted(written) == sorted({line for lines in histories for line in lines})
