"""Judges the keys of recovery points and vaults, and the locks and policies of vaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drills.model.finding import CheckResult
from drills.model.lineage import VAULTS_APART
from drills.model.parity import NotVerified
from drills.policy_statements import read_statements
from drills.posture.facts import Key, PostureFacts, Vault
from drills.posture.judgement import Judgement, count_noun
from drills.posture.points import newest
from drills.recovery.vaults import WHY

DELETES = "backup:DeleteRecoveryPoint"


def point_key(facts: PostureFacts) -> CheckResult:
    """Return the newest usable point is encrypted under a key of the customer's that works where it will be restored."""
    judged = Judgement("key")
    judged.was_read("recovery points", facts.points)
    point = newest(facts)
    if point is None:
        return judged.result("", nothing="" if judged.unread else "there is no usable recovery point")
    judged.count()
    if not point.encrypted or not point.kms_key_id:
        judged.find(
            "warning",
            point.arn,
            expected="an encrypted recovery point",
            found="it is not encrypted",
            remedy=facts.subject.unencrypted,
        )
        return judged.result("the newest point needs no key")
    key, told = facts.keys.get(point.kms_key_id), "the newest point's key is the customer's, enabled and usable"
    if judged.was_read(point.kms_key_id, key):
        judge_enabled(judged, point.kms_key_id, key.metadata if isinstance(key, Key) else None)
        if isinstance(key, Key):
            _usable(judged, facts, point.kms_key_id, key)
            if key.metadata.get("KeyManager") == "AWS" and facts.subject.managed_key is None:
                told = "the newest point's key is AWS's own, and enabled"
    return judged.result(told)


def judge_enabled(judged: Judgement, arn: str, metadata: Mapping[str, Any] | None) -> bool:
    """Judge that a key is enabled, by its KeyMetadata, None where there is no such key; return whether it is."""
    state = str(metadata.get("KeyState")) if metadata else "no such key"
    if state != "Enabled":
        judged.find(
            "error",
            arn,
            expected="an enabled key: without it nothing that it encrypts can be restored",
            found=state,
            remedy=f"aws kms cancel-key-deletion --key-id {arn} && aws kms enable-key --key-id {arn}"
            if state == "PendingDeletion"
            else f"aws kms enable-key --key-id {arn}",
        )
    return state == "Enabled"


def _usable(judged: Judgement, facts: PostureFacts, arn: str, key: Key) -> None:
    """Judge whether the account and the role that restore may use the key, by its policy; grants are not read."""
    elsewhere = facts.restore_account != facts.account
    if key.metadata.get("KeyManager") == "AWS":
        if facts.subject.managed_key:
            follows, remedy = facts.subject.managed_key
            judged.find(
                "error" if elsewhere else "warning",
                arn,
                expected="a key of the customer's, which another account can be let use",
                found=f"a key that AWS manages: {follows}",
                remedy=remedy,
            )
        return
    if not judged.was_read(f"policy of {arn}", key.policy):
        return
    wanted = [f"arn:aws:iam::{facts.restore_account}:root", facts.restore_account, "*"]
    wanted += [facts.restore_role] if facts.restore_role else []
    allowed = any(
        each.names_principal("AWS", *wanted) and each.covers_action("kms:Decrypt")
        for each in read_statements(key.policy, "Allow")
    )
    if not allowed:
        judged.find(
            "error",
            arn,
            expected=f"a key policy that lets {facts.restore_role or facts.restore_account} use it",
            found="no statement that does",
            remedy=f"aws kms put-key-policy --key-id {arn} --policy-name default, with kms:Decrypt, kms:DescribeKey and "
            f"kms:CreateGrant for {wanted[-1] if facts.restore_role else wanted[0]}",
        )


def vaults(facts: PostureFacts) -> CheckResult:
    """Return the target's vault, and each that its rules write and copy to: there, readable, locked, and not to be emptied."""
    judged = Judgement("vaults")
    own = facts.vault_arn(facts.vault) if facts.vault else None
    for arn, vault in facts.vaults.items():
        if not judged.was_read(arn, vault):
            continue
        judged.count()
        if not isinstance(vault, Vault):
            judged.find(
                "error",
                arn,
                expected="a vault",
                found="none of that name",
                remedy=f"aws backup create-backup-vault --backup-vault-name {arn.rsplit(':', 1)[-1]} "
                "--encryption-key-arn KEY, or correct vault in drill.toml",
            )
            continue
        owned_by_aws = vault.described.get("EncryptionKeyType") == "AWS_OWNED_KMS_KEY"  # nobody can see or disable it
        read = owned_by_aws or judged.was_read(f"key of {vault.name}", vault.key)
        if read and not owned_by_aws and not isinstance(vault.key, NotVerified):
            judge_enabled(judged, str(vault.described.get("EncryptionKeyArn")), vault.key)
        if arn == own:
            _restored_from(judged, facts, vault)
        _locked(judged, vault, copies=arn != own)
        _undeletable(judged, vault)
    nothing = "" if judged.unread else "the target has no vault in drill.toml, and no plan writes to one"
    return judged.result(f"{count_noun(judged.compared, 'vault')} with a key that works", nothing=nothing)


def _restored_from(judged: Judgement, facts: PostureFacts, vault: Vault) -> None:
    """Judge that drills restore from the target's vault; AWS Backup keeps no instances in one of a type that they do not."""
    words, why = VAULTS_APART.get(str(vault.described.get("VaultType", ""))), WHY.get(facts.subject.word)
    if words and why:
        judged.find(
            "warning" if facts.subject.air_gapped else "error",
            vault.name,
            expected="a vault that a drill restores from",
            found=f"{words}: {why}",
            remedy="name the backup vault that the plan backs up into as vault in drill.toml: see docs/air-gapped.md",
        )


def _locked(judged: Judgement, vault: Vault, *, copies: bool) -> None:
    if vault.described.get("Locked"):
        return
    judged.find(
        "warning" if copies else "information",
        vault.name,
        expected="a locked vault" + (", as the destination of copies is the last resort" if copies else ""),
        found="no lock: who has the right can delete its points",
        remedy=f"aws backup put-backup-vault-lock-configuration --backup-vault-name {vault.name} --min-retention-days 7",
    )


def _undeletable(judged: Judgement, vault: Vault) -> None:
    """Judge whether a policy denies everybody the deletion; a lock does the same while a point's retention lasts."""
    if not judged.was_read(f"access policy of {vault.name}", vault.policy) or vault.described.get("Locked"):
        return
    denied = any(
        each.names_principal("AWS", "*") and each.covers_action(DELETES)
        for each in read_statements(vault.policy, "Deny")
    )
    if not denied:
        judged.find(
            "warning",
            vault.name,
            expected="an access policy that denies backup:DeleteRecoveryPoint",
            found="none",
            remedy=f"aws backup put-backup-vault-access-policy --backup-vault-name {vault.name} --policy with a Deny of "
            "backup:DeleteRecoveryPoint and backup:UpdateRecoveryPointLifecycle for every principal",
        )
