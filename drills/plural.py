"""Numbers of things in words: one of them is not told as if there were several."""

from __future__ import annotations

# what does not follow from its last word
_ONE_OF = {
    "tables and materialized views": "table or materialized view",
    "references and catalogs": "reference or catalog",
    "functions in C": "function in C",
    "indexes": "index",
}


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number of things: "1 copy", "2 copies", "1,000 rows"."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def counted_of(number: int, several: str) -> str:
    """Return a number of what is named in the plural alone: "1 catalog entry" of "catalog entries"."""
    one = _ONE_OF.get(several) or (f"{several[:-3]}y" if several.endswith("ies") else several.removesuffix("s"))
    return counted(number, one, several)
