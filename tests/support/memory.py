"""Where the servers of the tests keep their data: in memory, where the machine has room for it.

A test's server writes some tens of megabytes and is thrown away. On a disk that takes half of the suite's time, in the kernel.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import psutil

_MEMORY = Path("/dev/shm")
_LEAST_BYTES = 8 * 2**30  # two processes' servers at a time take about one; the rest is left to the machine


def use_memory(folder: Path = _MEMORY, least_bytes: int = _LEAST_BYTES) -> bool:
    """Make a folder in memory the temporary one of this process and its children; return whether that was done.

    Left alone where TMPDIR says where to work, where the folder is small, and where no program may be run from it.
    """
    if "TMPDIR" in os.environ or not os.access(folder, os.W_OK | os.X_OK):
        return False
    found = os.statvfs(folder)
    room = min(found.f_bavail * found.f_frsize, psutil.virtual_memory().available)
    if found.f_flag & os.ST_NOEXEC or room < least_bytes:
        return False
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    return True
