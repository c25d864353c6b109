"""`[targets.NAME.limits]` of drill.toml, and all limits of a run as a list: what may take how long, and which key says so.

A run is a row of steps, each with a limit; the sum of them is the limit of the whole run. Within the steps each wait has a
limit of its own, which the sum does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from drills.config.table import Table
from drills.config.values import Span

# seconds that the clean-up may need above its limit: it can be in the middle of a call when its time is up
CLEAN_UP_MARGIN = 60.0
LONGEST_CALL = timedelta(minutes=5)
LONGEST_CLEAN_UP = timedelta(hours=1)
START = timedelta(minutes=2)
CLOSE = timedelta(minutes=5)
STAGE_TIMEOUTS, FEATURES_TIMEOUTS = 2, 6  # how many of the target's timeouts a step may take unless it is configured


def timeout_key(name: str) -> str:
    """Return where drill.toml sets how long a change of an instance of the target `name` may take."""
    return f"targets.{name}.timeout"


class LimitsTable(Table):
    """How long the parts of a run may take; what is None follows from the target's `timeout`."""

    call: Span | None = None
    start: Span | None = None
    stage: Span | None = None
    features: Span | None = None
    clean_up: Span | None = None
    close: Span | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit, in seconds. `key` is where drill.toml sets it, `origin` whether it did; a `wait` is part of a step."""

    name: str
    seconds: float
    key: str
    origin: Literal["configured", "default"]
    kind: Literal["step", "wait"] = "step"

    def sentence(self, what: str) -> str:
        """Return the sentence for `what` did not end within the limit: which limit that was, and how it is raised."""
        return f"expected {what} to end within {self.seconds:g} s, it did not: if it needs longer, raise {self.key}"


USUAL_CALL = Limit(
    "one call of AWS with its repetitions", LONGEST_CALL.total_seconds(), "targets.NAME.limits.call", "default", "wait"
)
"""The limit of a call where no target is configured."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a run on one target."""

    call: Limit
    start: Limit
    stage: Limit | None  # in the sandbox only
    features: Limit
    clean_up: Limit
    close: Limit
    waits: tuple[Limit, ...]

    def list(self) -> tuple[Limit, ...]:
        """Return the steps in their order, then the waits."""
        steps = (self.start, self.stage, self.features, self.clean_up, self.close)
        return (*(each for each in steps if each), *self.waits)

    @property
    def total_seconds(self) -> float:
        """The limit of the whole run: the sum of its steps'."""
        return sum(each.seconds for each in self.list() if each.kind == "step")


def wait_limit(words: str, span: timedelta, key: str, *, given: bool) -> Limit:
    """Return the limit of a wait, which `key` of drill.toml sets where it is `given`. Pure."""
    return Limit(words, span.total_seconds(), key, "configured" if given else "default", "wait")


def expiry_of(started_at: datetime, limits: Limits, time_to_live: timedelta) -> datetime:
    """Return when what a run makes may be removed by a sweep, in UTC: `time_to_live` after its last step must have ended. Pure."""
    longest = timedelta(seconds=limits.total_seconds + CLEAN_UP_MARGIN)
    return started_at.astimezone(UTC) + longest + time_to_live


def limits_of(
    name: str,
    table: LimitsTable,
    timeout: tuple[timedelta, bool],
    further: tuple[Limit, ...] = (),
    *,
    sandboxed: bool,
) -> Limits:
    """Return the limits of a run on the target `name`. Pure.

    `timeout` is the target's, and whether it was configured; `further` are waits that other tables of the target limit.
    """
    longest, _ = timeout

    def limit(key: str, words: str, default: timedelta, kind: Literal["step", "wait"] = "step") -> Limit:
        own: timedelta | None = getattr(table, key)
        seconds = (own or default).total_seconds()
        return Limit(words, seconds, f"targets.{name}.limits.{key}", "configured" if own else "default", kind)

    call = limit("call", "one call of AWS with its repetitions", min(longest, LONGEST_CALL), "wait")
    wait = Limit(
        "a restore, a backup or another change of an instance",
        longest.total_seconds(),
        timeout_key(name),
        "configured" if timeout[1] else "default",
        "wait",
    )
    return Limits(
        call=call,
        start=limit("start", "the start of the sandbox" if sandboxed else "the check of the guards", START),
        stage=limit("stage", "the source, its data and its backup", longest * STAGE_TIMEOUTS) if sandboxed else None,
        features=limit("features", "the features", longest * FEATURES_TIMEOUTS),
        clean_up=limit("clean_up", "the clean-up", min(longest, LONGEST_CLEAN_UP)),
        close=limit("close", "the judgement", CLOSE),
        waits=(call, wait, *further),
    )
