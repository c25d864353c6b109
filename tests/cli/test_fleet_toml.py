"""What was read as TOML is written as TOML that says the same."""

from __future__ import annotations

import tomllib
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drills.cli.fleet.toml_text import dumps
from tests.support.paths import CHECKOUT

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(TEXT, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_it_is_read_as_it_was(tables: dict[str, Any]) -> None:
    """Any key and any text, control characters too."""
    assert tomllib.loads(dumps(tables)) == tables


def test_the_shipped_file_is_read_as_it_was() -> None:
    """With its texts of several lines."""
    raw = tomllib.loads((CHECKOUT / "drill.toml").read_text(encoding="utf-8"))

    assert tomllib.loads(dumps({**raw, "day": date(2026, 11, 30)})) == {**raw, "day": date(2026, 11, 30)}
