"""How a sandbox's process is told to end, tried without a sandbox."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

WAITING = """
import os, signal
from drills.sandbox.server import _SIGNALS, _watch_for_the_end
wait = _watch_for_the_end(0)
print("ready", flush=True)
wait()
for number in _SIGNALS:
    signal.signal(number, signal.SIG_IGN)
os._exit(0)
"""


@pytest.mark.parametrize("attempt", range(3))
def test_a_storm_of_signals_cannot_keep_it_from_ending(attempt: int) -> None:
    """A signal that interrupts the handler of the one before it must not wait for a lock that this one holds."""
    child = subprocess.Popen([sys.executable, "-c", WAITING], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    for number in (signal.SIGTERM, signal.SIGINT) * 400:
        if child.poll() is None:
            child.send_signal(number)
    try:
        assert child.wait(timeout=10) == 0
    finally:
        child.kill()
        child.communicate()
