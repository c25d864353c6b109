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


ELSEWHERE = """
import os, signal, threading
from drills.sandbox.server import _watch_for_the_end
wait = _watch_for_the_end(0)

def strike():
    told.readline()
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

reader, writer = os.pipe()
told = os.fdopen(reader)
threading.Thread(target=strike, daemon=True).start()
threading.Timer(0.3, lambda: os.write(writer, b"now\\n")).start()
print("ready", flush=True)
wait()
os._exit(0)
"""


def test_a_signal_that_does_not_interrupt_the_wait_ends_it_too() -> None:
    """A signal can arrive just before the wait begins, or in another thread: either way nothing interrupts the wait."""
    child = subprocess.Popen([sys.executable, "-c", ELSEWHERE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.wait(timeout=10) == 0
    finally:
        child.kill()
        child.communicate()
