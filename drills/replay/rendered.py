"""Renders the reports of a run again, from its record alone, and compares them with those beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drills.model.record import RunRecord
from drills.objectives import verdicts
from drills.plural import counted
from drills.replay.bundle import Evidence
from drills.replay.differences import Difference
from drills.replay.outcome import Replay

_LONGEST = 160  # characters of a line that is shown
# what lies beside the record and is not made again
NOT_RENDERED = (
    ("report.pdf, export/*, raw/junit.xml", "made from the record and from the other files; SHA256SUMS holds them"),
    (
        "observations.json, manifest.json, raw/sql",
        "what was observed within the copy, expected of it and asked has no second witness here, but for scenarios, settings and "
        "what AWS says: whoever changes it and the record alike and signs again is not seen",
    ),
    (
        "raw/aws: answers to calls that no verdict follows from, request ids and dates",
        "CloudTrail of the account has the same calls",
    ),
)


@dataclass(frozen=True, slots=True)
class Renderers:
    """What renders the reports by their names, and of which version and commit it is; `changed` says that it was edited since."""

    render: Mapping[str, Callable[[RunRecord], str]]
    version: str
    commit: str
    changed: bool = False

    def fits(self, record: RunRecord) -> str:
        """Return why another program than this one made the reports of a record, "" where it was the same."""
        made, own = f"{record.tool_version} of commit {record.commit or 'unknown'}", self.commit or "unknown"
        if not record.commit or (record.tool_version, record.commit) != (self.version, self.commit):
            return f"made by version {made}, and this is {self.version} of commit {own}: replay it with that commit"
        return (
            f"made by the same commit, and the files of commit {own} were edited here: replay it in a clean checkout"
            if self.changed
            else ""
        )


def compare(outcome: Replay, evidence: Evidence, renderers: Renderers | None) -> None:
    """Compare each report that lies beside the record with what its record gives."""
    there = evidence.reports or {}
    reason = renderers.fits(evidence.record) if renderers else "nothing was given that renders them"
    if there and (renderers is None or reason):
        outcome.leave(", ".join(there), reason)
    elif renderers is not None:
        record = verdicts.reported(evidence.record)
        for name, found in there.items():
            outcome.hold(name, _compared(name, found, renderers.render[name](record).encode()))
    for what, why in NOT_RENDERED:
        outcome.leave(what, why)


def _compared(name: str, found: bytes, again: bytes) -> tuple[Difference, ...]:
    if found == again:
        return ()
    recorded, derived = found.decode(errors="replace").split("\n"), again.decode(errors="replace").split("\n")
    for number, (one, other) in enumerate(zip(recorded, derived, strict=False), 1):
        if one != other:
            return (Difference(f"{name}, line {number}", one.strip()[:_LONGEST], other.strip()[:_LONGEST]),)
    return (Difference(name, counted(len(recorded), "line"), counted(len(derived), "line")),)
