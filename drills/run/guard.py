"""Checks the guards before a drill outside the sandbox makes anything; `python -m drills.run.guard FOLDER`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import guards
from drills.aws.read import describe_instance
from drills.aws.recorder import CallRecorder
from drills.config.load import EndpointProfile
from drills.errors import COULD_NOT_RUN, DrillError
from drills.record import Journal
from drills.run import context


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when every guard holds, else the exit code of the failure, which is then in the run record."""
    (folder,) = map(Path, sys.argv[1:] if arguments is None else arguments)
    journal = Journal.open(folder)
    try:
        _check_guards(folder)
    except DrillError as error:
        journal.failure(str(error), error.exit_code)
        return error.exit_code
    except (ClientError, BotoCoreError) as error:
        sentence = f"expected AWS to say who is calling and what the source is, found: {error}: see guard.log"
        journal.failure(sentence, COULD_NOT_RUN)
        raise
    return 0


def _check_guards(folder: Path) -> None:
    """Raise the error of the first guard that does not hold; nothing is written to AWS before or by this."""
    effective = context.read(folder).effective()
    guards.check_plan(effective)
    if isinstance(effective.profile, EndpointProfile):
        guards.check_endpoint(effective.profile.endpoint_url)
    recorder = CallRecorder(folder, "guard")
    guards.check_aws(effective, *context.clients_of(effective, None, recorder))
    if isinstance(effective.profile, EndpointProfile):
        source, scratch = context.identified_clients(effective, None, recorder)
        sides = guards.Sides(source.account, source.region, scratch.account, scratch.region)
        guards.check_source(effective, describe_instance(source, effective.target.instance), sides)


if __name__ == "__main__":
    raise SystemExit(main())
