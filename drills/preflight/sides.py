"""What preflight foresees the drill of: the target, with the clients of both sides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from drills.aws.databases.kinds import KINDS, Kind
from drills.aws.session import Clients
from drills.config.limits import expiry_of
from drills.config.load import Target


@dataclass(frozen=True, slots=True)
class Sides:
    """The target and the clients of both sides, as a drill has them; `locked` says whether it takes the lock of the target."""

    name: str
    target: Target
    clients: Clients
    scratch_clients: Clients
    scenario: str | None = None
    locked: bool = False

    @property
    def kind(self) -> Kind:
        """How RDS names databases such as the target's."""
        return KINDS[self.target.kind]

    def expires(self, now: datetime) -> datetime:
        """Return when what a drill made now would be past its time, as a drill has it."""
        limits = self.target.run_limits(self.name, sandboxed=False)
        return expiry_of(now, limits, self.target.time_to_live)
