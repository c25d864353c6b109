"""The cut-over: the service moves to a restored database, and back."""

from __future__ import annotations

from pathlib import Path

import allure
import pytest
from pytest_bdd import given, then, when

from drills.cutover import judge
from drills.errors import Refused
from drills.record import Journal
from drills.run import cutover
from drills.run.cutover import DrilledCutover
from steps.checks import assert_met


@pytest.fixture(scope="session")
def move(run_folder: Path, journal: Journal) -> DrilledCutover:
    """Open the cut-over of the run; skip where a guard refuses it."""
    try:
        return cutover.open_cutover(run_folder, journal)
    except Refused as error:
        pytest.skip(str(error))


@given("the service has been moved to a database that was restored under the same name", target_fixture="service")
def service_is_moved(move: DrilledCutover) -> DrilledCutover:
    """Carry out the cut-over, once a run: of the target's own service, or in the sandbox of one made for the run."""
    move.move()
    _attach_evidence(move)
    return move


@when("the cut-over is rolled back")
def cutover_is_rolled_back(service: DrilledCutover) -> None:
    """Lead the service back to the old database, once a run. Nothing is deleted."""
    service.undo()
    _attach_evidence(service)


@then("the service was unavailable once and then answers with the restored data")
def interrupted_once(journal: Journal) -> None:
    """Assert what the service's public address answered, and when."""
    assert_met(journal, judge.NAME)


@then("nobody else could write to the restored database before it was opened to the service")
def closed_until_opened(journal: Journal) -> None:
    """Assert which security groups the restored database had until it was opened."""
    assert_met(journal, judge.CLOSED)


@then("the restored database is configured as the old one was")
def configured_as_before(journal: Journal) -> None:
    """Assert that each setting is the old database's, or that drill.toml names the reason why not."""
    assert_met(journal, judge.CONFIGURED)


@then("nothing is connected to the old database any more")
def old_database_is_idle(journal: Journal) -> None:
    """Assert that the renamed instance has no session."""
    assert_met(journal, judge.IDLE)


@then("the service answers with the old database under its old name, and both databases exist")
def old_database_is_back(journal: Journal) -> None:
    """Assert the names, the existence and the answers after the rollback."""
    assert_met(journal, judge.BACK)


def _attach_evidence(move: DrilledCutover) -> None:
    """Attach the journal, the answers and the comparison to Allure's report."""
    for name, text in move.evidence().items():
        allure.attach(text, name, allure.attachment_type.TEXT)
