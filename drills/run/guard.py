"""Checks the guards before a drill outside the sandbox makes anything, and takes the target's lock.

`python -m drills.run.guard FOLDER`
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import guards
from drills.aws.databases.kinds import KINDS
from drills.aws.endpoint_health import check_endpoint, needed_by
from drills.aws.guarded.names import scratch_tags, target_tag
from drills.aws.read import describe_instance
from drills.aws.recorder import CallRecorder
from drills.aws.remedies import explain
from drills.aws.session import Clients
from drills.config.load import AwsProfile, Config, EndpointProfile
from drills.errors import COULD_NOT_RUN, DrillError
from drills.model.instance import Instance
from drills.model.price import RunPrice, UnitPrice
from drills.record import Journal
from drills.recovery import surroundings
from drills.recovery.setup import Setup
from drills.run import context, price, price_list, resume
from drills.run.target_lock import NO_LOCK, lock_of
from drills.sweep.find import find
from drills.sweep.remove import command_for


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 when every guard holds, else the exit code of the failure, which is then in the run record."""
    (folder,) = map(Path, sys.argv[1:] if arguments is None else arguments)
    journal = Journal.open(folder)
    try:
        _check_guards(folder, journal)
        _claim(folder, journal)
    except DrillError as error:
        journal.failure(str(error), error.exit_code)
        return error.exit_code
    except (ClientError, BotoCoreError) as error:
        found = explain(error, "see guard.log")
        sentence = f"expected AWS to say who is calling and what the source is, found: {found}"
        journal.failure(sentence, COULD_NOT_RUN)
        raise
    return 0


def _check_guards(folder: Path, journal: Journal) -> None:
    """Raise the error of the first guard that does not hold; nothing is written to AWS before or by this."""
    effective = context.read(folder).effective()
    guards.check_plan(effective)
    if isinstance(effective.profile, EndpointProfile):
        check_endpoint(effective.profile.endpoint_url, needed_by(effective.target))
    recorder = CallRecorder(folder, "guard")
    guards.check_aws(effective, *context.clients_of(effective, None, recorder))
    source, scratch = context.identified_clients(effective, None, recorder)
    surroundings.check_tags(effective, scratch, scratch_tags("", effective.target_name, "", effective.target.tags))
    instance = describe_instance(source, effective.target.instance, KINDS[effective.target.kind])
    if isinstance(effective.profile, EndpointProfile):
        sides = guards.Sides(source.account, source.region, scratch.account, scratch.region)
        guards.check_source(effective, instance, sides)
    journal.update(price=_estimate(effective, scratch, instance))


def _estimate(effective: Config, clients: Clients, source: Instance | None) -> RunPrice:
    """Return what the run costs at most now that its source is known; on AWS by AWS's price list, where that may be asked."""
    asked: tuple[UnitPrice, ...] = ()
    note = ""
    if isinstance(effective.profile, AwsProfile) and source is not None:
        asked, note = price_list.ask_about(clients, price.estimate(effective, source).copies[0])
    return RunPrice(price.estimate(effective, source, asked), asked=asked, note=note)


def _claim(folder: Path, journal: Journal) -> None:
    """Take the lock of the target, and where the run resumes another go on with the copy of that.

    The lock is the first thing that a run makes in AWS; each run in a sandbox has an AWS of its own.
    """
    setup, resumes = context.open_setup(folder, journal, "lock"), context.read(folder).resume
    if resumes:
        resume.adopt(setup, resumes, folder.parent)
    if setup.target.restore.lock:
        _take_lock(setup, resumes)
    else:
        journal.append("notes", NO_LOCK)
    if resumes:
        resume.record_things(setup)
    note_leftovers(setup, {journal.record.run_id, journal.record.owner, resumes})


def note_leftovers(setup: Setup, own: Collection[str]) -> None:
    """Note what other runs of the target have left that costs money beside this run's copy, with the commands that remove it."""
    found = find(setup.scratch_clients, dict.fromkeys(("db-instance", setup.kind.copy, setup.kind.copied_snapshot)))
    setup.journal.append("notes", *found.unread)
    for each in found.leftovers:
        if each.named and each.run_id and each.run_id not in own and each.target == target_tag(setup.name):
            last = f"where that run has ended: {command_for(each)}"
            if each.incident:
                last = f"it is kept for an incident: where that is over, drills restore end {each.run_id}"
            setup.journal.append(
                "notes",
                f"{each.kind} {each.id} of run {each.run_id} of this target is still there and costs money: drills sweep removes "
                f"it when its time is over; {last}",
            )


def _take_lock(setup: Setup, resumes: str) -> None:
    record, instance = setup.journal.record, setup.target.instance
    lock = lock_of(setup, setup.clients, filter(None, (record.owner, resumes)))
    lock.take(instance, describe_instance(setup.clients, instance, setup.kind), setup.clock.now())


if __name__ == "__main__":
    raise SystemExit(main())
