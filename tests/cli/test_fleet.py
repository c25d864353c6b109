"""`drills run --all`: what is refused, what a fleet would do, and a fleet of targets that cannot start."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from drills.cli.fleet import command, member, pool
from drills.cli.fleet.options import PASSED_ON, REPORTS, check, passed_on
from drills.cli.main import main, parse
from drills.errors import ConfigError
from drills.fleet import record as records
from drills.fleet.record import FLEET_VERSION, FleetRecord, Member
from drills.record import Journal
from tests.support.example_record import START, green_drill
from tests.support.full_disk import nothing_can_be_written

Capture = pytest.CaptureFixture[str]
FILE = """
[profiles.sandbox]
allow = []
[targets.orders]
vault = "vault"
manifest = "absent.json"
[targets.billing]
vault = "vault"
[targets."stock/eu"]
instance = "stock"
vault = "vault"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with three targets, one of which cannot start."""
    (tmp_path / "drill.toml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    for name in ("DRILL_PROFILE", "GITHUB_STEP_SUMMARY", "TOX_ENV_NAME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["--shard", "1/2"], "--shard: expected --all"),
        (["--parallel", "2"], "--parallel: expected --all"),
        (["--all", "--target", "orders"], "expected no --target"),
        (["--all", "--resume", "20261123-141503-a1b2"], "expected no --resume"),
        (["--all", "--parallel", "0"], "1 drills one target after another"),
        (["--all", "--shard", "3/2"], "expected a share I/N"),
        (["--all", "--shard", "x"], "type --shard 2/5 for the second of five machines"),
        (["--like", "orders"], "--like: expected --all"),
        (["--reports", "all"], "--reports: expected --all"),
        (["--all", "--like", "orders"], "--like: expected --discover KEY=VALUE beside it, found it alone"),
        (
            ["--all", "--once-per", "month", "--timezone", "Europe/Berln"],
            'time zone database, such as Europe/Berlin, found "',
        ),
        (["--all", "--timezone", "Nowhere", "--dry-run"], "--timezone: expected a zone"),
        (["--all", "--timezone", "Europe/Berlin"], "--timezone: expected --once-per beside it"),
        (["--all", "--once-per", "month", "--damage", "row"], "--once-per: expected a run that counts"),
        (["--all", "--discover", "drill"], "expected a tag KEY=VALUE"),
        (["--all", "--discover", "drill=yes", "--like", "nope"], '--like: expected the name of a target, found "nope"'),
        (["--all", "--discover", "drill=yes"], "the AWS of a sandbox begins and ends with its run"),
        (["--all", "--discover", "drill=yes"], "type --profile with the name of such a profile"),
        (["--all", "--seed", "postgresql://localhost/orders"], "expected a dump"),
        (["--all", "--calls-per-second", "2"], "expected a profile of kind"),
        (["--all", "--profile", "endpoint", "--calls-per-second", "often"], "expected a number of calls a second"),
        (["--all", "--profile", "endpoint", "--calls-per-second", "0"], "expected a number from 0.01"),
    ],
)
def test_wrong_usage_begins_nothing(project: Path, capsys: Capture, given: list[str], found: str) -> None:
    """One sentence and exit code 2."""
    assert main(["run", *given]) == 2

    said = capsys.readouterr().err
    assert said.startswith("drills: ")
    assert found in said
    assert said.count("\n") == 1
    assert not (project / "reports").exists()


@pytest.mark.parametrize("text", ["", "[targets]\n", "[profiles.sandbox]\n"])
def test_a_file_without_targets_is_no_fleet(project: Path, capsys: Capture, text: str) -> None:
    """The sample that is built in would pass in place of the targets that were lost from the file."""
    (project / "drill.toml").write_text(text)

    for given in ([], ["--dry-run"]):
        assert main(["run", "--all", *given]) == 2
        assert "drill.toml: targets: expected the targets of a fleet, found none" in capsys.readouterr().err


@pytest.mark.parametrize("given", [[], ["--dry-run"], ["--dry-run", "--json"]])
def test_a_share_without_a_target_is_no_success(project: Path, capsys: Capture, given: list[str]) -> None:
    """Nothing was run: 12, and what to type next; a dry run says the same."""
    assert main(["run", "--all", "--shard", "4/4", *given]) == 12

    assert "share 4/4 has none of the 3 targets: use at most 3 shares" in capsys.readouterr().err


def test_the_whole_plan_and_its_cost_are_said_first(project: Path, capsys: Capture) -> None:
    """Of each target what its own dry run says, and why one would not start: then the exit code is 12.

    What would not start makes no copy, takes no time and costs nothing.
    """
    assert main(["run", "--all", "--dry-run", "--json", "--parallel", "2"]) == 12

    told = json.loads(capsys.readouterr().out)
    assert [(each["target"], "refused" in each) for each in told["targets"]] == [
        ("billing", False),
        ("orders", True),
        ("stock/eu", False),
    ]
    alone = told["targets"][0]["total_seconds"]
    assert (told["parallel"], told["copies"], told["longest_seconds"]) == (2, 4, alone)
    assert (told["price"]["usd"], len(told["price"]["copies"])) == (None, 4)

    assert main(["run", "--all", "--dry-run", "--shard", "2/3"]) == 12
    said = capsys.readouterr().out
    assert "1 target, 0 of them begun, 0 at once, 0 copies, at most" in said
    assert ": nothing, as no copy would be made\n" in said
    assert "not known: " not in said

    assert main(["run", "--all", "--dry-run", "--shard", "1/3", "--tier", "light"]) == 0
    said = capsys.readouterr().out
    assert "orders" not in said
    assert "1 target, 1 at once, 1 copy, at most" in said
    assert 'of them not run in tier "light", on the newest recovery point, 1 copy, at most' in said
    assert sorted(path.name for path in project.iterdir()) == ["drill.toml"]


def test_a_table_and_a_volume_are_foreseen_as_the_others(project: Path, capsys: Capture) -> None:
    """Each with its copy, and a price that is said to be not known; one that would be refused still is."""
    whole = FILE.replace('manifest = "absent.json"\n', "")
    table = '[targets.{0}]\ntable = "{0}"\nvault = "vault"\n'
    volume = '[targets.disk]\nvolume = "vol-0123456789abcdef0"\nvault = "vault"\n'
    (project / "drill.toml").write_text(whole + table.format("carts") + volume)

    assert main(["run", "--all", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "carts (table carts, profile sandbox)\n  5 scenarios on the newest recovery point, 1 copy, at most" in said
    assert "disk (volume vol-0123456789abcdef0, profile sandbox)\n  6 scenarios" in said
    assert "  not known: what a DynamoDB table costs, whose size and capacity are not known here" in said
    assert "  not known: what an EBS volume costs, whose type and size are not known here" in said
    assert "billing (instance billing, profile sandbox)" in said
    assert "5 targets, " in said
    assert ", 8 copies, at most" in said

    (project / "drill.toml").write_text(whole + table.format("carts") + 'manifest = "absent.json"\n')
    assert main(["run", "--all", "--dry-run", "--json"]) == 12
    told = {each["target"]: each for each in json.loads(capsys.readouterr().out)["targets"]}
    assert "found no file absent.json" in told["carts"]["refused"]
    assert told["orders"]["scenarios"] > 0


def test_each_run_gets_the_options_that_were_given() -> None:
    """Each option of `drills run` is passed on, or is known not to be: a new one is in one of the two."""
    given = [
        "--rto",
        "30m",
        "--sample",
        "oldest",
        "--features",
        "one",
        "--features",
        "two",
        "--trust-seed",
        "--seed",
        "a.dump",
    ]
    options = parse(["run", "--all", *given])
    kept = {
        "command",
        "all",
        "shard",
        "parallel",
        "discover",
        "like",
        "reports",
        "member",
        "target",
        "resume",
        "yes",
        "dry_run",
        "json",
    }

    assert sorted([*passed_on(options)]) == sorted(given)
    assert {*vars(options)} == {*PASSED_ON, *kept}
    with pytest.raises(ConfigError):
        check(parse(["run", "--all", "--yes"]))
    check(parse(["run", "--member", "file", "--reports", "failed"]))  # how a fleet passes it on, as it decides


def test_whose_reports_take_time_follows_from_where_they_are_made() -> None:
    """In a sandbox those of runs that did not pass, on AWS those of all, unless the option says it."""
    assert [command.reports_of(None, simulated=each) for each in (True, False)] == ["failed", "all"]
    assert [command.reports_of(each, simulated=True) for each in REPORTS] == ["all", "failed"]


@pytest.mark.slow
def test_a_target_that_cannot_start_is_in_the_scorecard(project: Path, capsys: Capture) -> None:
    """With 12 and its own sentence, beside what else was expected: on the terminal, in the JSON, the HTML and the Markdown."""
    (project / "drill.toml").write_text(
        FILE.replace('"vault"', '"vault"\nmanifest = "absent.json"').replace(
            'manifest = "absent.json"\nmanifest = "absent.json"', 'manifest = "absent.json"'
        )
    )

    assert main(["run", "--all", "--parallel", "3"]) == 12

    out = capsys.readouterr().out
    (folder,) = (project / "reports/out").iterdir()
    fleet = records.load(folder)
    assert [(each.target, each.code, each.status, each.outcome) for each in fleet.members] == [
        (name, 12, 2, "could not start") for name in ("billing", "orders", "stock/eu")
    ]
    assert (fleet.code, fleet.all_codes, fleet.targets) == (12, (12,), ("billing", "orders", "stock/eu"))
    for text in (out, *((folder / name).read_text() for name in ("scorecard.html", "summary.md"))):
        for name in fleet.targets:
            assert f"{name}: targets." in text
    assert "exit code 12: the drill could not run or could not verify (3: billing, orders, stock/eu)" in out
    assert "0 of 3 targets passed" in out


@pytest.mark.slow
def test_a_disk_that_is_full_stops_no_run_and_is_12(
    project: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runs are begun and waited for, the scorecard is on the terminal, and what could not be written is said."""
    (project / "drill.toml").write_text(
        FILE.replace('vault = "vault"\n[', 'vault = "vault"\nmanifest = "absent.json"\n[')
    )
    with contextlib.ExitStack() as full:

        def fill(words: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
            begun = pool.start_run(words, log)
            full.enter_context(nothing_can_be_written())
            return begun

        monkeypatch.setattr(command, "start_run", fill)
        code = main(["run", "--all", "--parallel", "1"])

    out = " ".join(capsys.readouterr().out.split())
    assert code == 12
    assert ", 3 of 3" in out
    assert "0 of 3 targets passed" in out
    assert "the fleet's record could not be written, found: File too large: each run has its own record" in out
    assert "the scorecard could not be written, found: File too large" in out

    with nothing_can_be_written():
        assert main(["run", "--all"]) == 12
    assert "nothing was begun; free some space" in capsys.readouterr().err


def test_each_run_seals_in_which_fleet_it_was_begun(project: Path) -> None:
    """With how many targets that had, and a digest of their names; one that is of no fleet, as in a demo, says nothing."""
    place = project / "reports/out/fleet-x"
    (place / "members").mkdir(parents=True)
    fleet = FleetRecord(FLEET_VERSION, "fleet-x", "sandbox", True, START, "0", ("orders", "billing"), ())
    records.save(place, fleet)
    file = place / "members/sandbox-orders.run"

    (said,) = member.begin(str(file), "20261123-141503-a1b2")
    assert file.read_text() == "20261123-141503-a1b2"
    assert (said.name, said.value) == (records.SETTING, records.begun_in(dataclasses.replace(fleet, shard="1/2")))
    assert said.value.startswith("fleet-x: 2 targets, ")
    assert (
        records.list_of(["billing", "orders"]) == said.value.partition(": ")[2] != records.list_of(["billing, orders"])
    )
    assert member.begin(str(project / "good.run"), "20261123-141503-a1b2") == member.begin(None, "") == ()


def test_a_killed_run_is_waited_for_until_it_has_its_exit_code(project: Path) -> None:
    """Its other processes end its record first and judge it then: what is read in between has no verdict."""
    options = parse(["run", "--all"])
    folder, run_id = project / "fleet", "20261123-141503-a1b2"
    one = Member("orders")
    fleet = FleetRecord(FLEET_VERSION, "fleet-x", "sandbox", True, START, "0", ("orders",), (one,))
    (folder / "members").mkdir(parents=True)
    (folder / "members/sandbox-orders.run").write_text(run_id)
    (project / "reports/out" / run_id).mkdir(parents=True)
    journal = Journal.create(
        project / "reports/out" / run_id, dataclasses.replace(green_drill(), run_id=run_id, code=None), origin=0.0
    )
    judge = threading.Timer(0.3, lambda: journal.update(code=12, all_codes=(12,)))
    judge.start()
    ended = command._Fleet(options, {}, folder, fleet)._record_of(pool.Event("orders", "ended", -9))
    judge.join()

    assert ended
    assert (bool(ended.ended_at), ended.code) == (True, 12)
