"""Checks the guards before the drill of what is no database makes anything outside the sandbox, and takes the target's lock.

`python -m drills.run.table.guard FOLDER`. Two drills of one table disturb each other's clock, and each reads all of it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import guards
from drills.aws.endpoint_health import check_endpoint, needed_by
from drills.aws.recorder import CallRecorder
from drills.aws.remedies import explain
from drills.config.load import Config, EndpointProfile
from drills.errors import COULD_NOT_RUN, DrillError
from drills.record import Journal
from drills.run import context
from drills.run.target_lock import NO_LOCK, lock_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when every guard holds, else the exit code of the failure, which is then in the run record."""
    (folder,) = map(Path, sys.argv[1:] if arguments is None else arguments)
    journal = Journal.open(folder)
    try:
        _check(context.read(folder).effective(), folder)
        _claim(folder, journal)
    except DrillError as error:
        journal.failure(str(error), error.exit_code)
        return error.exit_code
    except (ClientError, BotoCoreError) as error:
        found = explain(error, "see guard.log")
        journal.failure(f"expected AWS to say who is calling, found: {found}", COULD_NOT_RUN)
        raise
    return 0


def _check(effective: Config, folder: Path) -> None:
    """Raise the error of the first guard that does not hold; nothing is written to AWS before or by this."""
    profile, target = effective.profile, effective.target
    guards.check_plan(effective)
    if isinstance(profile, EndpointProfile):
        check_endpoint(profile.endpoint_url, needed_by(target))
    source, there = context.identified_clients(effective, None, CallRecorder(folder, "guard"))
    guards.check_sides(effective, guards.Sides(source.account, source.region, there.account, there.region))


def _claim(folder: Path, journal: Journal) -> None:
    """Take the lock of the target, the first thing that the run makes in AWS; each run in a sandbox has an AWS of its own."""
    setup = context.open_setup(folder, journal, "lock")
    if setup.target.restore.lock:
        lock_of(setup, setup.clients).take(setup.target.instance, None, setup.clock.now())
    else:
        journal.append("notes", NO_LOCK)


if __name__ == "__main__":
    raise SystemExit(main())
