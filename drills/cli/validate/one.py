"""One validation: the record, the checks, the reports, the seal, and then the result, since AWS Backup deletes after it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Iterator, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.ca_bundle import check_bundle
from drills.aws.recorder import CallRecorder
from drills.aws.remedies import explain
from drills.aws.restore_jobs import describe_job, post_result
from drills.aws.session import Clients
from drills.checks.manifest import Manifest
from drills.cli.common import OUT
from drills.cli.evidence import of_run
from drills.cli.evidence.of_run import Concluded
from drills.cli.run import begin_evidence, make_folder, opening_record
from drills.cli.target import OpenTarget, recorded
from drills.cli.validate.claim import claimed
from drills.clock import SystemClock
from drills.config.load import Config
from drills.config.trigger import trigger_of
from drills.errors import COULD_NOT_RUN, NOT_SEALED, VERIFICATION_FAILED, DrillError
from drills.evidence.bundle import Bundle
from drills.evidence.keeper import Keeper, open_for_run
from drills.evidence.manifests import read_stored
from drills.evidence.stored.find import finder_for
from drills.files import locked, write_atomically
from drills.model.restore_job import RestoreJob, RestoreTest
from drills.record import Journal, new_run_id
from drills.recovery import validation
from drills.recovery.failing import translate_client_errors
from drills.recovery.setup import Setup
from drills.run import context, finish, signals
from drills.screen import Screen
from reports import terminal

LOCK_NAME = ".validating"
LONGEST_TURN = 4 * 3600.0  # seconds to wait for another validation in this checkout: both would set the password
POSTED = {"SUCCESSFUL": 0, "FAILED": VERIFICATION_FAILED, "TIMED_OUT": COULD_NOT_RUN}


def validate(reached: OpenTarget, job: RestoreJob, *, give_up: bool = False) -> int:
    """Validate what a restore test made and post the result; return the exit code. A job that has a result is left alone."""
    if job.has_result:
        return _leave(job)
    validation.check_job(job)
    if stored := reached.config.target.manifest:  # one that was edited is refused before anything is begun
        read_stored(stored, reached.config.evidence.public_key)
    with _turn():
        job = describe_job(reached.restore, job.id)
        if job.has_result:  # by another that had its turn before
            return _leave(job)
        keeper = open_for_run(reached.config, os.environ)
        done = _carry_out(reached, keeper, job, give_up=give_up)
        code = COULD_NOT_RUN if done.record.code is None else done.record.code
        if done.bundle is None:
            print("drills: nothing is posted without sealed evidence: the instance stays until its window ends")
            return code or NOT_SEALED
        return _post(reached.restore, done.record.restore_test, done.bundle, code)


def _leave(job: RestoreJob) -> int:
    print(
        f"restore job {job.id}: {job.validation} was posted before ({job.validation_message or 'without a message'}), deletion "
        f"{job.deletion or 'not begun'}: left alone"
    )
    return POSTED[job.validation]


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    """Wait for the validations that run in this checkout: one after another, as drills are measured."""
    OUT.mkdir(parents=True, exist_ok=True)
    opened = os.open(OUT / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with locked(opened, LONGEST_TURN, SystemClock(), waiting_for="another drills validate of this checkout to end"):
            yield
    except TimeoutError as error:
        raise DrillError(str(error)) from error
    finally:
        os.close(opened)


def _carry_out(reached: OpenTarget, keeper: Keeper, job: RestoreJob, *, give_up: bool) -> Concluded:
    """Check the instance and judge it, whatever happens meanwhile; then write, seal and show the reports."""
    clock, config, console = SystemClock(), reached.config, Screen()
    started, origin = clock.now(), clock.monotonic()
    run_id = new_run_id(started)
    for earlier in of_run.seal_abandoned(keeper, config, OUT, f"run {run_id}"):
        _say(console, of_run.lines_of(earlier))
    folder = make_folder(run_id)
    opening = opening_record(run_id, started, config, context.RunOptions())
    opening = dataclasses.replace(opening, trigger=trigger_of(None, os.environ), price=None)  # it makes no copy
    opening, begun = begin_evidence(keeper, config, opening, folder)
    try:
        journal = Journal.create(folder, opening, origin=origin, clock=clock)
        context.note_configuration(folder, config, context.RunOptions(), ())
        job = _check(reached, journal, job)
        with signals.held():  # what was begun is brought to its end
            _close(journal, job, give_up=give_up)
            done = of_run.conclude(folder, keeper, config, allure=False)
    finally:
        os.close(begun.held)
    terminal.summary(done.record, folder, console)
    _say(console, of_run.lines_of(done))
    return done


def _say(console: Screen, lines: Sequence[str]) -> None:
    for line in lines:
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _check(reached: OpenTarget, journal: Journal, job: RestoreJob) -> RestoreJob:
    """Wait for the job and check what it made; all of it is in the record. Return the job as it was last seen."""
    journal.enter("wait for the restore job")
    try:
        with signals.interrupting(), translate_client_errors():
            setup = _setup(reached, journal)
            every, timeout = setup.poll_seconds, setup.target.timeout.total_seconds()
            job = validation.follow(setup.scratch_clients, job.id, journal.clock, every=every, timeout=timeout)
            expected = _expected(setup, reached.config)
            with claimed(setup, job.instance):
                validation.validate(validation.setup_for(setup, job), job, *expected, reached.config.instances)
    except DrillError as error:
        journal.failure(str(error), error.exit_code)
    except KeyboardInterrupt as stop:
        journal.interrupt(str(stop) or "INT")
    return job


def _setup(reached: OpenTarget, journal: Journal) -> Setup:
    check_bundle(reached.config)
    sides = recorded(reached, CallRecorder(journal.folder, "validate"), "validator")
    made = context.setup_of_one(reached.config, sides, journal, reached.url)
    return dataclasses.replace(made, find_manifest=finder_for(made, reached.config))


def _expected(setup: Setup, config: Config) -> tuple[Manifest | None, bytes | None]:
    """Return the target's stored manifest and its key, None for both without one."""
    if setup.target.manifest is None:
        return None, None
    text, expected, key = read_stored(setup.target.manifest, config.evidence.public_key)
    write_atomically(setup.journal.folder / context.MANIFEST_NAME, text)  # a part of the evidence
    return expected, key


def _close(journal: Journal, job: RestoreJob, *, give_up: bool) -> None:
    """Judge, and end the record: what is to be posted stands in it, since it is sealed before."""
    result, message = validation.judged(journal.record, give_up=give_up)
    journal.update(
        promises=(validation.promise(journal.record, job.id),),
        restore_test=validation.record_of(job, result, message),
    )
    told = f"to post to AWS Backup: {result}" if result else "nothing to post to AWS Backup"
    journal.append("notes", f"restore test {job.id}: {told}")
    finish.end_of_one(journal)


def _post(clients: Clients, test: RestoreTest | None, bundle: Bundle, code: int) -> int:
    """Post the result with the digest of its evidence, unless somebody else posted meanwhile; return the exit code."""
    if test is None or not test.result:
        print(
            f"restore job {test.job_id if test else ''}: no result is posted: it can be validated until its window ends"
        )
        return code or COULD_NOT_RUN
    try:
        now = describe_job(clients, test.job_id)
        if now.has_result:
            print(
                f"drills: expected to post {test.result}, found that AWS Backup has {now.validation}", file=sys.stderr
            )
            return code or (0 if now.validation == test.result else COULD_NOT_RUN)
        post_result(clients, test.job_id, test.result, f"{test.message} Evidence: SHA256SUMS {bundle.digest}")
    except (ClientError, BotoCoreError) as error:
        print(f"drills: expected to post {test.result}, found: {explain(error, 'run this again')}", file=sys.stderr)
        return code or COULD_NOT_RUN
    print(f"restore job {test.job_id}: {test.result} is posted; AWS Backup deletes {test.instance}")
    return code
