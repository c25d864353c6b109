"""The drill that the scenarios of a run share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_bdd import given, then, when

from drills.evidence.stored.find import finder_for
from drills.record import Journal
from drills.recovery.drill import Drill
from drills.run import context
from drills.sandbox_client import SandboxControl
from steps.promises import journal_of


@pytest.fixture(scope="session")
def run_folder(pytestconfig: pytest.Config) -> Path:
    """Return the folder of the run, below reports/out/."""
    folder = pytestconfig.getoption("--drill-run")
    if folder is None:
        pytest.fail("expected --drill-run with the folder of a run, found none: run the features with `drills run`")
    return Path(folder)


@pytest.fixture(scope="session")
def journal(request: pytest.FixtureRequest, run_folder: Path) -> Journal:
    """Return the open run record."""
    return journal_of(request.session, run_folder)


@pytest.fixture(scope="session")
def drill(run_folder: Path, journal: Journal) -> Iterator[Drill]:
    """Open the drill of this run, and remove what it created at the end, whatever happened."""
    drill = context.open_drill(run_folder, journal, finder_for)
    yield drill
    drill.clean_up()


@pytest.fixture(scope="session")
def sandbox_control(run_folder: Path) -> SandboxControl:
    """Return the client of the sandbox's own API; only a profile that allows damage has one."""
    return context.open_control(run_folder)


@given("the protected database of the target", target_fixture="target_drill")
def protected_database(drill: Drill) -> Drill:
    """Name the target of the run; nothing is read or changed yet."""
    return drill


@given("the protected database of the target is lost")
def loss_is_declared(drill: Drill) -> None:
    """Declare the disaster, once a run: the recovery time counts from here."""
    drill.declare_disaster()


@when("the drill removes what it created", target_fixture="left")
def drill_cleans_up(drill: Drill) -> tuple[str, ...]:
    """Delete each resource of this run, and wait until AWS reports it gone."""
    return tuple(f"{resource.kind} {resource.id}: {resource.note}" for resource in drill.clean_up())


@then("each created resource is confirmed to be gone")
def nothing_is_left(journal: Journal, left: tuple[str, ...]) -> None:
    """Assert that the run created something and that nothing of it is left."""
    assert journal.record.resources, "expected resources that the drill created, found none"
    assert not left, f"still there: {'; '.join(left)}"
