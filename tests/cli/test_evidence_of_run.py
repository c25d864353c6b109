"""The evidence of a run at its end: sealed last, with the code that it has; 14 where it cannot be sealed."""

from __future__ import annotations

import dataclasses
import fcntl
import itertools
import json
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from drills import record
from drills.aws.recorder import CALLS_NAME
from drills.cli.evidence import of_run, seal
from drills.cli.main import main
from drills.clock import SystemClock
from drills.config import load as configuration
from drills.config.load import Config
from drills.errors import DrillError
from drills.evidence.chain_check import verify_chain
from drills.evidence.folder import Begun, read_chain, sha256
from drills.evidence.keeper import Keeper, open_for_run, planned_level
from drills.evidence.ledger import lines_of
from drills.evidence.seal import Seal
from drills.evidence.store import FolderStore
from drills.history.line import line_of
from drills.history.trend import trend_of
from drills.model.phases import REMAINING
from drills.model.record import ExpectedPromise, RunRecord, Setting
from drills.objectives import verdicts
from drills.record import Journal
from drills.recovery.drill import CHOOSING
from drills.run.plan import CONTEXT_NAME
from reports import write
from tests.support.between import at_every_step
from tests.support.clock import NOON
from tests.support.evidence import KEY, PRIVATE, Raises
from tests.support.example_record import failing_drill, green_drill, running_drill
from tests.support.ledger import CHAIN
from tests.support.paths import CHECKOUT

TOML = '[evidence]\nkey = "env:KEY"\n[targets.orders]\n'


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The configuration of a project whose evidence is signed."""
    (tmp_path / "drill.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEY", PRIVATE)
    monkeypatch.delenv("DRILL_PROFILE", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return configuration.load(None, profile=None, target=None, environment=os.environ)


@pytest.fixture
def keeper(config: Config) -> Keeper:
    """Its keeper."""
    return open_for_run(config, os.environ)


def begun(keeper: Keeper, config: Config, run_id: str, kept: RunRecord, *, lives: bool = False) -> tuple[Path, Begun]:
    """A run as its processes leave it before its reports are written; unless it `lives`, all of them are gone."""
    folder = Path("reports/out") / run_id
    folder.mkdir(parents=True)
    mine = dataclasses.replace(kept, run_id=run_id, profile="sandbox", simulated=True)
    opening, start = of_run.begin(keeper, config, mine, folder)
    Journal.create(folder, opening, origin=SystemClock().monotonic())
    if not lives:
        os.close(start.held)
    return folder, start


def held(kept: RunRecord) -> RunRecord:
    """The record of a run that has been judged and whose reports are not written."""
    return verdicts.hold_until_reported(kept, kept.all_codes or (0,))


def problems(keeper: Keeper) -> tuple[str, ...]:
    """What of the chain does not verify."""
    return tuple(each.sentence for each in verify_chain(keeper.chain, KEY))


def test_a_run_is_sealed_with_the_key_of_its_start(keeper: Keeper, config: Config, tmp_path: Path) -> None:
    """Another one, or none, is 14, and the advice names the configuration that was not the working directory's."""
    folder, _ = begun(keeper, config, "a", held(green_drill()))
    other = dataclasses.replace(config, file=tmp_path / "it's.toml")

    done = of_run.conclude(folder, dataclasses.replace(keeper, seal=Seal()), other, allure=False)
    assert (done.bundle, done.record.code) == (None, 14)
    sentence = done.record.failures[-1].sentence
    assert "expected the key that signed the start of 0001-a" in sentence
    assert sentence.endswith("drills evidence seal reports/out/a --config '" + str(tmp_path) + "/it'\"'\"'s.toml'")


def test_a_start_says_who_acts_and_what_is_drilled(keeper: Keeper, config: Config) -> None:
    """Or why nobody of an account does, and what is drilled without a scenario of the target's: neither is left empty."""
    kind = Setting("profile.kind", "sandbox", "default")
    promise = ExpectedPromise("A feature", "A promise", recovers=True)
    run = dataclasses.replace(green_drill(), settings=(kind,), expected=(promise,))
    chosen = dataclasses.replace(run, settings=(kind, Setting("--scenario", "region-loss", "command line")))
    test = dataclasses.replace(run, settings=(), expected=())
    starts = [begun(keeper, config, name, each)[1].record for name, each in (("a", run), ("b", chosen), ("c", test))]

    assert [each.identity.partition(":")[0] for each in starts] == [
        "the sandbox's own",
        "the sandbox's own",
        "not asked",
    ]
    assert [each.scenario.partition(":")[0] for each in starts] == [
        "none of the target's",
        "region-loss",
        "none of the target's",
    ]
    assert "the recovery point that sample names (newest)" in starts[0].scenario


def test_a_report_says_which_runs_over_time_have_no_entry(keeper: Keeper, config: Config) -> None:
    """The history counts them, and the chain was begun anew: nothing shows them."""
    lines = [line_of(dataclasses.replace(green_drill(), run_id=each, code=0)) for each in "xa"]
    trend = trend_of(lines, lines[0].key, NOON)
    folder, _ = begun(keeper, config, "a", held(dataclasses.replace(green_drill(), history=trend)))
    of_run.conclude(folder, keeper, config, allure=False)

    said = (
        f"1 of the 2 runs that are counted over time have no entry in the chain {CHAIN}, so that nothing shows them: x"
    )
    for name in ("summary.md", "report.html"):
        assert said in " ".join((folder / name).read_text().split())
    assert problems(keeper) == ()


def test_a_run_of_another_configuration_is_not_called_removed(
    keeper: Keeper, config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`drills evidence seal` says which option names it, where its chain is another than the run's."""
    folder, _ = begun(keeper, config, "a", held(green_drill()))
    (tmp_path / "other.toml").write_text(TOML.replace('key = "env:KEY"', 'folder = "elsewhere"'))

    assert main(["evidence", "seal", str(folder), "--config", "other.toml"]) == 14
    assert "begun with another configuration, which --config names" in capsys.readouterr().err
    assert main(["evidence", "seal", str(folder)]) == 0


def test_a_run_that_ended_is_sealed_with_its_code(keeper: Keeper, config: Config) -> None:
    """The record in the bundle is the run's own, with the code that was held back; reports and start record are beside it."""
    folder, start = begun(keeper, config, "a", held(green_drill()))
    (folder / "raw" / "aws").mkdir(parents=True)
    (folder / "raw" / "aws" / "0001-x.json").write_text("{}")
    (folder / "manifest.json.key").write_text("secret")
    done = of_run.conclude(folder, keeper, config, allure=False)

    assert done.bundle
    sealed = done.bundle.folder
    assert (done.record.code, record.load(sealed)) == (0, record.load(folder))
    assert sha256((sealed / "start.json").read_bytes()) == start.digest
    assert sha256((sealed / "config.json").read_bytes()) == json.loads((sealed / "start.json").read_text())["config"]
    names = {str(path.relative_to(sealed)) for path in sealed.rglob("*") if path.is_file()}
    assert names >= {"start.json.sig", "raw/junit.xml", "raw/aws/0001-x.json", "summary.md", "report.html", "VERIFY.md"}
    assert "manifest.json.key" not in names
    assert problems(keeper) == ()
    assert f"number 1 of {CHAIN}, level L1" in of_run.lines_of(done)[-1]


@pytest.mark.parametrize(("kept", "codes"), [(green_drill(), (14,)), (failing_drill(), (11, 10, 12, 13, 14))])
def test_a_run_that_cannot_be_sealed_ends_with_14_behind_any_worse_code(
    keeper: Keeper, config: Config, kept: RunRecord, codes: tuple[int, ...]
) -> None:
    """Its reports say so, and it is sealed later with the verdict that it has."""
    folder, _ = begun(keeper, config, "a", held(kept))
    broken = dataclasses.replace(keeper, seal=Seal(Raises(OSError)))
    done = of_run.conclude(folder, broken, config, allure=False)

    assert (done.bundle, done.record.code, done.record.all_codes) == (None, codes[0], codes)
    assert "exit code 14" in (folder / "summary.md").read_text()
    assert f"drills evidence seal {folder}" in done.record.failures[-1].sentence
    assert main(["evidence", "seal", str(folder)]) == 0
    again = record.load(folder)
    assert again.all_codes == (codes[:-1] or (0,))
    assert problems(keeper) == ()


def test_a_killed_run_is_sealed_by_the_next_one(keeper: Keeper, config: Config) -> None:
    """What its processes told each other is removed; bundle, summary and ledger say in which phase it was aborted."""
    folder, _ = begun(keeper, config, "a", running_drill())
    (folder / CONTEXT_NAME).write_text("postgresql://somebody:secret@host/db")
    phase = running_drill().phases[-1].name
    assert problems(keeper) != ()

    (done,) = of_run.seal_abandoned(keeper, config, Path("reports/out"), "run b")
    assert done.bundle
    assert f"Aborted in phase {phase}: " in (done.bundle.folder / "summary.md").read_text()
    assert not (folder / CONTEXT_NAME).exists()
    assert problems(keeper) == ()
    (line,) = lines_of(read_chain(keeper.chain)[0])
    assert (line.outcome, f"aborted in phase {phase}" in line.not_counted) == ("aborted", True)
    assert [*of_run.seal_abandoned(keeper, config, Path("reports/out"), "run c")] == []


def test_a_killed_run_that_another_seals_meanwhile_is_sealed_once(
    keeper: Keeper, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run of the target is quicker than who types the command: what it sealed stays as it is."""
    folder, _ = begun(keeper, config, "a", running_drill())

    take = seal._take

    def later(*given: Any) -> bool:
        assert [*of_run.seal_abandoned(keeper, config, Path("reports/out"), "run b")]
        return take(*given)

    monkeypatch.setattr(seal, "_take", later)
    assert main(["evidence", "seal", str(folder)]) == 0
    assert record.load(folder).all_codes == (12,)
    assert problems(keeper) == ()


def test_the_calls_of_a_killed_run_are_counted(keeper: Keeper, config: Config) -> None:
    """As those of a run that came to its end are: its record counts what raw/aws has."""
    folder, _ = begun(keeper, config, "a", dataclasses.replace(running_drill(), aws_calls=()))
    call = {"operation": "rds.DescribeDBInstances", "repeated": 1, "answer": None}
    (folder / CALLS_NAME).write_text(2 * (json.dumps(call) + "\n"))

    (done,) = of_run.seal_abandoned(keeper, config, Path("reports/out"), "run b")
    (counted,) = done.record.aws_calls
    assert (counted.operation, counted.calls, counted.repeated) == ("rds.DescribeDBInstances", 2, 2)


def phases_of_a_run() -> list[str]:
    """The name of every phase that a process of a run enters, by the code."""
    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted((CHECKOUT / "drills").rglob("*.py")))
    found = re.findall(r'enter(?:_measured)?\(\s*"([^"]+)"', sources)
    return [*dict.fromkeys([*found, "check the guards", CHOOSING, REMAINING])]


def killed_in(keeper: Keeper, config: Config, run_id: str, phases: Sequence[str]) -> None:
    """A run whose only process is killed in the last of these phases."""
    if not (pid := os.fork()):
        try:
            folder, _ = begun(keeper, config, run_id, bare_run(), lives=True)
            journal = Journal.open(folder)
            for name in phases:
                journal.enter(name)
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def bare_run() -> RunRecord:
    """The record of a run that has just begun."""
    return dataclasses.replace(running_drill(), phases=(), restorations=(), moments=())


def test_a_run_that_is_killed_in_any_phase_is_sealed_as_aborted_in_it(
    keeper: Keeper, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that holds the start record and is killed, for each phase there is: bundle, chain and ledger name the phase."""
    monkeypatch.setattr(write, "write_all", lambda *_, **__: [])  # which takes half a second for each
    phases = phases_of_a_run()
    assert len(phases) > 25
    for number, phase in enumerate(phases):
        killed_in(keeper, config, f"r{number}", (*phases[:number][-1:], phase))
    assert len(lines_of(read_chain(keeper.chain)[0])) == len(phases)
    assert {line.outcome for line in lines_of(read_chain(keeper.chain)[0])} == {"no result"}

    done = list(of_run.seal_abandoned(keeper, config, Path("reports/out"), "the next run"))

    assert [each.record.aborted_in for each in done] == phases
    assert problems(keeper) == ()
    told = [
        (line.outcome, line.not_counted.removesuffix(": all its processes had ended").partition("aborted in phase ")[2])
        for line in lines_of(read_chain(keeper.chain)[0])
    ]
    assert told == [("aborted", phase) for phase in phases]
    assert main(["ledger", "check", "--max-age", "35d"]) == 12  # and not 11: the chain verifies


def test_a_run_that_lives_is_sealed_by_nobody_else(keeper: Keeper, config: Config) -> None:
    """As long as one of its processes holds its start record."""
    folder, start = begun(keeper, config, "a", running_drill(), lives=True)

    assert [*of_run.seal_abandoned(keeper, config, Path("reports/out"), "run b")] == []
    assert main(["evidence", "seal", str(folder)]) == 12
    os.close(start.held)
    assert main(["evidence", "seal", str(folder)]) == 0


@pytest.fixture
def unwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    """No reports, which take half a second each time."""
    monkeypatch.setattr(write, "write_all", lambda *_, **__: [])


@pytest.mark.usefixtures("unwritten")
def test_a_seal_beside_another_says_that_that_is_at_it_or_has_done_it(
    keeper: Keeper, config: Config, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every step of it, where nobody waits: one of the two seals, and neither says that the run still runs."""
    monkeypatch.setattr(seal, "SECONDS", 0.0)
    numbers = itertools.count()

    def sealing(folder: Path) -> tuple[int, str]:
        return main(["evidence", "seal", str(folder)]), "".join(capsys.readouterr())

    steps = at_every_step(
        lambda: begun(keeper, config, f"r{next(numbers)}", running_drill())[0],
        Path.absolute,
        sealing,
        sealing,
        stride=5,
    )
    codes = set()
    for step, folder, (code, said), (other, heard) in steps:
        assert code == 0, (step, said)
        assert (keeper.chain / f"{int(folder.name[1:]) + 1:04d}-{folder.name}" / "SHA256SUMS").is_file()
        assert "still runs" not in heard
        assert not other or "found that another process has been sealing it" in heard, step
        codes.add(other)
    assert codes == {0, 12}


@pytest.mark.usefixtures("unwritten")
@pytest.mark.parametrize("of_next_run", [False, True])
def test_a_seal_waits_for_another_and_ends_as_sealed(
    keeper: Keeper,
    config: Config,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    of_next_run: bool,
) -> None:
    """Whether it is another command, which has the run's folder, or the next run of the chain, which has its start record."""
    folder, start = begun(keeper, config, "a", running_drill())
    held = os.open(start.path if of_next_run else folder, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)

    class Clock(SystemClock):
        def sleep(self, seconds: float) -> None:
            of_run.conclude_abandoned(folder, keeper, config, "run b")
            os.close(held)

    monkeypatch.setattr(seal, "SystemClock", Clock)
    assert main(["evidence", "seal", str(folder)]) == 0
    assert "the run has its bundle: reports/evidence/sandbox-orders/0001-a" in capsys.readouterr().out


def test_a_run_without_a_folder_is_sealed_once_it_must_have_ended(keeper: Keeper, config: Config) -> None:
    """It may run on another machine until then."""
    old, fresh = running_drill(), dataclasses.replace(running_drill(), started_at=SystemClock().now())
    for run_id, kept in (("a", old), ("b", fresh)):
        folder, _ = begun(keeper, config, run_id, kept)
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()

    (done,) = of_run.seal_abandoned(keeper, config, Path("reports/out"), "run c")
    assert (done.record.run_id, done.record.code) == ("a", 12)
    assert [line.outcome for line in lines_of(read_chain(keeper.chain)[0])] == ["aborted", "no result"]


def test_a_second_place_has_the_start_before_the_run_begins(keeper: Keeper, config: Config, tmp_path: Path) -> None:
    """And the bundle after it; where that place fails, the run is not begun and nothing is left."""
    place = tmp_path / "store"
    with pytest.raises(DrillError, match="the run was not begun"):
        begun(dataclasses.replace(keeper, store=FolderStore(Path("/dev/null"))), config, "a", green_drill())
    assert list((keeper.chain / "starts").iterdir()) == []
    place.mkdir()
    storing = dataclasses.replace(keeper, store=FolderStore(place))
    folder, _ = begun(storing, config, "b", held(green_drill()))
    assert (place / CHAIN / "starts" / "0001-b.json").exists()
    of_run.conclude(folder, storing, config, allure=False)
    assert verify_chain(place / CHAIN, KEY) == ()


def test_a_run_without_evidence_has_nothing_to_seal(config: Config) -> None:
    """A record of before says so: 2."""
    folder = Path("reports/out/x")
    folder.mkdir(parents=True)
    Journal.create(folder, dataclasses.replace(green_drill(), evidence=None), origin=0.0)

    assert main(["evidence", "seal", str(folder)]) == 2


@pytest.mark.parametrize(
    ("lines", "level"),
    [
        ("", "L0"),
        ('key = "env:KEY"', "L1"),
        ('key = "arn:aws:kms:eu-central-1:123456789012:key/a"', "L2"),
        ('key = "arn:aws:kms:eu-central-1:123456789012:key/a"\ntimestamp_url = "https://t.example"', "L3"),
    ],
)
def test_the_level_is_known_before_a_key_is_opened(config: Config, lines: str, level: str) -> None:
    """For a dry run, which asks nothing of AWS."""
    Path("drill.toml").write_text(f"[evidence]\n{lines}\n[targets.orders]\n")
    planned = configuration.load(None, profile=None, target=None, environment=os.environ)

    assert planned_level(planned.evidence) == level
