"""The names that exports need: identifiers that come out the same each time, and text that fits their one-line fields."""

from __future__ import annotations

import uuid

from drills.printable import printable

# The namespace of what is ours within the formats of others: a name, and no address.
NAMESPACE = "urn:x-drills:evidence:1"
_ROOT = uuid.uuid5(uuid.NAMESPACE_URL, NAMESPACE)


def identifier(*parts: str) -> str:
    """Return the UUID (version 5) of what the parts name: the same parts give the same one."""
    return str(uuid.uuid5(_ROOT, "\0".join(parts)))


def one_line(text: str) -> str:
    """Return text without line breaks and without control characters, "–" where nothing is left."""
    return printable(" ".join(text.split())) or "–"
