"""The private file that the processes of a run append to."""

from __future__ import annotations

from pathlib import Path

from drills import notebook
from drills.notebook import Notebook


def test_entries_of_several_writers_are_read_in_order(tmp_path: Path) -> None:
    """Each entry is one line; several open notebooks of a path add to one file, which its owner alone can read."""
    path = tmp_path / "notes"
    one, other = Notebook(path), Notebook(path)
    one.add({"n": 1})
    other.add({"n": 2, "text": "a\nb"})
    one.add({"n": 3})
    assert [entry["n"] for entry in notebook.read(path)] == [1, 2, 3]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    """What a killed process wrote in part is left out, and what others wrote before it is read."""
    path = tmp_path / "notes"
    Notebook(path).add({"n": 1})
    with path.open("a") as out:
        out.write('{"n": 2, "te')
    assert [entry["n"] for entry in notebook.read(path)] == [1]


def test_no_file_has_no_entries(tmp_path: Path) -> None:
    """A run that noted nothing has nothing to read."""
    assert list(notebook.read(tmp_path / "notes")) == []
