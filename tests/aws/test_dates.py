"""How far AWS's clock and this machine's are apart, by what AWS writes into its answers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import cast
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from botocore.hooks import HierarchicalEmitter
from hypothesis import given
from hypothesis import strategies as st

from drills.aws.clock_offset import ClockOffsetProbe, TimedAnswer, clock_note, contradicts, offset_of, skew_of
from drills.aws.read import refusal
from drills.aws.session import Clients, identify
from drills.errors import DrillError
from tests.support.clock import NOON, HandClock


class Client:
    """As much of a boto3 client as is watched: it answers with a Date, `ahead` of the clock that is wound by hand."""

    def __init__(self, clock: HandClock, ahead: float) -> None:
        self.meta = self
        self.events = HierarchicalEmitter()
        self._clock, self.ahead = clock, ahead

    def call(self, seconds: float) -> None:
        """Answer half-way through."""
        context: dict[str, object] = {}
        self.events.emit("before-call.rds.DescribeDBInstances", context=context)
        self._clock.sleep(seconds / 2)
        date = (self._clock.now() + timedelta(seconds=self.ahead)).replace(microsecond=0)
        self._clock.sleep(seconds / 2)
        parsed = {"ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(date.astimezone(UTC), usegmt=True)}}}
        self.events.emit("after-call.rds.DescribeDBInstances", parsed=parsed, context=context)


@given(
    st.floats(-1e6, 1e6),
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 3), st.floats(0, 3)), min_size=1, max_size=20),
)
def test_the_true_offset_lies_between_the_two(ahead: float, calls: list[tuple[float, float, float]]) -> None:
    """However long requests and answers are under way: RFC 9110's Date has a resolution of one second."""
    answers = []
    for at, there, back in calls:
        sent = NOON + timedelta(seconds=at)
        stamped = sent + timedelta(seconds=there + ahead)
        answers.append(TimedAnswer(sent, sent + timedelta(seconds=there + back), stamped.replace(microsecond=0)))

    offset = offset_of(answers)

    assert offset is not None
    assert offset.low_seconds - 1e-5 <= ahead <= offset.high_seconds + 1e-5
    assert not contradicts(offset) or offset.low_seconds - offset.high_seconds < 1e-5


@pytest.mark.parametrize("ahead", [0.0, 90.0, -3600.0])
def test_answers_that_come_again_and_again_narrow_it_down(ahead: float) -> None:
    """A poll every 0.3 s sees the second turn, so that half a minute of it tells the offset to a tenth or two."""
    clock = HandClock()
    client, witness, other = Client(clock, ahead), ClockOffsetProbe(clock), ClockOffsetProbe(clock)
    witness.watch(client, client)
    other.watch(client)
    for _ in range(100):
        client.call(0.02)
        clock.sleep(0.3)

    offset = witness.offset()

    assert offset is not None
    assert offset.answers == 100
    assert other.offset() == offset
    assert offset.high_seconds - offset.low_seconds < 0.2
    assert (offset.low_seconds + offset.high_seconds) / 2 == pytest.approx(ahead, abs=0.2)


def test_a_clock_that_is_set_during_the_run_contradicts_itself() -> None:
    """Then no offset can be right, and the note says that one of the clocks was set."""
    clock = HandClock()
    client, witness = Client(clock, 0.0), ClockOffsetProbe(clock)
    witness.watch(client)
    client.call(0.1)
    client.ahead = 60.0
    client.call(0.1)

    offset = witness.offset()

    assert offset is not None
    assert contradicts(offset)
    assert "have moved against each other" in clock_note(offset)


def test_clocks_that_agree_need_no_note() -> None:
    """Within two seconds nothing is said; beyond, by how much and which way."""
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)

    assert clock_note(None) == clock_note(offset_of([TimedAnswer(now, now, now)])) == ""
    ahead = clock_note(offset_of([TimedAnswer(now, now, now + timedelta(minutes=5))]))
    assert "AWS's clock is 5 m ahead of this machine's" in ahead
    behind = clock_note(offset_of([TimedAnswer(now, now, now - timedelta(minutes=5))]))
    assert "behind this machine's" in behind


def test_answers_without_a_date_tell_nothing() -> None:
    """Nor do those whose date nobody can read."""
    clock = HandClock()
    client, witness = Client(clock, 0.0), ClockOffsetProbe(clock)
    witness.watch(client)
    for headers in ({}, {"date": "yesterday"}):
        context: dict[str, object] = {}
        client.events.emit("before-call.rds.X", context=context)
        parsed = {"ResponseMetadata": {"HTTPHeaders": headers}}
        client.events.emit("after-call.rds.X", parsed=parsed, context=context)

    assert witness.offset() is None


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        (
            "SignatureDoesNotMatch",
            "Signature expired: 20261123T100000Z is now earlier than 20261123T115500Z (20261123T120000Z - 5 min.)",
            "AWS's clock is 2 h ahead of this machine's: set this machine's clock",
        ),
        (
            "InvalidSignatureException",
            "Signature not yet current: 20261123T140000Z is still later than 20261123T120500Z (20261123T120000Z + 5 min.)",
            "AWS's clock is 2 h behind this machine's: set this machine's clock",
        ),
        ("RequestExpired", "Request has expired.", "AWS's clock differs from this machine's: set this machine's clock"),
    ],
)
def test_a_refusal_for_the_clock_says_which_way_it_is_wrong(code: str, message: str, said: str) -> None:
    """AWS refuses every call of a machine whose clock is two hours off: the first of a run, and any later one."""
    error = ClientError({"Error": {"Code": code, "Message": message}}, "GetCallerIdentity")
    meta = SimpleNamespace(endpoint_url="https://sts.eu-central-1.amazonaws.com")
    clients = SimpleNamespace(sts=SimpleNamespace(get_caller_identity=Mock(side_effect=error), meta=meta))

    with pytest.raises(DrillError, match=re.escape(said)):
        identify(cast("Clients", clients))
    assert said in refusal(error)
    assert message in refusal(error)


@pytest.mark.parametrize("code", ["AccessDenied", "SignatureDoesNotMatch", "ExpiredToken"])
def test_another_refusal_says_nothing_of_clocks(code: str) -> None:
    """A wrong secret and credentials that have ended are no matter of the clock."""
    error = ClientError(
        {"Error": {"Code": code, "Message": "The security token included in the request is expired"}}, "X"
    )
    assert skew_of(error) == ""
    assert "clock" not in refusal(error)
    assert error.response["Error"]["Message"] in refusal(error)
