"""How long the statuses of the sandbox last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from drills.errors import ConfigError

LIKE_AWS = "aws"
# Seconds of AWS, by status, with the public source; "assumed" where none was found that says more than one log of somebody's.
AWS_DELAYS: Mapping[str, tuple[float, str]] = MappingProxyType(
    {
        "creating": (300.0, "assumed: public Terraform logs of small single-zone instances say 3 m 45 s to 8 m 3 s"),
        "modifying": (60.0, "assumed"),
        "backing_up": (180.0, "assumed; hours with a large volume (hashicorp/terraform-provider-aws#44104)"),
        "deleting": (285.0, "assumed: one public Terraform log says 4 m 45 s"),
        "backup_job": (
            600.0,
            "assumed; an on-demand job runs within an hour (AWS Backup Developer Guide, Backup creation)",
        ),
        "snapshot": (180.0, "assumed"),
        "rebooting": (60.0, "assumed"),
        "task_start": (60.0, "assumed"),
        "task_stop": (30.0, "stopTimeout, 30 s by default (Amazon ECS API reference, ContainerDefinition)"),
        "health_check": (30.0, "HealthCheckIntervalSeconds, 30 by default (ELB API reference, CreateTargetGroup)"),
        "stopping": (300.0, "assumed"),
        "starting": (300.0, "assumed"),
        "dns": (60.0, "assumed; after a rename clients may keep the old name for minutes (RDS User Guide, Renaming)"),
        "heartbeat": (300.0, "logs are uploaded every five minutes (RDS User Guide, Restoring to a specified time)"),
        "first_read": (20.0, "22 s cold and under 1 s warm (thatguyfromdelhi.com, Prewarming RDS PostgreSQL, 2017)"),
    }
)


@dataclass(frozen=True, slots=True)
class Delays:
    """The least time, in seconds, that each status lasts; the real work may make it last longer."""

    creating: float = 0.25
    modifying: float = 0.1
    backing_up: float = 0.15
    deleting: float = 0.15
    backup_job: float = 0.25
    snapshot: float = 0.15
    rebooting: float = 0.1
    task_start: float = 0.15
    task_stop: float = 0.15
    health_check: float = 0.5
    stopping: float = 0.1
    starting: float = 0.15
    dns: float = 0.0  # from the first question for the name of an instance until it resolves
    heartbeat: float = 5.0  # between two heartbeats, and so how far LatestRestorableTime lags
    first_read: float = 0.0  # by which the first data that an instance sends is late: its volume is read from S3

    @classmethod
    def parse(cls, text: str) -> Delays:
        """Read `aws`, or a JSON object of seconds by status name, such as `{"backing-up": 0.5}`.

        With `"as": "aws"` among its members, what an object does not name lasts as it does on AWS. Raises ConfigError for an
        unknown name, or for a value that is not a number of at least 0.
        """
        if text.strip() == LIKE_AWS:
            return cls.like_aws()
        try:
            given = json.loads(text or "{}")
        except ValueError as error:
            raise ConfigError(f"--delays must be aws or a JSON object of seconds, found {text!r}: {error}.") from error
        if not isinstance(given, dict):
            raise ConfigError(f"--delays must be aws or a JSON object of seconds, found {text!r}.")
        return cls._changed(given)

    @classmethod
    def like_aws(cls) -> Delays:
        """Return the delays that AWS has, as far as public sources tell (AWS_DELAYS)."""
        return cls(**{name: seconds for name, (seconds, _) in AWS_DELAYS.items()})

    @classmethod
    def _changed(cls, given: dict[str, Any]) -> Delays:
        usual = given.pop("as", None)
        if usual not in (None, LIKE_AWS):
            raise ConfigError(f'--delays: "as" takes "{LIKE_AWS}", found {usual!r}.')
        names = {each.name.replace("_", "-"): each.name for each in fields(cls)}
        for name, value in given.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if name not in names or not number or value < 0:
                raise ConfigError(
                    f"--delays takes {', '.join(names)} with seconds of at least 0, found {name!r}: {value!r}."
                )
        start = cls.like_aws() if usual else cls()
        return replace(start, **{names[name]: float(value) for name, value in given.items()})


def percent_done(seconds: float, delay: float) -> int:
    """Return how far something is after so many seconds that takes `delay`: 0 to 100, and 100 where it takes none. Pure."""
    return 100 if delay <= 0 else min(100, int(seconds / delay * 100))
