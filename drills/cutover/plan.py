"""The steps of a cut-over and of its rollback, and the AWS calls of each that change something. Pure.

The executor makes the calls that `drills cutover plan` prints: both have them from here. What can be known only then, the
executor adds: the network and the rules of the security group, the instance's ARN, the role of a restore job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drills.aws.databases.kinds import CLUSTER, INSTANCE, Kind
from drills.aws.databases.requests import CLUSTER_MOMENT, CLUSTER_SNAPSHOT, MOMENT, SNAPSHOT, WRITER
from drills.cutover.configuration import CUTOVER_TAG, metadata_parameters, modify_only, restore_parameters
from drills.cutover.model import OPEN_WRITES, Mode, NewMember, Opening, Position, RememberedService, Scaling

GROUP_UNKNOWN = "(the verification group)"
ECS_DIMENSION = "ecs:service:DesiredCount"


@dataclass(frozen=True, slots=True)
class Step:
    """A step: its key in the journal, and its title for people."""

    key: str
    title: str


@dataclass(frozen=True, slots=True)
class Call:
    """One AWS call that changes something. `service` and `operation` as AWS names them."""

    service: str
    operation: str
    parameters: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """The call in one line."""
        given = " ".join(f"{key}={_format(value)}" for key, value in self.parameters.items())
        return f"{self.service} {self.operation} {given}"


def _format(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_format(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_format, value)) + "]"
    return str(value)


_TITLES = {
    "suspend-scaling": "suspend the scaling of the services",
    "stop-tasks": "set the desired counts to 0 and see every task stop",
    "address-closed": "see the public address answer 503",
    "verification-group": "make a security group that admits the drill host alone",
    "shut-off-source": "let nobody but the drill host connect to the source",
    "sessions": "see that no session is left on the source",
    "rename": "rename the source",
    "restore": "restore the recovery point",
    "settle": "give the restored instance what a restore cannot take, and see it settled",
    "compare": "compare its configuration with the source's",
    "verify": "verify its data while nobody else can reach it",
    OPEN_WRITES: "open it to the application: from here on writes go to the restored instance",
    "switch": "lead the application to the restored instance's address",
    "resume-scaling": "give the services their scaling back",
    "start-tasks": "start the services with the remembered counts",
    "address-open": "see the public address answer 200 with the restored data",
    "old-idle": "see that nothing connects to the old instance",
    "afterwards": "see that the restored instance is backed up, and say what is left to do",
    "remove-old": "remove the old instance, with a final snapshot",
    "stop-again": "stop the services",
    "move-aside": "shut the restored instance off and rename it aside",
    "shut-restored": "let nobody but the drill host connect to the restored instance",
    "switch-back": "lead the application back to the old address",
    "rename-back": "give the source its name back",
    "open-source": "open the source to the application",
    "address-back": "see the public address answer as before",
}
_STOP = ("suspend-scaling", "stop-tasks", "address-closed", "verification-group")
_PROVE = ("restore", "settle", "compare", "verify", OPEN_WRITES)
_START = ("resume-scaling", "start-tasks")
_FORWARD: Mapping[Position, tuple[str, ...]] = {
    "healthy": (
        *_STOP,
        *("shut-off-source", "sessions", "rename"),
        *_PROVE,
        *_START,
        *("address-open", "old-idle", "afterwards"),
    ),
    "stuck": (*_STOP, *_PROVE, "switch", *_START, "address-open", "afterwards"),
    "gone": (*_STOP, *_PROVE, *_START, "address-open", "afterwards"),
}
_BACK: Mapping[Position, tuple[str, ...]] = {
    "healthy": ("stop-again", "move-aside", "rename-back", "open-source", *_START, "address-back"),
    "stuck": ("stop-again", "shut-restored", "switch-back", *_START, "address-back"),
    "gone": ("stop-again", "move-aside", *_START, "address-back"),
}


def steps(opening: Opening, mode: Mode = "forward") -> tuple[Step, ...]:
    """Return the steps in their order."""
    keys = (_FORWARD if mode == "forward" else _BACK)[opening.position]
    return tuple(Step(key, title(key, opening)) for key in keys)


def title(key: str, opening: Opening) -> str:
    """Return the title of a step, with the names of the instances."""
    more = {
        "rename": f" {opening.instance} → {opening.renamed}",
        "restore": f" under the name {opening.restored}",
        "rename-back": f": {opening.renamed} → {opening.instance}",
        "move-aside": f": {opening.restored} → {opening.aside}",
        "remove-old": f": {opening.renamed}",
    }.get(key, "")
    return _TITLES[key] + more


def calls(opening: Opening, key: str, group: str = GROUP_UNKNOWN) -> tuple[Call, ...]:
    """Return the calls of a step that change something; `group` is the verification-only security group."""
    maker = _CALLS.get(key)
    return maker(opening, group) if maker else ()


# -- services ---------------------------------------------------------------------------------------------------------


def scaling_call(service: RememberedService, suspended: tuple[bool, bool, bool]) -> Call:
    """Return the call that suspends or resumes the three kinds of scaling; minimum and maximum stay."""
    scaling = service.scaling or Scaling(0, 0)
    names = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
    return Call(
        "application-autoscaling",
        "RegisterScalableTarget",
        {
            "ServiceNamespace": "ecs",
            "ResourceId": f"service/{service.name}",
            "ScalableDimension": ECS_DIMENSION,
            "MinCapacity": scaling.minimum,
            "MaxCapacity": scaling.maximum,
            "SuspendedState": dict(zip(names, suspended, strict=True)),
        },
    )


def count_call(service: RememberedService, count: int) -> Call:
    """Ask for a number of tasks."""
    given = {"cluster": service.cluster, "service": service.service, "desiredCount": count}
    return Call("ecs", "UpdateService", given)


def _suspend(opening: Opening, _: str) -> tuple[Call, ...]:
    return tuple(scaling_call(each, (True, True, True)) for each in opening.services if each.scaling)


def _stop(opening: Opening, _: str) -> tuple[Call, ...]:
    return tuple(count_call(each, 0) for each in opening.services)


def _resume(opening: Opening, _: str) -> tuple[Call, ...]:
    return tuple(scaling_call(each, each.scaling.suspended) for each in opening.services if each.scaling)


def _start(opening: Opening, _: str) -> tuple[Call, ...]:
    return tuple(count_call(each, each.desired) for each in opening.services)


# -- the database -----------------------------------------------------------------------------------------------------


def modify_call(name: str, kind: Kind = INSTANCE, **parameters: Any) -> Call:
    """Return a call of ModifyDBInstance or ModifyDBCluster that applies immediately."""
    return Call("rds", kind.modify, {kind.identifier: name, **parameters, "ApplyImmediately": True})


def rename_call(old: str, new: str, kind: Kind = INSTANCE) -> Call:
    """Give an instance or a cluster another name."""
    return modify_call(old, kind, **{f"New{kind.identifier}": new})


def _groups_call(opening: Opening, name: str, groups: list[str]) -> Call:
    return modify_call(name, opening.kind, VpcSecurityGroupIds=groups)


def production_groups(opening: Opening) -> list[str]:
    """Return the security groups that the application comes in through."""
    return [str(each) for each in opening.wanted.get("VpcSecurityGroupIds") or ()]


def group_name(opening: Opening) -> str:
    """Return the name of the verification-only security group."""
    return f"cutover-{opening.id}-verification"


def _make_group(opening: Opening, _: str) -> tuple[Call, ...]:
    if opening.verification_group:
        return ()
    made = {"GroupName": group_name(opening), "Description": "cut-over: admits the drill host, lets nothing out"}
    return (
        Call("ec2", "CreateSecurityGroup", made),
        Call("ec2", "RevokeSecurityGroupEgress", {"GroupId": GROUP_UNKNOWN}),
        Call("ec2", "AuthorizeSecurityGroupIngress", {"GroupId": GROUP_UNKNOWN}),
    )


def _restore(opening: Opening, group: str) -> tuple[Call, ...]:
    """Return the restore, and of a cluster the creation of its instance, which follows once the cluster is available."""
    if not opening.new_members:
        return (_restore_instance(opening, group),)
    return (_restore_cluster(opening, group), create_call(opening, opening.new_members[0]))


def create_call(opening: Opening, member: NewMember) -> Call:
    """Give the restored cluster an instance."""
    given = {"DBInstanceIdentifier": member.name, "DBClusterIdentifier": opening.restored, "Engine": CLUSTER.engine}
    return Call("rds", WRITER, {**given, **member.wanted})


def _restore_job(opening: Opening, group: str, **more: str) -> Call:
    kind = opening.kind
    metadata = {kind.identifier: opening.restored, **metadata_parameters(opening.wanted, group, kind), **more}
    given = {"RecoveryPointArn": opening.chosen.arn, "Metadata": metadata, "IdempotencyToken": opening.id}
    return Call("backup", "StartRestoreJob", given)


def _restore_cluster(opening: Opening, group: str) -> Call:
    chosen, name = opening.chosen, {"DBClusterIdentifier": opening.restored}
    if chosen.way == "job":
        return _restore_job(opening, group, Engine=CLUSTER.engine)
    parameters = restore_parameters(opening.wanted, opening.id, group, CLUSTER)
    if chosen.way == "moment":
        moment: dict[str, Any] = (
            {"UseLatestRestorableTime": True} if chosen.latest else {"RestoreToTime": chosen.moment}
        )
        source = {"SourceDbClusterResourceId": chosen.source_resource_id}
        return Call("rds", CLUSTER_MOMENT, {**source, **name, **moment, **parameters})
    version = {"EngineVersion": chosen.engine_version} if chosen.engine_version else {}
    what = {"SnapshotIdentifier": chosen.snapshot_id, "Engine": CLUSTER.engine, **version}
    return Call("rds", CLUSTER_SNAPSHOT, {**name, **what, **parameters})


def _restore_instance(opening: Opening, group: str) -> Call:
    chosen, name = opening.chosen, opening.restored
    if chosen.way == "job":
        return _restore_job(opening, group)
    parameters = restore_parameters(opening.wanted, opening.id, group)
    if chosen.way == "moment":
        moment: dict[str, Any] = {"UseLatestRestorableTime": True} if chosen.latest else {"RestoreTime": chosen.moment}
        given = {
            "SourceDbiResourceId": chosen.source_resource_id,
            "TargetDBInstanceIdentifier": name,
            **moment,
            **parameters,
        }
        return Call("rds", MOMENT, given)
    given = {"DBInstanceIdentifier": name, "DBSnapshotIdentifier": chosen.snapshot_id, **parameters}
    return Call("rds", SNAPSHOT, given)


def _settle(opening: Opening, _: str) -> tuple[Call, ...]:
    later = {
        key: value
        for key, value in opening.wanted.items()
        if key in {*modify_only(opening.kind), "DeletionProtection"} and value
    }
    readers = (create_call(opening, each) for each in opening.new_members[1:])
    first = (*readers, *((modify_call(opening.restored, opening.kind, **later),) if later else ()))
    untag = Call("rds", "RemoveTagsFromResource", {"ResourceName": opening.restored, "TagKeys": [CUTOVER_TAG]})
    return (*first, untag)


def _open_writes(opening: Opening, _: str) -> tuple[Call, ...]:
    return (_groups_call(opening, opening.restored, production_groups(opening)),)


def _rename(opening: Opening, _: str) -> tuple[Call, ...]:
    members = (rename_call(each.name, each.aside) for each in opening.members)
    return (rename_call(opening.instance, opening.renamed, opening.kind), *members)


def _rename_back(opening: Opening, _: str) -> tuple[Call, ...]:
    members = (rename_call(each.aside, each.name) for each in opening.members)
    return (rename_call(opening.renamed, opening.instance, opening.kind), *members)


def _move_aside(opening: Opening, group: str) -> tuple[Call, ...]:
    members = (rename_call(each.name, each.aside) for each in opening.new_members)
    return (
        _groups_call(opening, opening.restored, [group]),
        rename_call(opening.restored, opening.aside, opening.kind),
        *members,
    )


def _remove_old(opening: Opening, _: str) -> tuple[Call, ...]:
    """Return the calls that remove the old instance, or the instances of the old cluster and then the cluster."""
    kind = opening.kind
    unprotect = modify_call(opening.renamed, kind, DeletionProtection=False)
    given = {
        kind.identifier: opening.renamed,
        "FinalDBSnapshotIdentifier": f"{opening.renamed}-final-{opening.id}",
        "DeleteAutomatedBackups": False,
    }
    members = (Call("rds", "DeleteDBInstance", {"DBInstanceIdentifier": each.aside}) for each in opening.members)
    return (unprotect, *members, Call("rds", "DeleteDBCluster" if kind is CLUSTER else "DeleteDBInstance", given))


_CALLS: Mapping[str, Callable[[Opening, str], tuple[Call, ...]]] = {
    "suspend-scaling": _suspend,
    "stop-tasks": _stop,
    "verification-group": _make_group,
    "shut-off-source": lambda opening, group: (_groups_call(opening, opening.instance, [group]),),
    "rename": _rename,
    "restore": _restore,
    "settle": _settle,
    OPEN_WRITES: _open_writes,
    "resume-scaling": _resume,
    "start-tasks": _start,
    "remove-old": _remove_old,
    "stop-again": lambda opening, group: (*_suspend(opening, group), *_stop(opening, group)),
    "move-aside": _move_aside,
    "shut-restored": lambda opening, group: (_groups_call(opening, opening.restored, [group]),),
    "rename-back": _rename_back,
    "open-source": lambda opening, _: (_groups_call(opening, opening.instance, production_groups(opening)),),
}
