"""Tables of the restored copy, for features of the owner's own."""

from __future__ import annotations

import pytest
from pytest_bdd import parsers, then

from drills.checks.base.session import Connector
from drills.checks.owner import tables
from drills.durations import parse_duration, show_duration
from drills.recovery.drill import Drill


@pytest.fixture
def restored_copy(drill: Drill) -> Connector:
    """Connects to a database of the restored copy by its name: `with restored_copy("orders") as connection: …`."""
    return drill.copy


@then(parsers.parse('the table "{table}" has at least {rows:d} rows'))
@then(parsers.parse('the table "{table}" has at least {rows:d} row'))
def table_has_rows(restored_copy: Connector, table: str, rows: int) -> None:
    """Count the table's rows in the restored copy. The table is named with its schema."""
    found = tables.count_rows(restored_copy, table)
    assert found >= rows, f"expected at least {rows:,} rows in {table}, found {found:,}"


@then(parsers.parse('the newest "{column}" in the table "{table}" is at most "{age}" older than the disaster'))
def newest_row_is_recent(drill: Drill, restored_copy: Connector, column: str, table: str, age: str) -> None:
    """Hold the newest timestamp of a column against the disaster's instant."""
    newest, disaster = tables.newest(restored_copy, table, column), drill.declare_disaster()
    assert newest is not None, f"expected rows in {table}, found none"
    behind = (disaster - newest).total_seconds()
    assert behind <= parse_duration(age).total_seconds(), (
        f"expected a row in {table} at most {age} older than the disaster, found the newest {column} {show_duration(behind)} older"
    )
