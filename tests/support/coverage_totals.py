"""Prints the totals of a report that `coverage json` wrote, as CONTRIBUTING.md has them."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def sentence(report: str) -> str:
    """Return the share of lines and of branches that were run, with the numbers behind it."""
    totals = json.loads(report)["totals"]
    parts = [
        (name, totals[covered], totals[number])
        for name, covered, number in (
            ("lines", "covered_lines", "num_statements"),
            ("branches", "covered_branches", "num_branches"),
        )
    ]
    return ", ".join(f"{name} {covered / number:.1%} ({covered:,} of {number:,})" for name, covered, number in parts)


if __name__ == "__main__":
    print(sentence(Path(sys.argv[1]).read_text(encoding="utf-8")))
