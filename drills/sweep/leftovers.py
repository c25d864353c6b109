"""What a sweep finds, and whether it may be removed. Pure.

Name and tags must both say that a thing is a drill's: a name can be anybody's, and RDS copies the tags of an instance to its
snapshots and from there to what is restored from them ("Tagging Amazon RDS resources", RDS User Guide).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from drills.aws.read import parse_expiry
from drills.durations import show_duration
from drills.model.instance import ResourceKind
from drills.model.timing import ClockOffset

Standing = Literal["past", "kept", "in time", "no time", "no run", "another name"]
"""Whether its time is over or not, or why that is not known: only what is "past" is removed.

"kept" is what is over but for an instance of its run that is not: the password and the groups of a copy that somebody keeps.
"""

OPEN = ("past", "no time")
"""What a drill has made and nothing but a sweep or a person removes."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A thing whose name or tags say that a drill has made it. `run_id`, `target` and `expires` are tags, "" where there is none.

    `named` says whether its name begins as those of a drill do. `resource_id` is the identity that AWS has given it: DbiResourceId,
    or GroupId, by which EC2 removes a security group; "" where its kind has none.
    """

    kind: ResourceKind
    id: str
    account: str
    region: str
    run_id: str = ""
    target: str = ""
    expires: str = ""
    named: bool = True
    resource_id: str = ""
    incident: bool = False  # whether somebody keeps it, whom a drill does not tell to remove it
    users: tuple[Leftover, ...] = ()  # the instances and clusters of its run, by name or tag
    users_known: bool = True  # whether these could be listed

    def needed_by(self, now: datetime) -> tuple[Leftover, ...]:
        """The instances and clusters of its run that are there and not past their time at `now`."""
        return tuple(each for each in self.users if standing_of(each, now) != "past")


def standing_of(leftover: Leftover, now: datetime) -> Standing:
    """Return whether its time is over at `now`, or what keeps a sweep from it."""
    if not leftover.named:
        return "another name"
    if not leftover.run_id:
        return "no run"
    expires = parse_expiry(leftover.expires)
    if expires is not None and expires > now:
        return "in time"
    needed = leftover.needed_by(now)
    if expires is None:  # an instance of another name may have inherited the run's tag from a backup
        return "kept" if any(each.named for each in needed) else "no time"
    return "kept" if needed or not leftover.users_known else "past"


def explain(leftover: Leftover, now: datetime) -> str:
    """Return the standing in a few words, for a table."""
    expires = parse_expiry(leftover.expires)
    match standing_of(leftover, now):
        case "another name":
            return "another name"
        case "no run":
            return "no tag of a run"
        case "no time":
            return "unreadable time" if leftover.expires else "no time to live"
        case "kept":
            return "kept"
    away = show_duration(abs(((expires or now) - now).total_seconds()))
    return f"{away} over" if expires and expires <= now else f"{away} left"


def earliest_now(now: datetime, offset: ClockOffset | None) -> datetime:
    """Return the earlier of this machine's instant and AWS's: a machine whose clock is ahead removes nothing too early."""
    return now + timedelta(seconds=min(0.0, offset.low_seconds)) if offset else now
