"""The requests to the policy simulator, whose rights they ask about, and how its answers are read."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drills.aws.databases.kinds import CLUSTER, INSTANCE, Kind
from drills.aws.databases.requests import ScratchGroups, cluster_request, writer_request
from drills.aws.guarded import permits
from drills.aws.session import Clients
from drills.config.target import RestoreConfig, Target
from drills.model.engine import ENROLLED
from drills.model.parity import NotVerified
from drills.preflight.facts import Decision, Restore
from drills.preflight.principal import principal_of
from drills.preflight.rights import (
    COPY_KEY_ACTIONS,
    KEY_ACTIONS,
    SUBNET_READS,
    Made,
    Simulated,
    copy_reads,
    encrypting_action,
    of_drill,
    simulations,
    source_reads,
)
from drills.preflight.simulate import decisions_of
from drills.sandbox.policy_simulator import decide
from tests.support import policies
from tests.support.foreseen import ACCOUNT, KEY, REGION, foreseen

TAGS = {"drills:run": "run-1", "drills:target": "orders"}
NAMED = ("own", "drills", "security group")


def wanted(*named: str, copied_first: bool = False, reads_source: bool = True) -> tuple[Simulated, ...]:
    """The requests for a restore; `named` are the groups that drill.toml names."""
    restore = foreseen().restore
    assert restore
    made = Made("drill-1", "own", "drills", "drill-1-copy", TAGS, named, (KEY,), "vpc-1", reads_source)
    return simulations(replace(restore, copied_first=copied_first), made, ACCOUNT, REGION)


def restore_of(kind: Kind, *, moment: bool = False, copied_first: bool = False) -> Restore:
    """A restore of that kind, from a snapshot or to a moment."""
    restore = foreseen().restore
    assert restore
    point = replace(restore.point, kind="continuous") if moment else restore.point
    if kind is INSTANCE:
        request = restore.request
        request = replace(request, operation="RestoreDBInstanceToPointInTime") if moment else request
        return replace(restore, request=request, point=point, copied_first=copied_first)
    point = replace(
        point, arn=f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster-{'auto-backup:ab-1' if moment else 'snapshot:one'}"
    )
    request = cluster_request("drill-1", ScratchGroups("own", "drills", "sg-1"), point, ENROLLED, None, [])
    writer = writer_request("drill-1", "drill-1-writer", "db.r6g.large", [])
    return Restore(point, request, copied_first, "db.r6g.large", "aurora", writer)


def actions(requests: tuple[Simulated, ...]) -> set[str]:
    """Every action that is asked about."""
    return {action for each in requests for action in each.actions}


# -- what is asked ----------------------------------------------------------------------------------------------------


def test_the_right_to_make_a_group_is_asked_where_one_is_made_alone() -> None:
    """And with it the right to remove it; a snapshot is copied where it must be."""
    made = actions(wanted()) - actions(wanted(*NAMED))

    assert {"rds:CreateDBParameterGroup", "rds:DeleteDBSubnetGroup", "ec2:CreateSecurityGroup"} <= made
    assert actions(wanted(*NAMED, copied_first=True)) - actions(wanted(*NAMED)) == {
        "rds:CopyDBSnapshot",
        "rds:DeleteDBSnapshot",
        *COPY_KEY_ACTIONS,
    }


@pytest.mark.parametrize("kind", [INSTANCE, CLUSTER], ids=lambda each: each.name)
def test_every_action_of_a_drill_is_asked_about(kind: Kind) -> None:
    """And no other: the table is what a role of a drill is made from."""
    writer = "drill-1-writer" if kind is CLUSTER else ""
    made = Made(
        "drill-1", "own", "drills", "drill-1-copy", TAGS, (), (KEY,), lock="drill-lock-1", kind=kind, writer=writer
    )
    asked = [
        simulations(restore_of(kind, moment=moment, copied_first=not moment), made, ACCOUNT, REGION)
        for moment in (False, True)
    ]

    assert actions(asked[0]) | actions(asked[1]) == set(of_drill(kind))


@pytest.mark.parametrize("kind", [INSTANCE, CLUSTER], ids=lambda each: each.name)
def test_every_call_that_the_guard_lets_a_drill_make_is_asked_about(kind: Kind) -> None:
    """What the drill of a kind may send its role needs; tags need a right of their own (Amazon RDS User Guide, "Tagging")."""
    others = permits.OF_INSTANCES if kind is CLUSTER else permits.OF_CLUSTERS
    others |= {*permits.TABLE_WRITES, *permits.VOLUME_WRITES, *permits.FILE_SYSTEM_WRITES, *permits.BUCKET_WRITES}
    reads = (*source_reads(kind), *copy_reads(kind), *SUBNET_READS, *KEY_ACTIONS, *COPY_KEY_ACTIONS)

    assert set(of_drill(kind)) - set(reads) == permits.SCRATCH - others | {"rds:AddTagsToResource"}


def test_the_restore_of_a_cluster_is_asked_about_with_its_instance() -> None:
    """The cluster, its snapshot and groups, then an instance in it, by whose request IAM knows of encryption."""
    restore = restore_of(CLUSTER)
    made = Made("drill-1", "own", "drills", "drill-1-copy", TAGS, (), kind=CLUSTER, writer="drill-1-writer")
    by_action = {action: each for each in simulations(restore, made, ACCOUNT, REGION) for action in each.actions}
    restored, created = by_action["rds:RestoreDBClusterFromSnapshot"], by_action["rds:CreateDBInstance"]

    assert [each.split(":", 5)[5] for each in restored.resources] == [
        "cluster:drill-1",
        "cluster-snapshot:one",
        "cluster-pg:own",
        "subgrp:drills",
        "og:default:aurora-postgresql-16",
    ]
    assert [each.split(":", 5)[5] for each in created.resources] == ["cluster:drill-1", "db:drill-1-writer"]
    assert created.context["rds:DatabaseEngine"] == "aurora-postgresql"
    assert encrypting_action(restore) == "rds:CreateDBInstance"
    assert by_action["rds:DeleteDBCluster"].resources == (f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:drill-1",)


@pytest.mark.parametrize("copied_first", [False, True])
def test_a_role_with_the_policy_of_a_drill_is_foreseen_to_restore(*, copied_first: bool) -> None:
    """infra/iam/drill.json allows everything that is asked about, and without one of its statements something is missing."""
    restore = foreseen().restore
    assert restore
    names = "drill-20261123-120000-abcd-recovery"
    of_drill = Made(
        names,
        f"{names}-parameters",
        policies.VALUES["subnet_group"],
        f"{names}-copy",
        TAGS,
        (policies.VALUES["subnet_group"], "security group"),
        (policies.KEY,),
        lock="drill-lock-0000000000000000-1",
    )
    asked = simulations(replace(restore, copied_first=copied_first), of_drill, ACCOUNT, REGION)

    def denied(document: Any) -> set[str]:
        return {
            action
            for each in asked
            for action in each.actions
            for resource in each.resources
            if decide(
                [document],
                action,
                resource,
                {e["ContextKeyName"].lower(): e["ContextKeyValues"] for e in each.entries()},
            )[0]
            != "allowed"
        }

    whole = policies.policy("drill")
    assert denied(whole) == set()
    without = {
        each["Sid"]: denied({"Statement": [other for other in whole["Statement"] if other is not each]})
        for each in whole["Statement"]
        if each["Effect"] == "Allow"
    }
    unused = {sid for sid, lost in without.items() if not lost}
    assert unused == (set() if copied_first else {"CopiesSnapshotsWithItsTag", "LetsRdsCopyUnderTheKey"})


def test_a_role_that_restores_alone_need_not_read_the_source() -> None:
    """Others read it then: a right that the restorer does not need is not missed."""
    assert actions(wanted()) - actions(wanted(reads_source=False)) == set(source_reads(INSTANCE))


def test_a_restore_is_asked_about_on_everything_that_it_names() -> None:
    """The copy, the snapshot, and its groups, the default option group too (Service Authorization Reference, Amazon RDS)."""
    (request,) = [each for each in wanted() if "rds:RestoreDBInstanceFromDBSnapshot" in each.actions]

    assert [each.split(":", 5)[5] for each in request.resources] == [
        "db:drill-1",
        "snapshot:one",
        "pg:own",
        "subgrp:drills",
        "og:default:postgres-16",
    ]


def test_the_lock_of_a_target_is_a_group_that_is_made_too() -> None:
    """Also where drill.toml names the parameter group of the copy."""
    restore = foreseen().restore
    assert restore
    made = Made("drill-1", "own", "drills", "drill-1-copy", TAGS, NAMED, lock="drill-lock-1")
    (request,) = [
        each for each in simulations(restore, made, ACCOUNT, REGION) if "rds:CreateDBParameterGroup" in each.actions
    ]

    assert request.resources == (f"arn:aws:rds:{REGION}:{ACCOUNT}:pg:drill-lock-1",)


def test_conditions_on_tags_meet_the_tags_of_the_run() -> None:
    """What is made is asked about with the tags of the request, what is changed and removed with those of the thing."""
    by_action = {action: each.context for each in wanted() for action in each.actions}

    assert by_action["rds:RestoreDBInstanceFromDBSnapshot"]["aws:RequestTag/drills:run"] == "run-1"
    assert by_action["rds:DeleteDBInstance"]["aws:ResourceTag/drills:run"] == "run-1"
    assert "aws:ResourceTag/drills:run" not in by_action["rds:RestoreDBInstanceFromDBSnapshot"]


def test_condition_keys_have_the_types_that_the_simulator_takes() -> None:
    """A flag is a boolean in lower case, a list has its own type (ContextEntry, IAM API reference)."""
    entries = {
        each["ContextKeyName"]: (each["ContextKeyType"], each["ContextKeyValues"])
        for each in Simulated(("a:B",), ("*",), {"x:Flag": True, "x:Keys": ("a", "b"), "x:Text": "c"}).entries()
    }

    assert entries == {
        "x:Flag": ("boolean", ["true"]),
        "x:Keys": ("stringList", ["a", "b"]),
        "x:Text": ("string", ["c"]),
    }


def test_the_key_is_asked_about_as_used_through_rds() -> None:
    """As AWS has it in the request that RDS makes for the caller (AWS KMS Developer Guide, kms:ViaService)."""
    (request,) = [each for each in wanted() if each.resources == (KEY,)]

    assert request.context["kms:ViaService"] == f"rds.{REGION}.amazonaws.com"


# -- what is answered -------------------------------------------------------------------------------------------------


def test_a_decision_is_read_for_each_resource() -> None:
    """With what the organization and the boundary say, and the condition keys that were not given."""
    row = {
        "EvalActionName": "rds:RestoreDBInstanceFromDBSnapshot",
        "EvalDecision": "explicitDeny",
        "OrganizationsDecisionDetail": {"AllowedByOrganizations": False},
        "ResourceSpecificResults": [
            {"EvalResourceName": "one", "EvalResourceDecision": "allowed", "MissingContextValues": ["aws:SourceIp"]},
            {
                "EvalResourceName": "other",
                "EvalResourceDecision": "implicitDeny",
                "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False},
            },
        ],
    }
    action = row["EvalActionName"]
    found = decisions_of(row)

    assert found == [
        Decision(str(action), "one", "allowed", False, None, ("aws:SourceIp",)),
        Decision(str(action), "other", "implicitDeny", False, False),
    ]
    assert not any(each.allowed for each in found)


def test_an_action_without_resources_is_decided_as_a_whole() -> None:
    """Where the organization has nothing to say, it denies nothing."""
    (found,) = decisions_of({"EvalActionName": "rds:DescribeDBInstances", "EvalDecision": "allowed"})

    assert (found.allowed, found.resource, found.by_organization) == (True, "*", None)


# -- whose rights -----------------------------------------------------------------------------------------------------


def calling_as(arn: str, role: str | None = None) -> Clients:
    """Clients whose caller has this ARN; `role` is the ARN of its role, None where it may not be read."""

    def get_role(**_: Any) -> dict[str, Any]:
        if role is None:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetRole")
        return {"Role": {"Arn": role}}

    sts = SimpleNamespace(get_caller_identity=lambda: {"Arn": arn})
    client: Any = SimpleNamespace(sts=sts, client=lambda *_: SimpleNamespace(get_role=get_role))
    return client  # type: ignore[no-any-return]


SSO = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1"


def test_the_role_of_a_session_is_found_with_its_path() -> None:
    """The session's own ARN has none, and the simulator knows the role by the whole."""
    clients = calling_as("arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_1/me", SSO)

    assert principal_of(Target(instance="orders"), clients) == SSO


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::123456789012:root",
        "arn:aws:sts::123456789012:federated-user/me",
        "arn:aws:sts::123456789012:assumed-role/unreadable/me",
    ],
)
def test_a_caller_whose_rights_cannot_be_simulated_is_said(arn: str) -> None:
    """With what to write into drill.toml."""
    found = principal_of(Target(instance="orders"), calling_as(arn))

    assert isinstance(found, NotVerified)
    assert "preflight.principal" in found.reason


def test_the_role_that_restores_goes_before_the_caller() -> None:
    """Whoever runs preflight daily need not be who restores."""
    role = "arn:aws:iam::123456789012:role/restorer"
    target = Target(instance="orders", restore=RestoreConfig(role_arn=role))
    named = Target.model_validate({"instance": "orders", "preflight": {"principal": SSO}})

    assert principal_of(target, calling_as("arn:aws:iam::123456789012:user/me")) == role
    assert principal_of(named, calling_as("arn:aws:iam::123456789012:user/me")) == SSO
    assert principal_of(Target(instance="orders"), calling_as("arn:aws:iam::123456789012:user/me")).endswith("user/me")  # type: ignore[union-attr]


# -- the sandbox's simulator ------------------------------------------------------------------------------------------

ALLOW = {"Effect": "Allow", "Action": "rds:*", "Resource": "*"}


@pytest.mark.parametrize(
    ("statements", "decision", "missing"),
    [
        ([], "implicitDeny", ()),
        ([ALLOW], "allowed", ()),
        ([ALLOW, {**ALLOW, "Effect": "Deny", "Action": ["rds:delete*"]}], "explicitDeny", ()),
        ([{**ALLOW, "NotAction": "rds:Delete*", "Action": None}], "implicitDeny", ()),
        ([{**ALLOW, "Resource": "arn:aws:rds:*:*:db:drill-*"}], "allowed", ()),
        ([{**ALLOW, "Resource": "arn:aws:rds:*:*:db:orders"}], "implicitDeny", ()),
        ([{**ALLOW, "Condition": {"StringEquals": {"aws:ResourceTag/drills:run": "run-1"}}}], "allowed", ()),
        ([{**ALLOW, "Condition": {"StringEquals": {"aws:ResourceTag/drills:run": "run-2"}}}], "implicitDeny", ()),
        ([{**ALLOW, "Condition": {"StringLike": {"aws:ResourceTag/team": "*"}}}], "implicitDeny", ("aws:ResourceTag/team",)),
        ([{**ALLOW, "Condition": {"StringLikeIfExists": {"aws:ResourceTag/team": "a"}}}], "allowed", ("aws:ResourceTag/team",)),
        ([{**ALLOW, "Condition": {"StringNotEquals": {"aws:ResourceTag/team": "a"}}}], "allowed", ("aws:ResourceTag/team",)),
        ([{**ALLOW, "Condition": {"Null": {"aws:ResourceTag/team": "true"}}}], "allowed", ()),
        ([{**ALLOW, "Condition": {"Bool": {"rds:MultiAz": False}}}], "allowed", ()),
        ([{**ALLOW, "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["drills:run"]}}}], "implicitDeny", ()),
        ([{**ALLOW, "Condition": {"ForAnyValue:StringEquals": {"aws:TagKeys": ["drills:run"]}}}], "allowed", ()),
        ([{**ALLOW, "Condition": {"ForAllValues:StringNotEquals": {"aws:TagKeys": ["x", "y"]}}}], "allowed", ()),
    ],
)  # fmt: skip
def test_policies_are_evaluated_as_the_user_guide_says(
    statements: list[dict[str, Any]], decision: str, missing: tuple[str, ...]
) -> None:
    """An explicit deny goes first, conditions on absent keys do not hold, negated ones and IfExists do."""
    context = {
        "aws:resourcetag/drills:run": ["run-1"],
        "rds:multiaz": ["false"],
        "aws:tagkeys": ["drills:run", "team"],
    }
    document = {"Statement": [{key: value for key, value in each.items() if value is not None} for each in statements]}
    found = decide([document], "rds:DeleteDBInstance", f"arn:aws:rds:{REGION}:{ACCOUNT}:db:drill-1", context)

    assert found == (decision, frozenset(missing))


def test_a_condition_that_is_not_known_is_refused() -> None:
    """Nothing is allowed by an operator that the sandbox cannot evaluate."""
    statement = {**ALLOW, "Condition": {"DateLessThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}}

    with pytest.raises(NotImplementedError, match="DateLessThan"):
        decide([{"Statement": statement}], "rds:DeleteDBInstance", "*", {})
