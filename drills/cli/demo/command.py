"""`drills demo`: drills a good backup and a damaged one side by side, each in a sandbox of its own, and compares what was found.

Both are runs like any other, of the sample, without what a run in the sandbox also rehearses: the cut-over and the damaged copy.
Their evidence lies in build/demo, so that they are in no chain and no history of yours.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from drills.cli.common import CHECKOUT, OUT, Command
from drills.cli.demo.show import NAMES, Side, end, facts, follow, judge, record_of
from drills.cli.fleet.pool import carry_out, start_run
from drills.clock import SystemClock
from drills.errors import COULD_NOT_RUN, DrillError
from drills.files import try_lock
from drills.printable import to_json
from drills.record import RUN_ID
from drills.run import lifeline, signals
from drills.screen import Screen
from drills.streams import outlive_readers

EXAMPLE = """\
examples:
  drills demo                                drill a good backup and a damaged one, and see what tells them apart
  drills demo --damage row --damage grant    take these away from the damaged one, and nothing else
  drills demo --json                         the facts as JSON
Nothing but this checkout and about a minute is needed; nothing is left behind but two reports.
"""
EXIT_CODES = """\
exit codes: 0 the good backup passed, and each damage of the other was named; 12 anything else; 2 wrong usage"""
FOLDER = Path("build/demo")
DAMAGE = ("row", "default", "grant", "sequence", "large-object")  # as `drills run --damage` has them
_CONFIG = """\
# Written by `drills demo`. Each key: docs/configuration.md.

[drill]
history = "{folder}/history.jsonl"

[evidence]
folder = "{folder}/evidence"

[profiles.sandbox]
allow = []

[targets.{name}]
instance = "myappdbprod"
vault = "drills-vault"
rto = "30m"
rpo = "24h"
invariants = "{invariants}"
"""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the options of `drills demo`."""
    command.add_argument(
        "--damage",
        metavar="KIND",
        action="append",
        choices=DAMAGE,
        help=f"what is damaged (default: {', '.join(DAMAGE)})",
    )
    command.add_argument(
        "--json", action="store_true", help="print the facts as JSON at the end, the progress on stderr"
    )


def run(options: argparse.Namespace) -> int:
    """Drill both, show them side by side, and return 0 where the good one passed and every damage was named."""
    folder = FOLDER.absolute()
    with _alone(folder):
        return _demonstrate(options, folder)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only demo of the checkout: another would take the files in which its runs say which they are."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise DrillError(f"expected to write to {folder}, found: {error.strerror}") from error
    try:
        if not try_lock(held):
            raise DrillError(f"expected no other drills demo in {folder}, found one that runs: let it end first")
        yield
    finally:
        os.close(held)


def _demonstrate(options: argparse.Namespace, folder: Path) -> int:
    configs = {name: _configure(folder, name) for name in NAMES}
    damage = tuple(dict.fromkeys(options.damage or DAMAGE))
    clock, console = SystemClock(), Screen(stderr=options.json)
    began = clock.monotonic()
    with signals.held() as came:
        lifeline.watch_parents(came.append, of_fleet=False)
        events = carry_out(NAMES, lambda name: _launch(folder, name, configs[name], damage), len(NAMES), came, clock)
        follow(events, lambda name: _run_folder(folder, name), console, clock, damage)
    outlive_readers()
    sides = [_side(folder, name) for name in NAMES]
    problem = f"interrupted by {came[0]}" if came else judge(*sides)
    took = clock.monotonic() - began
    if options.json:
        print(to_json(facts(sides, problem, took)))
    end(sides, problem, took, console)
    return COULD_NOT_RUN if problem else 0


def _configure(folder: Path, name: str) -> Path:
    """Write the configuration of a run; its target has the name, so that the two have a chain each."""
    path = folder / f"{name}.toml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for earlier in (folder / f"{name}.run", folder / f"{name}.log"):
            earlier.unlink(missing_ok=True)
        path.write_text(_CONFIG.format(folder=folder, name=name, invariants=CHECKOUT / "invariants"), encoding="utf-8")
    except OSError as error:
        raise DrillError(f"expected to write {path}, found: {error.strerror}") from error
    return path


def _launch(folder: Path, name: str, config: Path, damage: tuple[str, ...]) -> subprocess.Popen[bytes]:
    damaged = [word for kind in damage for word in ("--damage", kind)] if name == NAMES[1] else []
    words = ["--config", str(config), "--profile", "sandbox", "--member", str(folder / f"{name}.run"), *damaged]
    return start_run(words, folder / f"{name}.log")


def _run_folder(folder: Path, name: str) -> Path | None:
    """Return the folder of a side's run; None before it has one."""
    try:
        run_id = (folder / f"{name}.run").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return OUT / run_id if RUN_ID.fullmatch(run_id) else None


def _side(folder: Path, name: str) -> Side:
    found = _run_folder(folder, name)
    record, said = record_of(found), ""
    if record is None:
        try:
            lines = (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            lines = []
        said = lines[-1] if lines else "its run said nothing"
    return Side(name, found, record, said)


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, paths=("config",))
