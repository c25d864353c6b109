"""One validation: the record, the checks, the reports, the seal, and then the result, since AWS Backup deletes after it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.read import error_text
from drills.aws.recorder import CallRecorder
from drills.aws.restore_jobs import describe_job, post_result
from drills.aws.session import Clients
from drills.checks import manifest
from drills.checks.manifest import Manifest
from drills.checks.owner import invariants
from drills.checks.owner.invariants import InvariantSet
from drills.cli.run import OUT, make_folder, opening_record
from drills.cli.target import OpenTarget, recorded
from drills.clock import SystemClock
from drills.errors import COULD_NOT_RUN, NOT_SEALED, VERIFICATION_FAILED, DrillError
from drills.files import locked
from drills.model.record import RunRecord
from drills.model.restore_job import RestoreJob
from drills.objectives import verdicts
from drills.record import ORIGIN_NAME, Journal, load, new_run_id
from drills.recovery import validation
from drills.recovery.failing import translate_client_errors
from drills.recovery.restore import Setup
from drills.run import context, finish, signals
from drills.sandbox_client import SandboxControl
from drills.screen import Screen
from reports import terminal, write

LOCK_NAME = ".validating"
LONGEST_TURN = 4 * 3600.0  # seconds to wait for another validation in this checkout: both would set the password
POSTED = {"SUCCESSFUL": 0, "FAILED": VERIFICATION_FAILED, "TIMED_OUT": COULD_NOT_RUN}


def validate(reached: OpenTarget, job: RestoreJob, *, give_up: bool = False) -> int:
    """Validate what a restore test made and post the result; return the exit code. A job that has a result is left alone."""
    if job.has_result:
        return _leave(job)
    validation.check_job(job, reached.config.instances)
    with _turn():
        job = describe_job(reached.restore, job.id)
        if job.has_result:  # by another that had its turn before
            return _leave(job)
        folder = _check(reached, job, give_up=give_up)
        record = _report(folder)
        code = COULD_NOT_RUN if record.code is None else record.code
        try:
            _seal(folder)
        except DrillError as error:
            print(
                f"drills: {error}; nothing is posted, so that the instance stays until its window ends", file=sys.stderr
            )
            return code or NOT_SEALED
        return _post(reached.restore, record, code)


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


def _check(reached: OpenTarget, job: RestoreJob, *, give_up: bool) -> Path:
    """Check the instance and judge it, whatever happens meanwhile; return the run's folder, whose record has ended."""
    clock = SystemClock()
    started, origin = clock.now(), clock.monotonic()
    folder = make_folder(new_run_id(started))
    opening = opening_record(folder.name, started, reached.config, context.RunOptions())
    journal = Journal.create(folder, opening, origin=origin, clock=clock)
    journal.enter("wait for the restore job")
    try:
        with signals.interrupting(), translate_client_errors():
            setup = _setup(reached, folder, journal)
            every, timeout = setup.poll_seconds, setup.target.timeout.total_seconds()
            job = validation.follow(setup.scratch_clients, job.id, clock, every=every, timeout=timeout)
            expected = _expected(setup)
            validation.validate(validation.setup_for(setup, job), job, *expected, reached.config.instances)
    except DrillError as error:
        journal.failure(str(error), error.exit_code)
    except KeyboardInterrupt as stop:
        journal.update(interrupted_by=str(stop) or "INT")
    with signals.held():  # what was begun is brought to its end
        _close(journal, job, give_up=give_up)
    return folder


def _setup(reached: OpenTarget, folder: Path, journal: Journal) -> Setup:
    target = reached.config.target
    clients, restore = recorded(reached, CallRecorder(folder, "validate"))
    # the certificate authority of a standing sandbox, as `drills sandbox up` says it
    bundle = target.restore.ca_bundle or (os.environ.get("PGSSLROOTCERT") if reached.config.simulated else None)
    return Setup(
        name=reached.config.target_name,
        target=target,
        clients=clients,
        scratch_clients=restore,
        journal=journal,
        clock=journal.clock,
        poll_seconds=reached.config.profile.poll_every.total_seconds(),
        ca_bundle=Path(bundle) if bundle else None,
        expectation="stored" if target.manifest else "none",
        rules=InvariantSet(invariants.load(Path(target.invariants))) if target.invariants else InvariantSet(),
        resolve=context.late_name_resolver(SandboxControl(reached.url)) if reached.url else None,
    )


def _expected(setup: Setup) -> tuple[Manifest | None, bytes | None]:
    """Return the target's stored manifest and its key, None for both without one."""
    if setup.target.manifest is None:
        return None, None
    path = Path(setup.target.manifest)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise DrillError(f"expected the manifest {path}, found: {error}: take it with drills manifest -o") from error
    return manifest.load(text, str(path)), manifest.read_key(path)


def _close(journal: Journal, job: RestoreJob, *, give_up: bool) -> None:
    """Judge, and end the record: what is to be posted stands in it, since it is sealed before."""
    result, message = validation.judged(journal.record, give_up=give_up)
    journal.update(
        promises=(validation.promise(journal.record, job.id),),
        restore_test=validation.record_of(job, result, message),
    )
    finish.write_raw(journal.folder, journal)
    codes = verdicts.exit_codes(journal.record)
    journal.end()
    held = verdicts.hold_until_reported(journal.record, codes)
    journal.update(code=held.code, all_codes=held.all_codes, failures=held.failures)


def _report(folder: Path) -> RunRecord:
    """Write and show the reports; return the record as it stays."""
    console = Screen()
    lines = write.write_all(folder, render_allure=False)
    (folder / ORIGIN_NAME).unlink(missing_ok=True)
    record = load(folder)
    terminal.summary(record, folder, console)
    for line in lines:
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    return record


def _seal(folder: Path) -> None:
    """Seal the run's evidence, before the result is posted and AWS Backup deletes the instance."""


def _post(clients: Clients, record: RunRecord, code: int) -> int:
    """Post the result unless somebody else did meanwhile; return the exit code."""
    test = record.restore_test
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
        post_result(clients, test.job_id, test.result, test.message)
    except (ClientError, BotoCoreError) as error:
        print(f"drills: expected to post {test.result}, found: {error_text(error)}; run this again", file=sys.stderr)
        return code or COULD_NOT_RUN
    print(f"restore job {test.job_id}: {test.result} is posted; AWS Backup deletes {test.instance}")
    return code
