"""Read the text of a function in SQL, as far as it is one expression of what PostgreSQL brings. Pure.

Helpers as `select lower(btrim(given))` stand in many indexes. With an empty search_path their unqualified names can mean
nothing but PostgreSQL's own. Whatever is not known to be such an expression is taken for code.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_TOKENS = re.compile(
    r"\s+|(?P<string>'(?:[^'\\]|'')*')|(?P<word>[a-z_][a-z0-9_]*)|(?P<value>\$[0-9]+|[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<sign>::|[-+*/<>=~!@#%^&|?]+|[(),.\[\]])",
    re.ASCII | re.IGNORECASE,
)
_KEYWORDS = frozenset(
    {
        *("all", "and", "any", "array", "as", "between", "case", "cast", "coalesce", "else", "end", "false"),
        *("greatest", "ilike", "in", "is", "least", "like", "not", "null", "nullif", "or", "row", "some"),
        *("then", "true", "when", "symmetric", "similar", "to"),
    }
)
_TYPE_WORDS = frozenset(
    {
        *("int", "integer", "bigint", "smallint", "boolean", "decimal", "dec", "real", "float", "double"),
        *("precision", "varchar", "character", "char", "varying", "time", "timestamp", "zone", "with"),
        *("without", "at", "interval"),
    }
)


def is_plain(body: str, arguments: Collection[str], functions: Collection[str], types: Collection[str]) -> bool:
    """Return whether a body is one SELECT of an expression over its arguments.

    `functions` are the names of PostgreSQL's own all of which are safe, `types` those of its types.
    """
    words = _words(body.strip().removesuffix(";"))
    if not words or words[0] != "select":
        return False
    for place, word in enumerate(words[1:], 1):
        before, after = words[place - 1], words[place + 1] if place + 1 < len(words) else ""
        if word == ".":
            if before != "pg_catalog":
                return False
        elif not (word[0].isalpha() or word[0] == "_"):
            continue
        elif word == "pg_catalog":
            if after != ".":
                return False
        elif after == "(" and word not in _KEYWORDS:
            if word not in functions and word not in _TYPE_WORDS:  # as in varchar(20)
                return False
        elif before == ".":
            if word not in types:
                return False
        elif word not in _KEYWORDS and word not in _TYPE_WORDS and word not in types and word not in arguments:
            return False
    return True


def _words(text: str) -> list[str]:
    """Return the words in lower case, and nothing where something is not understood."""
    found, place = list[str](), 0
    while place < len(text):
        token = _TOKENS.match(text, place)
        if token is None or "--" in token[0] or "/*" in token[0]:
            return []
        if token.lastgroup == "string" and found and text[place - 1 : place].isalnum():
            return []  # E'…', U&'…' and the like
        if token.lastgroup:
            found.append(token[0].lower() if token.lastgroup == "word" else token[0])
        place = token.end()
    return found
