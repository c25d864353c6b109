"""Ends what a killed sandbox left running: `python -m drills.sandbox.sweep FOLDER`, the sandbox's work folder.

It is a program of its own, because only the command line may import the sandbox; the supervisor calls it. The sandbox itself
starts it as `--when-orphaned FOLDER`: PostgreSQL servers have no lifeline of their own and would outlive a sandbox that is killed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from drills.sandbox.postgres.folders import remove_folder
from drills.sandbox.postgres.postmaster import sweep

_DISMISSED = b"."
_TRIES = 3  # a server that was just being started is found by the next one


class Sweeper:
    """A process that sweeps the work folder of the sandbox that started it when that ends without dismissing it."""

    def __init__(self, state: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "drills.sandbox.sweep", "--when-orphaned", str(state)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what ends the sandbox's group does not end it
        )

    def dismiss(self) -> None:
        """End it: the sandbox has removed everything by itself."""
        self._process.communicate(_DISMISSED)


def main(arguments: Sequence[str]) -> int:
    """End the processes that work in the folder, which may not exist any more, and print how many there were."""
    *option, folder = arguments
    if option == ["--when-orphaned"]:
        if os.read(0, 1) == _DISMISSED:
            return 0
        for _ in range(_TRIES):
            sweep(Path(folder))
            if remove_folder(Path(folder)):
                break
        return 0
    print(f"{sweep(Path(folder))} processes ended")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
