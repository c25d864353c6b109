"""Word the findings of the catalog check: what an object was, what it is, and the query that shows it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from drills.checks.catalog.psql import query_for
from drills.model.finding import Finding, Severity

Parts = dict[str, str]
Key = tuple[str, str]
"""Section and name of an entry."""
_MAX_SHOWN = 160  # characters of one part in a finding
_ABSENT = {
    "not null": "nullable",
    "not validated": "validated",
    "unpopulated": "populated",
    "invalid": "valid",
    "not ready": "ready",
}
_PLAIN = frozenset({"kind", "definition", "enabled"})  # parts that are described without their name
# What a failed CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY leaves behind, and an index of a partitioned table to which
# some partitions' indexes are not attached. No query uses it.
_UNUSABLE = frozenset({"invalid", "not ready"})


def compared(entry: Mapping[str, Any]) -> Parts:
    """Return the parts of an entry that are compared."""
    return {part: str(value) for part, value in entry.items() if part not in ("of", "object")}


def _describe_part(part: str, value: str) -> str:
    if not value:
        return _ABSENT.get(part, f"no {part}")
    shortened = value
    if len(value) > _MAX_SHOWN:  # the digest tells apart what differs after the part that is shown
        shortened = f"{value[:_MAX_SHOWN]}… (sha256 {hashlib.sha256(value.encode()).hexdigest()[:12]})"
    if value == "yes":
        return part
    return shortened if part in _PLAIN else f"{part} {shortened}"


def _describe(parts: Mapping[str, str]) -> str:
    return "; ".join(_describe_part(part, value) for part, value in parts.items())


def _summarize(section: str, entry: Mapping[str, Any]) -> str:
    """Describe a missing or added object: its kind, else all of its parts."""
    parts = compared(entry)
    if section in ("relations", "functions", "types"):
        parts = {part: value for part, value in parts.items() if part in ("kind", "owner")}
    return _describe(dict(sorted(parts.items(), key=lambda each: each[0] != "kind"))) or section.removesuffix("s")


def _and_others(extra: int, verb: str) -> str:
    return (
        f", and {extra} {'entry that belongs' if extra == 1 else 'entries that belong'} to it {verb}" if extra else ""
    )


def _object(name: Key, entry: Mapping[str, Any]) -> str:
    return str(entry.get("object", name[1]))


def missing_finding(check: str, name: Key, entry: Mapping[str, Any], extra: int) -> Finding:
    """Make the finding of an object that the copy lacks, with how many entries that belong to it went with it."""
    thing, described = _object(name, entry), _summarize(name[0], entry)
    message = f"expected {thing} with {described}, found none{_and_others(extra, 'went with it')}"
    severity: Severity = "error"
    if name[0] == "indexes" and _UNUSABLE & entry.keys():
        severity = "information"
        message += ": it was unusable on the source, and a dump leaves such an index out"
    return Finding(check, severity, thing, described, "none", message, query_for(*name, thing))


def added_finding(check: str, name: Key, entry: Mapping[str, Any], extra: int) -> Finding:
    """Make the finding of an object that the source lacks, with how many entries that belong to it came with it."""
    thing, described = _object(name, entry), _summarize(name[0], entry)
    message = f"expected nothing of the kind, found {thing} with {described}{_and_others(extra, 'came with it')}"
    severity: Severity = "warning" if name[0] == "indexes" else "error"  # more of them only slow writes down
    return Finding(check, severity, thing, "none", described, message, query_for(*name, thing))


def changed_finding(check: str, name: Key, entry: Mapping[str, Any], diff: tuple[Parts, Parts], extra: int) -> Finding:
    """Make the finding of an object that is defined in another way; `diff` are the parts that differ, before and after."""
    thing, before, after = _object(name, entry), _describe(diff[0]), _describe(diff[1])
    message = f"expected {thing} with {before}, found {after}{_and_others(extra, 'changed with it')}"
    severity: Severity = "error"
    if name[0] == "indexes" and diff[0].keys() <= _UNUSABLE and not any(diff[1].values()):
        severity = "information"
        message += ": it was unusable on the source, and a restore built it"
    if name[0] == "databases" and "encoding" in diff[0]:
        message += ": its characters may be the same; the check of the content says how rows were compared"
    return Finding(check, severity, thing, before, after, message, query_for(*name, thing, diff[0].keys()))
