"""What a recovery observed beside the checks, as the values that its pure judges take (drills/checks/observed.py)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from drills.aws.recorded_fields import FIELDS
from drills.aws.recorder import keep, tree_of
from drills.model.instance import Instance
from drills.model.timing import QueryTiming
from drills.objectives.data_loss import NewestData


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a run judges by: the target as drills/config/written.py writes it, and what was chosen for the run.

    `profile` is the profile's kind; `changed` names the shipped features that were not as they are shipped.
    """

    target_name: str
    target: dict[str, Any]
    profile: str
    region: str
    scenario: str | None = None
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeedDrawn:
    """The seed that a recovery point at random is drawn with."""

    seed: int


@dataclass(frozen=True, slots=True)
class QueriesSeen:
    """How long the owner's queries took."""

    timings: tuple[QueryTiming, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class IsolationSeen:
    """The scratch instance and its security groups, members of DescribeSecurityGroups' answer as far as they are judged."""

    instance: Instance
    groups: tuple[dict[str, Any], ...]


def isolation_seen(instance: Instance, groups: Sequence[Mapping[str, Any]]) -> IsolationSeen:
    """Return what is judged of an instance and its groups: no tag and no description, which people write."""
    allowed = tree_of(FIELDS["ec2.DescribeSecurityGroups"][1])["SecurityGroups"]
    rules = {name: below for name, below in allowed.items() if name != "Tags"}
    return IsolationSeen(dataclasses.replace(instance, tags=()), tuple(keep(group, rules, "", [0]) for group in groups))


@dataclass(frozen=True, slots=True)
class LossSeen:
    """The newest instant that the restored data prove."""

    newest: NewestData


@dataclass(frozen=True, slots=True)
class JudgedOn:
    """The day (UTC) on which known differences were held against their last one."""

    day: date


@dataclass(frozen=True, slots=True)
class ScheduleReadAt:
    """The instant from which the firings of the backup plans are counted."""

    at: datetime


@dataclass(frozen=True, slots=True)
class MomentSeen:
    """The marked changes that are in the copy of a point in time."""

    found: tuple[str, ...]


KINDS: Mapping[str, type[Any]] = {
    "configuration": Configuration,
    "seed": SeedDrawn,
    "queries": QueriesSeen,
    "isolation": IsolationSeen,
    "newest data": LossSeen,
    "day": JudgedOn,
    "schedule": ScheduleReadAt,
    "moment": MomentSeen,
}
