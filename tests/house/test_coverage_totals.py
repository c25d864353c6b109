"""What `tox -e coverage` measures, and the totals that it prints."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest

from tests.support.coverage_totals import sentence
from tests.support.measured import pytest_sessionfinish as write_what_was_measured


def test_lines_and_branches_are_counted_apart() -> None:
    """A line that was run without one of its branches lowers the share of branches alone."""
    totals = {"covered_lines": 1500, "num_statements": 2000, "covered_branches": 3, "num_branches": 8}

    assert sentence(json.dumps({"totals": totals})) == "lines 75.0% (1,500 of 2,000), branches 37.5% (3 of 8)"


def test_what_was_measured_is_written_before_the_process_may_be_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of the tests, since pytest-xdist kills its processes 10 s later; nothing happens where nothing is measured."""
    written: list[str] = []
    running = SimpleNamespace(save=lambda: written.append("all"))
    for current in (running, None):
        coverage = SimpleNamespace(Coverage=SimpleNamespace(current=lambda current=current: current))
        monkeypatch.setitem(sys.modules, "coverage", coverage)  # it is installed for `tox -e coverage` alone
        write_what_was_measured()
    monkeypatch.delitem(sys.modules, "coverage")
    write_what_was_measured()

    assert written == ["all"]
