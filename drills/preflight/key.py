"""Foresees whether the key of the point can be used: its state, its policy, its grants, and the caller's own rights. Pure.

A principal may use a key that the key's policy lets it use, or that the policy leaves to the account's IAM policies, or that
a grant names (AWS KMS Developer Guide, "Authentication and access control for AWS KMS").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.policy_statements import as_list, matches, read_statements
from drills.posture.judgement import Judgement
from drills.posture.keys import judge_enabled
from drills.preflight.facts import Key, KeyUse, PreflightFacts
from drills.preflight.place import NO_POINT
from drills.preflight.rights import KEY_ACTIONS, reason


def judge(facts: PreflightFacts) -> CheckResult:
    """Foresee a key that is not enabled, or that the principal of the restore may not use."""
    judged, use = Judgement("key"), _use(facts)
    if facts.restore is None or use is None:
        return judged.result("", nothing=NO_POINT, requirement="optional")
    if not facts.keys:
        if use.owned_by_aws:
            nothing = "the point is under a key that AWS owns, which nobody can disable"
            return judged.result("", nothing=nothing, requirement="optional")
        if facts.restore.point.encrypted:
            judged.was_read("key of the point", NotVerified("AWS does not name it: it may be one that AWS owns"))
            return judged.result("")
        return judged.result("", nothing="the point is not encrypted, and needs no key", requirement="optional")
    for arn, key in facts.keys.items():
        if not judged.was_read(arn, key):
            continue
        judged.count()
        metadata = key.metadata if isinstance(key, Key) else None
        if judge_enabled(judged, arn, metadata) and isinstance(key, Key):
            _usable(judged, facts, arn, key, use.of(arn))
    return judged.result("the key is enabled and its policy lets the restore use it")


def _use(facts: PreflightFacts) -> KeyUse | None:
    """Return who uses the keys: the principal of the restore through RDS, or what a target that is no database has instead."""
    if facts.resource is not None:
        return facts.resource.key_use
    return KeyUse(facts.rights, KEY_ACTIONS, "rds") if facts.rights else None


def _usable(judged: Judgement, facts: PreflightFacts, arn: str, key: Key, use: KeyUse) -> None:
    rights = use.rights
    if isinstance(rights.principal, NotVerified):
        judged.was_read(f"use of {arn}", rights.principal)
        return
    if _granted(key, rights.principal, use):
        return
    if not judged.was_read(f"policy of {arn}", key.policy) or isinstance(key.policy, NotVerified):
        return
    by = _by_policy(key.policy, facts, rights.principal, use)
    if by == "principal":
        return
    if by == "condition":
        judged.was_read(f"use of {arn}", NotVerified("its policy has conditions that only the request meets"))
        return
    asked = str(key.metadata.get("Arn") or arn)
    decided = () if isinstance(rights.decisions, NotVerified) else rights.decisions
    decided = tuple(each for each in decided if each.resource == asked)
    denied = [each for each in decided if not each.allowed]
    if by == "account" and isinstance(rights.decisions, NotVerified):
        judged.was_read(f"use of {arn}", rights.decisions)
    elif by == "account" and not decided:
        judged.was_read(f"use of {arn}", NotVerified("the simulator said nothing of it"))
    elif by == "nobody" or denied:
        why = (
            f"prediction: {reason(denied[0])}" if by == "account" else "no statement of its policy, and no grant, does"
        )
        judged.find(
            use.severity,
            arn,
            expected=f"to let {rights.principal} use it",
            found=why,
            remedy=f"aws kms put-key-policy --key-id {arn} --policy-name default, "
            f"with {', '.join(use.actions)} for {rights.principal}",
        )


def _granted(key: Key, principal: str, use: KeyUse) -> bool:
    grants = () if isinstance(key.grants, NotVerified) else key.grants
    operations = {each.removeprefix("kms:") for each in use.actions}
    return any(
        each.get("GranteePrincipal") == principal and operations <= set(each.get("Operations") or ()) for each in grants
    )


# who a key's policy lets use it, the best first
_BY = ("principal", "account", "condition", "nobody")


def _by_policy(policy: Mapping[str, Any], facts: PreflightFacts, principal: str, use: KeyUse) -> str:
    """Return who the key's policy lets use it for the restore, one of `_BY`: of the actions, that of the worst."""
    return max((_by_action(policy, facts, principal, use, each) for each in use.actions), key=_BY.index)


def _by_action(policy: Mapping[str, Any], facts: PreflightFacts, principal: str, use: KeyUse, action: str) -> str:
    root = (f"arn:aws:iam::{facts.account}:root", facts.account)
    found = "nobody"
    for statement in read_statements(policy, "Allow"):
        if not statement.covers_action(action):
            continue
        names = statement.names_principal("AWS", principal, "*")
        if not names and not statement.names_principal("AWS", *root):
            continue
        met = _conditions_met(statement.condition, facts, use.service)
        if met is False:
            continue
        by = "condition" if met is None else "principal" if names else "account"
        found = min(found, by, key=_BY.index)
    return found


def _conditions_met(conditions: Mapping[str, Any], facts: PreflightFacts, service: str) -> bool | None:
    """Return whether the conditions hold for a restore through a service; None where only the request knows it.

    A grant is one for AWS's own resource, which the service makes (AWS KMS Developer Guide, kms:GrantIsForAWSResource).
    """
    known = {
        "kms:viaservice": f"{service}.{facts.region}.amazonaws.com",
        "kms:calleraccount": facts.account,
        "kms:grantisforawsresource": "true",
    }
    for operator, keys in conditions.items():
        for name, wanted in keys.items():
            value = known.get(str(name).lower())
            if value is None or operator not in ("StringEquals", "StringLike", "Bool"):
                return None
            given = [str(each).lower() if operator == "Bool" else str(each) for each in as_list(wanted)]
            if not (any(matches(value, each) for each in given) if operator == "StringLike" else value in given):
                return False
    return True
