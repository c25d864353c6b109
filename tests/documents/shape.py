"""Compares an output with what a page shows of it, by shape: what differs from run to run is masked."""

from __future__ import annotations

import difflib
import re
from collections import Counter

# In this order: what is found first is masked first.
_MASKS = (
    (r"(?m)^.*[Aa]llure.*$", ""),  # its renderer comes from a registry that not every machine reaches
    (r"\b\d{8}-\d{6}-[0-9a-f]{4}\b", "RUN"),
    (r"\b[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b", "UUID"),
    (r"\b\d{4}-\d\d-\d\d(-\d\d-\d\d)?([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?( UTC|Z|[+-]\d\d:\d\d)?", "TIME"),
    (r"\b([A-Z][a-z]{2} )?\d\d [A-Z][a-z]{2} \d{4}( \d\d:\d\d [A-Z]{2,5})?", "TIME"),
    (r"(?m)^export AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY)=.*$", r"export AWS_\1=KEY"),
    (r"\b(localhost|127\.0\.0\.1):\d+", r"\1:PORT"),
    (r"/\S*(tmp|/T|drills-)\S*", "PATH"),
    (r"\b(?=[0-9a-f]*\d)(?=\d*[a-f])[0-9a-f]{6,}\b", "DIGEST"),
    (r"\b\d[\d.,]* ?(ms|s|m|h|d|w)\b( \d+ (ms|s|m|h|d)\b)*", "DURATION"),
    (r"\b\d[\d.,]* (B|kB|MB|GB)\b", "SIZE"),
    (r"\b(pid|process) \d+", r"\1 PID"),
    (r"\[ +", "["),
    (r"[─━]+", "─"),
)


def masked(text: str) -> str:
    """Return a text in which times, durations, sizes, ids, digests, ports and temporary paths stand as their kind."""
    for pattern, kind in _MASKS:
        text = re.sub(pattern, kind, text)
    return text


def difference(shown: str, output: str) -> str:
    """Return how two texts differ in shape; empty where they do not.

    Paragraph by paragraph the same words must be there. Their order is left open, since the width of a table's columns,
    and so where its cells wrap, depends on the numbers in it.
    """
    old, new = masked(shown), masked(output)
    if [Counter(each.split()) for each in _paragraphs(old)] == [Counter(each.split()) for each in _paragraphs(new)]:
        return ""
    return "\n".join(difflib.unified_diff(_tidy(old), _tidy(new), "the page", "the output", lineterm="", n=1))


def _tidy(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def _paragraphs(text: str) -> list[str]:
    return [each for each in re.split(r"\n\s*\n", text.strip()) if each.strip()]
