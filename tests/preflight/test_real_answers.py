"""What AWS really answers is foreseen by: the recorded shapes of instances and snapshots, with everything else of AWS absent."""

from __future__ import annotations

from typing import Any

import pytest

from drills.config.target import Target
from drills.preflight import judge
from drills.preflight.facts import PreflightFacts
from drills.preflight.read import read
from drills.preflight.sides import Sides
from tests.support.recorded_answers import NOW, RecordedAnswer, RecordedAws, all_answers

ALL = all_answers()
TARGET = Target.model_validate({"instance": "orders", "restore": {"subnet_group": "drill-subnets"}})
SNAPSHOTS = [each for each in ALL if each.operation == "rds.DescribeDBSnapshots"]
# every one takes a while, and most differ in what no restore asks about
SHAPES = [*SNAPSHOTS, *[each for each in ALL if each.operation == "rds.DescribeDBInstances"][::10]]


@pytest.fixture(scope="module")
def sides() -> tuple[Sides, dict[str, RecordedAnswer]]:
    """A target on clients of an AWS that gives the answers that a test chooses, the first recorded one, or an empty one."""
    aws = RecordedAws()
    return Sides("orders", TARGET, aws.clients, aws.clients), aws.given


def test_no_shape_of_an_answer_ends_in_a_traceback_or_in_a_green_forecast(
    sides: tuple[Sides, dict[str, RecordedAnswer]],
) -> None:
    """Members that AWS leaves out are not known: with a simulator that says nothing, no restore is foreseen as accepted."""
    reached, chosen = sides
    seen: list[PreflightFacts] = []
    for shape in SHAPES:
        chosen.clear()
        chosen[shape.operation] = shape
        facts = read(reached, NOW)
        results = judge.judge(facts)
        seen.append(facts)
        assert judge.foreseen(results) != "accepted", shape.name
        assert 12 in judge.exit_codes(results) or facts.restore is None, shape.name

    assert len(seen) == len(SHAPES) > 20
    assert any(each.restore for each in seen)


def test_versions_and_quotas_are_read_from_what_aws_answers(sides: tuple[Sides, dict[str, RecordedAnswer]]) -> None:
    """The names of quotas, the subnets of a group, and the row of a version, as AWS writes them."""
    reached, chosen = sides
    chosen.clear()
    for shape in SNAPSHOTS:
        chosen[shape.operation] = shape
        facts = read(reached, NOW)
        if facts.restore:
            break
    quotas: Any = facts.quotas

    assert "DBInstances" in quotas
    assert facts.network
    assert facts.network.subnet_ids
