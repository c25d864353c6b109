"""docs/errors.md shows messages that the code has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.support.paths import CHECKOUT

FOREIGN = {"ensurepip is not available", "requires a different Python"}  # of Python and pip


def texts() -> Iterator[str]:
    """Every text of the engine, what is filled in as `…`."""
    for path in sorted((CHECKOUT / "drills").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)


def test_each_message_is_one_that_the_code_has() -> None:
    """A reader who searches for a sentence finds it as it is printed; one that changed is changed on the page."""
    page = (CHECKOUT / "docs/errors.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^\| (?:[\w']+ )?`([^`]+)` \|", page, re.MULTILINE))
    known = "\n".join(texts())

    assert len(shown) > 20
    assert shown >= FOREIGN
    missing = [each for each in shown - FOREIGN if not _parts(each).search(known)]
    assert missing == []


def _parts(message: str) -> re.Pattern[str]:
    return re.compile(r"\s*…\s*".join(re.escape(part.strip()) for part in message.split("…")))
