"""The monitor of a public address: what a step has waited for is in the journal, in the order in which it was answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from drills.clock import SystemClock, wait_until
from drills.cutover import service
from drills.cutover.public_address import AddressMonitor
from tests.support.answering import answering

CLOCK = SystemClock()


def environment(monitor: AddressMonitor) -> Any:
    """What a step that waits for an answer uses of its environment."""

    def wait(probe: Callable[[], object], seconds: float, what: str, _advice: str) -> object:
        return wait_until(probe, seconds, CLOCK, every=0.01, what=what)

    config = SimpleNamespace(service_timeout=timedelta(seconds=60))
    return SimpleNamespace(watch=monitor, wait=wait, config=config, service_key="")


def test_what_a_step_has_seen_is_told_though_the_thread_is_late() -> None:
    """Each change that the steps waited for, once; what another address answers is none."""
    said = [200]
    with answering("GET", lambda _: (said[0], b"all of it")) as url, answering("GET", lambda _: (404, b"")) as other:
        monitor = AddressMonitor(url, CLOCK, 1.0)  # its thread never comes to look
        env, opening = environment(monitor), SimpleNamespace(public_url=url)
        service.wait_until_open(env, opening, "all")  # type: ignore[arg-type]
        said[:] = [503]
        service.wait_until_closed(env, opening)  # type: ignore[arg-type]
        assert monitor.ask(other)[0] == 404
        told = monitor.drain()

    assert [answer for _, answer in told] == ["200", "503"]
    assert told[0][0] < told[1][0]
    assert monitor.drain() == ()


def test_an_answer_that_is_late_is_not_told_after_a_newer_one() -> None:
    """The second request is sent when the first is answered, whoever asks."""
    asked, held = threading.Semaphore(0), threading.Event()
    answers = iter([503, 200])

    def answer(_: object) -> tuple[int, bytes]:
        status = next(answers)
        asked.release()
        if status == 503:
            assert held.wait(60)
        return status, b""

    with answering("GET", answer) as url, ThreadPoolExecutor(2) as pool:
        monitor = AddressMonitor(url, CLOCK, 1.0)
        first = pool.submit(monitor.ask, url)
        assert asked.acquire(timeout=60)
        second = pool.submit(monitor.ask, url)
        assert not asked.acquire(timeout=0.2)
        held.set()
        assert (first.result(60)[0], second.result(60)[0]) == (503, 200)

    assert [answer for _, answer in monitor.drain()] == ["503", "200"]
