"""What Python keeps of compiled code below the environment of the tests, and what of it nobody reads again."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path


def forget_copies(prefix: str | None = sys.pycache_prefix) -> None:
    """Remove the compiled code of temporary folders, whose names no later session uses; the checkout's own stays.

    `prefix` is PYTHONPYCACHEPREFIX, below which Python repeats the path of each source (importlib's cache_from_source).
    """
    if prefix is not None:
        for folder in (tempfile.gettempdir(), os.environ.get("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())):
            inside = Path(prefix, Path(folder).resolve().relative_to("/"))
            shutil.rmtree(inside, ignore_errors=True)


def compiled_once() -> dict[str, str]:
    """The variables with which a process of a bare environment uses the compiled code of this one, or writes none."""
    kept = {"PYTHONPYCACHEPREFIX": sys.pycache_prefix} if sys.pycache_prefix and not sys.dont_write_bytecode else {}
    return kept or {"PYTHONDONTWRITEBYTECODE": "1"}
