"""Ends what a killed sandbox left running: `python -m drills.sandbox.sweep FOLDER`, the sandbox's work folder.

A program of its own, because only the command line may import the sandbox: the supervisor calls this.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from drills.sandbox.postgres.postmaster import sweep


def main(arguments: Sequence[str]) -> int:
    """Sweep the folder, which may be gone already; says how many processes were ended."""
    print(f"{sweep(Path(arguments[0]))} processes ended")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
