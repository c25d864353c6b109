"""`drills evidence seal`: seals a run that was begun and has no bundle."""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from drills.cli.common import CONFIG_OPTIONS, Command, run_folder
from drills.cli.evidence import of_run
from drills.cli.evidence.configured import config_of
from drills.clock import SystemClock, wait_until
from drills.config.load import Config
from drills.errors import ConfigError, DrillError, NotSealed
from drills.evidence.check import STARTS
from drills.evidence.keeper import Keeper, open_keeper
from drills.evidence.start import entry_name
from drills.files import locked_folder, try_lock
from drills.model.record import RunRecord
from drills.record import load
from drills.sandbox.postgres.leftovers import remove_leftovers
from reports import words

EXAMPLE = """\
examples:
  drills evidence seal reports/out/20261123-141503-a1b2     a run whose processes were killed, or whose seal failed
"""
EXIT_CODES = """\
exit codes: 0 the run has its bundle; 12 it still runs, or another process has long been sealing it; 14 its evidence was not sealed;
2 wrong usage"""
SECONDS = 600.0  # of another process that seals the run: its reports are written, among them a PDF, and a store gets its bundle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drills evidence seal`."""
    parser.add_argument("run", metavar="RUN", help="folder of the run")
    # what a run's own supervisor calls at its end, in the place of the command that was killed
    parser.add_argument("--by-its-run", action="store_true", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Seal the run and say where its bundle is. Raises DrillError."""
    folder = run_folder(options.run)
    record = load(folder)
    if record.evidence is None or record.target is None:
        raise ConfigError(
            f"{folder}: expected a run with a place in a chain of evidence, found none: it was made without evidence"
        )
    config = config_of(Path(options.config) if options.config else None, record)
    keeper = open_keeper(config, os.environ)
    bundle = keeper.chain / entry_name(record.evidence.sequence, record.run_id)
    if bundle.exists():
        return _is_sealed(keeper, bundle)
    for line in () if options.by_its_run else remove_leftovers():
        print(line)
    done = _seal(folder, keeper, config, record, by_its_run=options.by_its_run)
    if done is None:
        return _is_sealed(keeper, bundle)
    for line in done.lines:
        print(line)
    if done.bundle is None:
        raise NotSealed(done.record.failures[-1].sentence)
    print(f"sealed: {words.show_path(done.bundle.folder)} (level {done.bundle.level})")
    return 0


def _is_sealed(keeper: Keeper, bundle: Path) -> int:
    keeper.put_again(bundle)
    print(f"the run has its bundle: {words.show_path(bundle)}")
    return 0


def _seal(
    folder: Path, keeper: Keeper, config: Config, record: RunRecord, *, by_its_run: bool
) -> of_run.Concluded | None:
    """Seal the run; None where another process has sealed it meanwhile."""
    if by_its_run:
        return of_run.conclude(folder, keeper, config, allure=False)
    assert record.evidence
    name = entry_name(record.evidence.sequence, record.run_id)
    start = keeper.chain / STARTS / f"{name}.json"
    with ExitStack() as stack:
        if not _take(folder, start, record.run_id, stack):
            raise DrillError(f"expected a run that has ended, found that {record.run_id} still runs: it seals itself")
        if (keeper.chain / name).exists():
            return None
        return of_run.conclude_abandoned(folder, keeper, config, "drills evidence seal")


def _take(folder: Path, start: Path, run_id: str, stack: ExitStack) -> bool:
    """Take a run over from its processes until the stack is left, after any other process that seals it; False where it runs on.

    Raises DrillError where another one is at it for longer than that may take.
    """
    clock = SystemClock()
    try:  # one after another, so that none of these takes another one for the run
        stack.enter_context(locked_folder(folder, SECONDS, clock, waiting_for=run_id))
        try:
            held = os.open(start, os.O_RDWR)
        except OSError:
            return True  # a copy that nobody can write to
        stack.callback(os.close, held)
        return wait_until(lambda: _tried(held), SECONDS, clock) == "taken"
    except TimeoutError as error:
        raise DrillError(
            f"expected to seal {run_id}, found that another process has been sealing it for {SECONDS:g} s: type it again when that "
            "has ended, to see its bundle"
        ) from error


def _tried(held: int) -> Literal["taken", "runs"] | None:
    """Try to take a run's lock: its own processes share it, and who seals it has it alone, of which nothing is said yet."""
    if try_lock(held):
        return "taken"
    if not try_lock(held, shared=True):
        return None
    return "taken" if try_lock(held) else "runs"  # or it was given back between the two


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, parents=(CONFIG_OPTIONS,), paths=("config", "run"))
