"""Keeps what a process holds in its memory out of sight: no core dumps, files that only their owner can read, bare errors."""

from __future__ import annotations

import resource
import sys
from typing import TypeVar

AnyError = TypeVar("AnyError", bound=BaseException)
PRIVATE_UMASK = 0o077
# A core file shorter than a page is not written, and a pipe to a crash reporter is opened for every limit but 1: fs/coredump.c
# of Linux, `do_coredump`. Elsewhere 0 is what turns core files off (setrlimit(2)).
_NO_CORE = 1 if sys.platform == "linux" else 0


def forbid_core_dumps() -> None:
    """Forbid core dumps to this process and to those that it starts, for good: QUIT, ABRT and faults leave no image of memory."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    limit = _NO_CORE if hard == resource.RLIM_INFINITY else min(_NO_CORE, hard)
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))


def bare(error: AnyError) -> AnyError:
    """Return an error without the frames it went through, to be raised `from None`.

    The frames of a library that was given a password hold it in their variables, which pytest -l and rich's tracebacks show.
    """
    return error.with_traceback(None)
