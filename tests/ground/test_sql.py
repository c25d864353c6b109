"""Statements of an SQL text are told apart without a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.sql import statements

OPAQUE = st.sampled_from(
    ["'a;b'", '"a;b"', "E'\\';'", "$$;$$", "$t$ ; $$ $t$", "/* ; /* ; */ ; */", "-- ;\n", "'it''s;'", "(select 1)", "a"]
)


@given(st.lists(st.lists(OPAQUE, min_size=1, max_size=5), min_size=1, max_size=4))
def test_a_semicolon_in_a_text_a_name_or_a_comment_ends_nothing(parts: list[list[str]]) -> None:
    """Each part that holds more than comments is one statement."""
    text = " ;\n".join("select " + " ".join(each) + " " for each in parts)

    assert len(statements(text)) == len(parts)


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), (";;", 0), ("-- nothing\n;", 0), ("/* a */", 0), ("select 1;", 1), ("select 1; drop table a", 2)],
)
def test_only_what_says_something_counts(text: str, count: int) -> None:
    """Empty statements and comments are none."""
    assert len(statements(text)) == count
