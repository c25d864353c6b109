"""Restores of what is no database, foreseen from facts, and whose rights they ask about; and what the policies allow of it."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.iam.aws_managed_policies import aws_managed_policies_data

from drills.aws.guarded import permits
from drills.config.load import Target
from drills.errors import ConfigError
from drills.model.instance import OTHERS
from drills.model.parity import NotVerified
from drills.preflight import ends, judge
from drills.preflight.facts import Decision, PreflightFacts, Quota, RestoreRole, Rights, Room, Zone
from drills.preflight.kinds.all_kinds import KINDS as ALL
from drills.preflight.kinds.all_kinds import kind_of
from drills.preflight.kinds.volume import QUOTAS
from drills.preflight.resource import requests
from drills.preflight.resource.judge import MANAGED
from drills.preflight.resource.quotas import most_of, of_lock
from drills.preflight.rights import Simulated
from drills.recovery.resource.vault import Vault
from drills.run.scene.protection import TRUST
from drills.sandbox.policy_simulator import decide
from tests.support import policies
from tests.support.foreseen import ACCOUNT, KEY, REGION, result_of
from tests.support.foreseen_resources import KINDS, RESTORES, ZONE, foreseen, wanted, with_resource

WORDS = tuple(KINDS)
POLICY = {"table": "dynamodb", "volume": "ebs", "file system": "efs"}
WRITES = {"table": permits.TABLE_WRITES, "volume": permits.VOLUME_WRITES, "file system": permits.FILE_SYSTEM_WRITES}
DENIED = NotVerified("AccessDenied: needs a right")


def actions(asked: tuple[Simulated, ...]) -> set[str]:
    """Every action that is asked about."""
    return {action for each in asked for action in each.actions}


def denied(asked: tuple[Simulated, ...], *documents: Any) -> set[str]:
    """The actions that the policies do not allow, with the condition keys that are given."""
    return {
        action
        for each in asked
        for action in each.actions
        for resource in each.resources
        if decide(
            documents, action, resource, {e["ContextKeyName"].lower(): e["ContextKeyValues"] for e in each.entries()}
        )[0]
        != "allowed"
    }


# -- what is asked ----------------------------------------------------------------------------------------------------


def test_each_kind_of_target_that_is_no_database_is_foreseen() -> None:
    """A further kind gets its line, or is refused by name."""
    assert {each.copies.kind for each in ALL} == {each.makes for each in OTHERS.values() if each.foreseen}
    bucket = Target.model_validate({"bucket": "invoices", "vault": "vault"})
    with pytest.raises(ConfigError, match="for an S3 bucket there are drills and posture so far"):
        kind_of(bucket)
    with pytest.raises(AssertionError):
        kind_of(Target(instance="orders"))


def test_a_kind_whose_restore_nobody_foresees_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As each command does that is there for other targets alone."""
    monkeypatch.setattr("drills.preflight.kinds.all_kinds.KINDS", ())

    with pytest.raises(
        ConfigError, match='drills preflight: expected a target that is a database, found the table "orders"'
    ):
        kind_of(Target.model_validate({"table": "orders", "vault": "vault"}))


@pytest.mark.parametrize("word", WORDS)
def test_a_role_with_the_policy_of_the_kind_is_foreseen_to_drill(word: str) -> None:
    """Its file in infra/iam, with the lock's beside it; without one of its statements something is missing."""
    asked = requests.of_drill(KINDS[word], replace(wanted(word), role=policies.VALUES["restore_role_arn"]))
    own, lock = policies.policy(POLICY[word]), policies.policy("lock")
    assert denied(asked, own, lock) == set()

    without = {
        each["Sid"]: denied(asked, lock, {"Statement": [other for other in own["Statement"] if other is not each]})
        for each in own["Statement"]
        if each["Effect"] == "Allow"
    }
    again = {"TagsItsOwnVolumeAgain", "TagsItsOwnFileSystemAgain"}  # where the answer to the first time was lost
    assert {sid for sid, lost in without.items() if not lost} <= again
    assert denied(asked, own) == {
        *("rds:DescribeDBParameterGroups", "rds:ListTagsForResource", "rds:AddTagsToResource"),
        *("rds:CreateDBParameterGroup", "rds:DeleteDBParameterGroup"),
    }
    assert (
        denied(requests.of_drill(KINDS[word], wanted(word, lock="", role=policies.VALUES["restore_role_arn"])), own)
        == set()
    )


@pytest.mark.parametrize("word", WORDS)
def test_every_call_that_the_guard_lets_a_drill_make_of_the_kind_is_asked_about(word: str) -> None:
    """With the role that it passes on; nothing is asked that its policy does not have."""
    asked = actions(requests.of_drill(KINDS[word], wanted(word, lock="")))

    assert policies.actions_of(WRITES[word]) | {"iam:PassRole"} <= asked
    assert asked <= policies.allowed(POLICY[word])


@pytest.mark.parametrize("word", WORDS)
def test_a_role_with_the_policy_that_aws_manages_is_foreseen_to_restore(word: str) -> None:
    """AWSBackupServiceRolePolicyForRestores as moto has it from AWS, with the key that is used through the kind's own service."""
    managed = json.loads(aws_managed_policies_data)[MANAGED.rsplit("/", 1)[-1]]["Document"]
    kept_by_dynamodb = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders/backup/1"
    apart = f"arn:aws:backup:{REGION}:{ACCOUNT}:recovery-point:1"  # as that of a volume is in an air-gapped vault
    for arn in (wanted(word).point.arn, apart, *((kept_by_dynamodb,) if word == "table" else ())):
        point = replace(wanted(word).point, arn=arn, snapshot_id=arn.rpartition("/")[2] if ":snapshot/" in arn else "")
        asked = requests.of_job(KINDS[word], wanted(word, point=point))
        assert denied(asked, managed) == set()
        assert denied(asked) == actions(asked)
        assert {"kms:CreateGrant", "kms:Decrypt"} <= actions(asked)
    without = {"Statement": [each for each in managed["Statement"] if each.get("Sid") != "KMSPermissions"]}
    assert "kms:Decrypt" in denied(asked, without)


def test_a_backup_that_dynamodb_keeps_is_restored_by_another_action() -> None:
    """On the backup itself, with the items that it depends on; one that AWS Backup keeps by a single one on the table."""
    of_dynamodb = replace(wanted("table").point, arn=f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders/backup/1")
    by_action = {
        action: each.resources
        for each in requests.of_job(KINDS["table"], wanted("table", point=of_dynamodb))
        for action in each.actions
    }
    kept = actions(requests.of_job(KINDS["table"], wanted("table")))

    assert by_action["dynamodb:RestoreTableFromBackup"] == (of_dynamodb.arn,)
    assert by_action["dynamodb:BatchWriteItem"] == (
        f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{wanted('table').name}",
    )
    assert {each for each in kept if each.startswith("dynamodb:")} == {
        "dynamodb:RestoreTableFromAwsBackup",
        "dynamodb:DescribeTable",
    }


# -- what is foreseen -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", WORDS)
def test_nothing_stands_against_a_restore_of_which_everything_is_known(word: str) -> None:
    """Each judgement is met, in which something was looked at; nothing of RDS is judged."""
    results = judge.judge(foreseen(word))

    assert judge.foreseen(results) == "accepted"
    assert judge.exit_codes(results) == ()
    assert [each.outcome for each in results if each.name != "capacity"] == ["met"] * (len(results) - 1)
    names = {each.name for each in results}
    assert {"permissions", "restore role", "key", "vault", "quotas", "dates"} <= names
    assert ("zone" in names, "name" in names) == (word == "volume", word != "volume")
    assert names.isdisjoint({"engine version", "storage", "addresses", "groups", "instance class", "encryption"})
    assert [each.what for each in ends.ends(foreseen(word))] == ["last recovery point", "newest recovery point"]


def trusting(**statement: Any) -> RestoreRole:
    """The role that restores with another trust policy."""
    role = foreseen("table").resource.role  # type: ignore[union-attr]
    assert role
    own: Any = TRUST["Statement"][0]
    return replace(role, trust={"Statement": [{**own, **statement}]})


def vault(**changes: Any) -> Vault:
    """The target's vault with something changed."""
    return replace(Vault("vault", "BACKUP_VAULT", "AVAILABLE"), **changes)


def room(*quotas: Quota, **changes: Any) -> Room:
    """Room for the copy with something changed."""
    return replace(
        Room(quotas or (Quota("of tables", "dynamodb", 1, 3, 2500),), frozenset(), Zone(ZONE, {"State": "available"})),
        **changes,
    )


NONE_ALLOWED = Rights(RESTORES, (Decision("ec2:CreateVolume", "*", "implicitDeny"),), ())


@pytest.mark.parametrize(
    ("name", "changes", "expected", "found", "remedy"),
    [
        ("vault", {"vault": None}, "a vault", "none of that name", "list-backup-vaults"),
        (
            "vault",
            {"vault": vault(state="FAILED")},
            "access to the vault",
            "has refused",
            "create-restore-access-backup-vault",
        ),
        (
            "restore role",
            {"role": RestoreRole(RESTORES, None, NONE_ALLOWED)},
            "a role",
            "none of that name",
            "create-role",
        ),
        (
            "restore role",
            {"role": trusting(Principal={"Service": "ec2.amazonaws.com"})},
            "lets backup.amazonaws.com assume it",
            "one that does not",
            "update-assume-role-policy --role-name restore",
        ),
        (
            "restore role",
            {"role": trusting(Condition={"StringEquals": {"aws:SourceAccount": "999999999999"}})},
            "lets backup.amazonaws.com assume it",
            "one that does not",
            "update-assume-role-policy",
        ),
        (
            "restore role",
            {"role": RestoreRole(RESTORES, TRUST, NONE_ALLOWED)},
            "to be allowed ec2:CreateVolume",
            "no policy allows it",
            "aws iam attach-role-policy --role-name restore --policy-arn arn:aws:iam::aws:policy/service-role/AWSBackupServiceRole",
        ),
        (
            "quotas",
            {"room": room(Quota("of tables", "dynamodb", 1, 2500, 2500))},
            "room for 1 more",
            "2500 of 2500 in use",
            "--service-code dynamodb",
        ),
        (
            "quotas",
            {"room": room(Quota("of storage", "ebs", 0.02, 49.99, 50))},
            "room for 0.02 more",
            "49.99 of 50 in use",
            "--service-code ebs",
        ),
        (
            "zone",
            {"room": room(zone=Zone(ZONE, None))},
            "a zone that is available",
            "none of that name",
            "availability-zones",
        ),
        ("zone", {"room": room(zone=Zone(ZONE, {"State": "impaired"}))}, "available", "impaired", "availability-zones"),
    ],
)
def test_what_stands_against_a_restore_is_found(
    name: str, changes: dict[str, Any], expected: str, found: str, remedy: str
) -> None:
    """With what was expected, what was found and what to type; the restore is foreseen as refused, exit code 11."""
    facts = with_resource(foreseen("volume"), **changes)
    results = judge.judge(facts)

    (finding,) = result_of(facts, name).findings
    assert (expected in finding.expected, found in finding.found, remedy in finding.message) == (True, True, True), (
        finding
    )
    assert (judge.foreseen(results), judge.exit_codes(results)) == ("refused", (11,))
    assert judge.reasons(results)[0].startswith(f"{name}: ")


def test_a_name_that_another_copy_has_already_is_found() -> None:
    """And what has no name of its own has none that could be taken."""
    facts = foreseen("table")
    assert facts.resource
    taken = with_resource(facts, room=room(taken=frozenset({facts.resource.name})))

    assert result_of(taken, "name").findings[0].message.startswith("drills sweep")


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("vault", {"vault": DENIED}, "needs a right"),
        ("vault", {"vault": vault(state="CREATING")}, "has not approved"),
        ("restore role", {"role": RestoreRole(RESTORES, DENIED, Rights(RESTORES, (), ()))}, "needs a right"),
        ("restore role", {"role": RestoreRole(RESTORES, TRUST, Rights(RESTORES, DENIED, ()))}, "needs a right"),
        (
            "restore role",
            {"role": trusting(Condition={"ArnLike": {"aws:SourceArn": "arn:aws:backup:*"}})},
            "conditions that only the request meets",
        ),
        ("quotas", {"room": room(Quota("of tables", "dynamodb", 1, 3, DENIED))}, "needs a right"),
        ("quotas", {"room": room(Quota("of storage", "ebs", DENIED, 3, 50))}, "needs a right"),
        ("zone", {"room": room(zone=Zone("", None))}, "neither the point nor the source tells it"),
        ("zone", {"room": room(zone=Zone(ZONE, DENIED))}, "needs a right"),
    ],
)
def test_what_could_not_be_known_is_said_and_is_no_refusal(name: str, changes: dict[str, Any], reason: str) -> None:
    """Exit code 12 with the reason: nothing unread is shown as met."""
    facts = with_resource(foreseen("volume"), **changes)
    results = judge.judge(facts)

    assert [reason in each.reason for each in result_of(facts, name).not_checked] == [True]
    assert (judge.foreseen(results), judge.exit_codes(results)) == ("not known", (12,))


def test_a_role_that_its_account_alone_may_use_is_trusted_for_this_one() -> None:
    """The condition against the confused deputy is one that AWS Backup meets for its own account."""
    own = trusting(Condition={"StringEquals": {"aws:SourceAccount": [ACCOUNT]}})

    assert result_of(with_resource(foreseen("volume"), role=own), "restore role").outcome == "met"


# -- the key ----------------------------------------------------------------------------------------------------------


def with_policy(*statements: dict[str, Any]) -> PreflightFacts:
    """The facts of a volume whose key has this policy."""
    facts = foreseen("volume")
    key: Any = facts.keys[KEY]
    return replace(facts, keys={KEY: replace(key, policy={"Statement": list(statements)})})


def test_a_key_is_used_by_the_role_that_restores_through_the_service_of_the_kind() -> None:
    """Not by who drills, and not through RDS; that of grants may be a statement of its own, as the console writes it."""
    use = {"Effect": "Allow", "Principal": {"AWS": RESTORES}, "Resource": "*"}
    data = {**use, "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*", "kms:ReEncrypt*"]}
    grants = {**use, "Action": "kms:CreateGrant", "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}}}

    def through(service: str) -> dict[str, Any]:
        return {**data, "Condition": {"StringLike": {"kms:ViaService": f"{service}.*.amazonaws.com"}}}

    assert result_of(with_policy(data, grants), "key").outcome == "met"
    assert result_of(with_policy(through("ec2"), grants), "key").outcome == "met"
    for lacking in ((data,), (grants,), (through("rds"), grants)):
        (finding,) = result_of(with_policy(*lacking), "key").findings
        assert finding.expected == f"to let {RESTORES} use it"


def test_the_key_of_a_vault_has_to_be_enabled_and_one_that_the_role_may_not_use_is_warned_of() -> None:
    """AWS says that the role must have access, and not by which actions; a key that AWS owns is nobody's to disable."""
    facts = with_policy()
    assert facts.resource
    assert facts.resource.key_use
    use = replace(facts.resource.key_use, arns=frozenset())
    unused = with_resource(facts, key_use=use)
    (finding,) = result_of(unused, "key").findings
    assert (finding.severity, finding.expected) == ("warning", f"to let {RESTORES} use it")
    assert judge.foreseen(judge.judge(unused)) == "accepted"
    decrypt = {"Effect": "Allow", "Principal": {"AWS": RESTORES}, "Action": "kms:Decrypt", "Resource": "*"}
    assert result_of(with_resource(with_policy(decrypt), key_use=use), "key").findings == ()
    disabled = replace(unused, keys={KEY: replace(facts.keys[KEY], metadata={"KeyState": "Disabled"})})  # type: ignore[type-var]
    assert result_of(disabled, "key").findings[0].found == "Disabled"
    assert judge.foreseen(judge.judge(disabled)) == "refused"

    owned = replace(with_resource(facts, key_use=replace(use, owned_by_aws=True)), keys={})
    assert "a key that AWS owns" in result_of(owned, "key").sentence
    assert judge.foreseen(judge.judge(owned)) == "accepted"


@pytest.mark.parametrize("word", WORDS)
def test_the_role_is_asked_whether_it_may_decrypt_with_the_key_of_the_vault(word: str) -> None:
    """Through the service of the kind, as AWS's own policy lets it; by no other action."""
    vault_key = KEY.replace("1-2", "3-4")
    asked = requests.of_job(KINDS[word], wanted(word, vault_keys=(vault_key,)))

    (about,) = [each for each in asked if vault_key in each.resources]
    assert (about.actions, about.context["kms:ViaService"]) == (
        ("kms:Decrypt",),
        f"{KINDS[word].service}.{REGION}.amazonaws.com",
    )


def test_only_types_of_volumes_whose_quota_has_a_known_code_are_asked_about() -> None:
    """Each type that EC2 makes is one of them (EC2 API reference, CreateVolume: VolumeType)."""
    assert set(QUOTAS) == {"standard", "io1", "io2", "gp2", "gp3", "sc1", "st1"}
    assert len(set(QUOTAS.values())) == len(QUOTAS)


# -- quotas that are read ---------------------------------------------------------------------------------------------


def quotas_of(applied: Any, default: Any = 2500.0) -> Any:
    """Clients of a Service Quotas that answers so: a value, None for one without a value, or the code of an error."""

    def answer(found: Any) -> Any:
        def call(**_: Any) -> dict[str, Any]:
            if isinstance(found, str):
                raise ClientError({"Error": {"Code": found, "Message": "no"}}, "GetServiceQuota")
            return {"Quota": {} if found is None else {"Value": found}}

        return call

    quotas = SimpleNamespace(get_service_quota=answer(applied), get_aws_default_service_quota=answer(default))
    return SimpleNamespace(client=lambda *_: quotas)


def test_a_quota_is_the_applied_one_else_the_default_of_aws() -> None:
    """Of one that nobody has raised AWS may tell its default alone; a value that it does not tell is not known."""
    assert most_of(quotas_of(3000.0), "dynamodb", "L-F98FE922") == 3000.0
    assert most_of(quotas_of("NoSuchResourceException"), "dynamodb", "L-F98FE922") == 2500.0
    for unknown in (None, "AccessDeniedException"):
        assert isinstance(most_of(quotas_of(unknown), "dynamodb", "L-F98FE922"), NotVerified)
    neither = most_of(quotas_of("NoSuchResourceException", "NoSuchResourceException"), "dynamodb", "L-1")
    assert isinstance(neither, NotVerified)


def test_the_lock_of_a_target_counts_against_the_parameter_groups_of_rds() -> None:
    """As DescribeAccountAttributes tells of them; where it does not, that is not known."""

    def rds(*rows: dict[str, Any]) -> Any:
        return SimpleNamespace(rds=SimpleNamespace(describe_account_attributes=lambda: {"AccountQuotas": rows}))

    told = of_lock(rds({"AccountQuotaName": "DBParameterGroups", "Used": 50, "Max": 50}))
    assert (told.used, told.more, told.most) == (50, 1, 50)
    assert isinstance(of_lock(rds()).most, NotVerified)
