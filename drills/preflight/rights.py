"""The actions of a drill and the requests to simulate them by, and what the simulator's decisions come to. Pure.

The simulator evaluates identity policies, the permissions boundary and service control policies with their conditions; its
result "can differ from your live Amazon Web Services environment" (AWS IAM API reference, SimulatePrincipalPolicy). So what
it says is a prediction. Policies of resources and session policies are not part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drills.aws.databases.kinds import CLUSTER, INSTANCE, Kind
from drills.aws.databases.requests import SNAPSHOT, WRITER
from drills.aws.guarded.permits import DRILL_WRITES, OF_CLUSTERS, OF_INSTANCES
from drills.model.engine import major_of
from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.posture.judgement import Judgement, count_noun
from drills.preflight.facts import Decision, PreflightFacts, Restore, Rights

NAME = "permissions"
# without which no copy is made and removed; what a drill reads beside that is named where it is not known
COPY_READS = (
    *("rds:DescribeDBInstances", "rds:DescribeDBParameterGroups", "rds:ListTagsForResource"),
    *("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs", "logs:DescribeLogGroups"),
)
RESTORE = f"rds:{SNAPSHOT}"
# what the restore of an encrypted snapshot needs of its key (Amazon RDS User Guide, "AWS KMS key management")
KEY_ACTIONS = ("kms:CreateGrant", "kms:DescribeKey")
# and the copy of one under another key, in the caller's name
COPY_KEY_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext")
SUBNET_READS = ("rds:DescribeDBSubnetGroups",)  # where a subnet group is made
CLUSTER_READS = ("rds:DescribeDBClusters", "rds:DescribeDBClusterParameterGroups")
ENCRYPTED = "rds:StorageEncrypted"
NO_ID = "-00000000000000000"  # ends the id of what has none yet
ANY_GROUP, ANY_VPC = f"sg{NO_ID}", f"vpc{NO_ID}"
_NOBODY = "no policy allows it"
_PUT = "aws iam put-role-policy"
SECURITY_GROUP = "security group"  # among the named ones: drill.toml names its id


def source_reads(kind: Kind) -> tuple[str, ...]:
    """Return what is read on the side of the source, which another role may read than restores."""
    return (f"rds:Describe{kind.snapshot}s", f"rds:{kind.parameters}", "backup:ListRecoveryPointsByBackupVault")


def copy_reads(kind: Kind) -> tuple[str, ...]:
    """Return what is read on the side of the copy."""
    return (*COPY_READS, *(CLUSTER_READS if kind is CLUSTER else ()))


def of_drill(kind: Kind) -> tuple[str, ...]:
    """Return every action of a drill: what it may send, the tags that it makes things with, what it reads and uses a key for."""
    others = OF_INSTANCES if kind is CLUSTER else OF_CLUSTERS
    return (
        *(*source_reads(kind), *copy_reads(kind), *SUBNET_READS),
        *(*(each for each in DRILL_WRITES if each not in others), "rds:AddTagsToResource"),
        *(*KEY_ACTIONS, *COPY_KEY_ACTIONS),
    )


@dataclass(frozen=True, slots=True)
class Simulated:
    """One request to the simulator: actions on resources, with the condition keys that AWS would have."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    context: Mapping[str, str | tuple[str, ...] | bool]

    def entries(self) -> list[dict[str, Any]]:
        """Return the ContextEntries of SimulatePrincipalPolicy."""
        return [_entry(name, value) for name, value in self.context.items()]


def _entry(name: str, value: str | tuple[str, ...] | bool) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"ContextKeyName": name, "ContextKeyType": "boolean", "ContextKeyValues": [str(value).lower()]}
    if isinstance(value, tuple):
        return {"ContextKeyName": name, "ContextKeyType": "stringList", "ContextKeyValues": list(value)}
    return {"ContextKeyName": name, "ContextKeyType": "string", "ContextKeyValues": [value]}


@dataclass(frozen=True, slots=True)
class Made:
    """What a drill would make: its names and the tags that it gives, and the groups that drill.toml names instead.

    `keys` are the ARNs of the keys that the restore uses. `reads_source` is False where others read the source. `lock` is
    a parameter group that holds the target for one run, "" where a drill takes none. `writer` is the instance of a cluster.
    """

    instance: str
    parameter_group: str
    subnet_group: str
    snapshot: str
    tags: Mapping[str, str]
    named: Sequence[str]
    keys: Sequence[str] = ()
    vpc: str = ""
    reads_source: bool = True
    lock: str = ""
    kind: Kind = INSTANCE
    writer: str = ""


Context = dict[str, str | tuple[str, ...] | bool]


class _Requests:
    """Builds the requests of one restore: what it makes carries the run's tags, and what is made has them already."""

    def __init__(self, restore: Restore, made: Made, account: str, region: str) -> None:
        self._restore = restore
        self._made = made
        self._partition = restore.point.arn.split(":")[1]
        self._place = f"{region}:{account}"
        self._everywhere: Context = {"aws:RequestedRegion": region, "aws:ResourceAccount": account}
        self._own: Context = self._everywhere | {f"aws:ResourceTag/{key}": value for key, value in made.tags.items()}
        self._key: Context = self._everywhere | {
            "kms:ViaService": f"rds.{region}.amazonaws.com",
            "kms:CallerAccount": account,
            "kms:GrantIsForAWSResource": True,
        }
        tags: Context = {f"aws:RequestTag/{key}": value for key, value in made.tags.items()}
        self._tagged: Context = self._everywhere | tags | {"aws:TagKeys": tuple(made.tags)}

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:{self._partition}:rds:{self._place}:{kind}:{name}"

    def _asked(self) -> Context:
        request, name = self._restore.request.parameters, self._restore.instance_class
        asked: Context = self._tagged | {
            "rds:DatabaseEngine": self._made.kind.engine,
            "rds:MultiAz": bool(request.get("MultiAZ")),
            "rds:PubliclyAccessible": bool(request.get("PubliclyAccessible")),
            ENCRYPTED: self._restore.point.encrypted,
        }
        return asked | ({"rds:DatabaseClass": name} if name else {})

    def copy(self) -> list[Simulated]:
        """Return those of reading, of the restore, and of what it makes: an instance, or a cluster with its instance."""
        made, point, kind = self._made, self._restore.point, self._made.kind
        copy = self._arn(kind.arn, made.instance)
        groups = [self._arn(kind.group_arn, made.parameter_group), self._arn("subgrp", made.subnet_group)]
        # a copy has the default option group (Amazon RDS User Guide, "Working with option groups")
        version = point.engine_version
        groups += [self._arn("og", f"default:{kind.engine}-{major_of(version)}")] if version else []
        of = copy if point.kind == "continuous" and kind is INSTANCE else point.arn
        db = self._arn("db", made.writer or made.instance)
        logs = f"arn:{self._partition}:logs:{self._place}:log-group:/aws/rds/instance/{made.instance}/postgresql"
        reads = (*(source_reads(kind) if made.reads_source else ()), *copy_reads(kind))
        restored = Simulated((restore_action(self._restore),), tuple(dict.fromkeys((copy, of, *groups))), self._asked())
        of_cluster = [
            Simulated((f"rds:{WRITER}",), (copy, db), self._asked()),
            Simulated((f"rds:{kind.modify}", "rds:DeleteDBCluster"), (copy,), self._own),
        ]
        return [
            Simulated(reads, ("*",), self._everywhere),
            restored,
            *(of_cluster if kind is CLUSTER else ()),
            Simulated(("rds:AddTagsToResource",), tuple(dict.fromkeys((copy, db))), self._asked()),
            Simulated(("rds:ModifyDBInstance", "rds:DeleteDBInstance"), (db,), self._own),
            Simulated(("logs:DeleteLogGroup",), (logs,), self._everywhere),
        ]

    def groups(self) -> list[Simulated]:
        """Return those of the groups that drill.toml does not name, and of the lock, which is a group of an instance's always."""
        made, kind = self._made, self._made.kind
        found: list[Simulated] = []
        own = () if made.parameter_group in made.named else (self._arn(kind.group_arn, made.parameter_group),)
        subnets = (self._arn("subgrp", made.subnet_group),)
        parameters = {kind.group: own}
        if made.lock:
            locks = INSTANCE.group
            parameters[locks] = (*parameters.get(locks, ()), self._arn(INSTANCE.group_arn, made.lock))
        for group, arns in parameters.items():
            if arns:
                found.append(Simulated((f"rds:Create{group}", "rds:AddTagsToResource"), arns, self._tagged))
                found.append(Simulated((f"rds:Delete{group}",), arns, self._own))
        if own:
            found.append(Simulated((f"rds:Modify{kind.group}",), own, self._own))
        if made.subnet_group not in made.named:
            found.append(Simulated(("rds:CreateDBSubnetGroup", "rds:AddTagsToResource"), subnets, self._tagged))
            found.append(Simulated(("rds:DeleteDBSubnetGroup",), subnets, self._own))
            found.append(Simulated(SUBNET_READS, ("*",), self._everywhere))
        if SECURITY_GROUP not in made.named:
            ec2 = f"arn:{self._partition}:ec2:{self._place}"
            group = f"{ec2}:security-group/{ANY_GROUP}"
            create = (group, f"{ec2}:vpc/{made.vpc or ANY_VPC}")
            found.append(Simulated(("ec2:CreateSecurityGroup",), create, self._tagged))
            changes = ("ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress", "ec2:DeleteSecurityGroup")
            found.append(Simulated(changes, (group,), self._own))
        return found

    def copy_and_key(self) -> list[Simulated]:
        """Return those of a snapshot that is copied first, and of the key."""
        found, kind = [], self._made.kind
        if self._restore.copied_first:
            copy = (self._arn(kind.copied_arn, self._made.snapshot),)
            found.append(Simulated((f"rds:Copy{kind.snapshot}",), (*copy, self._restore.point.arn), self._tagged))
            found.append(Simulated(("rds:AddTagsToResource",), copy, self._tagged))
            found.append(Simulated((f"rds:Delete{kind.snapshot}",), copy, self._own))
        if self._made.keys:
            copying = COPY_KEY_ACTIONS if self._restore.copied_first else ()
            found.append(Simulated((*KEY_ACTIONS, *copying), tuple(self._made.keys), self._key))
        return found


def simulations(restore: Restore, made: Made, account: str, region: str) -> tuple[Simulated, ...]:
    """Return the requests for everything that a drill asks AWS for, from the first read to the clean-up."""
    requests = _Requests(restore, made, account, region)
    return (*requests.copy(), *requests.groups(), *requests.copy_and_key())


def restore_action(restore: Restore) -> str:
    """Return the action of the restore."""
    return f"rds:{restore.request.operation}"


def encrypting_action(restore: Restore) -> str:
    """Return the action by whose request IAM takes the copy for encrypted or not.

    The restore of a cluster has no such condition key, and the creation of its instance has (Service Authorization Reference,
    Amazon RDS, rds:StorageEncrypted).
    """
    return f"rds:{restore.writer.operation}" if restore.writer else restore_action(restore)


def judge(facts: PreflightFacts) -> CheckResult:
    """Foresee whether the actions of a drill are allowed; the key's own are judged with its policy."""
    judged = Judgement(NAME)
    rights = facts.rights
    if rights is None:
        return judged.result("", nothing="there is no point whose restore could be simulated", requirement="optional")
    return judge_rights(judged, rights, "of a drill")


def judge_rights(judged: Judgement, rights: Rights, whose: str, allow: str = _PUT) -> CheckResult:
    """Return whether the principal is allowed the actions, `whose` these are; a key's own are judged with its policy.

    `allow` is what to type where no policy allows them.
    """
    judged.was_read("whose rights the restore would be made with", rights.principal)
    if isinstance(rights.principal, NotVerified) or not judged.was_read(
        f"rights of {rights.principal}", rights.decisions
    ):
        return judged.result("")
    decisions = () if isinstance(rights.decisions, NotVerified) else rights.decisions
    of_drill = [each for each in decisions if not each.action.startswith("kms:") or each.allowed]
    actions = {each.action for each in of_drill}
    judged.compared += len(actions)
    for why, denied in _denied(of_drill).items():
        _find(judged, rights.principal, why, denied, allow)
    allowed = f"prediction: {rights.principal} is allowed {count_noun(len(actions), 'action')} {whose}"
    return judged.result(allowed)


def _denied(decisions: Iterable[Decision]) -> dict[str, list[Decision]]:
    found: dict[str, list[Decision]] = {}
    for each in decisions:
        if not each.allowed:
            found.setdefault(reason(each), []).append(each)
    return found


def reason(decision: Decision) -> str:
    """Return why an action is denied, as far as the simulator says."""
    if decision.by_organization is False:
        return "a service control policy of the organization does not allow it"
    if decision.by_boundary is False:
        return "the permissions boundary does not allow it"
    if decision.missing:
        return f"not known: policies ask for {', '.join(decision.missing)}, which only the request has"
    if decision.decision == "explicitDeny":
        return "a policy denies it"
    return _NOBODY


def _find(judged: Judgement, principal: str, why: str, denied: Sequence[Decision], allow: str) -> None:
    actions = ", ".join(sorted({each.action for each in denied}))
    if why.startswith("not known"):
        judged.was_read(actions, NotVerified(why.removeprefix("not known: ")))
        return
    judged.find(
        "error",
        principal,
        expected=f"to be allowed {actions}{_on({each.resource for each in denied})}",
        found=f"prediction: {why}",
        remedy=f"{allow}, with {actions}" if why == _NOBODY else _remedy(why, principal, actions),
    )


def _on(resources: set[str]) -> str:
    """Return on what an action is denied, each by its name; what has no id before it is made is said to be that."""
    named = sorted(each for each in resources if not each.endswith(NO_ID) and each != "*")
    named += ["what the run makes"] if any(each.endswith(NO_ID) for each in resources) else []
    return f" on {', '.join(named)}" if named else ""


def _remedy(why: str, principal: str, actions: str) -> str:
    if why.startswith("a service control"):
        return "have the policy of the organization changed by who owns it"
    if why.startswith("the permissions boundary"):
        return f"aws iam create-policy-version for the boundary of {principal}, with {actions}"
    return f"find the statement that denies it in the policies of {principal}, and remove it"


def _against_encryption(kind: Kind, *, encrypted: bool) -> str:
    if encrypted:
        return f"have the policy changed to deny rds:CreateDB{kind.name.capitalize()} alone"
    if kind is CLUSTER:  # whose snapshot cannot be copied under a key (API reference, CopyDBClusterSnapshot, KmsKeyId)
        return "aws rds restore-db-cluster-from-snapshot --kms-key-id KEY, and back up what that makes in the source's place"
    return "restore an encrypted copy: aws rds copy-db-snapshot --kms-key-id KEY, as restore.kms_key does"


def encryption(facts: PreflightFacts) -> CheckResult:
    """Foresee a service control policy that denies restores without encryption.

    RestoreDBInstanceFromDBSnapshot has no parameter for encryption (Amazon RDS API reference), and such a policy was seen to
    deny the restore of an encrypted snapshot too (https://github.com/aws/aws-sdk-go-v2/issues/2678). For the instance of a
    cluster there is one that does not apply, since the cluster decides (CreateDBInstance, StorageEncrypted).
    """
    judged = Judgement("encryption")
    if facts.restore is None or facts.rights is None:
        return judged.result("", nothing="there is no point to restore", requirement="optional")
    encrypted = facts.restore.point.encrypted
    said = (
        "the copy is encrypted as the snapshot is" if encrypted else "the copy is not encrypted, as the snapshot is not"
    )
    if not judged.was_read("policies against restores without encryption", facts.rights.unencrypted):
        return judged.result("")
    decisions = () if isinstance(facts.rights.unencrypted, NotVerified) else facts.rights.unencrypted
    judged.compared += len(decisions)
    usual = (
        {}
        if isinstance(facts.rights.decisions, NotVerified)
        else {(e.action, e.resource): e for e in facts.rights.decisions}
    )
    for each in decisions:
        before = usual.get((each.action, each.resource))
        if each.allowed or (encrypted and before is not None and not before.allowed):
            continue
        judged.find(
            "warning" if encrypted else "error",
            each.action,
            expected="to be allowed, whether or not the request says that the copy is encrypted",
            found=f"prediction: where {ENCRYPTED} is false {reason(each)}"
            + (", and such policies were seen to deny restores of encrypted snapshots too" if encrypted else ""),
            remedy=_against_encryption(facts.kind, encrypted=encrypted),
        )
        break
    return judged.result(f"prediction: {said}, and no policy against it")
