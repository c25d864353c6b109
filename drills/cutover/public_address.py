"""The public address of the service: one request, and a monitor for the time of a cut-over."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from datetime import datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from drills.aws.session import LOOPBACK
from drills.clock import Clock

_WITHIN = 5.0  # seconds for one answer
_BODY = 1_000_000


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the answer of the address itself counts."""

    def redirect_request(self, *_: Any) -> None:
        return None


def get(url: str, timeout: float = _WITHIN) -> tuple[int, str]:
    """Return status and body of a GET; status 0 where nothing answers."""
    handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
    if urlsplit(url).hostname in LOOPBACK:
        handlers.append(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers={"User-Agent": "drills-cutover", "Cache-Control": "no-cache"})
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout) as answer:
            return int(answer.status), answer.read(_BODY).decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(_BODY).decode(errors="replace")
    except (OSError, HTTPException) as error:
        return 0, " ".join(str(getattr(error, "reason", error)).split())


class AddressMonitor:
    """Requests the address repeatedly in a thread, and records each change of its answer with the instant.

    One request at a time, so that the answers are in the order in which they were given.
    """

    def __init__(self, url: str, clock: Clock, every: float) -> None:
        self._url, self._clock, self._every = url, clock, every
        self._asking, self._lock = threading.Lock(), threading.Lock()
        self._changes: list[tuple[datetime, str]] = []
        self._last = ""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the requests."""
        self._thread = threading.Thread(target=self._run, name="public-address", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the requests."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_WITHIN * 2)

    def drain(self) -> tuple[tuple[datetime, str], ...]:
        """Return the changes since the last call."""
        with self._lock:
            changes, self._changes = tuple(self._changes), []
        return changes

    def ask(self, url: str) -> tuple[int, str]:
        """Return status and body of a GET, as `get` does; an answer of the address that is monitored is recorded.

        So what a step has waited for is in the journal before the step's end, however late the thread is.
        """
        if url != self._url:
            return get(url)
        with self._asking:
            at = self._clock.now()
            status, body = get(url)
            answer = str(status) if status else "no answer"
            with self._lock:
                if answer != self._last:
                    self._changes.append((at, answer))
                    self._last = answer
        return status, body

    def _run(self) -> None:
        while not self._stop.is_set():
            self.ask(self._url)
            self._stop.wait(self._every)
