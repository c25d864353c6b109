"""Ends the tests when tox has gone: it passes SIGTERM and SIGKILL on to nobody, and pytest would go on without it."""

from __future__ import annotations

import os
import signal
import threading

from drills.clock import SystemClock
from drills.run import lifeline

_GRACE = 10.0  # seconds for the fixtures to end what they started


def pytest_configure() -> None:
    """Under tox, watch the parent process."""
    if lifeline.under_tox():
        lifeline.on_parent_gone(_end)


def _end() -> None:
    """Interrupt the running test, so that fixtures clean up, and end this process in any case."""
    main = threading.main_thread().ident
    assert main is not None
    # to the main thread and not to the process: only there does it interrupt a blocking call
    signal.pthread_kill(main, signal.SIGINT)
    SystemClock().sleep(_GRACE)
    os._exit(130)
