"""What of a database is not read."""

from __future__ import annotations

from dataclasses import dataclass

from drills.checks.base.budget import Budget
from drills.checks.base.copy_code import NOTHING, CopyCode
from drills.checks.content.key_parts import Turn
from drills.checks.content.proved import Earlier


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is not read: what `budget` leaves no time for, the tables that `code` names, and what was proved `earlier`.

    `turn` is what of it is read in this drill, in its order; without it everything is.
    """

    budget: Budget | None = None
    code: CopyCode = NOTHING
    earlier: Earlier | None = None
    turn: Turn | None = None


UNBOUNDED = Bounds()
