"""How test files are rewritten before they are collected."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from _pytest.assertion import rewrite

from tests.support.collecting import files_in, keep_rewritten


def test_a_test_file_is_rewritten_once(
    pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pytest's own import finds what was kept, and nothing is rewritten again before the file has changed."""
    folder, file = tmp_path / "tests", tmp_path / "tests" / "test_it.py"
    folder.mkdir()
    file.write_text("def test_it():\n    assert 1 == 2\n")
    (folder / "helper.py").touch()
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "kept"))
    rewritten: list[Path] = []
    usual = rewrite._rewrite_test

    def note(path: Path, config: pytest.Config) -> Any:
        rewritten.append(path)
        return usual(path, config)

    monkeypatch.setattr(rewrite, "_rewrite_test", note)
    found = files_in([str(folder), f"{file}::test_it"])
    for _ in range(2):
        keep_rewritten(pytestconfig, found)
    assert (found, rewritten) == ([file], [file])
    code = rewrite._read_pyc(file, rewrite.get_cache_dir(file) / (file.stem + rewrite.PYC_TAIL))
    assert code is not None
    assert "@pytest_ar" in code.co_names

    file.write_text("def test_it():\n    assert 1 == 1 == 1\n")
    keep_rewritten(pytestconfig, found)
    assert rewritten == [file, file]
