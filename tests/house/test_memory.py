"""Where the servers of the tests keep their data, and Python what it compiles."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.support.bytecode import forget_copies
from tests.support.memory import use_memory


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """No choice of the caller's; what the process works with is put back."""
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)
    monkeypatch.setenv("TMPDIR", "")
    monkeypatch.delenv("TMPDIR")


@pytest.mark.usefixtures("unset")
def test_a_folder_with_room_becomes_the_temporary_one(tmp_path: Path) -> None:
    """Servers of the tests are made in it."""
    assert use_memory(tmp_path, 1)
    assert tempfile.gettempdir() == str(tmp_path)


@pytest.mark.usefixtures("unset")
def test_a_small_folder_is_left_alone(tmp_path: Path) -> None:
    """A container's 64 MB of shared memory hold no server."""
    assert not use_memory(tmp_path, 2**60)
    assert not use_memory(tmp_path / "not there", 1)


def test_the_callers_choice_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TMPDIR says where to work."""
    monkeypatch.setenv("TMPDIR", str(tmp_path.parent))
    assert not use_memory(tmp_path, 1)


def test_only_the_compiled_code_of_temporary_folders_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy's folder has a name of its own in each session, and its compiled code would be kept for good."""
    monkeypatch.setattr(tempfile, "tempdir", "/somewhere/temporary")
    monkeypatch.delenv("PYTEST_DEBUG_TEMPROOT", raising=False)
    of_copy, of_checkout = tmp_path / "somewhere/temporary/copy/module.pyc", tmp_path / "somewhere/checkout/module.pyc"
    for file in (of_copy, of_checkout):
        file.parent.mkdir(parents=True)
        file.touch()
    forget_copies(str(tmp_path))
    forget_copies(None)

    assert [file.exists() for file in (of_copy, of_checkout)] == [False, True]
