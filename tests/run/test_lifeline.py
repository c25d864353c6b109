"""How processes learn that the one they work for has gone."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from drills.clock import SystemClock, wait_until
from drills.run import lifeline
from tests.support import small_run
from tests.support.paths import CHECKOUT

CLOCK = SystemClock()
ORPHAN = "from drills.run import lifeline; print(lifeline.end_when_orphaned(0.3), flush=True)"


def spawn(code: str, *arguments: str, **options: object) -> subprocess.Popen[bytes]:
    """A Python program with pipes for stdin and stdout."""
    options = {"stdin": subprocess.PIPE, "cwd": CHECKOUT} | options
    argv = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, **options)  # type: ignore[call-overload, no-any-return]


def close(child: subprocess.Popen[bytes]) -> None:
    """Kill a program and close its pipes."""
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            pipe.close()


def test_a_message_is_heard_once() -> None:
    """The first line that is written arrives; the end of the pipe after it does not arrive as well."""
    reader, writer = os.pipe()
    heard: queue.Queue[str] = queue.Queue()
    lifeline.watch(reader, heard.put)
    os.close(reader)
    os.write(writer, b"SIGINT\nSIGTERM\n")
    assert heard.get(timeout=60) == "SIGINT"
    os.close(writer)
    with pytest.raises(queue.Empty):
        heard.get(timeout=0.2)


def test_the_end_of_the_pipe_is_heard() -> None:
    """A writer that goes without a word is heard as an empty message."""
    reader, writer = os.pipe()
    heard: queue.Queue[str] = queue.Queue()
    lifeline.watch(reader, heard.put)
    os.close(reader)
    os.close(writer)
    assert heard.get(timeout=60) == ""


def test_an_orphan_ends_its_group_although_a_member_ignores_it(tmp_path: Path) -> None:
    """When the lifeline ends, the process and its group get SIGTERM and, after the grace, SIGKILL."""
    member = "import signal,time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
    code = f"{ORPHAN}\nimport signal,subprocess,sys,time; signal.signal(15, signal.SIG_IGN)"
    code += f"\nsubprocess.run([sys.executable, '-c', {member!r}, sys.argv[1]]); time.sleep(600)"
    child = spawn(code, str(tmp_path), process_group=0)
    try:
        assert child.stdout
        assert child.stdin
        assert [child.stdout.readline() for _ in range(2)] == [b"True\n", b"ready\n"]
        assert len(small_run.marked(tmp_path)) == 2
        child.stdin.close()
        small_run.wait_for_nothing(tmp_path)
        assert child.wait() == -signal.SIGKILL
    finally:
        close(child)


def test_a_process_that_was_started_by_hand_is_left_alone() -> None:
    """Without a group of its own or a pipe the end of stdin means nothing: the group would be the caller's shell."""
    for options in ({"process_group": 0, "stdin": subprocess.DEVNULL}, {}):
        child = spawn(f"{ORPHAN}\nimport sys; sys.stdin.read(); print('alive')", **options)
        try:
            if child.stdin:
                child.stdin.close()
            assert child.stdout
            assert child.stdout.read() == b"False\nalive\n"
        finally:
            close(child)


def test_the_children_of_a_watched_process_do_not_read_its_lifeline() -> None:
    """Once watched, stdin is the null device, so that a psql does not wait for words on it."""
    look = "import os; print(os.path.realpath('/dev/stdin'), flush=True)"
    code = f"{ORPHAN}\nimport subprocess,sys; subprocess.run([sys.executable, '-c', {look!r}])"
    child = spawn(code, process_group=0)
    try:
        assert child.stdout
        assert child.stdout.read() == b"True\n/dev/null\n"
    finally:
        close(child)


def test_a_module_is_run_with_its_arguments_and_ends_as_an_orphan(tmp_path: Path) -> None:
    """`python -m drills.run.lifeline -m MODULE` is MODULE, but for its end when stdin ends."""
    (tmp_path / "waits.py").write_text("import sys,time; print(sys.argv[1:], flush=True); time.sleep(600)")
    argv = [sys.executable, "-m", "drills.run.lifeline", "-m", "waits", "--loud", str(tmp_path)]
    path = [str(tmp_path), str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(path)}
    child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0, env=env)
    try:
        assert child.stdout
        assert child.stdin
        assert child.stdout.readline().decode() == f"{['--loud', str(tmp_path)]}\n"
        child.stdin.close()
        assert child.wait(60) == -signal.SIGTERM
    finally:
        close(child)


def test_the_status_of_a_module_is_its_own() -> None:
    """A module that is run under a lifeline exits with its own status; a wrong call is 2 and says what was expected."""
    argv = [sys.executable, "-m", "drills.run.lifeline"]
    wrong = subprocess.run(argv, capture_output=True, check=False, cwd=CHECKOUT)
    assert (wrong.returncode, b"expected '-- COMMAND" in wrong.stderr) == (2, True)
    ok = subprocess.run([*argv, "-m", "platform"], capture_output=True, check=False, cwd=CHECKOUT)
    assert ok.returncode == 0
    seven = [*argv, "--", sys.executable, "-c", "raise SystemExit(7)"]
    with subprocess.Popen(seven, stdin=subprocess.PIPE, cwd=CHECKOUT) as child:
        assert child.wait(60) == 7


def test_a_command_and_its_tree_end_with_the_lifeline(tmp_path: Path) -> None:
    """`python -m drills.run.lifeline -- COMMAND`: when stdin ends, a child in another session ends too."""
    code = (
        "import subprocess,sys,time; subprocess.Popen([sys.executable,'-c','import time; time.sleep(600)',sys.argv[1]],"
    )
    code += "start_new_session=True); print('ready', flush=True); time.sleep(600)"
    argv = [sys.executable, "-m", "drills.run.lifeline", "--", sys.executable, "-c", code, str(tmp_path)]
    # the grace is over once the command itself has gone: what is in another session is waited for no longer
    inner = """
import sys, time
from drills.run import lifeline
class Clock:
    passed = 0.0
    sleep = staticmethod(time.sleep)
    def monotonic(self):
        Clock.passed += 0.1 * (len(lifeline.descendants(lifeline.os.getpid())) < 2)
        return Clock.passed
lifeline.SystemClock = Clock
sys.exit(lifeline.main(sys.argv[1:], grace=0.5))
"""
    child = spawn(inner, *argv[3:])
    try:
        assert child.stdout
        assert child.stdin
        assert child.stdout.readline() == b"ready\n"
        child.stdin.close()
        assert child.wait(60) == 128 + signal.SIGTERM
        assert small_run.marked(tmp_path) == []
    finally:
        close(child)


def test_a_tree_ends_at_once_when_it_wants_to(tmp_path: Path) -> None:
    """The grace is an upper limit; a tree that heeds SIGTERM costs no more than it takes, and its status is kept."""
    code = (
        "import signal,sys,time; signal.signal(15, lambda *_: sys.exit(5)); print('ready', flush=True); time.sleep(600)"
    )
    child = spawn(code, str(tmp_path), process_group=0)
    try:
        assert child.stdout
        child.stdout.readline()
        begin = CLOCK.monotonic()
        assert lifeline.end_tree(child, 600) == 5
        assert CLOCK.monotonic() - begin < 60
    finally:
        close(child)


def test_a_child_that_has_ended_keeps_its_pid_until_it_is_collected() -> None:
    """`has_ended` does not collect: the pid cannot be given to another process that would then get the signals."""
    child = spawn("pass")
    try:
        wait_until(lambda: lifeline.has_ended(child), 60, CLOCK)
        assert psutil.pid_exists(child.pid)
        assert child.returncode is None
        assert child.wait() == 0
        assert lifeline.has_ended(child)
    finally:
        close(child)


@pytest.mark.slow
@pytest.mark.parametrize("heeds", [True, False])
def test_pytest_ends_when_tox_is_gone(tmp_path: Path, heeds: bool) -> None:
    """Tests that tox started are interrupted when tox was killed; their fixtures still clean up, when they can."""
    test = f"""
        import pathlib, subprocess, sys, threading
        import pytest
        HERE = pathlib.Path({str(tmp_path)!r})
        @pytest.fixture
        def thing():
            yield
            (HERE / "cleaned-up").touch()
        def test_long(thing):
            while True:
                try:
                    (HERE / "running").write_text("x")
                    threading.Event().wait(600)
                except KeyboardInterrupt:
                    if {heeds}:
                        raise
    """
    lines = [line.removeprefix("        ") for line in test.splitlines()]
    (tmp_path / "test_long.py").write_text("\n".join(lines))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    # with one second of grace, so that the one that does not heed ends soon; the other ends by itself, however busy the machine is
    run = f"import sys,pytest; from tests.support import watch; watch._GRACE = {60.0 if heeds else 1.0}"
    run += "; sys.exit(pytest.main(sys.argv[1:], [watch]))"
    argv = [sys.executable, "-c", run, "-p", "no:cacheprovider", "-c", str(tmp_path / "pytest.ini"), str(tmp_path)]
    tox = [sys.executable, "-c", "import subprocess,sys; subprocess.run(sys.argv[1:])", *argv]
    with small_run.started(tox, tmp_path, {"TOX_ENV_NAME": "tests"}) as parent:
        small_run.wait_for(tmp_path / "running")
        parent.kill()
        small_run.wait_for_nothing(tmp_path)
    assert (tmp_path / "cleaned-up").exists() == heeds


def test_without_tox_nobody_watches_the_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only TOX_ENV_NAME tells that tox is the parent; tests started from a shell go on without it."""
    monkeypatch.delenv("TOX_ENV_NAME", raising=False)
    assert not lifeline.under_tox()
    monkeypatch.setenv("TOX_ENV_NAME", "tests")
    assert lifeline.under_tox()
    assert not lifeline.parent_gone()


def test_a_run_of_a_fleet_notices_its_end() -> None:
    """Its stdin is the fleet's lifeline: whatever ended the fleet, KILL too, the run hears of it."""
    code = (
        "import threading\nfrom drills.run import lifeline\ncame = threading.Event()\n"
        "lifeline.watch_parents(lambda reason: (print(reason, flush=True), came.set()), of_fleet=True)\n"
        "print('waits', flush=True)\ncame.wait(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdin
        assert run.stdout
        assert run.stdout.readline() == "waits\n"
        run.stdin.close()
        assert run.stdout.readline() == "the fleet is gone\n"
