"""Which commands of drills on this machine work at an endpoint: a sandbox that they drill in is not ended without a word."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence

import psutil

from drills.errors import ConfigError

# commands that restore or back up, and take a while
DRILLING = ("backup", "cutover", "restore", "run", "validate")


def refuse_while_used(endpoint: str) -> None:
    """Raise ConfigError while commands drill in the sandbox that answers there: its end would be the end of their drills."""
    if used := commands_at(endpoint):
        raise ConfigError(
            f"expected a sandbox that nobody drills in, found {', '.join(used)}: let it end, or stop it with Ctrl-C (kill -INT "
            "and the number of the process), and it removes what it made; then type this again"
        )


def commands_at(endpoint: str) -> list[str]:
    """Return the commands whose environment names it, as `eval "$(drills sandbox up)"` sets it: a fleet, not its runs."""
    found: dict[int, str] = {}
    for process in psutil.process_iter(["pid"]):
        try:
            name = _command_of(process.cmdline())
            if name and process.pid != os.getpid() and process.environ().get("AWS_ENDPOINT_URL") == endpoint:
                found[process.pid] = f"drills {name} (process {process.pid})"
        except (psutil.Error, OSError):
            continue  # it has ended, or is another user's
    return [told for pid, told in sorted(found.items()) if not _ancestors(pid) & {*found}]


def _command_of(words: Sequence[str]) -> str:
    """Return which command of ours a process carries out, "" for another program and for commands that drill nothing. Pure."""
    for word, following in itertools.pairwise(words):
        if os.path.basename(word) == "drills" and following in DRILLING:
            return following
    return ""


def _ancestors(pid: int) -> set[int]:
    try:
        return {each.pid for each in psutil.Process(pid).parents()}
    except psutil.Error:
        return set()
