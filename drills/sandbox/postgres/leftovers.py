"""Removes what runs and sandboxes of this user have left on this machine whose processes were all killed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from drills import work_folder
from drills.plural import counted


def remove_leftovers(where: Sequence[Path] | None = None) -> Iterator[str]:
    """End the PostgreSQL processes of each abandoned work folder, remove it, and yield a sentence about it."""
    for folder in work_folder.abandoned(work_folder.places() if where is None else where):
        # psutil is loaded where something was left, which is seldom
        from drills.sandbox.postgres.folders import remove_folder
        from drills.sandbox.postgres.postmaster import sweep

        ended = sweep(folder)
        processes = f" with {counted(ended, 'process', 'processes')} of PostgreSQL" if ended else ""
        if not remove_folder(folder):
            yield f"expected to remove {folder}, which a run or sandbox that was killed has left, found that it stays: remove it"
        else:
            yield f"removed {folder}{processes}, which a run or sandbox that was killed had left"
