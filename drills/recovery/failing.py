"""Turns the errors of AWS's and PostgreSQL's clients into the drill's own, and remembers what a recovery ended with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import read as aws
from drills.checks.base.outcome import first_line
from drills.errors import DrillError, NoRecoveryPoint
from drills.model import phases
from drills.model.record import Restoration
from drills.record import Journal


@contextmanager
def translate_client_errors() -> Iterator[None]:
    """Raise what boto3 and psycopg raise as a DrillError with one sentence."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise DrillError(aws.refusal(error)) from error
    except psycopg.Error as error:
        raise DrillError(
            f"the connection to the scratch instance failed: {first_line(error)}; read its server's log"
        ) from error


class Once:
    """A recovery that is done once and remembered, and so is its failure."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._outcome: Restoration | DrillError | None = None

    def __call__(self, recover: Callable[[], Restoration], at_end: Callable[[], None] = lambda: None) -> Restoration:
        """Return what `recover` has returned; a failure, which is kept in the record, is raised again to each caller."""
        if self._outcome is None:
            try:
                self._outcome = self._outcome_of(recover)
            finally:
                at_end()
            self._journal.enter(phases.REMAINING)
        if isinstance(self._outcome, DrillError):
            raise self._outcome
        return self._outcome

    def _outcome_of(self, recover: Callable[[], Restoration]) -> Restoration | DrillError:
        try:
            with translate_client_errors():
                return recover()
        except NoRecoveryPoint as error:
            return error  # its verdict is in the record: an objective missed, not a drill that could not run
        except DrillError as error:
            self._journal.failure(str(error), error.exit_code)
            return error
