"""What the owner's plan says of a target, and why a run was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from drills.config.load import load
from drills.config.trigger import trigger_of
from drills.errors import ConfigError
from drills.model.evidence import PlanReferences

RUN = "20261129-120802-9621"


def plan_of(folder: Path, text: str) -> PlanReferences:
    """The references of a target whose table `plan` has this text."""
    file = folder / "drill.toml"
    file.write_text(f"[targets.orders.plan]\n{text}\n")
    return load(file, profile=None, target=None, environment={}).target.plan.references()


def test_references_stand_word_for_word(tmp_path: Path) -> None:
    """What the file says is what the record holds, a date of TOML as text; what it does not say is empty."""
    found = plan_of(tmp_path, 'version = "BCP-07 v3.2"\nobjectives_approved = 2026-04-17\ntickets = ["DR-1", "DR-2"]')

    assert found == PlanReferences(version="BCP-07 v3.2", objectives_approved="2026-04-17", tickets=("DR-1", "DR-2"))
    assert plan_of(tmp_path, "") == PlanReferences()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('reviewer = " "', "plan.reviewer: expected text that is not empty"),
        ('reviewr = "Ann"', "plan.reviewr: .*reviewer"),
        ("version = 3", "plan.version: expected"),
        ('tickets = "DR-1"', "plan.tickets: expected"),
    ],
)
def test_a_slip_in_the_plan_is_named(tmp_path: Path, text: str, message: str) -> None:
    """An empty reference, a key that does not exist and a value of another kind are refused with their key."""
    with pytest.raises(ConfigError, match=message):
        plan_of(tmp_path, text)


@pytest.mark.parametrize(
    ("given", "environment", "trigger"),
    [
        (None, {}, "manual"),
        (None, {"GITHUB_EVENT_NAME": "schedule"}, "schedule"),
        (None, {"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_TAG": "v1"}, "schedule"),
        (None, {"GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "tag"}, "release"),
        (None, {"GITHUB_EVENT_NAME": "release"}, "release"),
        (None, {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": "v1"}, "release"),
        (None, {"GITHUB_EVENT_NAME": "push", "GITHUB_REF_TYPE": "branch"}, "manual"),
        (None, {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": ""}, "manual"),
        ("release", {"GITHUB_EVENT_NAME": "schedule"}, "release"),
        (f"retest  of {RUN}", {}, f"retest of {RUN}"),
    ],
)
def test_trigger_is_said_or_follows_from_the_ci_server(
    given: str | None, environment: dict[str, str], trigger: str
) -> None:
    """The option goes first, then what GitHub or GitLab say; a run that nothing says anything of is made by hand."""
    assert trigger_of(given, environment) == trigger


@pytest.mark.parametrize("given", ["", "nightly", "retest", "retest of", "retest of latest"])
def test_an_unknown_trigger_is_refused(given: str) -> None:
    """A retest names the run that it repeats; any other word is no trigger."""
    with pytest.raises(ConfigError, match="--trigger: expected"):
        trigger_of(given, {})
