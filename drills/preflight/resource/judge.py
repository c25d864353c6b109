"""Foresees what stands against a restore by AWS Backup: the vault, the role that restores, quotas, the name, the zone. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.policy_statements import as_list, read_statements
from drills.posture.judgement import Judgement
from drills.preflight.facts import PreflightFacts, Quota, ResourceFacts
from drills.preflight.place import NO_POINT
from drills.preflight.resource.kind import BACKUP
from drills.preflight.rights import judge_rights
from drills.recovery.resource.vault import Vault

MANAGED = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores"
CAPACITY = (
    "whether AWS Backup takes a further job, and AWS has room for what it makes, can be known by the restore alone: no call reads "
    "that of a moment"
)


def _known(facts: PreflightFacts) -> ResourceFacts:
    assert facts.resource is not None  # these are judgements of what is no database alone
    return facts.resource


def vault(facts: PreflightFacts) -> CheckResult:
    """Foresee a vault that is not there, or whose team has refused access to it or not approved it yet."""
    judged, found, name = Judgement("vault"), _known(facts).vault, str(facts.vault)
    if not judged.was_read(f"vault {name}", found):
        return judged.result("")
    judged.count(not isinstance(found, Vault) or found.state != "CREATING")
    if not isinstance(found, Vault):
        expected, told, remedy = (
            "a vault",
            "none of that name",
            "correct vault in drill.toml: aws backup list-backup-vaults",
        )
        judged.find("error", name, expected=expected, found=told, remedy=remedy)
        return judged.result("")
    if found.state == "FAILED":
        judged.find(
            "error",
            name,
            expected="access to the vault, approved by its team",
            found="its team has refused, or its session has ended",
            remedy="aws backup create-restore-access-backup-vault, and name that vault in drill.toml",
        )
    if found.state == "CREATING":
        judged.was_read(f"access to the vault {name}", NotVerified("its team has not approved it yet"))
    return judged.result(f"{name} is there{', locked, which keeps nobody from restoring' if found.locked else ''}")


def restore_role(facts: PreflightFacts) -> CheckResult:
    """Foresee a role that AWS Backup cannot assume, or that is not allowed what its restore of the kind needs."""
    judged, role = Judgement("restore role"), _known(facts).role
    if role is None:
        return judged.result("", nothing=NO_POINT, requirement="optional")
    if judged.was_read(f"trust policy of {role.arn}", role.trust) and not isinstance(role.trust, NotVerified):
        judged.count()
        if role.trust is None:
            judged.find(
                "error",
                role.arn,
                expected="a role that AWS Backup restores with",
                found="none of that name in the account",
                remedy="aws iam create-role, or correct restore.backup_role_arn in drill.toml",
            )
            return judged.result("")
        _assumed(judged, role.arn, _trusts(role.trust, facts.account))
    attach = f"aws iam attach-role-policy --role-name {role.arn.rsplit('/', 1)[-1]} --policy-arn {MANAGED}, or a policy of your own"
    return judge_rights(judged, role.rights, "of AWS Backup's restore", attach)


def _assumed(judged: Judgement, arn: str, trusts: bool | None) -> None:
    if trusts is None:
        only = NotVerified("its trust policy has conditions that only the request meets")
        judged.was_read(f"whether {BACKUP} may assume {arn}", only)
    elif not trusts:
        judged.find(
            "error",
            arn,
            expected=f"a trust policy that lets {BACKUP} assume it",
            found="one that does not",
            remedy=f"aws iam update-assume-role-policy --role-name {arn.rsplit('/', 1)[-1]} --policy-document "
            f'with Principal {{"Service": "{BACKUP}"}} and Action sts:AssumeRole',
        )


def _trusts(trust: Mapping[str, Any], account: str) -> bool | None:
    """Return whether AWS Backup may assume a role, by its trust policy; None where only the request knows."""
    found: bool | None = False
    for statement in read_statements(trust, "Allow"):
        if not (statement.covers_action("sts:AssumeRole") and statement.names_principal("Service", BACKUP, "*")):
            continue
        met = _met(statement.condition, account)
        if met:
            return True
        found = None if met is None else found
    return found


def _met(conditions: Mapping[str, Any], account: str) -> bool | None:
    """Return whether the conditions hold where AWS Backup assumes the role: it does for this account (aws:SourceAccount)."""
    for operator, keys in conditions.items():
        for name, wanted in keys.items():
            if str(name).lower() != "aws:sourceaccount" or operator not in ("StringEquals", "StringLike"):
                return None
            if account not in map(str, as_list(wanted)):
                return False
    return True


def quotas(facts: PreflightFacts) -> CheckResult:
    """Foresee a quota of the service that makes the copy which the restore would exceed."""
    judged, room = Judgement("quotas"), _known(facts).room
    if room is None:
        return judged.result("", nothing=NO_POINT, requirement="optional")
    for each in room.quotas:
        _fits(judged, facts.account, each)
    return judged.result("there is room for the copy within the quotas")


def _fits(judged: Judgement, account: str, quota: Quota) -> None:
    parts = (quota.used, quota.more, quota.most)
    if unread := next((each for each in parts if isinstance(each, NotVerified)), None):
        judged.was_read(f"quota {quota.what}", unread)
        return
    used, more, most = (each for each in parts if not isinstance(each, NotVerified))
    judged.count()
    if used + more > most:
        judged.find(
            "error",
            f"quota {quota.what} of {account}",
            expected=f"room for {more:.4g} more",
            found=f"{used:.4g} of {most:.4g} in use",
            remedy=f"aws service-quotas request-service-quota-increase --service-code {quota.service}, or delete what is not "
            "needed",
        )


def name(facts: PreflightFacts) -> CheckResult:
    """Foresee that the name of the copy has been taken by another one."""
    judged, known = Judgement("name"), _known(facts)
    if known.room is None:
        return judged.result("", nothing=NO_POINT, requirement="optional")
    taken = known.room.taken
    if not judged.was_read(f"names of each {known.word}", taken) or isinstance(taken, NotVerified):
        return judged.result("")
    judged.count()
    if known.name in taken:
        judged.find(
            "error",
            known.name,
            expected=f"no {known.word} of that name",
            found="there is one",
            remedy="drills sweep: it shows whose it is",
        )
    return judged.result(f"no {known.word} has the name that a run gives")


def zone(facts: PreflightFacts) -> CheckResult:
    """Foresee a zone that is not there any more, or not available (EC2 API reference, AvailabilityZone: State)."""
    judged, room = Judgement("zone"), _known(facts).room
    if room is None or room.zone is None:
        return judged.result("", nothing=NO_POINT, requirement="optional")
    of, described = room.zone.name, room.zone.described
    if not of:
        judged.was_read("zone of the copy", NotVerified("neither the point nor the source tells it"))
        return judged.result("")
    if not judged.was_read(f"zone {of}", described) or isinstance(described, NotVerified):
        return judged.result("")
    judged.count()
    state = str(described.get("State")) if described else "none of that name for this account"
    if state != "available":
        judged.find(
            "error",
            of,
            expected="a zone that is available",
            found=state,
            remedy="a drill restores into the zone of the source: aws ec2 describe-availability-zones, and keep the source in one",
        )
    return judged.result(f"{of} is available")


def capacity(facts: PreflightFacts) -> CheckResult:
    """Name the failures that nothing foresees."""
    return CheckResult("capacity", "not verified", CAPACITY, "impossible")
