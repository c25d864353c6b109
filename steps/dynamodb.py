"""Steps about a target that is a DynamoDB table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pytest_bdd import given, then, when

from drills.errors import NoRecoveryPoint
from drills.record import Journal
from drills.recovery.table.drill import TableDrill
from drills.run import context
from steps.checks import skip_without_a_point


@pytest.fixture(scope="session")
def table_drill(run_folder: Path, journal: Journal) -> Iterator[TableDrill]:
    """Open the drill of this run, and remove what it created at the end, whatever happened."""
    drill = context.open_table_drill(run_folder, journal)
    yield drill
    drill.clean_up()


@given("the protected table of the target is lost")
def table_is_lost(table_drill: TableDrill) -> None:
    """Declare the disaster, once a run: the recovery time counts from here."""
    table_drill.declare_disaster()


@given("its recovery point has been restored to a scratch table")
def table_is_restored(table_drill: TableDrill) -> None:
    """Restore the point and compare the copy, once a run. Without a point the objectives are missed; the rest is not tried."""
    with suppress(NoRecoveryPoint):
        table_drill.recover()


@when("the drill removes the scratch table", target_fixture="left_tables")
def table_is_removed(table_drill: TableDrill) -> tuple[str, ...]:
    """Delete the scratch table, and wait until DynamoDB reports it gone."""
    return tuple(f"{resource.kind} {resource.id}: {resource.note}" for resource in table_drill.clean_up())


@then("the scratch table is confirmed to be gone")
def no_table_is_left(journal: Journal, left_tables: tuple[str, ...]) -> None:
    """Assert that the run created something and that nothing of it is left; skip where there was nothing to restore."""
    skip_without_a_point(journal)
    assert journal.record.resources, "expected a table that the drill created, found none"
    assert not left_tables, f"still there: {'; '.join(left_tables)}"
