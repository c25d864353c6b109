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
from drills.aws.remedies import error_text, explain
from drills.aws.session import Clients
from drills.config.load import AwsProfile, Config, EndpointProfile
from drills.errors import COULD_NOT_RUN, DrillError
from drills.model.price import Part, RunPrice, UnitPrice
from drills.record import Journal
from drills.recovery.resource.charged import of_source
from drills.run import context, price, price_list
from drills.run.target_lock import NO_LOCK, lock_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when every guard holds, else the exit code of the failure, which is then in the run record."""
    (folder,) = map(Path, sys.argv[1:] if arguments is None else arguments)
    journal = Journal.open(folder)
    try:
        _check(context.read(folder).effective(), folder, journal)
        _claim(folder, journal)
    except DrillError as error:
        journal.failure(str(error), error.exit_code)
        return error.exit_code
    except (ClientError, BotoCoreError) as error:
        found = explain(error, "see guard.log")
        journal.failure(f"expected AWS to say who is calling, found: {found}", COULD_NOT_RUN)
        raise
    return 0


def _check(effective: Config, folder: Path, journal: Journal) -> None:
    """Raise the error of the first guard that does not hold; nothing is written to AWS before or by this."""
    profile, target = effective.profile, effective.target
    guards.check_plan(effective)
    if isinstance(profile, EndpointProfile):
        check_endpoint(profile.endpoint_url, needed_by(target))
    source, there = context.identified_clients(effective, None, CallRecorder(folder, "guard"))
    guards.check_sides(effective, guards.Sides(source.account, source.region, there.account, there.region))
    journal.update(price=estimate_of(effective, source, there))


def estimate_of(effective: Config, source: Clients, there: Clients) -> RunPrice:
    """Return what the run costs at most by what its source is billed by; on AWS by AWS's price list, where that may be asked."""
    charged, note = _charged(effective, source)
    asked: tuple[UnitPrice, ...] = ()
    if isinstance(effective.profile, AwsProfile) and charged:
        asked, note = price_list.ask_about(there, price.estimate(effective, charged=charged).copies[0])
    return RunPrice(price.estimate(effective, asked=asked, charged=charged), asked=asked, note=note)


def _charged(effective: Config, source: Clients) -> tuple[tuple[Part, ...], str]:
    """Return what the source is billed by, nothing where it is gone; and why it could not be read: a price stops no drill."""
    other, name = effective.target.other, effective.target.instance
    try:
        return (of_source(source, other, name) if other else ()), ""
    except (ClientError, BotoCoreError) as error:
        return (), f"what {name} is billed by could not be read: {error_text(error)}"


def _claim(folder: Path, journal: Journal) -> None:
    """Take the lock of the target, the first thing that the run makes in AWS; each run in a sandbox has an AWS of its own."""
    setup = context.open_setup(folder, journal, "lock")
    if setup.target.restore.lock:
        lock_of(setup, setup.clients).take(setup.target.instance, None, setup.clock.now())
    else:
        journal.append("notes", NO_LOCK)


if __name__ == "__main__":
    raise SystemExit(main())
