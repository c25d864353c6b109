"""The names of the checks, and the policies by which tables are compared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

# The named checks of a drill; only these can be made required or optional.
CHECKS = (
    "connection",
    "queries",
    "catalog",
    "sequences",
    "canary",
    "invariants",
    "content",
    "large objects",
    "settings",
    "harmless",
    "indexes",
    "constraints",
    "sequences and columns",
    "state",
    "system catalog",
    "files",
    "views",
    "libraries",
    "amcheck",
    "isolation",
    "data loss",
    "rpo by policy",
)


# Those that must pass before a copy counts as usable, unless the target says otherwise.
BLOCKING = ("connection", "queries", "catalog", "sequences", "canary", "invariants")


@dataclass(frozen=True, slots=True)
class TablePolicy:
    """How the content of a table is compared when it is still written to. `percent` is a share of the expected rows."""

    kind: Literal["exact", "at least", "up to", "skip"]
    percent: float | None = None
    column: str | None = None
    reason: str = ""

    def __str__(self) -> str:
        """The policy as drill.toml writes it."""
        if self.kind == "at least":
            return f"at least {self.percent:g} %"
        return {"up to": f"up to {self.column}", "skip": f"skip: {self.reason}"}.get(self.kind, self.kind)


_POLICY = 'exact", "at least 99 %", "up to COLUMN" or "skip: REASON'


def parse_table_policy(text: str) -> TablePolicy:
    """Read "exact", "at least 99 %", "up to created_at" or "skip: reason". Raises ValueError saying what is allowed."""
    cleaned = text.strip()
    if cleaned == "exact":
        return TablePolicy("exact")
    if share := re.fullmatch(r"at least ([0-9]+(?:\.[0-9]+)?) ?%", cleaned):
        if 0 < float(share[1]) <= 100:
            return TablePolicy("at least", percent=float(share[1]))
    elif column := re.fullmatch(r"up to (\S.*)", cleaned):
        return TablePolicy("up to", column=column[1])
    elif reason := re.fullmatch(r"skip:\s*(\S.*)", cleaned):
        return TablePolicy("skip", reason=reason[1])
    raise ValueError(f'"{_POLICY}"')
