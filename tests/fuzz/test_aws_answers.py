"""Answers that AWS might give: members gone, words that are new, dates far off, lists empty. A judgement, or a sentence."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drills.aws import read as aws
from drills.aws.engine import read_lifecycle
from drills.aws.restore_jobs import describe_job
from drills.errors import DrillError
from drills.posture import judge as posture
from drills.posture.read import read as read_posture
from drills.preflight import judge as preflight
from drills.preflight.read import read as read_preflight
from drills.preflight.sides import Sides
from drills.recovery.failing import translate_client_errors
from drills.sweep.find import find
from tests.fuzz.mutations import at, few, places
from tests.support.recorded_answers import (
    NOW,
    TARGET,
    RecordedAnswer,
    RecordedAws,
    all_answers,
    is_instant,
)

READ = [each for each in all_answers() if each.is_read]
# each is what some member of an answer may hold: AWS adds words, and dates lie far ahead
WORDS = (
    "",
    "brand-new-status",
    "\u202e\U0001f4a5",
    "x" * 3000,
    "postgres",
    "available",
    "arn:aws:rds:eu-central-1:1:db:",
    "None",
)
DATES = ("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2199-12-31T23:59:59Z", "9999-12-31T23:59:59.999000Z")
NUMBERS = (0, -1, 1, 10**9, 2**31 - 1)


@pytest.fixture(scope="module")
def served() -> RecordedAws:
    """One set of clients: reading the models of the services takes a while."""
    return RecordedAws()


@st.composite
def answers(draw: st.DrawFn) -> RecordedAnswer:
    """A recorded answer with up to three members that are gone, empty, or hold another value of their type."""
    chosen = draw(st.sampled_from(READ))
    found = copy.deepcopy(chosen.answer)
    for _ in range(draw(st.integers(1, 3))):
        paths = list(places(found))
        if not paths:
            break
        path = draw(st.sampled_from(paths))
        holder, key = at(found, path[:-1]), path[-1]
        value, gone = holder[key], draw(st.integers(0, 2)) == 0
        if gone and len(path) > 1:
            del holder[key]
        elif isinstance(value, bool):
            holder[key] = not value
        elif isinstance(value, list):
            holder[key] = []
        elif isinstance(value, int | float):
            holder[key] = draw(st.sampled_from(NUMBERS))
        elif is_instant(value):
            holder[key] = draw(st.sampled_from(DATES))
        elif isinstance(value, str):
            holder[key] = draw(st.sampled_from(WORDS))
    return RecordedAnswer(chosen.name, "", "", chosen.operation, {}, found)


def read_all(served: RecordedAws, folder: Path) -> list[Any]:
    """What each reader and judge makes of the answers; a DrillError is a sentence for the person who must act."""
    clients = served.clients
    sides = Sides("orders", TARGET, clients, clients)
    found: list[Any] = []
    for each in (
        lambda: posture.judge(read_posture(clients, clients, TARGET, now=NOW, store=folder)),
        lambda: preflight.judge(read_preflight(sides, NOW)),
        lambda: find(clients),
        lambda: aws.describe_instance(clients, "orders"),
        lambda: aws.recovery_points(clients, "orders", "vault"),
        lambda: read_lifecycle(clients, "15.4"),
        lambda: describe_job(clients, "job"),
    ):
        try:
            with translate_client_errors():
                found.append(each())
        except DrillError as error:
            found.append(error)
    return found


@settings(max_examples=few(10))
@given(answers())
def test_no_answer_of_aws_ends_in_a_traceback(served: RecordedAws, answer: RecordedAnswer) -> None:
    """Posture, preflight, sweep and the readers of a drill: each makes a judgement of it, or says in a sentence what is wrong."""
    with tempfile.TemporaryDirectory() as made:
        served.given = {answer.operation: answer}
        try:
            found = read_all(served, Path(made))
        finally:
            served.given = {}
    assert all(str(each) for each in found if isinstance(each, DrillError))
    for each in found[:2]:
        if not isinstance(each, DrillError):
            assert {result.outcome for result in each} <= {"met", "missed", "not verified"}
            assert all(result.sentence for result in each)
