"""Judges the copies that rules ask for: whether the vaults that they go to hold one of the last points, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from drills.durations import days_after
from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.model.point import USABLE
from drills.posture.facts import Document, PostureFacts
from drills.posture.judgement import Judgement, count_noun
from drills.posture.points import SLACK

NAME = "copies"
LAG = 2  # the newest point may still be being copied, the one before it not


def copies(facts: PostureFacts) -> CheckResult:
    """Return each vault of this account that a rule copies to has a copy of one of the rule's last two points.

    A vault of another account is not read, which the judgement of the vaults says.
    """
    judged = Judgement(NAME)
    judged.was_read("backup plans", facts.protections)
    judged.was_read("recovery points of the vault", facts.vault_points)
    for each in () if isinstance(facts.protections, NotVerified) else facts.protections:
        for rule in each.rules:
            for action in rule.get("CopyActions") or []:
                _copied(judged, facts, f"{each.name}: {rule['RuleName']}: copy", rule, action)
    nothing = "" if judged.unread else "no rule that copies has made two points yet"
    return judged.result(
        f"{count_noun(judged.compared, 'vault')} that rules copy to, each with a copy",
        nothing=nothing,
        requirement="optional",
    )


def _copied(judged: Judgement, facts: PostureFacts, name: str, rule: Document, action: Document) -> None:
    arn, made = action["DestinationBackupVaultArn"], _made_by(facts, rule)
    held = facts.copies.get(arn)
    if (
        held is None
        or not judged.was_read(f"copies in {arn}", held)
        or isinstance(held, NotVerified)
        or len(made) < LAG
    ):
        return
    judged.count()
    newest = max(
        (each for each in held if each["Status"] in USABLE), key=lambda each: each["CreationDate"], default=None
    )
    if newest is None or newest["CreationDate"] < made[-LAG]:
        judged.find(
            "error",
            name,
            expected=f"a copy in {arn} that is not older than the point of {made[-LAG]:%Y-%m-%d %H:%M} UTC",
            found=f"the newest is of {newest['CreationDate']:%Y-%m-%d %H:%M} UTC" if newest else "none",
            remedy=f"aws backup list-copy-jobs --by-resource-arn {facts.arn}, and correct what its last job reports",
        )
        return
    copied = max(each for each in made if each <= newest["CreationDate"])
    _kept(judged, name, newest, copied, (action.get("Lifecycle") or {}).get("DeleteAfterDays"))


def _made_by(facts: PostureFacts, rule: Document) -> Sequence[datetime]:
    """Return when the completed points of a rule in the target's vault were made, the oldest first."""
    listed = () if isinstance(facts.vault_points, NotVerified) else facts.vault_points
    return sorted(
        each["CreationDate"]
        for each in listed
        if (each.get("CreatedBy") or {}).get("BackupRuleId") == rule.get("RuleId") and each["Status"] in USABLE
    )


def _kept(judged: Judgement, name: str, copy: Document, copied: datetime, days: Any) -> None:
    """Judge that a copy does not end before its rule says, counted from the point that it is of."""
    ends = (copy.get("CalculatedLifecycle") or {}).get("DeleteAt")
    until = days_after(copied, days) if days and days > 0 else None
    if ends is not None and (until is None or until - ends > SLACK):
        judged.find(
            "error",
            str(copy["RecoveryPointArn"]),
            expected=f"to be kept until {until:%Y-%m-%d %H:%M} UTC, as {name} says"
            if until
            else f"to be kept, as {name} says",
            found=f"deleted at {ends:%Y-%m-%d %H:%M} UTC",
            remedy=f"aws backup update-recovery-point-lifecycle --backup-vault-name {copy['BackupVaultName']} "
            f"--recovery-point-arn {copy['RecoveryPointArn']} --lifecycle DeleteAfterDays={days or -1}",
        )
