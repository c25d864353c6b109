"""How long the statuses of the sandbox last."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace

from drills.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Delays:
    """The least time, in seconds, that each status lasts; the real work may make it last longer."""

    creating: float = 0.5
    modifying: float = 0.2
    backing_up: float = 0.3
    deleting: float = 0.3
    backup_job: float = 0.5
    snapshot: float = 0.3
    rebooting: float = 0.2
    task_start: float = 0.3
    task_stop: float = 0.3
    health_check: float = 1.0
    stopping: float = 0.2
    starting: float = 0.3
    dns: float = 0.0  # from the first question for the name of an instance until it resolves
    heartbeat: float = 5.0  # between two heartbeats, and so how far LatestRestorableTime lags

    @classmethod
    def parse(cls, text: str) -> Delays:
        """Read a JSON object of seconds by status name, such as `{"backing-up": 0.5}`.

        Raises ConfigError for an unknown name, or for a value that is not a number of at least 0.
        """
        names = {each.name.replace("_", "-"): each.name for each in fields(cls)}
        try:
            given = json.loads(text or "{}")
        except ValueError as error:
            raise ConfigError(f"--delays must be a JSON object of seconds, found {text!r}: {error}.") from error
        if not isinstance(given, dict):
            raise ConfigError(f"--delays must be a JSON object of seconds, found {text!r}.")
        for name, value in given.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if name not in names or not number or value < 0:
                raise ConfigError(
                    f"--delays takes {', '.join(names)} with seconds of at least 0, found {name!r}: {value!r}."
                )
        return replace(cls(), **{names[name]: float(value) for name, value in given.items()})
