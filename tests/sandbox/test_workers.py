"""The threads of the sandbox: none is forgotten at its end."""

from __future__ import annotations

import threading

import pytest

from drills.sandbox.base.time import SandboxClock
from drills.sandbox.base.workers import Workers


def test_a_thread_that_is_being_started_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end comes between the decision to start a thread and its start: it is waited for, and no later one begins."""
    workers, failures, done = Workers(SandboxClock()), [], []

    def close() -> None:
        try:
            workers.close()
        except RuntimeError as error:
            failures.append(error)

    closing = threading.Thread(target=close)

    class Slow(threading.Thread):
        def start(self) -> None:
            closing.start()
            closing.join(0.3)  # by then it has failed, or waits for this thread
            super().start()

    monkeypatch.setattr(threading, "Thread", Slow)
    workers.start("slow", lambda: done.append("slow"))
    closing.join(60)
    monkeypatch.undo()
    workers.start("too late", lambda: done.append("too late"))

    assert failures == []
    assert not closing.is_alive()
    assert done == ["slow"]
