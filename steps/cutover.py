"""The service that moves to a restored database, and back."""

from __future__ import annotations

from pathlib import Path

import allure
import pytest
from pytest_bdd import given, then, when

from drills.cutover import judge
from drills.errors import Refused
from drills.record import Journal
from drills.run import cutover
from drills.run.cutover import Move
from steps.checks import assert_met


@pytest.fixture(scope="session")
def move(run_folder: Path, journal: Journal) -> Move:
    """The cut-over of the run; skipped where a guard holds."""
    try:
        return cutover.open_move(run_folder, journal)
    except Refused as error:
        pytest.skip(str(error))


@given("a service that uses the protected database", target_fixture="service")
def service_of_the_database(move: Move) -> Move:
    """The target's own, and in the sandbox one that is made for the run."""
    return move


@when("the service is moved to a database that is restored under the same name")
@given("the service has been moved to a database that was restored under the same name", target_fixture="service")
def service_is_moved(move: Move) -> Move:
    """Once a run; each scenario looks at the same move."""
    move.go()
    _show(move)
    return move


@when("the move is undone")
def move_is_undone(service: Move) -> None:
    """Once a run."""
    service.undo()
    _show(service)


@then("the service was away once and then answers with the restored data")
def away_once(journal: Journal) -> None:
    """What its users' address answered, and when."""
    assert_met(journal, judge.NAME)


@then("nobody else could write to the restored database before it was opened to the service")
def closed_until_opened(journal: Journal) -> None:
    """The groups that it had until then."""
    assert_met(journal, judge.CLOSED)


@then("the restored database is configured as the old one was")
def configured_as_before(journal: Journal) -> None:
    """Every setting beside the old one's, or a reason why not."""
    assert_met(journal, judge.CONFIGURED)


@then("nothing is connected to the old database any more")
def old_database_is_idle(journal: Journal) -> None:
    """The sessions of the renamed instance."""
    assert_met(journal, judge.IDLE)


@then("the service answers with the old database under its old name, and neither database is gone")
def old_database_is_back(journal: Journal) -> None:
    """Names, existence and answer after the rollback."""
    assert_met(journal, judge.BACK)


def _show(move: Move) -> None:
    """Attach what was done and seen to Allure's report."""
    for name, text in move.evidence().items():
        allure.attach(text, name, allure.attachment_type.TEXT)
