"""The commit of a checkout, which the record of a run names and a replay compares."""

from __future__ import annotations

import subprocess
from pathlib import Path


def commit_of(checkout: Path) -> str:
    """Return the commit of a checkout; where there is no git, what the file COMMIT of an image says; else ""."""
    if commit := _git(checkout, "rev-parse", "HEAD"):
        return commit
    written = checkout / "COMMIT"  # made by infra/container/install
    return written.read_text(encoding="utf-8").strip() if written.is_file() else ""


def is_edited(checkout: Path) -> bool:
    """Return whether files of the program were edited since the commit; False where there is no git."""
    return bool(_git(checkout, "status", "--porcelain", "--untracked-files=no", "--", "drills", "reports"))


def _git(checkout: Path, *words: str) -> str:
    """Return what git says of a checkout, "" where there is none."""
    try:
        found = subprocess.run(["git", *words], cwd=checkout, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
