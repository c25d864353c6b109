"""Posture against a sandbox: nothing is found where all is well, and each thing that is taken away is named."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drills.cli import main as cli
from drills.model.finding import CheckResult, Finding
from drills.model.lineage import AIR_GAPPED, RESTORE_ACCESS
from drills.model.parity import NotVerified
from drills.model.policy import POSTURE
from drills.posture.facts import Key, OwnerPolicy, PostureFacts, Protection, RestoreNeeds, StoredConfiguration, Vault
from drills.posture.judge import exit_codes, judge
from drills.posture.subjects import CLUSTER
from tests.support.protected import PLAN, ROLE, VAULT, Protected, protected, rule

__all__ = ["protected"]
pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]
DENIED = NotVerified("AccessDenied: needs a right")


@pytest.fixture(scope="module")
def facts(protected: Protected, tmp_path_factory: pytest.TempPathFactory) -> PostureFacts:
    """What was read of the protected instance, once."""
    return protected.facts(tmp_path_factory.mktemp("store"))


def result_of(facts: PostureFacts, name: str) -> CheckResult:
    """The result of one judgement."""
    return next(each for each in judge(facts) if each.name == name)


def found(facts: PostureFacts) -> list[Finding]:
    """Everything that is found."""
    return [finding for result in judge(facts) for finding in result.findings]


# -- all is well ------------------------------------------------------------------------------------------------------


def test_a_protected_instance_has_no_finding(facts: PostureFacts) -> None:
    """Every judgement is met, something was looked at for each, and the exit code is 0."""
    results = judge(facts)

    assert [(each.name, each.outcome, each.findings, each.not_checked) for each in results] == [
        (each.name, "met", (), ()) for each in results
    ]
    assert [each.name for each in results] == list(POSTURE)  # what an acknowledgement may name
    assert all(each.compared for each in results)
    assert exit_codes(results) == ()


def test_nothing_is_changed_by_looking(protected: Protected, tmp_path: Path) -> None:
    """Posture reads alone: every call of it is a Describe, a Get or a List."""
    before = len(protected.sandbox.control.calls())
    protected.facts(tmp_path)
    names = {call["operation"] for call in protected.sandbox.control.calls()[before:]}

    assert names
    assert {name for name in names if not name.startswith(("Describe", "Get", "List"))} == set()


# -- each finding, by facts that differ in one thing ---------------------------------------------------------------------


def own(facts: PostureFacts) -> Protection:
    """The plan that protects the instance."""
    assert isinstance(facts.protections, tuple)
    return facts.protections[0]


def with_rule(facts: PostureFacts, **changes: Any) -> PostureFacts:
    """The facts with members of the plan's rule changed."""
    plan = copy.deepcopy(dict(own(facts).plan))
    plan["BackupPlan"]["Rules"][0] |= changes
    return replace(facts, protections=(replace(own(facts), plan=plan),))


def with_vault(
    facts: PostureFacts, name: str = VAULT, *, described: Mapping[str, Any] | None = None, **changes: Any
) -> PostureFacts:
    """The facts with something of a vault changed."""
    arn = facts.vault_arn(name)
    vault = facts.vaults[arn]
    assert isinstance(vault, Vault)
    changed = replace(vault, described={**vault.described, **(described or {})}, **changes)
    return replace(facts, vaults={**facts.vaults, arn: changed})


def with_key(facts: PostureFacts, metadata: Mapping[str, Any], **changes: Any) -> PostureFacts:
    """The facts with something of the points' keys changed."""
    keys: dict[str, Key | NotVerified | None] = {}
    for arn, key in facts.keys.items():
        assert isinstance(key, Key)
        keys[arn] = replace(key, metadata={**key.metadata, **metadata}, **changes)
    return replace(facts, keys=keys)


def with_needs(facts: PostureFacts, **changes: Any) -> PostureFacts:
    """The facts with something that a restore needs changed."""
    assert isinstance(facts.needs, RestoreNeeds)
    return replace(facts, needs=replace(facts.needs, **changes))


def with_instance(facts: PostureFacts, **changes: Any) -> PostureFacts:
    """The facts with members of DescribeDBInstances changed."""
    return replace(facts, instance={**(facts.instance or {}), **changes})


def with_points(facts: PostureFacts, **changes: Any) -> PostureFacts:
    """The facts with fields of every recovery point changed."""
    assert isinstance(facts.points, tuple)
    return replace(facts, points=tuple(replace(each, **changes) for each in facts.points))


def with_job(facts: PostureFacts, **changes: Any) -> PostureFacts:
    """The facts with members of the newest backup job changed."""
    assert isinstance(facts.jobs, tuple)
    last = max(facts.jobs, key=lambda each: each["CreationDate"])
    return replace(facts, jobs=tuple({**each, **changes} if each is last else each for each in facts.jobs))


def without_a_day(facts: PostureFacts) -> PostureFacts:
    """The facts without the point of the day before."""
    assert isinstance(facts.vault_points, tuple)
    by_date = sorted(facts.vault_points, key=lambda each: each["CreationDate"])
    return replace(facts, vault_points=(*by_date[:-2], by_date[-1]))


def expiring(facts: PostureFacts) -> PostureFacts:
    """The facts with a point that ends before its rule says."""
    assert isinstance(facts.vault_points, tuple)
    first, *rest = facts.vault_points
    early = {**first, "CalculatedLifecycle": {"DeleteAt": first["CreationDate"] + timedelta(days=7)}}
    return replace(facts, vault_points=(early, *rest))


NOBODY = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "kms:*"}]}
LAMBDA = {"Service": "lambda.amazonaws.com"}
OTHERS = {"Statement": [{"Effect": "Allow", "Principal": LAMBDA, "Action": "sts:AssumeRole"}]}
COPY_ELSEWHERE = "arn:aws:backup:eu-central-1:123456789012:backup-vault:copies"
FAR_ELSEWHERE = "arn:aws:backup:us-east-1:210987654321:backup-vault:copies"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)

PROVOKED: list[tuple[str, Callable[[PostureFacts], PostureFacts], str, str, str]] = [
    ("protection", lambda f: replace(f, instance=None), "error", "none of that name", "docs/runbook.md"),
    ("protection", lambda f: replace(f, protections=()), "error", "no plan does", "create-backup-selection"),
    (
        "protection",
        lambda f: replace(f, protections=(replace(own(f), by="ARN"),)),
        "warning",
        "under another name it is not backed up",
        "ListOfTags",
    ),
    ("role", lambda f: replace(f, roles=dict.fromkeys(f.roles)), "error", "none of that name", "create-role"),
    ("role", lambda f: replace(f, roles=dict.fromkeys(f.roles, OTHERS)), "error", "none", "update-assume-role-policy"),
    (
        "rules",
        lambda f: with_rule(f, Lifecycle={"DeleteAfterDays": 95, "MoveToColdStorageAfterDays": 5}),
        "warning",
        "MoveToColdStorageAfterDays 5",
        "update-backup-plan",
    ),
    ("rules", lambda f: with_rule(f, Lifecycle={"DeleteAfterDays": 180}), "error", "180 days: its jobs", "DeleteAfter"),
    ("rules", lambda f: with_rule(f, Lifecycle={}), "error", "kept for ever: its jobs will fail", "DeleteAfterDays"),
    (
        "rules",
        lambda f: with_vault(f, "copies", described={"MinRetentionDays": 60}),
        "error",
        "35 days: its jobs will fail",
        "DeleteAfterDays",
    ),
    ("rules", lambda f: replace(f, vault="another"), "warning", VAULT, "correct vault in drill.toml"),
    (
        "rules",
        lambda f: replace(f, policy=OwnerPolicy(retention=timedelta(days=90))),
        "error",
        "at most 35 days",
        "a greater DeleteAfterDays",
    ),
    ("rules", lambda f: with_rule(f, CopyActions=[]), "error", "0", "CopyActions"),
    (
        "rules",
        lambda f: with_rule(f, CopyActions=[{"DestinationBackupVaultArn": FAR_ELSEWHERE}]),
        "warning",
        "210987654321:backup-vault:copies",
        "that copies on to us-east-1",
    ),
    (
        "rules",
        lambda f: with_rule(f, TargetLogicallyAirGappedBackupVaultArn=COPY_ELSEWHERE.replace("copies", "bunker")),
        "error",
        "backup-vault:bunker, a logically air-gapped vault, in which AWS Backup keeps none",
        "a locked backup vault of another account",
    ),
    (
        "rules",
        lambda f: with_vault(f, "copies", described={"VaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"}),
        "error",
        "backup-vault:copies, a logically air-gapped vault, in which AWS Backup keeps none",
        "docs/air-gapped.md",
    ),
    ("jobs", lambda f: with_job(f, State="FAILED", StatusMessage="no\nroom"), "error", "FAILED: no room", "describe-b"),
    ("jobs", lambda f: with_job(f, State="EXPIRED"), "error", "EXPIRED: it says no more", "describe-backup-job"),
    ("jobs", lambda f: replace(f, jobs=()), "error", "none in the last 30 days", "drills backup"),
    ("freshness", lambda f: replace(f, policy=OwnerPolicy(rpo_seconds=60)), "error", "old", "drills backup --retain"),
    ("freshness", lambda f: replace(f, points=()), "error", "none", "there is none at all"),
    ("freshness", lambda f: with_points(f, made_by_drill=True), "error", "none", "made by a drill"),
    ("freshness", lambda f: with_points(f, status="PARTIAL"), "error", "none", "status PARTIAL"),
    ("freshness", lambda f: with_points(f, dbi_resource_id="db-OLD"), "error", "none", "taken from another instance"),
    ("periods", without_a_day, "error", "none", "list-backup-jobs"),
    ("retention", expiring, "error", "deleted at", "update-recovery-point-lifecycle"),
    ("key", lambda f: with_points(f, encrypted=False, kms_key_id=None), "warning", "not encrypted", "copy-db-snapshot"),
    ("key", lambda f: with_key(f, {"KeyState": "Disabled"}), "error", "Disabled", "aws kms enable-key"),
    ("key", lambda f: with_key(f, {"KeyState": "PendingDeletion"}), "error", "PendingDeletion", "cancel-key-deletion"),
    ("key", lambda f: replace(f, keys=dict.fromkeys(f.keys)), "error", "no such key", "aws kms"),
    ("key", lambda f: with_key(f, {"KeyManager": "AWS"}), "warning", "cannot be shared", "--kms-key-id KEY"),
    (
        "key",
        lambda f: replace(with_key(f, {"KeyManager": "AWS"}), restore_account="210987654321"),
        "error",
        "cannot be shared",
        "--kms-key-id KEY",
    ),
    ("key", lambda f: with_key(f, {}, policy=NOBODY), "error", "no statement that does", "put-key-policy"),
    ("key", lambda f: replace(f, restore_account="210987654321"), "error", "no statement that does", "kms:CreateGrant"),
    ("vaults", lambda f: replace(f, vaults=dict.fromkeys(f.vaults)), "error", "none of that name", "create-backup-vau"),
    (
        "vaults",
        lambda f: with_vault(f, described={"VaultType": AIR_GAPPED}),
        "error",
        "AWS Backup keeps no RDS instances in one",
        "see docs/air-gapped.md",
    ),
    (
        "vaults",
        lambda f: with_vault(replace(f, subject=CLUSTER), described={"VaultType": RESTORE_ACCESS}),
        "warning",
        "a drill restores no Aurora clusters from one yet",
        "see docs/air-gapped.md",
    ),
    ("vaults", lambda f: with_vault(f, key={"KeyState": "Disabled"}), "error", "Disabled", "aws kms enable-key"),
    ("vaults", lambda f: with_vault(f, described={"Locked": False}), "information", "no lock", "lock-configuration"),
    ("vaults", lambda f: with_vault(f, "copies", described={"Locked": False}), "warning", "no lock", "lock-configurat"),
    (
        "vaults",
        lambda f: with_vault(f, described={"Locked": False}, policy=None),
        "warning",
        "none",
        "put-backup-vault-access-policy",
    ),
    ("automated backups", lambda f: with_instance(f, BackupRetentionPeriod=0), "error", "0 days", "--backup-retention"),
    ("automated backups", lambda f: with_instance(f, LatestRestorableTime=None), "error", "none", "describe-events"),
    (
        "automated backups",
        lambda f: with_instance(f, LatestRestorableTime=None, InstanceCreateTime=f.now),
        "warning",
        "none yet",
        "run it again",
    ),
    (
        "automated backups",
        lambda f: with_instance(f, LatestRestorableTime=f.now - timedelta(hours=3)),
        "error",
        "3 h ago",
        "describe-events",
    ),
    ("restore needs", lambda f: with_needs(f, subnets=None), "error", "none of that name", "create-db-subnet-group"),
    ("restore needs", lambda f: with_needs(f, subnets={"Subnets": [{}]}), "error", "1", "modify-db-subnet-group"),
    ("restore needs", lambda f: with_needs(f, groups_there=()), "error", "none of that id", "create-security-group"),
    ("restore needs", lambda f: with_needs(f, parameters=None), "error", "none of that name", "create-db-parameter-"),
    (
        "restore needs",
        lambda f: with_needs(f, quotas={"DBInstances": (40, 40)}),
        "error",
        "40 of 40 in use",
        "service-quotas",
    ),
    ("stored configuration", lambda f: replace(f, stored=None), "error", "none", "drills posture"),
    (
        "stored configuration",
        lambda f: replace(f, stored=StoredConfiguration("db-OLD", f.now, "there")),
        "error",
        "that of db-OLD",
        "drills posture",
    ),
    (
        "stored configuration",
        lambda f: replace(f, stored=StoredConfiguration(f.resource_id or "", LONG_AGO, "there")),
        "warning",
        "one of 2026-01-01",
        "drills posture",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "change", "severity", "said", "remedy"),
    PROVOKED,
    ids=[f"{number}-{name}-{said}" for number, (name, _, _, said, _) in enumerate(PROVOKED)],
)
def test_each_thing_that_is_not_as_it_should_be_is_named(
    facts: PostureFacts,
    name: str,
    change: Callable[[PostureFacts], PostureFacts],
    severity: str,
    said: str,
    remedy: str,
) -> None:
    """The resource, what was expected, what was found and what to type; an error misses the judgement."""
    result = result_of(change(facts), name)
    finding = next(each for each in result.findings if said in each.found)

    assert finding.severity == severity
    assert remedy in finding.message
    assert finding.object
    assert finding.expected
    assert result.outcome == ("missed" if any(each.severity == "error" for each in result.findings) else "met")


@pytest.mark.parametrize(
    ("name", "change", "said", "remedy"),
    [
        ("automated backups", {"LatestRestorableTime": None}, "none", "--source-type db-cluster"),
        ("automated backups", {"BackupRetentionPeriod": 0}, "0 days", "modify-db-cluster --db-cluster-identifier"),
        ("restore needs", {"parameters": None}, "none of that name", "create-db-cluster-parameter-group"),
        ("restore needs", {"quotas": {"DBClusters": (40, 40)}}, "40 of 40 in use", "service-quotas"),
        ("restore needs", {"quotas": {"ManualClusterSnapshots": (9, 9)}}, "9 of 9 in use", "service-quotas"),
    ],
)
def test_what_is_said_of_a_cluster_is_a_clusters(
    facts: PostureFacts, name: str, change: dict[str, Any], said: str, remedy: str
) -> None:
    """Its ARN, its quotas and the commands that change it are those of clusters, and no instance's are judged."""
    of_cluster = replace(facts, subject=CLUSTER)
    changed = with_instance(of_cluster, **change) if name == "automated backups" else with_needs(of_cluster, **change)
    finding = next(each for each in result_of(changed, name).findings if said in each.found)

    assert remedy in finding.message
    assert of_cluster.arn == facts.arn.replace(":db:", ":cluster:")
    full = with_needs(of_cluster, quotas={"ManualSnapshots": (9, 9)})
    assert result_of(full, "restore needs").outcome == "met"


def test_a_copy_in_an_air_gapped_vault_counts_for_a_cluster_alone(facts: PostureFacts) -> None:
    """AWS Backup keeps no RDS instances there, so that `posture.copies` is not met by one; of a cluster nothing is found."""
    changed = with_vault(facts, "copies", described={"VaultType": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT"})
    changed = replace(changed, policy=OwnerPolicy(copies=1))
    (of_rule, of_policy) = result_of(changed, "rules").findings
    assert "air-gapped" in of_rule.found
    assert (of_policy.expected, of_policy.found) == ("copies to 1 other vault, as drill.toml asks", "0")
    assert result_of(replace(changed, subject=CLUSTER), "rules").findings == ()


@pytest.mark.parametrize("row", PROVOKED)
def test_no_finding_of_a_cluster_speaks_of_an_instance(
    facts: PostureFacts, row: tuple[str, Callable[[PostureFacts], PostureFacts], str, str, str]
) -> None:
    """What was expected and found, what to type, and what could not be judged: a cluster is called one everywhere."""
    for results in (
        judge(row[1](replace(facts, subject=CLUSTER))),
        judge(replace(row[1](facts), subject=CLUSTER, instance=None)),
    ):
        said = [
            text
            for each in results
            for text in (each.sentence, *(text for one in each.findings for text in _texts(one)))
        ]

        assert [text for text in said if re.search(r"\binstances?\b|db-snapshot", text)] == []


def _texts(finding: Finding) -> tuple[str, str, str]:
    return finding.expected, finding.found, finding.message


UNREAD: list[tuple[str, Callable[[PostureFacts], PostureFacts], set[str]]] = [
    ("protections", lambda f: replace(f, protections=DENIED), {"protection", "rules", "periods", "retention"}),
    ("roles", lambda f: replace(f, roles=dict.fromkeys(f.roles, DENIED)), {"role"}),
    ("jobs", lambda f: replace(f, jobs=DENIED), {"jobs"}),
    ("points", lambda f: replace(f, points=DENIED), {"freshness", "key"}),
    ("vault points", lambda f: replace(f, vault_points=DENIED), {"periods", "retention"}),
    ("keys", lambda f: replace(f, keys=dict.fromkeys(f.keys, DENIED)), {"key"}),
    ("key policy", lambda f: with_key(f, {}, policy=DENIED), {"key"}),
    ("vaults", lambda f: replace(f, vaults=dict.fromkeys(f.vaults, DENIED)), {"vaults"}),
    ("vault key", lambda f: with_vault(f, key=DENIED), {"vaults"}),
    ("vault policy", lambda f: with_vault(f, policy=DENIED), {"vaults"}),
    ("needs", lambda f: replace(f, needs=DENIED), {"restore needs"}),
    ("subnets", lambda f: with_needs(f, subnets=DENIED), {"restore needs"}),
    ("groups", lambda f: with_needs(f, groups_there=DENIED), {"restore needs"}),
    ("parameters", lambda f: with_needs(f, parameters=DENIED), {"restore needs"}),
    ("quotas", lambda f: with_needs(f, quotas=DENIED), {"restore needs"}),
    ("stored", lambda f: replace(f, stored=DENIED), {"stored configuration"}),
    ("schedule", lambda f: replace(f, worst_case=DENIED), {"schedule"}),
]  # fmt: skip


@pytest.mark.parametrize(("change", "names"), [each[1:] for each in UNREAD], ids=[each[0] for each in UNREAD])
def test_what_could_not_be_read_is_not_passed(
    facts: PostureFacts, change: Callable[[PostureFacts], PostureFacts], names: set[str]
) -> None:
    """It is named with the right that is lacking, no finding is made of it, and the exit code is 12."""
    results = judge(change(facts))

    assert {each.name for each in results if each.not_checked} == names
    assert {item.reason for each in results for item in each.not_checked} == {DENIED.reason}
    assert not any(each.outcome == "missed" for each in results)
    assert exit_codes(results) == (12,)


def test_exit_codes_are_those_of_the_design(facts: PostureFacts) -> None:
    """A missed RPO is 10, any other failure 11 and first, what is unread 12; a warning is none."""
    late = replace(facts, policy=OwnerPolicy(rpo_seconds=60))
    open_vault = with_vault(facts, described={"Locked": False}, policy=None)

    assert exit_codes(judge(late)) == (10,)
    assert exit_codes(judge(replace(late, stored=None, jobs=DENIED))) == (11, 10, 12)
    assert exit_codes(judge(open_vault)) == ()


def test_without_a_plan_what_belongs_to_one_is_nothing_to_judge(facts: PostureFacts) -> None:
    """Rules, periods and retention are judged where there is a plan; the missing plan itself is the failure."""
    results = {each.name: each for each in judge(replace(facts, protections=()))}

    assert {results[name].outcome for name in ("rules", "periods", "retention")} == {"not verified"}
    assert {results[name].requirement for name in ("rules", "periods", "retention")} == {"optional"}
    assert exit_codes(tuple(results.values())) == (11,)


# -- each in the sandbox itself ------------------------------------------------------------------------------------------


def test_a_monthly_plan_misses_a_daily_rpo_beside_a_fresh_point(protected: Protected, tmp_path: Path) -> None:
    """The newest point is young enough today, and the schedule can lose a month: exit code 10."""
    backup = protected.clients.backup
    monthly = {"BackupPlanName": PLAN, "Rules": [rule(ScheduleExpression="cron(0 5 1 * ? *)")]}
    backup.update_backup_plan(BackupPlanId=protected.plan_id, BackupPlan=monthly)
    try:
        results = {each.name: each for each in judge(protected.facts(tmp_path))}
    finally:
        backup.update_backup_plan(
            BackupPlanId=protected.plan_id, BackupPlan={"BackupPlanName": PLAN, "Rules": [rule()]}
        )

    assert results["freshness"].outcome == "met"
    [finding] = results["schedule"].findings
    assert (results["schedule"].outcome, finding.severity) == ("missed", "error")
    assert "the schedule can lose 31 d" in finding.found
    assert "drills schedule" in finding.message
    assert 10 in exit_codes(tuple(results.values()))


def test_what_is_changed_in_the_sandbox_is_found_in_it(protected: Protected, tmp_path: Path) -> None:
    """A selection by ARN, a rule that moves to cold storage, a role that nobody can assume, a disabled key of a vault."""
    clients, backup = protected.clients, protected.clients.backup
    old = backup.list_backup_selections(BackupPlanId=protected.plan_id)["BackupSelectionsList"][0]["SelectionId"]
    backup.delete_backup_selection(BackupPlanId=protected.plan_id, SelectionId=old)
    selection = {"SelectionName": "named", "IamRoleArn": protected.role_arn, "Resources": [protected.arn]}
    backup.create_backup_selection(BackupPlanId=protected.plan_id, BackupSelection=selection)
    cold = rule(Lifecycle={"DeleteAfterDays": 96, "MoveToColdStorageAfterDays": 5})
    backup.update_backup_plan(BackupPlanId=protected.plan_id, BackupPlan={"BackupPlanName": PLAN, "Rules": [cold]})
    iam = clients.client("iam")
    trust = {"Version": "2012-10-17", **OTHERS}
    iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(trust))
    key = backup.describe_backup_vault(BackupVaultName=VAULT)["EncryptionKeyArn"]
    clients.kms.disable_key(KeyId=key)

    named = {(each.check, each.severity): each.found for each in found(protected.facts(tmp_path))}
    clients.kms.enable_key(KeyId=key)
    assert set(named) == {
        ("protection", "warning"),
        ("role", "error"),
        ("rules", "warning"),
        ("rules", "error"),  # the copy that drill.toml asks for is gone
        ("vaults", "error"),
    }


def test_an_instance_that_is_not_there_is_a_finding(protected: Protected, tmp_path: Path) -> None:
    """The rest is judged by what is there, and nothing is kept of it."""
    facts = protected.facts(tmp_path, instance="nobody")
    results = judge(facts)

    assert result_of(facts, "protection").outcome == "missed"
    assert list(tmp_path.iterdir()) == []
    assert 11 in exit_codes(results)
    assert 12 in exit_codes(results)


def test_a_vault_that_is_not_there_is_a_finding(protected: Protected, tmp_path: Path) -> None:
    """Its points are not there either; RDS's own still count."""
    facts = protected.facts(tmp_path, vault="nowhere")

    assert any(each.check == "vaults" and each.found == "none of that name" for each in found(facts))


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_shows_what_was_found_and_keeps_the_configuration(
    protected: Protected, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 11 by now; each finding with what to type; the same as JSON; a copy of the configuration in the folder."""
    where = ["--config", str(protected.config), "--endpoint-url", protected.sandbox.endpoint, "--store", str(tmp_path)]
    status = cli.main(["posture", *where])
    text = capsys.readouterr().out
    assert cli.main(["posture", *where, "--json"]) == status == 11
    facts = json.loads(capsys.readouterr().out)

    assert "SIMULATED: says nothing about recovery on AWS" in text
    assert "error role: arn:aws:iam::123456789012:role/backup-role" in text
    assert "to do    aws iam update-assume-role-policy --role-name backup-role" in text
    assert (facts["exit_code"], facts["instance"], facts["simulated"]) == (11, "orders", True)
    assert [result["name"] for result in facts["results"]] == [each.name for each in judge(dataclasses.replace(READ))]
    assert [path.name for path in tmp_path.iterdir()] == ["123456789012.eu-central-1.orders.json"]


READ = PostureFacts(
    datetime(2026, 1, 1, tzinfo=UTC), "1", "eu-central-1", "orders", None, OwnerPolicy(), "1", None, None, DENIED
)  # fmt: skip


@pytest.mark.parametrize("url", [None, "http://203.0.113.7:1"])
def test_a_sandbox_must_run_on_this_machine(
    url: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence with what to type, and exit 2; another machine is never asked."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("DRILL_PROFILE", raising=False)

    assert cli.main(["posture", *(["--endpoint-url", url] if url else [])]) == 2
    assert 'type eval "$(drills sandbox up --sample)"' in capsys.readouterr().err
