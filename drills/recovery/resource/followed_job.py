"""Follows a restore job of AWS Backup to its end, and keeps each status of what it makes in the run record."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from drills.aws.remedies import advice
from drills.clock import wait_until
from drills.errors import RestoreFailed
from drills.model.instance import StatusChange
from drills.model.record import Restoration
from drills.recovery.setup import Setup
from drills.recovery.table.points import progress_of


class FollowedJob:
    """One restore job. `restoration` is what the run record has of it."""

    def __init__(self, setup: Setup, restoration: Restoration) -> None:
        self._setup = setup
        self.restoration = restoration
        setup.journal.restoration(restoration)

    def until_there(self, job: str, what: str, awaited: str, is_there: Callable[[], bool]) -> None:
        """Wait until the job is COMPLETED and `is_there`, asked at each poll. Raises RestoreFailed, with `what` it should make."""

        def done() -> bool:
            progress = progress_of(self._setup.scratch_clients, job)
            if progress.status in ("FAILED", "ABORTED"):
                told = advice(progress.message, "see its status with aws backup describe-restore-job")
                raise RestoreFailed(
                    f"expected AWS Backup to restore {what}, found the job {job} {progress.status}: {progress.message}: {told}"
                )
            return is_there() and progress.status == "COMPLETED"

        timeout = self._setup.target.timeout.total_seconds()
        try:
            wait_until(done, timeout, self._setup.clock, every=self._setup.poll_seconds, what=awaited)
        except TimeoutError as error:
            raise RestoreFailed(
                f"{error}: see the job with aws backup describe-restore-job --restore-job-id {job}, or raise "
                f"{self._setup.timeout_key}"
            ) from error

    def note(self, status: str) -> None:
        """Keep a status where it is another one than before."""
        seen = self.restoration.statuses
        if seen and seen[-1].status == status:
            return
        journal = self._setup.journal
        change = StatusChange(self._setup.clock.now(), status, seconds=journal.elapsed())
        self.restoration = dataclasses.replace(self.restoration, statuses=(*seen, change))
        journal.restoration(self.restoration)
