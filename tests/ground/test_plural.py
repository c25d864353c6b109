"""Numbers of things in words."""

from __future__ import annotations

import ast

import pytest

from drills.plural import counted, counted_of
from tests.support.paths import CHECKOUT


@pytest.mark.parametrize(
    ("several", "one"),
    [
        ("tables and materialized views", "1 table or materialized view"),
        ("catalog entries", "1 catalog entry"),
        ("queries", "1 query"),
        ("databases", "1 database"),
        ("indexes", "1 index"),
        ("functions in C", "1 function in C"),
        ("canary rows", "1 canary row"),
        ("sequences", "1 sequence"),
        ("references and catalogs", "1 reference or catalog"),
    ],
)
def test_one_thing_is_told_in_the_singular(several: str, one: str) -> None:
    """Also where the plural alone is known, as in the sentence of a check."""
    assert [counted_of(number, several) for number in (0, 1, 1000)] == [f"0 {several}", one, f"1,000 {several}"]


def test_another_plural_is_given() -> None:
    """A word that takes no s."""
    assert [counted(number, "copy", "copies") for number in (1, 2)] == ["1 copy", "2 copies"]
    assert counted(1, "row") == "1 row"


def test_no_sentence_counts_rows_tables_or_days_without_the_singular() -> None:
    """A number before these words goes through `counted`: one of them is what a small database has."""
    found = []
    for path in sorted((CHECKOUT / "drills/checks").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.JoinedStr):
                continue
            for part, following in zip(node.values, node.values[1:], strict=False):
                limit = (
                    isinstance(part, ast.FormattedValue)
                    and isinstance(part.value, ast.Name)
                    and part.value.id.isupper()
                )
                if isinstance(part, ast.FormattedValue) and isinstance(following, ast.Constant) and not limit:
                    words = str(following.value).split()
                    if str(following.value).startswith(" ") and words[:1] in (["rows"], ["tables"], ["databases"]):
                        found.append(f"{path.name}:{node.lineno}")
    assert found == []
