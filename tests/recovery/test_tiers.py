"""What a tier does not do is "not run", and nothing that it does is excused."""

from __future__ import annotations

import dataclasses

import pytest

from drills.checks.base.budget import OUT_OF_TIME
from drills.checks.registry import CHECKS as REGISTERED
from drills.config.target import CheckRule, Target
from drills.model.finding import CheckResult, NotChecked
from drills.model.policy import BLOCKING, CHECKS, TIERS, Tier, left_out_of
from drills.model.record import Setting
from drills.objectives import completeness
from drills.recovery.judged import not_run, requirement_of, verdict_of
from reports import controls, words
from reports.audit.facts import condition
from tests.support.controls_record import real_drill

REQUIRED = {"content": CheckRule("required")}
LATE = (NotChecked("shop.orders", f"{OUT_OF_TIME}: the budget of 5 m was used up"),)


def content(outcome: str, *left: NotChecked) -> CheckResult:
    """A result of the content."""
    return CheckResult("content", outcome, "", not_checked=left, unverified=len(left))  # type: ignore[arg-type]


def test_light_restores_and_compares_the_catalog() -> None:
    """With what says that the copy is usable and hurts nobody; everything else is left out, and named."""
    kept = [check.name for check in REGISTERED if check.name not in left_out_of("light")]

    assert kept == ["connection", "queries", "catalog", "canary", "harmless", "isolation"]
    assert [each.name for each in not_run("light")] == [check.name for check in REGISTERED if check.name not in kept]
    assert (not_run("sample"), not_run("full")) == ((), ())


@pytest.mark.parametrize("tier", TIERS)
def test_every_check_has_a_verdict_or_is_run(tier: Tier) -> None:
    """No check is lost between a tier and the count of what a recovery must be judged by."""
    verdicts = {verdict_of(each, "optional").name for each in not_run(tier)}

    assert verdicts == set(completeness.VERDICTS) & left_out_of(tier)
    assert left_out_of(tier) <= set(CHECKS)


def test_what_blocks_is_what_is_run() -> None:
    """A check that the tier leaves out does not block, whatever the target says."""
    target = Target(instance="orders", tier="light", blocking={"content": True})

    assert target.blocks() == {*BLOCKING} - left_out_of("light")
    assert Target(instance="orders", blocking={"content": True}).blocks() == {*BLOCKING, "content"}


def test_what_is_not_run_is_never_passed_and_asks_for_nothing() -> None:
    """Its verdict is "not verified" with the reason, and optional, though its owner requires the check."""
    result = next(each for each in not_run("light") if each.name == "content")
    verdict = verdict_of(result, requirement_of(result, REQUIRED, "light"))

    assert (verdict.outcome, verdict.requirement, verdict.sentence) == (
        "not verified",
        "optional",
        'not run in tier "light"',
    )
    assert result.not_checked == (NotChecked("content", 'not run in tier "light"'),)


def test_a_budget_excuses_what_it_left_no_time_for_and_nothing_else() -> None:
    """Not in a full run, not a table that could not be read for another reason, and no difference."""
    unread = NotChecked("shop.other", "could not be read on the copy: permission denied")

    assert requirement_of(content("not verified", *LATE), {}, "sample") == "optional"
    assert requirement_of(content("not verified", *LATE), REQUIRED, "full") == "required"
    assert requirement_of(content("not verified", *LATE, unread), {}, "sample") == "required"
    assert requirement_of(content("not verified"), {}, "sample") == "required"
    missed = content("missed", *LATE)
    assert verdict_of(missed, requirement_of(missed, {}, "sample")).outcome == "missed"


def test_a_sample_has_a_budget() -> None:
    """Five minutes, unless the target names one; a full run has one only where it is named."""
    assert Target(instance="orders", tier="sample").budget() is not None
    assert Target(instance="orders").budget() is None
    given = {"instance": "orders", "content_budget": "7m", "tier": "sample"}
    assert Target.model_validate(given).budget() == Target.model_validate({**given, "tier": "full"}).budget()


def test_no_control_is_supported_by_what_was_not_run() -> None:
    """In a light run nobody has looked at the rows, and no control that asks for them has a judged condition."""
    known = real_drill()
    recovery = known.restorations[0]
    light = {each.name: each for each in not_run("light")}
    run = dataclasses.replace(
        known,
        restorations=(dataclasses.replace(recovery, checks=tuple(light.get(c.name, c) for c in recovery.checks)),),
        verdicts=tuple(verdict_of(light[v.name], "optional") if v.name in light else v for v in known.verdicts),
    )
    asks = [row for row in controls.of(known) if row not in controls.of(run)]

    assert condition(known, "content").judged
    assert not condition(run, "content").judged
    assert asks
    assert sum(row.supported for row in controls.of(run)) < sum(row.supported for row in controls.of(known))
    assert "TIER light" in " ".join(
        words.stamps(dataclasses.replace(run, settings=(Setting("target.tier", "light", "--tier"),)))
    )
