"""The public address of the service: asked once, and watched from a thread for as long as a cut-over is under way."""

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


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: what the address itself answers is meant."""

    def redirect_request(self, *_: Any) -> None:
        return None


def ask(url: str, timeout: float = _WITHIN) -> tuple[int, str]:
    """Status and body of a GET; status 0 where nothing answers."""
    handlers: list[urllib.request.BaseHandler] = [_Stay()]
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


class Watch:
    """Asks the address again and again, and keeps each change of what it answers with its instant."""

    def __init__(self, url: str, clock: Clock, every: float) -> None:
        self._url, self._clock, self._every = url, clock, every
        self._lock = threading.Lock()
        self._changes: list[tuple[datetime, str]] = []
        self._last = ""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to ask."""
        self._thread = threading.Thread(target=self._run, name="public-address", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_WITHIN * 2)

    def drain(self) -> tuple[tuple[datetime, str], ...]:
        """The changes since the last call."""
        with self._lock:
            changes, self._changes = tuple(self._changes), []
        return changes

    def _run(self) -> None:
        while not self._stop.is_set():
            at = self._clock.now()
            status, _ = ask(self._url)
            said = str(status) if status else "no answer"
            with self._lock:
                if said != self._last:
                    self._changes.append((at, said))
                    self._last = said
            self._stop.wait(self._every)
