"""`drills …` as it is installed, and `python -m drills …`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from drills import interruption


def main() -> int:
    """Carry out the command line. An editable install maps `drills` alone: reports and steps are found beside it."""
    interruption.end_at_once()
    checkout = str(Path(__file__).resolve().parents[1])
    if checkout not in sys.path:
        sys.path.insert(0, checkout)
    # a folder called drills in the caller's folder is not taken for ours by the processes that are started from here
    os.environ["PYTHONSAFEPATH"] = "1"
    from drills.cli.main import main as command_line
    from drills.private_process import forbid_core_dumps

    forbid_core_dumps()

    try:
        code = command_line()
        interruption.end_silently()
        return code
    except interruption.Interrupted as stop:
        interruption.die(stop.number)


if __name__ == "__main__":
    raise SystemExit(main())
