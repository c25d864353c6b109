"""Which of a target's points a drill chooses among."""

from __future__ import annotations

import dataclasses

import pytest

from drills.aws import read as aws
from drills.aws.session import Clients
from drills.config.load import Target
from drills.config.target import RestoreConfig
from drills.preflight.sides import Sides
from drills.recovery import choose
from tests.support.points import POINT

ELSEWHERE = "eu-west-1"


def side(region: str = "eu-central-1") -> Clients:
    """Clients of one side; a drill has others to change things with than to read with, also where both sides are one."""
    services = {field.name: None for field in dataclasses.fields(Clients) if field.type == "Any"}
    return Clients(**services, region=region, account="123456789012")


def sides(there: Clients, **changes: object) -> Sides:
    """Those of a target whose copies go to a vault of the same name."""
    restore = RestoreConfig.model_validate(changes)
    return Sides("orders", Target(instance="orders", vault="vault", copy_vault="vault", restore=restore), side(), there)


def test_a_vault_that_copies_go_to_as_well_keeps_its_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both sides are one, whichever clients read it: without them a drill would find no point to restore."""
    monkeypatch.setattr(aws, "recovery_points", lambda *_: (POINT,))

    assert choose.points_of(sides(side())) == (POINT,)


def test_a_vault_of_the_same_name_in_another_region_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its points answer another disaster, and are those of a drill that asks for copies alone."""
    copy = dataclasses.replace(POINT, arn=f"{POINT.arn}-copy", kind="copy")
    there = side(ELSEWHERE)
    monkeypatch.setattr(aws, "recovery_points", lambda clients, *_: (copy,) if clients is there else (POINT,))

    assert choose.points_of(sides(there, region=ELSEWHERE)) == (POINT,)
