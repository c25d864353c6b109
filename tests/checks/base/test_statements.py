"""The statements of a run: each once, by its check, and without the values of rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from drills import notebook
from drills.checks.base import statements
from drills.checks.base.statements import StatementLog, without_values
from drills.notebook import Notebook
from drills.sandbox.postgres.cluster import Cluster
from tests.support.cluster import default, state

__all__ = ["default", "state"]

WATERMARK = 'select 1 where least(r."created at", \'2026-11-29 03:00:00\') = r."created at"'


def noted(path: Path) -> list[tuple[str, str]]:
    """What has been noted so far."""
    return [(entry["check"], entry["text"]) for entry in notebook.read(path)]


def test_each_statement_is_noted_once_a_check(tmp_path: Path) -> None:
    """A statement that is run for each object stands once, and again where another check runs it."""
    log = StatementLog(Notebook(tmp_path / "notes"))
    for check in ("content", "content", "indexes"):
        log.check = check
        log.note("select 1")
    assert noted(tmp_path / "notes") == [("content", "select 1"), ("indexes", "select 1")]


@pytest.mark.parametrize(
    ("statement", "without"),
    [
        ("select k from t where k = any (array[17, -4])", "select k from t where k = any (array[…])"),
        (WATERMARK, 'select 1 where least(r."created at", \'…\') = r."created at"'),
        ("set transaction snapshot '00000003-1'", "set transaction snapshot '…'"),
        ("select 1 from c where relkind = 'r'", "select 1 from c where relkind = 'r'"),
    ],
)
def test_values_of_rows_are_left_out(statement: str, without: str) -> None:
    """Keys and watermarks that stand in the text are not written; the statement's own constants are."""
    assert without_values(statement) == without


def test_statements_beyond_the_limit_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check of ten thousand tables leaves a file that a person can open."""
    monkeypatch.setattr(statements, "MOST", 20)
    log = StatementLog(Notebook(tmp_path / "notes"))
    log.check = "content"
    for number in range(4):
        log.note(f"select {number}00")
    assert [text for _, text in noted(tmp_path / "notes")] == ["select 000", "select 100", "", ""]


@pytest.mark.postgres
def test_what_a_connection_executes_is_noted_without_its_parameters(default: Cluster, tmp_path: Path) -> None:
    """Plain and server-side cursors note their text; the values stay where they are."""
    log = StatementLog(Notebook(tmp_path / "notes"))
    with log.recording(default.connect)("postgres") as connection:
        connection.execute("select %s::text", ("jane",)).fetchone()
        with connection.transaction(), connection.cursor(name="c") as cursor:
            cursor.execute("select 2")
    texts = [text for _, text in noted(tmp_path / "notes")]
    assert "select %s::text" in texts
    assert "select 2" in texts
    assert "jane" not in "".join(texts)
