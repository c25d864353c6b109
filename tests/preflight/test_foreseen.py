"""Preflight, from facts: nothing is found where nothing stands against a restore, each cause is named, nothing unread is green."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from drills.aws.databases.kinds import CLUSTER
from drills.aws.engine import Lifecycle
from drills.model.finding import Finding
from drills.model.parity import NotVerified
from drills.model.point import Choice
from drills.preflight import judge
from drills.preflight.facts import Decision, Key, PreflightFacts, Rights
from drills.preflight.rights import ANY_GROUP, RESTORE
from drills.recovery.vaults import WHY, Barred
from tests.support.clock import NOON
from tests.support.foreseen import ACCOUNT, DB, KEY, POINT, REGION, ROLE, foreseen, result_of

DENIED = NotVerified("AccessDenied: needs a right")
APART = Barred("vault", "bunker", "a logically air-gapped vault", WHY["instance"])
Change = Callable[[PreflightFacts], PreflightFacts]


def part(name: str, **changes: Any) -> Change:
    """Change fields of a part of the facts."""
    return lambda facts: replace(facts, **{name: replace(getattr(facts, name), **changes)})


def with_point(**changes: Any) -> Change:
    """Change fields of the point that is restored."""

    def change(facts: PreflightFacts) -> PreflightFacts:
        assert facts.restore
        return replace(facts, restore=replace(facts.restore, point=replace(POINT, **changes)))

    return change


def asking(**parameters: Any) -> Change:
    """Change parameters of the request."""

    def change(facts: PreflightFacts) -> PreflightFacts:
        assert facts.restore
        request = replace(facts.restore.request, parameters={**facts.restore.request.parameters, **parameters})
        return replace(facts, restore=replace(facts.restore, request=request))

    return change


def deciding(*decisions: Decision) -> Change:
    """Have the simulator say this of the actions."""
    return lambda facts: replace(facts, rights=Rights(ROLE, decisions, decisions))


def key(metadata: Mapping[str, Any] | None = None, policy: Any = None, grants: Any = ()) -> Change:
    """Have another key."""

    def change(facts: PreflightFacts) -> PreflightFacts:
        own = facts.keys[KEY]
        assert isinstance(own, Key)
        changed = Key({"KeyState": "Enabled", **(metadata or {})}, own.policy if policy is None else policy, grants)
        return replace(facts, keys={KEY: changed})

    return change


def statement(principal: str, **more: Any) -> dict[str, Any]:
    """A key policy of one statement."""
    return {"Statement": [{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "kms:*", **more}]}


NOBODY = statement("arn:aws:iam::999999999999:root")
ELSEWHERE = statement(ROLE, Condition={"StringEquals": {"kms:ViaService": "rds.us-east-1.amazonaws.com"}})
KEY_DENIED = Decision("kms:CreateGrant", KEY, "implicitDeny")


def supported_until(standard: int, extended: int) -> Change:
    """Days until standard and Extended Support end."""
    return part("engine", lifecycle=Lifecycle(NOON + timedelta(days=standard), NOON + timedelta(days=extended)))


def withdrawn(facts: PreflightFacts) -> PreflightFacts:
    """A deprecated version that RDS upgrades by itself."""
    targets = [
        {"EngineVersion": "16.9", "AutoUpgrade": False},
        {"EngineVersion": "16.8", "AutoUpgrade": True},
        {"EngineVersion": "17.4", "AutoUpgrade": False, "IsMajorVersionUpgrade": True},
    ]
    return part("engine", row={"Status": "deprecated", "ValidUpgradeTarget": targets})(facts)


def quota(name: str, used: tuple[int, int]) -> Change:
    """So much of a quota in use, of so much."""

    def change(facts: PreflightFacts) -> PreflightFacts:
        assert not isinstance(facts.quotas, NotVerified)
        return replace(facts, quotas={**facts.quotas, name: used})

    return change


def subnets(*free: int) -> Change:
    """Subnets with so many free addresses."""
    rows = tuple(
        {"SubnetId": f"subnet-{zone}", "AvailabilityZone": f"{REGION}{zone}", "AvailableIpAddressCount": count}
        for zone, count in zip("ab", free, strict=True)
    )
    return part("network", subnets=rows)


def of_cluster(change: Change) -> Change:
    """The same of a cluster, which has quotas and groups of its own, and no storage to ask for."""

    def changed(facts: PreflightFacts) -> PreflightFacts:
        quotas = {"DBInstances": (3, 40), "DBClusters": (3, 40)}
        group = {"DBParameterGroupFamily": "aurora-postgresql16"}
        return change(replace(facts, kind=CLUSTER, quotas=quotas, parameters=group))

    return changed


def unencrypted(by_organization: bool) -> Decision:
    """What the simulator says of a restore without encryption."""
    return Decision(RESTORE, DB, "allowed" if by_organization else "explicitDeny", by_organization=by_organization)


PROVOKED: list[tuple[str, Change, str, str, str]] = [
    ("recovery point", lambda f: replace(f, choice=Choice(None, (), ()), restore=None), "error", "none", "none at all"),
    ("vault", lambda f: replace(f, bars=(Barred("vault", "vualt"),)), "error", "none of that name", "correct vault in"),
    (
        "vault",
        lambda f: replace(f, bars=(APART,)),
        "error",
        "AWS Backup keeps no RDS instances in one",
        "see docs/air-gapped.md",
    ),
    ("permissions", deciding(Decision(RESTORE, DB, "implicitDeny")), "error", "no policy allows it", "put-role-policy"),
    ("permissions", deciding(Decision(RESTORE, DB, "explicitDeny")), "error", "a policy denies it", "remove it"),
    (
        "permissions",
        deciding(Decision(RESTORE, DB, "explicitDeny", by_organization=False)),
        "error",
        "a service control policy of the organization",
        "organization",
    ),
    (
        "permissions",
        deciding(Decision(RESTORE, DB, "implicitDeny", by_boundary=False)),
        "error",
        "the permissions boundary",
        "create-policy-version",
    ),
    (
        "encryption",
        part("rights", unencrypted=(unencrypted(False),)),
        "warning",
        "seen to deny restores of encrypted snapshots too",
        "CreateDBInstance alone",
    ),
    (
        "encryption",
        lambda f: part("rights", unencrypted=(unencrypted(False),))(with_point(encrypted=False)(f)),
        "error",
        "where rds:StorageEncrypted is false a service control policy",
        "copy-db-snapshot --kms-key-id",
    ),
    ("key", key({"KeyState": "Disabled"}), "error", "Disabled", "aws kms enable-key"),
    ("key", key({"KeyState": "PendingDeletion"}), "error", "PendingDeletion", "cancel-key-deletion"),
    ("key", key({"KeyState": "PendingImport"}), "error", "PendingImport", "enable-key"),
    ("key", lambda f: replace(f, keys={KEY: None}), "error", "no such key", "aws kms"),
    ("key", key(policy=NOBODY), "error", "no statement of its policy, and no grant", "put-key-policy"),
    ("key", key(policy=ELSEWHERE), "error", "no statement of its policy, and no grant", "kms:CreateGrant"),
    ("key", deciding(KEY_DENIED), "error", "prediction: no policy allows it", "put-key-policy"),
    (
        "quotas",
        quota("DBInstances", (40, 40)),
        "error",
        "40 of 40",
        "service-quotas",
    ),
    (
        "quotas",
        quota("AllocatedStorage", (99_950, 100_000)),
        "error",
        "99950 of 100000",
        "service-quotas",
    ),
    (
        "quotas",
        lambda f: part("restore", copied_first=True)(quota("ManualSnapshots", (100, 100))(f)),
        "error",
        "100 of 100",
        "service-quotas",
    ),
    (
        "quotas",
        lambda f: replace(quota("DBParameterGroups", (50, 50))(f), locked=True),
        "error",
        "50 of 50",
        "service-quotas",
    ),
    ("quotas", of_cluster(quota("DBClusters", (40, 40))), "error", "40 of 40", "service-quotas"),
    (
        "quotas",
        of_cluster(lambda f: replace(quota("DBClusterParameterGroups", (50, 50))(f), parameter_group="")),
        "error",
        "50 of 50",
        "service-quotas",
    ),
    (
        "quotas",
        of_cluster(lambda f: part("restore", copied_first=True)(quota("ManualClusterSnapshots", (100, 100))(f))),
        "error",
        "100 of 100",
        "service-quotas",
    ),
    (
        "groups",
        of_cluster(lambda f: replace(f, parameters={"DBParameterGroupFamily": "postgres16"})),
        "error",
        "one of postgres16",
        "create-db-cluster-parameter-group --db-parameter-group-family aurora-postgresql16",
    ),
    ("engine version", of_cluster(part("engine", row=None)), "error", "withdrawn", "--engine aurora-postgresql"),
    (
        "encryption",
        of_cluster(part("rights", unencrypted=(unencrypted(False),))),
        "warning",
        "a service control policy",
        "deny rds:CreateDBCluster alone",
    ),
    (
        "encryption",
        of_cluster(lambda f: part("rights", unencrypted=(unencrypted(False),))(with_point(encrypted=False)(f))),
        "error",
        "a service control policy",
        "restore-db-cluster-from-snapshot --kms-key-id",
    ),
    ("addresses", subnets(0, 0), "error", "none", "restore.subnet_group"),
    ("addresses", subnets(0, 5), "warning", "none", "restore.subnet_group"),
    (
        "addresses",
        part("network", subnet_ids=None, subnets=()),
        "error",
        "no DB subnet group",
        "create-db-subnet-group",
    ),
    ("groups", lambda f: replace(f, parameters=None), "error", "none of that name", "create-db-parameter-group"),
    (
        "groups",
        lambda f: replace(f, parameters={"DBParameterGroupFamily": "postgres15"}),
        "error",
        "one of postgres15",
        "family postgres16",
    ),
    ("groups", part("network", security_group_there=False), "error", "none of that id", "create-security-group"),
    ("engine version", part("engine", row=None), "error", "withdrawn", "describe-db-engine-versions"),
    ("engine version", withdrawn, "warning", "RDS may upgrade the copy to 16.8", "describe-db-engine-versions"),
    ("engine version", supported_until(-1, 900), "warning", "standard support ended", "upgrade the source"),
    (
        "engine version",
        supported_until(-900, -1),
        "error",
        "RDS upgrades instances of it by force",
        "upgrade the source",
    ),
    ("storage", asking(AllocatedStorage=50), "error", "50 GiB asked for", "that of the point"),
    ("storage", with_point(allocated_gib=70_000), "error", "20 to 65536 GiB", "restore.instance_class"),
    ("instance class", part("engine", options=()), "error", "not offered in this region", "restore.instance_class"),
    (
        "instance class",
        part("engine", options=({"StorageType": "gp3", "AvailabilityZones": [{"Name": f"{REGION}c"}]},)),
        "error",
        f"offered in {REGION}c",
        "restore.instance_class",
    ),
    (
        "instance class",
        part("engine", options=({"StorageType": "gp3", "AvailabilityZones": [{"Name": f"{REGION}a"}]},)),
        "information",
        f"not offered in {REGION}b",
        "one zone",
    ),
    (
        "dates",
        lambda f: replace(f, points=(replace(POINT, expires_at=NOON + timedelta(hours=6)),)),
        "error",
        "in 6 h: without new ones there is no recovery point left",
        "drills backup --retain",
    ),
    ("dates", supported_until(20, 900), "warning", "charged for Extended Support", "newer major version"),
    ("dates", supported_until(-900, 20), "error", "RDS upgrades instances of it by force", "newer major version"),
    (
        "dates",
        key({"DeletionDate": NOON + timedelta(days=7)}),
        "error",
        "in 7 d: nothing that it encrypts",
        "cancel-key-deletion",
    ),
    (
        "dates",
        lambda f: replace(f, maintenance=({"Action": "db-upgrade", "ForcedApplyDate": NOON + timedelta(days=3)},)),
        "warning",
        "RDS applies it by force",
        "apply-pending-maintenance-action",
    ),
    (
        "dates",
        lambda f: replace(f, certificates=({**f.certificates[0], "ValidTill": NOON + timedelta(days=9)},)),  # type: ignore[index]
        "error",
        "clients that verify it cannot connect",
        "ca-certificate-identifier",
    ),
    (
        "dates",
        lambda f: replace(f, instance={"CertificateDetails": {"ValidTill": NOON - timedelta(days=1)}}),
        "error",
        "past",
        "ca-certificate-identifier",
    ),
    (
        "dates",
        lambda f: replace(f, copies=(replace(POINT, kind="copy", expires_at=NOON + timedelta(hours=1)),)),
        "error",
        "there is no copy left",
        "copy action",
    ),
]


def test_nothing_stands_against_a_restore() -> None:
    """Every judgement is met and compared something; what no call can say is named and counts nowhere."""
    results = judge.judge(foreseen())

    assert [each.name for each in results if each.outcome != "met"] == ["capacity"]
    assert all(
        each.compared and not each.findings and not each.not_checked for each in results if each.name != "capacity"
    )
    assert "InsufficientDBInstanceCapacity" in result_of(foreseen(), "capacity").sentence
    assert (judge.foreseen(results), judge.reasons(results), judge.exit_codes(results)) == ("accepted", (), ())


def test_nothing_stands_against_the_restore_of_a_cluster() -> None:
    """It is judged by what a cluster has: the size of its volume is no question, and all else is met."""
    results = judge.judge(of_cluster(lambda facts: facts)(foreseen()))

    assert [each.name for each in results if each.outcome != "met"] == ["storage", "capacity"]
    assert (judge.foreseen(results), judge.exit_codes(results)) == ("accepted", ())


@pytest.mark.parametrize(
    ("name", "change", "severity", "found", "to_do"),
    [pytest.param(*row, id=f"{index}-{row[0]}") for index, row in enumerate(PROVOKED)],
)
def test_each_cause_is_named(name: str, change: Change, severity: str, found: str, to_do: str) -> None:
    """With what was expected and found, and what to do; an error fails the judgement, and gives the code of its kind."""
    results = judge.judge(change(foreseen()))
    result = next(each for each in results if each.name == name)
    fitting: list[Finding] = [each for each in result.findings if each.severity == severity and found in each.found]

    assert fitting, result
    assert any(to_do in each.message for each in fitting)
    assert all(each.expected for each in fitting)
    codes = judge.exit_codes(results)
    if severity == "error":
        assert result.outcome == "missed"
        assert codes[0] == (10 if name == "dates" else 11)
        assert (judge.foreseen(results) == "refused") == (name != "dates")
    else:
        assert codes == ()
        assert judge.foreseen(results) == "accepted"


UNREAD: list[tuple[str, Change]] = [
    ("vault", lambda f: replace(f, bars=DENIED)),
    ("recovery point", lambda f: replace(f, choice=DENIED, restore=None)),
    ("permissions", part("rights", principal=DENIED)),
    ("permissions", part("rights", decisions=DENIED)),
    ("permissions", deciding(Decision(RESTORE, DB, "implicitDeny", missing=("aws:MultiFactorAuthPresent",)))),
    ("encryption", part("rights", unencrypted=DENIED)),
    ("key", lambda f: replace(f, keys={KEY: DENIED})),
    ("key", lambda f: replace(f, keys={})),
    ("key", key(policy=DENIED)),
    ("key", key(policy=statement(ROLE, Condition={"Bool": {"aws:SecureTransport": "true"}}))),
    ("key", part("rights", decisions=DENIED)),
    ("key", deciding(Decision(RESTORE, DB, "allowed"))),
    ("quotas", lambda f: replace(f, quotas=DENIED)),
    ("quotas", lambda f: replace(f, quotas={"DBInstances": (1, 40)})),
    ("quotas", with_point(allocated_gib=None)),
    ("quotas", lambda f: replace(f, parameter_group="")),
    ("addresses", part("network", subnets=DENIED)),
    ("addresses", part("network", subnets=({"SubnetId": "subnet-a", "AvailabilityZone": f"{REGION}a"},))),
    ("groups", lambda f: replace(f, parameters=DENIED)),
    ("groups", part("network", security_group_there=DENIED)),
    ("groups", with_point(engine_version="")),
    ("engine version", part("engine", row=DENIED)),
    ("engine version", part("engine", lifecycle=DENIED)),
    ("engine version", part("engine", lifecycle=Lifecycle(None, None))),
    ("engine version", part("engine", version="")),
    ("storage", part("engine", options=DENIED)),
    ("storage", with_point(allocated_gib=None)),
    ("instance class", part("engine", options=DENIED)),
    ("instance class", part("restore", instance_class="")),
    ("instance class", part("network", subnets=DENIED)),
    ("dates", lambda f: replace(f, points=DENIED)),
    ("dates", lambda f: replace(f, points=(replace(POINT, vault=None, expires_at=None),))),
    ("dates", lambda f: replace(f, copies=DENIED)),
    ("dates", lambda f: replace(f, maintenance=DENIED)),
    ("dates", lambda f: replace(f, certificates=DENIED)),
    ("dates", lambda f: replace(f, instance=DENIED)),
    ("dates", part("engine", lifecycle=DENIED)),
]


@pytest.mark.parametrize(
    ("name", "change"), [pytest.param(*row, id=f"{index}-{row[0]}") for index, row in enumerate(UNREAD)]
)
def test_what_could_not_be_read_is_not_known(name: str, change: Change) -> None:
    """It is named with its reason and gives 12; a restore is then never foreseen as accepted, but by dates alone."""
    results = judge.judge(change(foreseen()))
    result = next(each for each in results if each.name == name)

    assert result.not_checked
    assert all(each.what and each.reason for each in result.not_checked)
    assert 12 in judge.exit_codes(results)
    if name != "dates":
        assert judge.foreseen(results) == "not known"
        assert judge.reasons(results)


def test_every_fact_that_can_be_unread_is_tried_here() -> None:
    """A new fact must come into the table above, so that none is green by accident."""
    whole = foreseen()
    can_be_unread = {
        (owner, each.name)
        for owner, value in (
            ("", whole),
            ("rights", whole.rights),
            ("network", whole.network),
            ("engine", whole.engine),
        )
        for each in fields(value)  # type: ignore[arg-type]
        if "NotVerified" in str(each.type)
    }
    for owner, name in can_be_unread - {("network", "subnet_ids")}:
        held: Any = getattr(whole, owner) if owner else whole
        value: Any = {KEY: DENIED} if name == "keys" else DENIED
        changed: Any = replace(held, **{name: value})
        facts: PreflightFacts = replace(whole, **{owner: changed}) if owner else changed
        assert 12 in judge.exit_codes(judge.judge(facts)), (owner, name)


def test_a_restore_is_described_where_there_is_a_point_alone() -> None:
    """Without one everything that belongs to a restore has nothing to judge, and the foreseen restore is refused."""
    none = replace(
        foreseen(), choice=Choice(None, (), ()), restore=None, rights=None, network=None, engine=None, keys={}
    )
    results = judge.judge(none)

    assert judge.foreseen(results) == "refused"
    assert {each.name for each in results if each.outcome == "met"} == {"vault", "dates"}


# -- the key ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        key(policy=statement(ROLE)),
        key(policy=statement("*", Condition={"StringEquals": {"kms:CallerAccount": ACCOUNT}})),
        key(policy=statement(ROLE, Condition={"StringEquals": {"kms:ViaService": [f"rds.{REGION}.amazonaws.com"]}})),
        key(policy=NOBODY, grants=({"GranteePrincipal": ROLE, "Operations": ["CreateGrant", "DescribeKey"]},)),
    ],
    ids=["named", "everybody of the account", "through RDS", "granted"],
)
def test_a_key_that_lets_the_principal_in_needs_no_policy_of_iam(change: Change) -> None:
    """By a statement that names it, whose conditions a restore through RDS meets, or by a grant."""
    changed = change(deciding(KEY_DENIED)(foreseen()))

    assert result_of(changed, "key").outcome == "met"


# -- the vault --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bar", [Barred("vault", "vualt"), APART])
def test_a_vault_that_a_drill_refuses_is_foreseen_as_refused(bar: Barred) -> None:
    """Whatever else RDS lists of the instance: the drill ends before a point is chosen, and nobody says that there is none."""
    facts = replace(foreseen(), bars=(bar,), choice=Choice(None, (), ()), restore=None, rights=None, network=None)
    results = judge.judge(facts)

    assert facts.barred
    assert judge.foreseen(results) == "refused"
    assert judge.exit_codes(results)[0] == 11
    assert [each.split(":")[0] for each in judge.reasons(results)] == ["vault"]
    assert result_of(facts, "recovery point").requirement == "optional"


def test_a_right_that_is_lacking_is_said_with_each_thing_that_it_is_lacking_on() -> None:
    """None is left out; what has no id before it is made is said to be that, in place of an id of zeros."""
    to_come = f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{ANY_GROUP}"
    denied = tuple(Decision(RESTORE, each, "explicitDeny") for each in (to_come, DB, "*", f"{DB}-2"))
    (finding,) = result_of(deciding(*denied)(foreseen()), "permissions").findings

    assert finding.expected == f"to be allowed {RESTORE} on {DB}, {DB}-2, what the run makes"
