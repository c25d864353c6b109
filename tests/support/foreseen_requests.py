"""The request that preflight foresees of a drill beside the one that the drill sends."""

from __future__ import annotations

from typing import Any

from drills.preflight.facts import PreflightFacts
from drills.preflight.read import read
from drills.preflight.sides import Sides
from drills.recovery.resource.drill import ResourceDrill
from tests.support.sandbox import RunningSandbox

_NAMED = ("CreationToken", "targetTableName")  # the members of the metadata that name a copy


def facts_of(sandbox: RunningSandbox, drill: ResourceDrill) -> PreflightFacts:
    """What preflight reads of the target of a drill that has not begun."""
    setup = drill._setup
    return read(Sides(setup.name, setup.target, setup.clients, setup.scratch_clients), sandbox.control.now())


def foreseen(sandbox: RunningSandbox, drill: ResourceDrill) -> dict[str, Any]:
    """The request that preflight foresees, without the name of its run."""
    facts = facts_of(sandbox, drill)
    assert facts.restore
    return _nameless(facts.restore.request.parameters)


def sent(sandbox: RunningSandbox) -> dict[str, Any]:
    """The last request for a restore that was sent, without the name of its run."""
    calls = [each for each in sandbox.control.calls() if each["operation"] == "StartRestoreJob"]
    return _nameless(calls[-1]["parameters"])


def _nameless(request: dict[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in request["Metadata"].items() if name not in _NAMED}
    return {name: value for name, value in request.items() if name != "IdempotencyToken"} | {"Metadata": metadata}
