"""Run a command and write what the kernel counted for it, as JSON: `python counted.py FILE COMMAND [ARGUMENT ...]`.

A process of its own, because the count of the most memory (`ru_maxrss`) begins with what the process held that forked.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main(report: str, command: list[str]) -> None:
    """Run it to its end; its exit code is in the file and is not this process's."""
    began = time.monotonic()
    process = os.posix_spawnp(command[0], command, os.environ)
    # wait4 tells the kernel's own count of the most memory, which no polling can miss
    _, status, usage = os.wait4(process, 0)
    counted = {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": time.monotonic() - began,
        "most": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),  # getrusage(2): kilobytes on Linux
        "processors": usage.ru_utime + usage.ru_stime,
    }
    Path(report).write_text(json.dumps(counted))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
