"""Judges the plans that back the source up: their selections, roles and rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drills.durations import show_duration
from drills.model.finding import CheckResult
from drills.model.lineage import AIR_GAPPED
from drills.model.parity import NotVerified
from drills.plural import counted
from drills.policy_statements import Statement, read_statements
from drills.posture.facts import PostureFacts, Protection, Vault
from drills.posture.judgement import Judgement, count_noun

SERVICE = "backup.amazonaws.com"
DAY = 86_400
TAG = '{"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "daily"}'


def protection(facts: PostureFacts) -> CheckResult:
    """Return a plan selects the source, and would still select it when it has been renamed or restored."""
    judged = Judgement("protection")
    protections = facts.protections
    if facts.instance is None:
        judged.find(
            "error",
            facts.arn,
            expected=facts.subject.one,
            found="none of that name",
            remedy=f"correct {facts.subject.key} in drill.toml, or recover it: see {facts.subject.page}",
        )
    if not isinstance(protections, NotVerified) and not protections and facts.instance is not None:
        judged.find(
            "error",
            facts.arn,
            expected="a backup plan that selects it",
            found="no plan does",
            remedy="aws backup create-backup-selection --backup-plan-id PLAN --backup-selection "
            f'\'{{"SelectionName": "{facts.instance_id}", "IamRoleArn": "ROLE", "ListOfTags": [{TAG}]}}\' '
            f"and tag the {facts.subject.word} so",
        )
    if judged.was_read("backup plans", protections) and not isinstance(protections, NotVerified) and protections:
        judged.count()
        _outlives_the_source(judged, facts, protections)
    names = ", ".join(sorted({each.name for each in protections})) if not isinstance(protections, NotVerified) else ""
    return judged.result(f"backed up by {names}")


def _outlives_the_source(judged: Judgement, facts: PostureFacts, protections: tuple[Protection, ...]) -> None:
    """Judge whether what is restored or renamed will be selected too, where that has another ARN."""
    if facts.subject.by_arn is None or not all(each.by == "ARN" for each in protections):
        return
    first, (expected, follows) = protections[0], facts.subject.by_arn
    judged.find(
        "warning",
        f"{first.name}: {first.selection.get('SelectionName')}",
        expected=expected,
        found=f"a selection by the ARN of {facts.instance_id}: {follows}",
        remedy=f"aws backup create-backup-selection --backup-plan-id {first.plan.get('BackupPlanId')} "
        f"--backup-selection with ListOfTags [{TAG}], and tag the {facts.subject.word} so",
    )


def role(facts: PostureFacts) -> CheckResult:
    """Return each role that backs up can be assumed by AWS Backup."""
    judged = Judgement("role")
    for arn, trust in facts.roles.items():
        if not judged.was_read(arn, trust):
            continue
        judged.count()
        if trust is None:
            judged.find(
                "error",
                arn,
                expected="a role",
                found="none of that name",
                remedy="aws iam create-role, as infra/terraform",
            )
        elif not any(_trusts(each) for each in read_statements(trust, "Allow")):
            judged.find(
                "error",
                arn,
                expected=f"a trust policy that lets {SERVICE} assume it",
                found="none",
                remedy=f"aws iam update-assume-role-policy --role-name {arn.rsplit('/', 1)[-1]} --policy-document "
                f'with Principal {{"Service": "{SERVICE}"}} and Action sts:AssumeRole',
            )
    nothing = "there is no plan and no backup job that names a role" if not facts.roles else ""
    return judged.result("AWS Backup can assume what backs up", nothing=nothing)


def _trusts(statement: Statement) -> bool:
    return statement.covers_action("sts:AssumeRole") and statement.names_principal("Service", SERVICE, "*")


def rules(facts: PostureFacts) -> CheckResult:
    """Return each rule does what it says, and together they keep long enough and copy often enough."""
    judged = Judgement("rules")
    protections = () if isinstance(facts.protections, NotVerified) else facts.protections
    judged.was_read("backup plans", facts.protections)
    for each in protections:
        for rule in each.rules:
            judged.count()
            _rule(judged, facts, each, rule)
    if protections:
        _policy(judged, facts, protections)
    nothing = f"no plan selects the {facts.subject.word}" if not judged.unread else ""
    return judged.result(f"{count_noun(judged.compared, 'rule')} examined", nothing=nothing, requirement="optional")


def _rule(judged: Judgement, facts: PostureFacts, protection: Protection, rule: Mapping[str, Any]) -> None:
    name = f"{protection.name}: {rule['RuleName']}"
    update = f"aws backup update-backup-plan --backup-plan-id {protection.plan.get('BackupPlanId')}"
    lifecycle = rule.get("Lifecycle") or {}
    _storage(judged, facts, name, rule, update)
    if facts.vault and rule["TargetBackupVaultName"] != facts.vault:
        judged.find(
            "warning",
            name,
            expected=f"the vault {facts.vault}, where a drill looks for recovery points",
            found=str(rule["TargetBackupVaultName"]),
            remedy=f"{update}, or correct vault in drill.toml",
        )
    _within_lock(judged, name, lifecycle, facts.vaults.get(facts.vault_arn(rule["TargetBackupVaultName"])), update)
    for copy in rule.get("CopyActions") or []:
        destination = facts.vaults.get(copy["DestinationBackupVaultArn"])
        _within_lock(judged, f"{name}: copy", copy.get("Lifecycle") or {}, destination, update)
        if facts.subject.crosses_once:
            _crosses_once(judged, f"{name}: copy", copy["DestinationBackupVaultArn"], facts, update)
        if _is_air_gapped(destination):
            _keeps_none(judged, f"{name}: copy", copy["DestinationBackupVaultArn"], facts, update)
    if into := rule.get("TargetLogicallyAirGappedBackupVaultArn"):
        _keeps_none(judged, name, into, facts, update)


def _storage(judged: Judgement, facts: PostureFacts, name: str, rule: Mapping[str, Any], update: str) -> None:
    """Judge what a rule asks for that AWS Backup does not do for such a source, and says nothing of."""
    lifecycle, subject = rule.get("Lifecycle") or {}, facts.subject
    days = lifecycle.get("MoveToColdStorageAfterDays")
    archived = subject.cold == "opted in" and lifecycle.get("OptInToArchiveForSupportedResources")
    if days and archived:
        judged.find(
            "information",
            name,
            expected="points that can be restored at once",
            found=f"they are archived after {counted(days, 'day')}: bringing one back takes up to three days",
            remedy="keep points as long in the vault as a disaster can stay unnoticed, or state an RTO that has the time",
        )
    elif days and subject.cold != "moved":
        judged.find(
            "warning",
            name,
            expected=f"no move to cold storage, which AWS Backup ignores for {subject.protected}"
            + (" without OptInToArchiveForSupportedResources" if subject.cold == "opted in" else ""),
            found=f"MoveToColdStorageAfterDays {days}",
            remedy=f"{update} without it: what it should save is paid for",
        )
    if rule.get("EnableContinuousBackup") and not subject.continuous:
        judged.find(
            "warning",
            name,
            expected=f"no continuous backup, which AWS Backup does not have for {subject.protected}",
            found="EnableContinuousBackup true: it makes a point at each run, and none between",
            remedy=f"{update} with a ScheduleExpression that runs as often as the RPO asks",
        )


def _is_air_gapped(vault: Vault | NotVerified | None) -> bool:
    return isinstance(vault, Vault) and vault.described.get("VaultType") == AIR_GAPPED


def _keeps_none(judged: Judgement, name: str, vault: str, facts: PostureFacts, update: str) -> None:
    """Judge a rule that counts on a logically air-gapped vault: AWS Backup keeps no RDS instances in one (docs/air-gapped.md)."""
    if not facts.subject.air_gapped:
        judged.find(
            "error",
            name,
            expected="an isolated copy in a vault that keeps RDS instances",
            found=f"{vault}, a logically air-gapped vault, in which AWS Backup keeps none: there is no copy there",
            remedy=f"{update} with a CopyAction to a locked backup vault of another account: see docs/air-gapped.md",
        )


def _crosses_once(judged: Judgement, name: str, vault: str, facts: PostureFacts, update: str) -> None:
    """Judge that a copy goes to another account or to another region: of RDS and Aurora, AWS does not say with one voice that
    both at once works, so that it is a warning: whether the copy jobs complete is judged from the jobs.

    No says https://docs.aws.amazon.com/aws-backup/latest/devguide/recov-point-create-a-copy.html, yes a note below the table of
    https://docs.aws.amazon.com/aws-backup/latest/devguide/backup-feature-availability.html#features-by-resource.
    """
    region, account = vault.split(":")[3:5]
    if region != facts.region and account != facts.account:
        judged.find(
            "warning",
            name,
            expected="a copy to another account or to another region: of RDS and Aurora, AWS's pages differ on whether both "
            "at once works",
            found=vault,
            remedy=f"see that its copy jobs complete; where they do not, {update} with a copy to account {account} in "
            f"{facts.region}, and a plan there that copies on to {region}, or with a copy to {region} in this account",
        )


def _within_lock(
    judged: Judgement, name: str, lifecycle: Mapping[str, Any], vault: Vault | NotVerified | None, update: str
) -> None:
    """Judge a retention by the lock's limits, outside of which a job fails (API reference, PutBackupVaultLockConfiguration)."""
    if not isinstance(vault, Vault) or not vault.described.get("Locked"):
        return
    days = lifecycle.get("DeleteAfterDays") or -1
    low, high = vault.described.get("MinRetentionDays"), vault.described.get("MaxRetentionDays")
    short, long = low is not None and 0 < days < low, high is not None and not 0 < days <= high
    if short or long:
        limits = f"{low or 1} to {high} days" if high else f"at least {counted(low or 1, 'day')}"
        judged.find(
            "error",
            name,
            expected=f"a retention of {limits}, which the lock of {vault.name} demands",
            found=f"{counted(days, 'day')}: its jobs will fail" if days > 0 else "kept for ever: its jobs will fail",
            remedy=f"{update} with DeleteAfterDays within these limits",
        )


def _policy(judged: Judgement, facts: PostureFacts, protections: tuple[Protection, ...]) -> None:
    """Judge all rules together by the requirements of drill.toml."""
    every = [rule for each in protections for rule in each.rules]
    plan = protections[0].plan.get("BackupPlanId")
    wanted = facts.policy.retention
    kept = [(rule.get("Lifecycle") or {}).get("DeleteAfterDays") or -1 for rule in every]
    if wanted and all(0 < days * DAY < wanted.total_seconds() for days in kept):
        judged.find(
            "error",
            facts.arn,
            expected=f"a rule that keeps for {show_duration(wanted.total_seconds())}, as drill.toml asks",
            found=f"at most {counted(max(kept), 'day')}",
            remedy=f"aws backup update-backup-plan --backup-plan-id {plan} with a greater DeleteAfterDays",
        )
    named = {copy["DestinationBackupVaultArn"] for rule in every for copy in rule.get("CopyActions") or []}
    copies = {vault for vault in named if facts.subject.air_gapped or not _is_air_gapped(facts.vaults.get(vault))}
    if len(copies) < facts.policy.copies:
        judged.find(
            "error",
            facts.arn,
            expected=f"copies to {counted(facts.policy.copies, 'other vault')}, as drill.toml asks",
            found=f"{len(copies)}",
            remedy=f"aws backup update-backup-plan --backup-plan-id {plan} with CopyActions",
        )
