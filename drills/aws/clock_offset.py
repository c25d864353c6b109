"""How far AWS's clock and this machine's are apart, by the `Date` header of AWS's answers.

A server puts the second into `Date` in which it answers (RFC 9110, "Date"), some time between request and answer. So each
answer says: AWS's clock is ahead by no less than `Date` minus the answer's arrival, and by no more than a second later minus
the request's departure. What holds for all answers together is narrower than any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from drills.clock import Clock
from drills.durations import show_duration
from drills.model.timing import ClockOffset

RESOLUTION = timedelta(seconds=1)
NOTEWORTHY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: when it was asked for and when it came, by this machine's clock, and what its `Date` says."""

    sent: datetime
    came: datetime
    date: datetime


def offset_of(answers: Sequence[Answered]) -> ClockOffset | None:
    """What all answers say together, None where there are none. Pure."""
    if not answers:
        return None
    low = max((each.date - each.came).total_seconds() for each in answers)
    high = min((each.date + RESOLUTION - each.sent).total_seconds() for each in answers)
    return ClockOffset(low, high, len(answers))


def contradicts(offset: ClockOffset) -> bool:
    """Whether the answers cannot all be true of two clocks that run alike."""
    return offset.low_seconds > offset.high_seconds


def note_of(offset: ClockOffset | None) -> str:
    """What must be said of the two clocks; "" where they agree well enough. Pure."""
    if offset is None:
        return ""
    if contradicts(offset):
        return (
            "AWS's clock and this machine's have moved against each other by "
            f"{show_duration(offset.low_seconds - offset.high_seconds)} or more during the run: one of them was set"
        )
    if offset.low_seconds <= NOTEWORTHY_SECONDS and offset.high_seconds >= -NOTEWORTHY_SECONDS:
        return ""
    middle = (offset.low_seconds + offset.high_seconds) / 2
    return (
        f"AWS's clock is {show_duration(abs(middle))} {'ahead of' if middle > 0 else 'behind'} this machine's: "
        "instants that AWS told are as far off"
    )


class Witness:
    """Looks at the `Date` of each answer that clients get."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answers: list[Answered] = []
        self._key = f"drills:sent:{id(self)}"  # several may watch the same clients

    def watch(self, *clients: Any) -> None:
        """Look at the answers of these boto3 clients from now on; twice the same one counts once."""
        for client in clients:
            client.meta.events.register("before-call", self._asked, unique_id=f"drills-asked-{id(self)}")
            client.meta.events.register("after-call", self._answered, unique_id=f"drills-answered-{id(self)}")

    def offset(self) -> ClockOffset | None:
        """By how much AWS's clock is ahead, as far as the answers until now tell."""
        return offset_of(self._answers)

    def _asked(self, context: dict[str, Any], **_: Any) -> None:
        context[self._key] = self._clock.now()

    def _answered(self, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        headers = (parsed or {}).get("ResponseMetadata", {}).get("HTTPHeaders", {})
        sent = context.pop(self._key, None)
        try:
            date = parsedate_to_datetime(headers["date"])
        except (KeyError, ValueError):
            return
        if sent is not None and date.tzinfo is not None:
            self._answers.append(Answered(sent, self._clock.now(), date))
