"""A run leaves nothing behind, however it ends. Real processes, a small plan; test_tox_signals.py has the whole run."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from drills import record, work_folder
from drills.clock import SystemClock, wait_until
from drills.run import plan as plans
from drills.run import signals, supervisor
from tests.support import small_run

pytestmark = pytest.mark.slow
CLOCK = SystemClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a run."""
    made = tmp_path / "run"
    made.mkdir()
    return made


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The work folder of a run, which the supervisor is to make and to remove."""
    return tmp_path / "work"


def ended(folder: Path, timeout: float = small_run.LATE) -> supervisor.Outcome:
    """The outcome of the run, once it has ended and nothing of it runs any more."""
    small_run.wait_for_nothing(folder, timeout=timeout)
    outcome = supervisor.read_outcome(folder)
    assert outcome.ended, (folder / "run.log").read_text()
    return outcome


def nothing_left(folder: Path, work: Path) -> None:
    """No work folder and none of the files that are for the run's time only."""
    assert not work.exists()
    names = {path.name for path in folder.iterdir() if path.name.startswith(".")}
    assert names <= {plans.OUTCOME_NAME, ".origin"}


def test_no_variable_of_pytest_reaches_the_features(folder: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `-k` or a plugin that is left over in the environment chooses none of a drill's scenarios; the rest of it is there."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "NOT_PYTESTS"):
        monkeypatch.setenv(name, "-k nothing")
    plan = small_run.small_plan(
        folder, work, features="import os; print(sorted(n for n in os.environ if 'PYTEST' in n))"
    )
    assert supervisor.run(plan, folder, lambda ended: None).statuses["features"] == 0
    said = (folder / "features.log").read_text()
    assert "NOT_PYTESTS" in said
    assert not {"'PYTEST_ADDOPTS'", "'PYTEST_PLUGINS'", "'PYTEST_DISABLE_PLUGIN_AUTOLOAD'"} & set(
        re.findall(r"'\w+'", said)
    )


def test_a_run_that_is_left_alone_does_everything_in_order(folder: Path, work: Path) -> None:
    """Commands run one after another with the service up; statuses, logs and the service's words are kept."""
    see = f"""
        said = folder / {plans.SERVICE_NAME!r}
        print(said.read_text(), oct(said.stat().st_mode & 0o777), oct((folder / ".plan.json").stat().st_mode & 0o777))
        sys.exit(3)
    """
    plan = small_run.small_plan(folder, work, features="\n".join(line.strip() for line in see.splitlines()))
    with small_run.started(small_run.command(folder, plan), folder):
        outcome = ended(folder)
    assert outcome == supervisor.Outcome(
        statuses={"stage": 0, "features": 3, "finish": 0, "service": 0, "close": 0}, ended=True
    )
    assert list(outcome.statuses) == ["stage", "features", "finish", "service", "close"]
    assert (folder / "features.log").read_text().split() == ['{"endpoint":', '"here"}', "0o600", "0o600"]
    assert json.loads((folder / "finished").read_text()) == {"service": True, "told": ""}
    assert (folder / "close.log").read_text().split() == ["False", "True"]
    assert record.load(folder).interrupted_by == ""
    nothing_left(folder, work)


def test_a_failed_stage_leaves_the_features_out(folder: Path, work: Path) -> None:
    """The steps after a needed one that failed are skipped; the end is not."""
    plan = small_run.small_plan(folder, work, stage="sys.exit(4)")
    with small_run.started(small_run.command(folder, plan), folder):
        assert ended(folder).statuses == {"stage": 4, "finish": 0, "service": 0, "close": 0}
    nothing_left(folder, work)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_step_and_begins_the_clean_up(folder: Path, work: Path, number: signal.Signals) -> None:
    """A signal to the user's process: the step ends, the end is made with the service up, the record says so."""
    plan = small_run.small_plan(folder, work)
    with small_run.started(small_run.command(folder, plan), folder) as first:
        small_run.wait_for(folder / "at-features")
        first.send_signal(number)
        outcome = ended(folder)
    assert outcome.statuses == {"stage": 0, "features": -signal.SIGTERM, "finish": 0, "service": 0, "close": 0}
    assert outcome.interrupted_by == number.name
    assert not (folder / "sealed").exists()  # which the living process does
    assert json.loads((folder / "finished").read_text()) == {"service": True, "told": number.name}
    kept = record.load(folder)
    assert (kept.interrupted_by, kept.code) == (number.name, 12)
    nothing_left(folder, work)


@pytest.mark.parametrize("moment", ["service", "stage", "features", "finish"])
def test_the_first_process_killed(folder: Path, work: Path, moment: str) -> None:
    """SIGKILL to the user's process at any moment: the supervisor sees its pipe end and cleans up."""
    plan = small_run.small_plan(folder, work)
    if moment != "features":
        small_run.hold(folder, moment)
    if moment == "finish":
        plan = replace(plan, commands=(plan.commands[0], plan.commands[1], *plan.commands[3:]))
    with small_run.started(small_run.command(folder, plan), folder) as first:
        small_run.wait_for(folder / f"at-{moment}")
        small_run.kill(first)
        if moment in ("service", "finish"):
            small_run.let_go(folder, moment)
        outcome = ended(folder)
    told = "" if moment == "finish" else "the command itself was killed"
    assert outcome.interrupted_by == told
    assert record.load(folder).interrupted_by == told
    phase = "" if moment == "finish" else "start the service"
    assert (folder / "sealed").read_text() == f"aborted in phase {phase}, code 12, ended True"
    usual = folder / "usual"
    usual.touch()
    assert (folder / "sealed").stat().st_mode == usual.stat().st_mode  # evidence has the same readers, whoever seals it
    assert outcome.statuses["finish"] == 0
    assert outcome.statuses["service"] == 0
    assert (folder / "service-cleaned-up").exists()
    nothing_left(folder, work)


@pytest.mark.parametrize("moment", ["service", "features", "finish"])
def test_the_supervisor_killed(folder: Path, work: Path, moment: str) -> None:
    """SIGKILL to the supervisor: its commands notice and end, and the user's process makes the end."""
    plan = small_run.small_plan(folder, work)
    if moment != "features":
        small_run.hold(folder, moment)
    if moment == "finish":
        plan = replace(plan, commands=(plan.commands[0], plan.commands[1], *plan.commands[3:]))
    with small_run.started(small_run.command(folder, plan), folder):
        small_run.wait_for(folder / f"at-{moment}")
        small_run.kill(small_run.supervisor_of(folder))
        if moment != "features":
            small_run.let_go(folder, moment)
        outcome = ended(folder)
    assert outcome.interrupted_by == "its supervisor was killed"
    assert outcome.statuses["finish"] == 0
    assert (folder / "service-cleaned-up").exists()
    kept = record.load(folder)
    assert (kept.interrupted_by, kept.code) == ("its supervisor was killed", 12)
    assert (kept.aborted_in, (folder / "sealed").exists()) == ("start the service", False)
    nothing_left(folder, work)


def test_both_killed(folder: Path, work: Path) -> None:
    """With nobody left to end them, the commands end themselves, and the service cleans up; the next run removes the folder."""
    work = work.with_name("drills-work")
    plan = small_run.small_plan(folder, work)
    with small_run.started(small_run.command(folder, plan), folder) as first:
        small_run.wait_for(folder / "at-features")
        second = small_run.supervisor_of(folder)
        assert list(work_folder.abandoned([work.parent])) == []
        first.suspend()  # so that it cannot do the other's work
        second.kill()
        first.kill()
        small_run.wait_for_nothing(folder)
    assert (folder / "service-cleaned-up").exists()
    assert not work_folder.is_used(work)
    assert list(work_folder.abandoned([work.parent])) == [work]


def test_a_step_that_does_not_want_to_go(folder: Path, work: Path) -> None:
    """A step that ignores SIGTERM, its child in a session of its own and an orphaned grandchild are killed."""
    child = "import signal,time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    orphan = (
        f"import subprocess,sys; subprocess.Popen([sys.executable,'-c',{child!r},sys.argv[1]],start_new_session=True)"
    )
    stubborn = f"""
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", {child!r}, str(folder)], start_new_session=True)
subprocess.run([sys.executable, "-c", {orphan!r}, str(folder)])
reached("features")
rest()
"""
    plan = replace(small_run.small_plan(folder, work, features=stubborn), grace=0.5)
    with small_run.started(small_run.command(folder, plan), folder) as first:
        small_run.wait_for(folder / "at-features")
        # one that has just been started shows no arguments for a moment
        wait_until(lambda: len(small_run.marked(folder)) >= 7, small_run.LATE, CLOCK, what="its child and grandchild")
        first.send_signal(signal.SIGTERM)
        outcome = ended(folder)
    assert outcome.statuses["features"] == -signal.SIGKILL
    assert outcome.left == ()
    nothing_left(folder, work)


def test_what_a_step_leaves_running_is_ended_with_it(folder: Path, work: Path) -> None:
    """A background process of a step that ended by itself does not outlive the step."""
    leave = """
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", str(folder)])
(folder / "left-running").write_text(str(child.pid))
"""
    look = """
import psutil
from drills.run import lifeline
pid = int((folder / "left-running").read_text())
print(psutil.pid_exists(pid) and lifeline.is_alive(psutil.Process(pid)))
"""
    plan = small_run.small_plan(folder, work, stage=leave, features=look)
    with small_run.started(small_run.command(folder, plan), folder):
        assert ended(folder).statuses["features"] == 0
    assert (folder / "features.log").read_text().strip() == "False"


def test_a_storm_of_signals_does_not_stop_the_clean_up(folder: Path, work: Path) -> None:
    """From its beginning on the clean-up goes to its end, whatever its processes are sent."""
    small_run.hold(folder, "finish")
    plan = small_run.small_plan(folder, work)
    with small_run.started(small_run.command(folder, plan), folder) as first:
        small_run.wait_for(folder / "at-features")
        second = small_run.supervisor_of(folder)
        first.send_signal(signal.SIGINT)
        finish = psutil.Process(int(small_run.wait_for(folder / "at-finish")))
        for _ in range(20):
            for process in (first, second, finish):
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    process.send_signal(number)
            CLOCK.sleep(0.03)
        small_run.let_go(folder, "finish")
        outcome = ended(folder)
    assert outcome.interrupted_by == "SIGINT"
    assert outcome.statuses["finish"] == 0
    assert outcome.statuses["service"] == 0
    assert record.load(folder).code == 12
    nothing_left(folder, work)


def test_a_signal_to_the_supervisor_itself(folder: Path, work: Path) -> None:
    """The supervisor ends on SIGTERM as when it is told to stop."""
    plan = small_run.small_plan(folder, work)
    with small_run.started(small_run.command(folder, plan), folder):
        small_run.wait_for(folder / "at-features")
        small_run.supervisor_of(folder).terminate()
        outcome = ended(folder)
    assert outcome.interrupted_by == "SIGTERM"
    assert outcome.statuses["finish"] == 0
    nothing_left(folder, work)


def test_a_service_that_does_not_go_is_killed_and_swept_after(folder: Path, work: Path) -> None:
    """When the service outlives its grace it is killed, and the sweep is called with its files still there."""
    hung = "signal.signal(15, signal.SIG_IGN)" + small_run.SERVICE.replace("sys.stdin.read()", "rest()")
    plan = replace(small_run.small_plan(folder, work, service=hung, features=""), grace=0.5, service_grace=1.0)
    with small_run.started(small_run.command(folder, plan), folder):
        outcome = ended(folder)
    assert outcome.statuses["service"] == -signal.SIGKILL
    assert (folder / "at-sweep").exists()
    nothing_left(folder, work)


@pytest.mark.parametrize(
    ("code", "sentence", "status"),
    [
        ("print(json.dumps({'error': 'no PostgreSQL here', 'exit_code': 2}), flush=True)", "no PostgreSQL here", 2),
        ("print('[1]', flush=True); rest()", "expected a JSON object from service", 12),
        ("sys.exit(9)", "it ended without one", 12),
        ("rest()", "within 1 s, nothing came", 12),
    ],
)
def test_a_service_that_does_not_start(folder: Path, work: Path, code: str, sentence: str, status: int) -> None:
    """No step runs without its service; the outcome has the sentence and the exit code, and the end is made."""
    plan = replace(small_run.small_plan(folder, work, service=code), service_grace=1.0)
    if code == "rest()":
        plan = replace(plan, commands=(replace(plan.commands[0], limit=1), *plan.commands[1:]))
    with small_run.started(small_run.command(folder, plan), folder):
        outcome = ended(folder)
    assert sentence in outcome.error
    assert outcome.exit_code == status
    assert set(outcome.statuses) == {"service", "finish", "close"}
    nothing_left(folder, work)


@pytest.mark.parametrize("moment", ["stage", "finish"])
def test_a_service_that_dies_ends_the_run_at_once(folder: Path, work: Path, moment: str) -> None:
    """Whatever runs meanwhile is ended within seconds; the outcome says who died, and the end knows of it."""
    look = "from drills.run import supervisor\ndied = supervisor.read_outcome(folder).died\nreached("
    slow = small_run.FINISH.replace("reached(", look).replace('hold("finish")', "if not died: rest()")
    features = "" if moment == "finish" else small_run.FEATURES
    stage = small_run.STAGE + ("rest()" if moment == "stage" else "")
    # what cleans up ignores signals, so that it takes more than one to end it
    plan = replace(small_run.small_plan(folder, work, stage=stage, features=features, finish=slow), grace=0.5)
    with small_run.started(small_run.command(folder, plan), folder):
        small_run.wait_for(folder / f"at-{moment}")
        began = CLOCK.monotonic()
        psutil.Process(int((folder / "at-service").read_text())).kill()
        outcome = ended(folder)
    assert CLOCK.monotonic() - began < small_run.LATE  # which is less than what was ended would have taken
    assert outcome.died == ("service",)
    assert outcome.error.startswith("expected the service to run until the end of the run, found that it ended while ")
    assert (outcome.exit_code, outcome.statuses["finish"]) == (12, 0)
    assert "features" not in outcome.statuses or moment == "finish"
    nothing_left(folder, work)


@pytest.mark.parametrize("moment", ["stage", "finish"])
def test_a_command_that_takes_too_long_is_ended(folder: Path, work: Path, moment: str) -> None:
    """A step that hangs, or a clean-up: ended when its limit has passed, with the sentence of the plan; the rest follows."""
    hung = {moment: f"reached({moment!r})\nrest()"}
    plan = replace(small_run.small_plan(folder, work, features="", **hung), grace=0.5)
    late = tuple(replace(each, limit=1, too_long="raise it") if each.name == moment else each for each in plan.commands)
    with small_run.started(small_run.command(folder, replace(plan, commands=late)), folder):
        outcome = ended(folder)
    assert (outcome.error, outcome.exit_code) == ("raise it", 12)
    assert (outcome.statuses[moment] < 0, outcome.statuses["close"]) == (True, 0)
    assert ("features" in outcome.statuses) is (moment == "finish")
    nothing_left(folder, work)


def test_a_judgement_that_was_killed(folder: Path, work: Path) -> None:
    """The record has a code and a sentence all the same, and what the processes told each other is gone."""
    plan = small_run.small_plan(folder, work, features="", finish="", close="os.kill(os.getpid(), signal.SIGKILL)")
    folder.mkdir(exist_ok=True)
    (folder / plans.CONTEXT_NAME).write_text("a password")
    with small_run.started(small_run.command(folder, plan), folder):
        assert ended(folder).statuses["close"] == -signal.SIGKILL
    kept = record.load(folder)
    assert (kept.code, kept.ended_at is not None) == (12, True)
    assert [each.sentence for each in kept.failures] == [
        "expected close to judge the run, found that it ended badly: see close.log"
    ]
    nothing_left(folder, work)


def test_a_clean_up_whose_log_cannot_be_opened_is_made(folder: Path, work: Path) -> None:
    """What it says goes nowhere, as on a full disk; what it does is done."""
    (folder / "finish.log").mkdir()
    plan = small_run.small_plan(folder, work, features="pass")
    with small_run.started(small_run.command(folder, plan), folder):
        outcome = ended(folder)
    assert outcome.statuses["finish"] == 0
    assert (folder / "finished").exists()
    nothing_left(folder, work)


def one_more(usual: Callable[..., Any]) -> Callable[..., Any]:
    """What handles signals during a run, with another signal at the moment in which it hands them back."""

    @contextlib.contextmanager
    def then(*given: Any) -> Iterator[Any]:
        with usual(*given) as report:
            yield report
        signal.raise_signal(signal.SIGTERM)

    return then


def test_a_signal_that_came_before_the_supervisor_ends_the_run(
    folder: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the user's process held meanwhile is told to the supervisor at once; one more, as the run returns, is ignored too."""
    plan = small_run.small_plan(folder, work)
    monkeypatch.setattr(signals, "to_lifeline", one_more(signals.to_lifeline))
    heard: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _frame: heard.append(number)) for number in signals.STOP_SIGNALS
    }
    try:
        supervisor.run(plan, folder, lambda ended: None, ["SIGTERM"])
        assert {signal.getsignal(number) for number in signals.STOP_SIGNALS} == {signal.SIG_IGN}
    finally:
        for number, handler in before.items():  # a run that was interrupted ignores them to its end
            signal.signal(number, handler)
    assert heard == []
    outcome = ended(folder)
    assert outcome.interrupted_by == "SIGTERM"
    assert "features" not in outcome.statuses or outcome.statuses["features"] < 0
    nothing_left(folder, work)


def test_signals_are_held_while_something_is_brought_to_its_end() -> None:
    """They do not end this process, their names are kept, and afterwards they are handled as before."""
    before = {number: signal.getsignal(number) for number in signals.STOP_SIGNALS}
    with signals.held() as came:
        for number in signals.STOP_SIGNALS:
            signal.raise_signal(number)
    # a shell starts what runs in the background with INT ignored, and so it stays
    assert came == [number.name for number in signals.STOP_SIGNALS if before[number] != signal.SIG_IGN]
    assert {number: signal.getsignal(number) for number in signals.STOP_SIGNALS} == before


def test_a_work_folder_that_is_somebody_elses(folder: Path, work: Path) -> None:
    """A work folder that is already there is neither used nor removed."""
    work.mkdir()
    (work / "precious").touch()
    with small_run.started(small_run.command(folder, small_run.small_plan(folder, work)), folder):
        outcome = ended(folder)
    assert "FileExistsError" in outcome.error
    assert outcome.statuses == {"finish": 0, "close": 0}
    assert (work / "precious").exists()


@pytest.mark.parametrize("with_tox", [True, False])
def test_the_end_of_tox_is_noticed(folder: Path, work: Path, with_tox: bool) -> None:
    """A run that tox started ends when tox was killed; one that a shell started goes on without it."""
    features = small_run.FEATURES.replace("rest()", 'hold("features")')
    small_run.hold(folder, "features")
    argv = small_run.command(folder, small_run.small_plan(folder, work, features=features))
    parent = [sys.executable, "-c", "import subprocess,sys; subprocess.run(sys.argv[1:])", *argv]
    with small_run.started(parent, folder, {"TOX_ENV_NAME": "drill"} if with_tox else {}) as tox:
        small_run.wait_for(folder / "at-features")
        small_run.kill(tox)
        if not with_tox:
            CLOCK.sleep(1.0)  # five times the time between two looks
            small_run.let_go(folder, "features")
        outcome = ended(folder)
    assert outcome.interrupted_by == ("tox is gone" if with_tox else "")
    assert outcome.statuses["features"] == (-signal.SIGTERM if with_tox else 0)
    nothing_left(folder, work)


def test_a_closed_output_ends_the_run(folder: Path, work: Path) -> None:
    """When nobody reads the progress any more, the run is cleaned up like an interrupted one."""
    (folder / "chatty").touch()
    argv = small_run.command(folder, small_run.small_plan(folder, work))
    cut = "import subprocess,sys; p = subprocess.Popen(sys.argv[1:], stdout=-1); p.stdout.readline()"
    cut += "; p.stdout.close(); p.wait()"
    with small_run.started([sys.executable, "-c", cut, *argv], folder):
        small_run.wait_for(folder / "at-finish")
        outcome = ended(folder)
    assert outcome.interrupted_by == "the output was closed"
    assert (folder / "reported").exists()  # after ten more signals and with nobody to read what it prints
    nothing_left(folder, work)


def test_a_pipe_of_tox_that_breaks_is_its_end(folder: Path, work: Path) -> None:
    """Whether the progress cannot be written any more or the parent is missed first: tox is gone."""
    (folder / "chatty").touch()
    argv = small_run.command(folder, small_run.small_plan(folder, work))
    read = "import subprocess,sys; p = subprocess.Popen(sys.argv[1:], stdout=-1); list(p.stdout)"
    with small_run.started([sys.executable, "-c", read, *argv], folder, {"TOX_ENV_NAME": "drill"}) as tox:
        small_run.wait_for(folder / "at-features")
        tox.kill()
        outcome = ended(folder)
    assert outcome.interrupted_by == "tox is gone"
    assert (folder / "reported").exists()
    nothing_left(folder, work)


def test_an_error_while_following_is_raised_after_the_clean_up(folder: Path, work: Path) -> None:
    """A fault in the progress display ends the run in order and is not swallowed."""

    def follow(_ended: object) -> None:
        small_run.wait_for(folder / "at-features")
        raise LookupError("a fault of the display")

    with pytest.raises(LookupError, match="a fault of the display"):
        supervisor.run(small_run.small_plan(folder, work), folder, follow)
    outcome = ended(folder)
    assert outcome.interrupted_by == "LookupError while the progress was shown"
    nothing_left(folder, work)


def test_a_command_that_is_not_there(folder: Path, work: Path) -> None:
    """A command that cannot be started is an error of the run, not of the supervisor."""
    plan = small_run.small_plan(folder, work)
    broken = replace(plan.commands[1], argv=(str(folder / "no-such-program"),))
    plan = replace(plan, commands=(plan.commands[0], broken, *plan.commands[2:]))
    with small_run.started(small_run.command(folder, plan), folder):
        outcome = ended(folder)
    assert "no-such-program" in outcome.error
    assert outcome.exit_code == 12
    assert outcome.statuses == {"finish": 0, "service": 0, "close": 0}
    nothing_left(folder, work)


def test_what_withstands_the_clean_up_is_told(folder: Path, work: Path) -> None:
    """A work folder that a command has put a link in place of is not followed, and is told as left."""
    elsewhere = folder.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    swap = f"\nimport shutil; shutil.rmtree(work); work.symlink_to({str(elsewhere)!r})\nhold("
    service = small_run.SERVICE.replace("\nhold(", swap)
    plan = small_run.small_plan(folder, work, service=service, features="")
    with small_run.started(small_run.command(folder, replace(plan, sweep=())), folder):
        outcome = ended(folder)
    assert outcome.left == (str(work),)
    assert (elsewhere / "precious").exists()
