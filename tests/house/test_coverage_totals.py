"""The totals that `tox -e coverage` prints."""

from __future__ import annotations

import json

from tests.support.coverage_totals import sentence


def test_lines_and_branches_are_counted_apart() -> None:
    """A line that was run without one of its branches lowers the share of branches alone."""
    totals = {"covered_lines": 1500, "num_statements": 2000, "covered_branches": 3, "num_branches": 8}

    assert sentence(json.dumps({"totals": totals})) == "lines 75.0% (1,500 of 2,000), branches 37.5% (3 of 8)"
