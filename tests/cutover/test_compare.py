"""How many settings a cut-over has compared, and what it could not."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drills.aws import settings
from drills.aws.databases.kinds import CLUSTER, INSTANCE
from drills.cutover import compare, judge
from drills.cutover.configuration import configuration_from
from drills.cutover.model import State
from drills.model.finding import NotChecked
from drills.model.instance import DatabaseKind
from drills.model.parity import NotVerified
from tests.support.clock import NOON
from tests.support.moves import OPENING, journal

REASON = "the sandbox does not have DescribeDBProxies"


def compared(left: dict[str, Any], right: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The comparison of two configurations, neither of which could be asked for its server's settings."""
    monkeypatch.setattr(settings, "read_settings", lambda *_: right)
    state = dataclasses.replace(journal("compare"), opening=dataclasses.replace(OPENING, left=compare.to_json(left)))
    env: Any = SimpleNamespace(clients=None, kind=INSTANCE, config=SimpleNamespace(allowed={}))
    instance: Any = SimpleNamespace(id="orders-prod")
    return compare.compare_configuration(env, state, instance)


def test_a_cluster_that_is_gone_gets_what_was_kept_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own configuration, with all of its capacity, and not that of an instance of its name."""
    monkeypatch.chdir(tmp_path)
    clients: Any = SimpleNamespace(account="123456789012", region="eu-central-1")
    kept: dict[DatabaseKind, dict[str, object]] = {
        "instance": {"port": 5432},
        "cluster": {"port": 5433, "scaling": "MinCapacity=0,MaxCapacity=4,SecondsUntilAutoPause=600"},
    }
    for kind, found in kept.items():
        stored = settings.StoredSettings(clients.account, clients.region, "orders", f"{kind}-A", NOON, found, kind)
        settings.save(settings.FOLDER, stored)

    read = compare.stored_configuration(clients, "orders", CLUSTER)
    assert read is not None
    assert configuration_from(compare.from_json(read[0]), CLUSTER) == {
        "Port": 5433,
        "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.0, "MaxCapacity": 4.0, "SecondsUntilAutoPause": 600},
        "Tags": {},
    }


@pytest.mark.parametrize("side", ["left", "right", "both"])
def test_what_could_not_be_read_does_not_count_as_compared(side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that one side could not read is not among those that were compared, and is named with its reason."""
    whole = {"multi_az": False, "storage_type": "gp3", "proxies": []}
    open_one = whole | {"proxies": NotVerified(REASON)}
    left, right = (open_one if side in (each, "both") else whole for each in ("left", "right"))

    assert compared(whole, whole, monkeypatch)["compared"] == 3
    found = compared(left, right, monkeypatch)
    assert found["compared"] == 2
    assert f"proxies: {REASON}" in found["not_compared"]


def test_what_could_not_be_compared_is_not_checked_in_the_result() -> None:
    """The result of the comparison is met for what was compared, and lists the rest for the reports."""
    facts = {
        "compared": 2,
        "compared_with": "the old instance",
        "differences": [],
        "not_compared": [f"proxies: {REASON}"],
    }
    state: State = journal(compare=facts)
    result = next(each for each in judge.judge_move(state, "", ()) if each.name == judge.CONFIGURED)

    assert (result.outcome, result.compared) == ("met", 2)
    assert result.not_checked == (NotChecked("proxies", REASON),)
