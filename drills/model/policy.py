"""The declarations of the checks, and the policies by which tables are compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from drills.model.instance import OTHERS


@dataclass(frozen=True, slots=True)
class CheckDeclaration:
    """A check as drill.toml names it; drills/checks/registry.py binds it to its function.

    `blocks`: it must pass before a copy counts as usable, unless the target says otherwise. `needs_manifest`: without a
    manifest it is never met. `in_suite` is False for what a drill judges itself, by its objectives. `light`: it is run in every
    tier, the others in none that is lighter than "sample".
    """

    name: str
    blocks: bool = False
    needs_manifest: bool = False
    in_suite: bool = True
    light: bool = False


# In the order in which they run. Only these can be made required or optional, or blocking.
DECLARATIONS = (
    CheckDeclaration("connection", blocks=True, light=True),
    CheckDeclaration("queries", blocks=True, light=True),
    CheckDeclaration("catalog", blocks=True, needs_manifest=True, light=True),
    CheckDeclaration("sequences", blocks=True, needs_manifest=True),
    CheckDeclaration("canary", blocks=True, light=True),
    CheckDeclaration("invariants", blocks=True),
    CheckDeclaration("engine version", in_suite=False),
    CheckDeclaration("content", needs_manifest=True),
    CheckDeclaration("large objects", needs_manifest=True),
    CheckDeclaration("settings", needs_manifest=True),
    CheckDeclaration("harmless", light=True),
    CheckDeclaration("indexes"),
    CheckDeclaration("constraints"),
    CheckDeclaration("sequences and columns"),
    CheckDeclaration("state"),
    CheckDeclaration("system catalog"),
    CheckDeclaration("files"),
    CheckDeclaration("views"),
    CheckDeclaration("libraries"),
    CheckDeclaration("amcheck"),
    CheckDeclaration("isolation", light=True),
    CheckDeclaration("data loss", in_suite=False),
    CheckDeclaration("manifest", in_suite=False),
    CheckDeclaration("rpo by policy", in_suite=False),
)
CHECKS = tuple(check.name for check in DECLARATIONS)
# the judgements of posture, in their order (drills/posture/judge.py): of everything that AWS Backup protects, and of each kind
POSTURE_OF_BACKUPS = (
    "protection",
    "role",
    "rules",
    "jobs",
    "freshness",
    "schedule",
    "periods",
    "retention",
    "key",
    "vaults",
)
POSTURE = (*POSTURE_OF_BACKUPS, "automated backups", "restore needs", "stored configuration")
POSTURE_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {kind.key: (*POSTURE_OF_BACKUPS, *kind.posture) for kind in OTHERS.values()}
)
BLOCKING = tuple(check.name for check in DECLARATIONS if check.blocks)
# How much of a drill a run does, the least first: "light" restores and compares the catalog, "sample" adds every check, the content
# within a budget of time, "full" adds the restores beside the recovery, the rehearsal and the cut-over.
Tier = Literal["light", "sample", "full"]
TIERS: tuple[Tier, ...] = ("light", "sample", "full")


def rank(tier: str) -> int:
    """Return how full a tier is; what is no tier is a run of before there were any, which was full."""
    return TIERS.index(tier) if tier in TIERS else len(TIERS) - 1


def left_out_of(tier: Tier) -> frozenset[str]:
    """Return the names of the checks that a run of this tier does not carry out."""
    if tier != "light":
        return frozenset()
    return frozenset(check.name for check in DECLARATIONS if check.in_suite and not check.light)


def not_run_in(tier: str) -> str:
    """Say why something was not done."""
    return f'not run in tier "{tier}"'


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
