"""Checks the guards before the drill of a DynamoDB table or an EBS volume outside the sandbox makes anything.

`python -m drills.run.table.guard FOLDER`. No lock of the target is taken: two drills of one at once disturb nothing but each
other's clock.
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

NO_LOCK = "no lock was taken: another run may drill the same meanwhile"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when every guard holds, else the exit code of the failure, which is then in the run record."""
    (folder,) = map(Path, sys.argv[1:] if arguments is None else arguments)
    journal = Journal.open(folder)
    try:
        _check(context.read(folder).effective(), folder)
    except DrillError as error:
        journal.failure(str(error), error.exit_code)
        return error.exit_code
    except (ClientError, BotoCoreError) as error:
        found = explain(error, "see guard.log")
        journal.failure(f"expected AWS to say who is calling, found: {found}", COULD_NOT_RUN)
        raise
    journal.append("notes", NO_LOCK)
    return 0


def _check(effective: Config, folder: Path) -> None:
    """Raise the error of the first guard that does not hold; nothing is written to AWS before or by this."""
    profile, target = effective.profile, effective.target
    guards.check_plan(effective)
    if isinstance(profile, EndpointProfile):
        check_endpoint(profile.endpoint_url, needed_by(target))
    source, there = context.identified_clients(effective, None, CallRecorder(folder, "guard"))
    guards.check_sides(effective, guards.Sides(source.account, source.region, there.account, there.region))


if __name__ == "__main__":
    raise SystemExit(main())
