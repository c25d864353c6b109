"""A command that says what it finds itself to be, and how it is ended: for tests of drills/run/warm.py.

As a program (`python -m tests.support.copied PLACE`) it starts itself by `warm.start`, once for each way to end, and prints how
that was noticed.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from drills.clock import SystemClock, wait_until
from drills.run import lifeline, warm
from drills.run.plan import Command
from drills.run.signals import STOP_SIGNALS

WAYS = ("well", "by status", "by error", "by TERM", "by INT", "by its lifeline")


def main(arguments: Sequence[str]) -> int:
    """Print what this process is, then end as the argument says."""
    lifeline.end_when_orphaned(5)
    umask = os.umask(0o022)
    os.umask(umask)
    facts = {
        "arguments": list(arguments),
        "seen": sys.argv[1:],
        "environment": sorted(os.environ),
        "leads its group": os.getpgrp() == os.getpid(),
        "umask": umask,
        "name": Path("/proc/self/comm").read_text(encoding="utf-8").strip(),
        # without the folder that is being read, and the copy by which stdin is watched
        "open": sorted(name for name in map(int, os.listdir("/proc/self/fd")) if name < 3),
        "more open": len(os.listdir("/proc/self/fd")) - 5,
        "signals": [str(signal.getsignal(number)) for number in STOP_SIGNALS],
        "threads": [each.name for each in threading.enumerate()],
    }
    print(json.dumps(facts), flush=True)
    atexit.register(lambda: print("at the end"))
    match arguments[0]:
        case "by status":
            raise SystemExit(7)
        case "by error":
            raise ValueError("as it was asked to")
        case "by TERM" | "by INT" | "by its lifeline":
            threading.Event().wait(60)
    return 0


def end(way: str, place: Path) -> dict[str, object]:
    """Start this command, let it end in a way, and return how it ended with what it printed."""
    log = place / way
    argv = (sys.executable, "-m", "tests.support.copied", way)
    with log.open("wb") as out:
        streams = warm.Streams(subprocess.PIPE, out.fileno(), out.fileno())
        child = warm.start(Command("stage of it", argv), {"ONLY": "this"}, streams, 0o077, may_copy=True)
    wait_until(lambda: "\n" in log.read_text(encoding="utf-8"), 30, SystemClock(), what="what the command is")
    if way in ("by TERM", "by INT"):
        os.killpg(child.pid, getattr(signal, f"SIG{way[3:]}"))
    if way == "by its lifeline" and child.stdin:
        child.stdin.close()
    lifeline.wait_end(child, 30)
    ended, last = lifeline.has_ended(child), log.read_text(encoding="utf-8").splitlines()
    facts = {"is a copy": isinstance(child, warm.Copy), "ended": ended, "status": child.wait(), "last": last[1:]}
    return dict(json.loads(last[0])) | facts


if __name__ == "__main__":
    warm._OURS |= {"tests.support.copied"}
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: print("the handler of the original"))
    other_end = os.pipe()  # such as the lifeline of another command
    lifeline.watch(other_end[0], lambda _: None)
    print(json.dumps({way: end(way, Path(sys.argv[1])) for way in WAYS}))
