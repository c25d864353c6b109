"""A run in small: a plan of one-line programs under the real supervisor, and how tests start, find and end it.

As a program (`python -m tests.support.small_run FOLDER PLACE-OF-THE-PLAN`) it is the process that the user started.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

from drills.clock import SystemClock, wait_until
from drills.run import lifeline, plan, supervisor
from drills.screen import Screen
from tests.support.paths import CHECKOUT

LATE = 240.0  # seconds, on a machine that is busy: only what never comes, or never goes, is to be noticed
# each gets the run's folder and the work folder as its arguments: by the first one its process is known
HEAD = """
import json, os, pathlib, signal, subprocess, sys, threading
folder, work = map(pathlib.Path, sys.argv[1:3])
def reached(name): (folder / f"at-{name}").write_text(str(os.getpid()))
def rest(seconds=600): threading.Event().wait(seconds)
def hold(name):  # until the test lets go
    while (folder / f"hold-{name}").exists(): rest(0.02)
def note(**changes):  # in the record: without drills.record, which takes most of what a program of one line takes
    kept = folder / "drill.json"
    if kept.exists():
        kept.with_suffix(".new").write_text(json.dumps(json.loads(kept.read_text()) | changes))
        kept.with_suffix(".new").replace(kept)
"""
SERVICE = """
(work / "up").touch()
reached("service")
hold("service")
print(json.dumps({"endpoint": "here"}), flush=True)
sys.stdin.read()
(work / "up").unlink()
(folder / "service-cleaned-up").touch()
"""
STAGE = """
from drills.run import lifeline
lifeline.end_when_orphaned(1)
reached("stage")
hold("stage")
"""
FEATURES = """
from drills.run import lifeline
lifeline.end_when_orphaned(1)
reached("features")
rest()
"""
FINISH = """
reached("finish")
hold("finish")
from drills.run import supervisor
outcome = supervisor.read_outcome(folder)
note(code=12, all_codes=[12])
(folder / "finished").write_text(json.dumps({"service": (work / "up").exists(), "told": outcome.interrupted_by}))
"""
CLOSE = """
from datetime import UTC, datetime
print(work.exists(), (folder / ".service.json").exists())
note(ended_at=datetime.now(UTC).isoformat())
"""
# what the process that the user started would have done
UNATTENDED = """
from drills import record
kept = record.load(folder)
(folder / "sealed").write_text(f"aborted in phase {kept.aborted_in}, code {kept.code}, ended {kept.ended_at is not None}")
"""


def program(code: str, folder: Path, work: Path) -> tuple[str, ...]:
    """The argv of a one-line program of a small run."""
    return (sys.executable, "-c", HEAD + code, str(folder), str(work))


def small_plan(folder: Path, work: Path, **codes: str) -> supervisor.Plan:
    """A plan with a service, a stage, the features and an end; `codes` replaces programs.

    Whoever does not go is waited for: a test of one that never goes shortens `grace` and `service_grace`.
    """
    code = {"service": SERVICE, "stage": STAGE, "features": FEATURES, "finish": FINISH, "close": CLOSE}
    code |= {"unattended": UNATTENDED} | codes
    argv = {name: program(text, folder, work) for name, text in code.items()}
    commands = (
        supervisor.Command("service", argv["service"], "service", limit=LATE),
        supervisor.Command("stage", argv["stage"], needed=True),
        supervisor.Command("features", argv["features"]),
        supervisor.Command("finish", argv["finish"], "finally", limit=LATE),
        supervisor.Command("close", argv["close"], "last", limit=LATE),
        supervisor.Command("unattended", argv["unattended"], "unattended", limit=LATE),
    )
    sweep = program("reached('sweep')", folder, work)
    return supervisor.Plan(commands, str(work), sweep, grace=LATE, service_grace=LATE)


def begin_record(folder: Path) -> None:
    """Begin a record, as the command line does before anything else."""
    from drills import record  # the process that the user started has no other use for it
    from drills.model.record import SCHEMA_VERSION, RunRecord

    now = datetime.now(UTC)
    fresh = RunRecord(SCHEMA_VERSION, folder.name, "sandbox", True, now, "0")
    record.Journal.create(folder, fresh, origin=SystemClock().monotonic()).enter("start the service")


def command(folder: Path, chosen: supervisor.Plan) -> list[str]:
    """The argv of the process that the user would have started; the record of its run is begun."""
    folder.mkdir(exist_ok=True)
    begin_record(folder)
    place = folder.with_name(f"{folder.name}-plan")
    place.mkdir()
    plan.write_plan(place, chosen)
    return [sys.executable, "-m", "tests.support.small_run", str(folder), str(place)]


@contextlib.contextmanager
def started(argv: Sequence[str], marker: Path, env: Mapping[str, str] | None = None) -> Iterator[psutil.Process]:
    """Start a command that ends with this process, in whatever way that ends; give the command's own process.

    At the end everything is killed that has `marker` among its arguments. What the command printed is printed again
    when the test fails.
    """
    printed = marker.with_name(f"{marker.name}.out")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOX_")} | dict(env or {})
    with printed.open("wb") as out:
        outer = subprocess.Popen(
            [sys.executable, "-m", "drills.run.lifeline", "--", *argv],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=CHECKOUT,
            env=environment,
        )
    try:
        yield wait_until(lambda: next(iter(psutil.Process(outer.pid).children()), None), LATE, SystemClock())
    except BaseException:
        print(printed.read_text(encoding="utf-8", errors="replace"))
        raise
    finally:
        lifeline.kill(lambda: marked(marker))
        assert outer.stdin
        outer.stdin.close()
        outer.wait()


def marked(*markers: Path | str) -> list[psutil.Process]:
    """Every living process that has one of the markers, or a path below it, among its arguments."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            mentioned = any(str(marker) in word for word in process.cmdline() for marker in markers)
            if mentioned and process.pid != os.getpid() and lifeline.is_alive(process):
                found.append(process)
    return found


def supervisor_of(folder: Path) -> psutil.Process:
    """The supervisor of the run in `folder`."""
    for found in marked(folder):
        with contextlib.suppress(psutil.Error):
            if "drills.run.supervisor" in found.cmdline():
                return found
    raise LookupError(f"no supervisor of {folder}")


def hold(folder: Path, name: str) -> None:
    """Keep the service, the stage or the end of a small run at its beginning, from when it is reached until `let_go`."""
    (folder / f"hold-{name}").touch()


def let_go(folder: Path, name: str) -> None:
    """Let it go on."""
    (folder / f"hold-{name}").unlink()


def kill(process: psutil.Process) -> None:
    """Kill a process, and wait until it has closed what it had open."""
    process.kill()
    assert lifeline.wait_gone(lambda: filter(lifeline.is_alive, [process]), LATE)


def wait_for(path: Path, timeout: float = LATE) -> str:
    """Wait until the file is there and not empty; its text."""

    def there() -> bool:
        return path.exists() and path.stat().st_size > 0

    wait_until(there, timeout, SystemClock(), what=str(path))
    return path.read_text(encoding="utf-8")


def wait_for_nothing(*markers: Path | str, timeout: float = LATE) -> None:
    """Wait until no process of the run is left; TimeoutError names those that are."""
    if not lifeline.wait_gone(lambda: marked(*markers), timeout):
        raise TimeoutError(f"still there after {timeout:g} s: {[words_of(found) for found in marked(*markers)]}")


def words_of(process: psutil.Process) -> list[str]:
    """The arguments of a process; none of one that has ended since it was found."""
    with contextlib.suppress(psutil.Error):
        return list(process.cmdline())
    return []


def main(folder: Path, path: Path) -> int:
    """Run the plan; print the outcome as JSON."""
    clock, screen = SystemClock(), Screen()

    def follow(ended: object) -> None:
        assert callable(ended)
        while not ended():
            clock.sleep(0.02)
            if (folder / "chatty").exists():
                screen.print("going on")

    outcome = supervisor.run(plan.read_plan(path), folder, follow)
    for _ in range(10 * (folder / "chatty").exists()):
        os.kill(os.getpid(), signal.SIGTERM)
    print(json.dumps(dataclasses.asdict(outcome)), flush=True)
    (folder / "reported").write_text("the reports are made after the run")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
