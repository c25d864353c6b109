"""The drill that the scenarios of a run share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_bdd import given, then, when

from drills.record import Journal
from drills.recovery.drill import Drill
from drills.run import context
from drills.sandbox_client import SandboxControl
from steps.promises import journal_of


@pytest.fixture(scope="session")
def run_folder(pytestconfig: pytest.Config) -> Path:
    """The folder of the run, below reports/out/."""
    folder = pytestconfig.getoption("--drill-run")
    if folder is None:
        pytest.fail("the features belong to a run: start them with `python -m drills run`, not with pytest")
    return Path(folder)


@pytest.fixture(scope="session")
def journal(request: pytest.FixtureRequest, run_folder: Path) -> Journal:
    """The open run record."""
    return journal_of(request.session, run_folder)


@pytest.fixture(scope="session")
def drill(run_folder: Path, journal: Journal) -> Iterator[Drill]:
    """The drill of this run; what it made is removed at the end, whatever happened."""
    drill = context.open_drill(run_folder, journal)
    yield drill
    drill.clean_up()


@pytest.fixture(scope="session")
def sandbox_control(run_folder: Path) -> SandboxControl:
    """The sandbox's own controls; only a profile that allows damage has them."""
    return context.open_control(run_folder)


@given("the protected database of the target", target_fixture="target_drill")
def protected_database(drill: Drill) -> Drill:
    """The target of the run."""
    return drill


@when("its loss is declared a disaster")
@given("the protected database of the target is lost")
def loss_is_declared(drill: Drill) -> None:
    """From here the recovery clock runs; once a run."""
    drill.declare_disaster()


@when("the drill removes what it made", target_fixture="left")
def drill_cleans_up(drill: Drill) -> tuple[str, ...]:
    """What could not be removed."""
    return tuple(f"{resource.kind} {resource.id}: {resource.note}" for resource in drill.clean_up())


@then("each thing that was made is seen to be gone")
def nothing_is_left(journal: Journal, left: tuple[str, ...]) -> None:
    """The record has seen each resource go."""
    assert journal.record.resources, "expected a drill that made something, found that it made nothing"
    assert not left, f"still there: {'; '.join(left)}"
