"""The outcome of a replay: what was derived, what differs, and what was taken as it is recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from drills.replay import fields
from drills.replay.differences import Difference, between


@dataclass(frozen=True, slots=True)
class NotDerived:
    """Something of the record that was taken as it is recorded, and why."""

    what: str
    reason: str


@dataclass
class Replay:
    """The outcome of a replay."""

    derived: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    not_derived: list[NotDerived] = field(default_factory=list)
    codes: tuple[int, ...] = ()

    def compare(self, what: str, recorded: Any, derived: Any) -> None:
        """Compare a derived value with the recorded one."""
        self.hold(what, between(what, recorded, derived))

    def hold(self, what: str, found: Iterable[Difference]) -> None:
        """Add what was found where values are held against each other; what several of them say stands once."""
        self.derived.append(what)
        self.differences += [each for each in dict.fromkeys(found) if each not in self.differences]

    def leave(self, what: str, reason: str) -> None:
        """List something that was taken as it is recorded."""
        self.not_derived.append(NotDerived(what, reason))

    def leave_taken(self) -> None:
        """List the fields that no evidence says again, by the reason."""
        for reason, names in fields.TAKEN.items():
            self.leave(", ".join(names), reason)


def lines(found: Replay) -> Iterator[str]:
    """Yield what a person reads: the differences first."""
    for each in found.differences:
        yield f"differs: {each}"
    for left in found.not_derived:
        yield f"not re-derived: {left.what}: {left.reason}"
