"""What a cut-over of a run was judged by: its journal as it was then, and what was asked beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from drills.cutover.judge import RollbackObservation


@dataclass(frozen=True, slots=True)
class MoveSeen:
    """The journal's lines after the move, why it ended early ("" where it did not), and the ways into the verified copy.

    `exit_code` is what a verdict that is not met gives.
    """

    KIND: ClassVar[str] = "move"
    journal: tuple[str, ...]
    why: str
    openings: tuple[str, ...]
    exit_code: int


@dataclass(frozen=True, slots=True)
class RollbackSeen:
    """The journal's lines after the rollback, why it ended early, and what was observed of both instances."""

    KIND: ClassVar[str] = "rollback"
    journal: tuple[str, ...]
    why: str
    observed: RollbackObservation | None
    exit_code: int


KINDS: tuple[type[Any], ...] = (MoveSeen, RollbackSeen)
