"""Ends what a killed sandbox left running: `python -m drills.sandbox.sweep FOLDER`, the sandbox's work folder.

It is a program of its own, because only the command line may import the sandbox; the supervisor calls it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from drills.sandbox.postgres.postmaster import sweep


def main(arguments: Sequence[str]) -> int:
    """End the processes that work in the folder, which may not exist any more, and print how many there were."""
    print(f"{sweep(Path(arguments[0]))} processes ended")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
