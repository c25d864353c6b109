"""Measures the offset between AWS's clock and this machine's, by the `Date` header of AWS's answers.

A server puts the second into `Date` in which it answers (RFC 9110, "Date"), some time between request and answer. So each
answer says: AWS's clock is ahead by no less than `Date` minus the answer's arrival, and by no more than a second later minus
the request's departure. What holds for all answers together is narrower than any of them.
"""

from __future__ import annotations

import re
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
_SIGNED = re.compile(r"Signature (?:expired|not yet current): (\d{8}T\d{6}Z) is .{10,60} \((\d{8}T\d{6}Z) [-+] ")
_SKEWED = ("RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture")


@dataclass(frozen=True, slots=True)
class TimedAnswer:
    """One answer: the instants of request and answer by this machine's clock, and its `Date`."""

    sent: datetime
    came: datetime
    date: datetime


def offset_of(answers: Sequence[TimedAnswer]) -> ClockOffset | None:
    """Return the offset that all answers agree with, None where there are none. Pure."""
    if not answers:
        return None
    low = max((each.date - each.came).total_seconds() for each in answers)
    high = min((each.date + RESOLUTION - each.sent).total_seconds() for each in answers)
    return ClockOffset(low, high, len(answers))


def contradicts(offset: ClockOffset) -> bool:
    """Return whether the answers cannot all be true of two clocks that run alike."""
    return offset.low_seconds > offset.high_seconds


def skew_of(error: Exception) -> str:
    """Return what a refusal says about the two clocks, as an advice; "" for one that is not about them. Pure.

    AWS takes no request that is signed more than five minutes before or after its own time, and says both
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html).
    """
    text = str(error)
    signed = _SIGNED.search(text)
    if signed is None and not any(code in text for code in _SKEWED):
        return ""
    way = "differs from this machine's"
    if signed:
        here, there = (datetime.strptime(each, "%Y%m%dT%H%M%SZ") for each in signed.groups())
        way = f"is {show_duration(abs((there - here).total_seconds()))} {'ahead of' if there > here else 'behind'} this machine's"
    return f"AWS's clock {way}: set this machine's clock, such as by NTP"


def clock_note(offset: ClockOffset | None) -> str:
    """Return the note about the two clocks for the report; "" where they agree well enough. Pure."""
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
        "instants from AWS are off by as much"
    )


class ClockOffsetProbe:
    """Reads the `Date` of each answer that the watched clients get."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answers: list[TimedAnswer] = []
        self._key = f"drills:sent:{id(self)}"  # several may watch the same clients

    def watch(self, *clients: Any) -> None:
        """Read the answers of these boto3 clients from now on; the same client twice counts once."""
        for client in clients:
            client.meta.events.register("before-call", self._asked, unique_id=f"drills-asked-{id(self)}")
            client.meta.events.register("after-call", self._answered, unique_id=f"drills-answered-{id(self)}")

    def offset(self) -> ClockOffset | None:
        """Return how far AWS's clock is ahead, by the answers so far."""
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
            self._answers.append(TimedAnswer(sent, self._clock.now(), date))
