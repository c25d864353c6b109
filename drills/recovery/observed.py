"""What a recovery observed beside the checks, as the values that its pure judges take (drills/checks/observed.py)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar

from drills.aws.recorded_fields import FIELDS
from drills.aws.recorder import keep, tree_of
from drills.checks.server.isolation import Surroundings
from drills.model.instance import Instance
from drills.model.timing import QueryTiming
from drills.objectives.data_loss import NewestData
from drills.objectives.engine_version import EngineSeen
from drills.recovery.manifest.expected import ManifestSeen


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a run judges by: the target as drills/config/written.py writes it, and what was chosen for the run.

    `profile` is the profile's kind; `changed` names the shipped features that were not as they are shipped.
    """

    KIND: ClassVar[str] = "configuration"
    target_name: str
    target: dict[str, Any]
    profile: str
    region: str
    scenario: str | None = None
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeedDrawn:
    """The seed that a recovery point at random is drawn with."""

    KIND: ClassVar[str] = "seed"
    seed: int


@dataclass(frozen=True, slots=True)
class QueriesSeen:
    """How long the owner's queries took."""

    KIND: ClassVar[str] = "queries"
    timings: tuple[QueryTiming, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class IsolationSeen:
    """The scratch instance and its security groups, members of DescribeSecurityGroups' answer as far as they are judged."""

    KIND: ClassVar[str] = "isolation"
    instance: Instance
    groups: tuple[dict[str, Any], ...]
    around: Surroundings | None = None


def isolation_seen(
    instance: Instance, groups: Sequence[Mapping[str, Any]], around: Surroundings | None = None
) -> IsolationSeen:
    """Return what is judged of an instance and its groups: no tag and no description, which people write."""
    allowed = tree_of(FIELDS["ec2.DescribeSecurityGroups"][1])["SecurityGroups"]
    rules = {name: below for name, below in allowed.items() if name != "Tags"}
    return IsolationSeen(
        dataclasses.replace(instance, tags=()), tuple(keep(group, rules, "", [0]) for group in groups), around
    )


@dataclass(frozen=True, slots=True)
class LossSeen:
    """The newest instant that the restored data prove."""

    KIND: ClassVar[str] = "newest data"
    newest: NewestData


@dataclass(frozen=True, slots=True)
class JudgedOn:
    """The day (UTC) on which known differences were held against their last one."""

    KIND: ClassVar[str] = "day"
    day: date


@dataclass(frozen=True, slots=True)
class ScheduleReadAt:
    """The instant from which the firings of the backup plans are counted."""

    KIND: ClassVar[str] = "schedule"
    at: datetime


@dataclass(frozen=True, slots=True)
class MomentSeen:
    """The marked changes that are in the copy of a point in time."""

    KIND: ClassVar[str] = "moment"
    found: tuple[str, ...]


KINDS: tuple[type[Any], ...] = (
    Configuration,
    SeedDrawn,
    QueriesSeen,
    IsolationSeen,
    LossSeen,
    JudgedOn,
    ScheduleReadAt,
    MomentSeen,
    EngineSeen,
    ManifestSeen,
)
