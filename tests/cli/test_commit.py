"""The commit that a run's record names."""

from __future__ import annotations

from pathlib import Path

import pytest

from drills.cli.evidence.commit import commit_of


def test_an_image_says_the_commit_that_it_was_made_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no git, the file COMMIT of an image says it, and without one nothing is made up."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    assert commit_of(Path()) == ""

    (tmp_path / "COMMIT").write_text("0123abcd\n")

    assert commit_of(Path()) == "0123abcd"
