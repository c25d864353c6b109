"""What of the features a run would hold, found out before anything is started: pytest collects, and runs nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from drills.cli.common import CHECKOUT
from drills.errors import ConfigError, DrillError
from drills.model.record import ExpectedPromise
from drills.objectives import completeness
from drills.redaction import redact_seed
from drills.run import context
from drills.run.plan import SELECTION_NAME, without_pytests
from drills.run.raw import CUCUMBER, RAW

WRONG_USAGE = 4  # pytest's exit code (docs.pytest.org, "Exit codes")
LONGEST = 120.0  # seconds


def check(
    choices: context.RunOptions,
    expected: Sequence[ExpectedPromise],
    arguments: Sequence[str],
    changed: Sequence[str],
) -> None:
    """Refuse a run in which nothing would be recovered.

    Collecting takes a second, so that it is done only where something can leave scenarios out: arguments for pytest,
    or features that are not the shipped ones. Raises ConfigError for arguments that pytest does not take, and
    DrillError where no scenario of a recovery is left.
    """
    if not arguments and not changed:
        return
    with tempfile.TemporaryDirectory(prefix="drills-select-") as temporary:
        folder = Path(temporary)
        seed = redact_seed(choices.seed) if choices.seed else ""
        context.save(folder, dataclasses.replace(choices, seed=seed))
        (folder / SELECTION_NAME).touch()
        status, said = _collect(folder, arguments)
        told = (folder / SELECTION_NAME).read_text(encoding="utf-8")
    given = " ".join(arguments) or "the features"
    if status == WRONG_USAGE:
        raise ConfigError(f"-- {given}: expected arguments that pytest takes, found: {_reason(said)}")
    if not told:
        raise DrillError(f"nothing was run: expected pytest to collect the scenarios, found: {_reason(said)}")
    selection = json.loads(told)
    chosen = [(feature, name) for feature, name in selection["chosen"]]
    if not selection["runs"]:
        raise DrillError(f"nothing was run: -- {given} makes pytest list scenarios without running them: leave it out")
    if not completeness.recovers(chosen, expected):
        sentence = completeness.NOTHING_RECOVERED.format(f"{given} leaves ({len(chosen)} of {len(expected)})")
        raise DrillError(sentence)


def pytest_options(folder: Path) -> tuple[str, ...]:
    """Return the arguments that pytest gets for the run in `folder`, before the caller's own."""
    return (
        str(CHECKOUT / "features"),
        f"--rootdir={CHECKOUT}",
        f"--config-file={CHECKOUT / 'pyproject.toml'}",
        f"--drill-run={folder.absolute()}",
        f"--cucumberjson={folder.absolute() / RAW / CUCUMBER}",
        "--tb=short",
        "-p",
        "no:cacheprovider",
    )


def _collect(folder: Path, arguments: Sequence[str]) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", *pytest_options(folder), "--no-header", *arguments]
    try:
        ended = subprocess.run(
            command, env=without_pytests(os.environ), capture_output=True, text=True, check=False, timeout=LONGEST
        )
    except subprocess.TimeoutExpired as error:
        raise DrillError(f"expected pytest to collect the scenarios within {LONGEST:g} s, it did not") from error
    return ended.returncode, f"{ended.stdout}\n{ended.stderr}"


def _reason(said: str) -> str:
    """Return the line in which pytest says what is wrong, else its last one."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and "usage: " not in line]
    errors = [line for line in lines if re.match(r"E\s|ERROR\b|.*\berror: ", line)]
    return re.sub(r"^(E\s+|ERROR:?\s+|.*?\berror: )", "", errors[0] if errors else lines[-1] if lines else "no reason")
