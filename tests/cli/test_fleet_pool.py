"""A fixed number of commands runs at once; none of them stops another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from drills.cli.fleet.pool import Event, carry_out
from drills.clock import SystemClock, wait_until

NAMES = ("a", "b", "c", "d", "e")


def launching(*codes: str) -> Callable[[str], subprocess.Popen[bytes]]:
    """Start a one-line program for each name, the first for a; the last of them for all others."""

    def launch(name: str) -> subprocess.Popen[bytes]:
        code = codes[min(NAMES.index(name), len(codes) - 1)]
        if not code:
            raise OSError(8, "Exec format error")
        return subprocess.Popen([sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, start_new_session=True)

    return launch


def kinds(events: list[Event]) -> dict[str, list[str]]:
    """What became of each, in order."""
    return {name: [each.kind for each in events if each.name == name] for name in NAMES}


def test_one_that_fails_stops_no_other() -> None:
    """Nor one that cannot be started: each name ends once, and no more than the pool's size run at once."""
    size, running, most = 2, 0, 0
    events = []
    for event in carry_out(NAMES, launching("raise SystemExit(3)", "", "pass"), size, [], SystemClock()):
        events.append(event)
        running += {"began": 1, "ended": -1}.get(event.kind, 0)
        most = max(most, running)

    assert kinds(events) == {name: ["began", "ended"] for name in NAMES} | {"b": ["refused"]}
    assert {each.name: each.status for each in events if each.kind == "ended"} == {"a": 3, "c": 0, "d": 0, "e": 0}
    assert (
        next(each.why for each in events if each.kind == "refused")
        == "expected to start its run, found: Exec format error"
    )
    assert most == size


def test_a_signal_is_passed_on_to_each(tmp_path: Path) -> None:
    """To those that run, once and as itself; what has not begun is left out, and each that runs is waited for."""
    code = (
        "import pathlib, signal, sys, time\n"
        "def end(number, frame): raise SystemExit(40 + number)\n"
        "signal.signal(signal.SIGINT, end)\n"
        f"pathlib.Path({str(tmp_path)!r}, str(time.monotonic_ns())).touch()\n"
        "sys.stdin.read()"
    )
    came: list[str] = []
    events = []
    for event in carry_out(NAMES, launching(code), 2, came, SystemClock()):
        events.append(event)
        if len(events) == 2:
            wait_until(lambda: len(list(tmp_path.iterdir())) == 2, 60.0, SystemClock())
            came.append("SIGINT")

    assert kinds(events) == {name: ["began", "ended"] if name in "ab" else ["left out"] for name in NAMES}
    assert {each.status for each in events if each.kind == "ended"} == {42}
    assert {each.why for each in events if each.kind == "left out"} == {"SIGINT"}


def test_what_runs_is_stopped_where_the_caller_leaves() -> None:
    """No run goes on without its fleet."""
    started: list[subprocess.Popen[bytes]] = []
    launch = launching("import sys; sys.stdin.read()")

    def noted(name: str) -> subprocess.Popen[bytes]:
        started.append(launch(name))
        return started[-1]

    events = carry_out(NAMES, noted, 2, [], SystemClock())
    next(events)
    next(events)
    events.close()  # type: ignore[attr-defined]

    assert [each.returncode for each in started] == [-15, -15]
