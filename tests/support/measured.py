"""What a process of the tests has measured for `tox -e coverage` is written before pytest-xdist ends the process.

pytest-xdist kills a process that has not ended 10 s after its tests, and on a busy machine it takes longer to write what half of
the tests have run: it was lost without a word.
"""

from __future__ import annotations

import sys

import pytest


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Write what coverage has measured so far, where it measures; it goes on, and writes the rest at the end."""
    coverage = sys.modules.get("coverage")
    if coverage is not None and (running := coverage.Coverage.current()) is not None:
        running.save()
