"""The databases of a cut-over: found by identity, shut off, renamed, restored, settled. Each call may be repeated.

An instance is identified by its DbiResourceId, a cluster by its DbClusterResourceId, and neither by its name: in the middle of a
cut-over two bear the same name one after the other (RDS User Guide, "Renaming a DB instance" and "Renaming a Multi-AZ DB cluster":
the endpoints change with the name; of Aurora AWS documents the parameter alone, ModifyDBCluster, NewDBClusterIdentifier). The
instances of a cluster keep their names then, and are renamed one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from botocore.exceptions import ClientError

from drills.aws import read as aws
from drills.aws.calls import outcome
from drills.aws.databases.kinds import CLUSTER, INSTANCE, Kind
from drills.aws.wait import NEVER_AVAILABLE, OPERATIONAL, is_settled, wait_available
from drills.checks.base.outcome import first_line
from drills.cutover.configuration import CUTOVER_TAG, follow_up, tags_for
from drills.cutover.databases import found
from drills.cutover.databases.found import Found
from drills.cutover.environment import Environment
from drills.cutover.model import Opening, State
from drills.cutover.plan import Call, calls, group_name, modify_call, rename_call
from drills.errors import DrillError, RestoreFailed
from drills.model.instance import Instance

BEING_DELETED = frozenset({"delete-precheck", "deleting", "deleted"})
# states that no cut-over can end; what somebody has stopped is whole, and is started by a person
UNMODIFIABLE = NEVER_AVAILABLE - BEING_DELETED - {"stopped"}
# seconds without a session: a client that connected just before it was shut out appears once it has logged in
_QUIET_SECONDS = 1.0
_SESSIONS = """
select application_name, usename, coalesce(host(client_addr), 'local'), datname, count(*)
from pg_catalog.pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid()
  and coalesce(usename, '') <> 'rdsadmin' and application_name <> 'drills'
group by 1, 2, 3, 4 order by 1, 2, 3, 4
"""


def raw_by_name(env: Environment, name: str, kind: Kind | None = None) -> dict[str, Any] | None:
    """Return what there is of that name as DescribeDBInstances would describe it, None where there is nothing."""
    seen = found.by_name(env.clients, name, kind or env.kind)
    return seen.raw if seen else None


def raw_by_id(env: Environment, resource_id: str, kind: Kind | None = None) -> dict[str, Any] | None:
    """Return what has that identity under whatever name, as DescribeDBInstances would describe it, None where it is gone."""
    seen = found.by_identity(env.clients, resource_id, kind or env.kind)
    return seen.raw if seen else None


def found_by_id(env: Environment, resource_id: str, kind: Kind | None = None) -> Found:
    """Return what has that identity. Raises DrillError where it is gone."""
    kind = kind or env.kind
    seen = found.by_identity(env.clients, resource_id, kind)
    if seen is None:
        raise DrillError(
            f"expected the {kind.name} {resource_id}, found that it is gone: see who removed it (CloudTrail)"
        )
    return seen


def by_id(env: Environment, resource_id: str, kind: Kind | None = None) -> Instance:
    """Return the instance or cluster of that identity. Raises DrillError where it is gone."""
    return found_by_id(env, resource_id, kind).instance


def until_available(env: Environment, resource_id: str, kind: Kind | None = None) -> Instance:
    """Return it once it is available with nothing pending, under whatever name it then has; a cluster with all its instances.

    A cluster that has no instances answers nobody, and can be changed as one that has some.
    """
    kind, bare = kind or env.kind, False

    def describe() -> Instance | None:
        nonlocal bare
        env.lock.renew()
        seen = found.by_identity(env.clients, resource_id, kind)
        bare = kind is CLUSTER and seen is not None and not seen.members
        return seen.instance if seen else None

    def settled(instance: Instance) -> bool:
        return is_settled(instance) or (bare and instance.status in OPERATIONAL and not instance.pending)

    return wait_available(
        describe,
        env.clock,
        every=env.poll_seconds,
        timeout=env.timeout,
        key=env.timeout_key,
        on_change=lambda change: None,
        settled=settled,
    )


def set_groups(env: Environment, resource_id: str, groups: Sequence[str]) -> None:
    """Let an instance have these security groups."""
    instance = until_available(env, resource_id)
    if set(instance.security_groups) == set(groups):
        return
    env.perform(modify_call(instance.id, env.kind, VpcSecurityGroupIds=list(groups)), resource_id)

    def there() -> bool:
        return set(by_id(env, resource_id).security_groups) == set(groups)

    env.wait(
        there,
        env.timeout,
        f"{instance.id} to have the groups {', '.join(groups)}",
        f"read its events, or raise {env.timeout_key}",
    )


def rename_all(env: Environment, resource_id: str, new: str, members: Mapping[str, str]) -> dict[str, Any]:
    """Give what has that identity another name, and then its instances theirs, by their identities; one that is gone has none."""
    seen = rename(env, resource_id, new)
    there = {str(each["DbiResourceId"]) for each in found_by_id(env, resource_id).members} if members else set()
    for identity, name in members.items():
        if identity in there:
            rename(env, identity, name, INSTANCE)
    until_available(env, resource_id)
    return seen


def rename(env: Environment, resource_id: str, new: str, kind: Kind | None = None) -> dict[str, Any]:
    """Give an instance or a cluster another name: available under it, and the old name gone or another's."""
    kind = kind or env.kind
    old = until_available(env, resource_id, kind).id  # a renaming that is under way ends first
    if old != new:
        other = raw_by_name(env, new, kind)
        if other is not None:
            raise DrillError(
                f"expected the name {new!r} to be free for {old!r}, found {'a cluster' if kind is CLUSTER else 'an instance'} of "
                f"that name ({other['DbiResourceId']}): rename or remove that one, or choose another name"
            )
        try:
            env.perform(rename_call(old, new, kind), resource_id)
        except ClientError as error:  # a repeated request whose first answer was lost finds the old name gone
            if not aws.is_not_found(error):
                raise

    def renamed() -> bool:
        return by_id(env, resource_id, kind).id == new

    env.wait(renamed, env.timeout, f"{resource_id} to be called {new}", f"read its events, or raise {env.timeout_key}")
    seen = until_available(env, resource_id, kind)

    def old_gone() -> bool:
        holder = raw_by_name(env, old, kind) if old != new else None
        return holder is None or holder["DbiResourceId"] != resource_id

    env.wait(
        old_gone, env.timeout, f"the name {old} to be free", f"read the instance's events, or raise {env.timeout_key}"
    )
    return {"address": f"{seen.host}:{seen.port}"}


# -- the verification-only group --------------------------------------------------------------------------------------


def ensure_group(env: Environment, opening: Opening) -> dict[str, Any]:
    """Return the id of a group that admits the drill host alone and lets nothing out; made, or found again."""
    if opening.verification_group:
        return {"verification_group": opening.verification_group}
    ec2, vpc = env.clients.ec2, _vpc(env, opening)
    wanted = [{"Name": "group-name", "Values": [group_name(opening)]}, {"Name": "vpc-id", "Values": [vpc]}]
    found = ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]
    if not found:
        (make, *_) = calls(opening, "verification-group")
        made = env.perform(Call("ec2", make.operation, {**make.parameters, "VpcId": vpc}))
        found = ec2.describe_security_groups(GroupIds=[made["GroupId"]])["SecurityGroups"]
    group = found[0]
    if group.get("IpPermissionsEgress"):
        given = {"GroupId": group["GroupId"], "IpPermissions": group["IpPermissionsEgress"]}
        env.perform(Call("ec2", "RevokeSecurityGroupEgress", given))
    if not group.get("IpPermissions"):
        host = env.target.restore.drill_host_cidr or "127.0.0.1/32"
        rule = {"IpProtocol": "tcp", "FromPort": 1024, "ToPort": 65535, "IpRanges": [{"CidrIp": host}]}
        given = {"GroupId": group["GroupId"], "IpPermissions": [rule]}
        env.perform(Call("ec2", "AuthorizeSecurityGroupIngress", given))
    return {"verification_group": str(group["GroupId"])}


def _vpc(env: Environment, opening: Opening) -> str:
    """Return the network that the restored instance comes into: the subnet group's."""
    name = opening.wanted.get("DBSubnetGroupName")
    if name:
        groups = env.clients.rds.describe_db_subnet_groups(DBSubnetGroupName=name)["DBSubnetGroups"]
        return str(groups[0]["VpcId"])
    found = env.clients.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    if not found:
        raise DrillError("expected a subnet group or a default VPC to restore into, found neither: name a subnet group")
    return str(found[0]["VpcId"])


# -- sessions ---------------------------------------------------------------------------------------------------------


def list_sessions(env: Environment, instance: Instance) -> tuple[str, ...]:
    """Return who is connected, without the drill and RDS itself. Raises psycopg.Error."""
    with env.connect(instance)("postgres") as session:
        rows = session.execute(_SESSIONS).fetchall()
    return tuple(
        f"{application or 'without application_name'} as {user} from {host} in {database}: {count}"
        for application, user, host, database, count in rows
    )


def wait_for_no_sessions(env: Environment, resource_id: str, seconds: float) -> dict[str, Any]:
    """Wait until nobody is connected for a while. Raises DrillError naming who still is, unless the operator accepted that."""
    instance = by_id(env, resource_id)
    seen: list[str] = []
    alone_since: float | None = None

    def nobody() -> bool:
        nonlocal alone_since
        try:
            seen[:] = list_sessions(env, instance)
        except psycopg.OperationalError as error:
            raise DrillError(
                f"expected to ask {instance.id} who is connected, found: {first_line(error)}: correct the target's "
                "credentials, or check by hand and accept what is left with --accept-sessions"
            ) from error
        now = env.clock.monotonic()
        alone_since = None if seen else now if alone_since is None else alone_since
        return alone_since is not None and now - alone_since >= _QUIET_SECONDS

    try:
        env.wait(nobody, seconds, f"nobody to be connected to {instance.id}", "see who it is")
    except DrillError as error:
        if env.acknowledged.sessions:
            return {"accepted_sessions": seen or [f"not seen: {error}"]}
        if not seen:
            raise
        raise DrillError(
            f"expected nobody to be connected to {instance.id}, found {'; '.join(seen)}: end them, or accept them with "
            "--accept-sessions"
        ) from error
    return {"accepted_sessions": []}


# -- the restore ------------------------------------------------------------------------------------------------------


def find_restored(env: Environment, state: State) -> dict[str, Any] | None:
    """Return what this cut-over restored, as RDS shows it now; found by its id, or before that by its tag."""
    opening = state.opening
    if state.restored_resource_id:
        return raw_by_id(env, state.restored_resource_id)
    for name in (opening.restored, opening.aside):
        raw = raw_by_name(env, name)
        if raw is None or raw["DbiResourceId"] == opening.source_resource_id:
            continue
        tags = aws.tags_by_key(raw.get("TagList") or ())
        if tags.get(CUTOVER_TAG) == opening.id or (opening.chosen.way == "job" and _made_by_job(env, opening, raw)):
            return raw
    return None


def _made_by_job(env: Environment, opening: Opening, raw: dict[str, Any]) -> bool:
    """Return whether a restore job of this point has made that instance: a job can be given no tags."""
    jobs = env.clients.backup.get_paginator("list_restore_jobs").paginate(ByResourceType=env.kind.protected)
    return any(
        each.get("RecoveryPointArn") == opening.chosen.arn and each.get("CreatedResourceArn") == raw["DBInstanceArn"]
        for page in jobs
        for each in page["RestoreJobs"]
    )


def restore(env: Environment, state: State) -> dict[str, Any]:
    """Ask for the restore unless it was asked for already; the identity of what is restored."""
    opening = state.opening
    raw = find_restored(env, state)
    if raw is None:
        other = raw_by_name(env, opening.restored)
        if other is not None:
            raise DrillError(
                f"expected the name {opening.restored!r} to be free, found one that this cut-over did not make "
                f"({other['DbiResourceId']}): rename that one"
            )
        raw = _request_restore(env, state)
    return {"restored_resource_id": str(raw["DbiResourceId"]), "restored_arn": str(raw["DBInstanceArn"])}


def _request_restore(env: Environment, state: State) -> dict[str, Any]:
    opening = state.opening
    (call, *_) = calls(opening, "restore", state.group)
    if opening.chosen.way != "job":
        try:
            env.perform(call)
        except ClientError as error:  # a repeated request whose first answer was lost finds what it has made
            if not outcome.says_exists(error):
                raise
            if (made := find_restored(env, state)) is None:
                raise
            return made
        return env.wait(
            lambda: find_restored(env, state), env.timeout, f"{opening.restored} to be there", "read its events"
        )
    role = env.config.restore_role
    job = env.perform(Call(call.service, call.operation, {**call.parameters, "IamRoleArn": role}))["RestoreJobId"]

    def there() -> dict[str, Any] | None:
        seen = env.clients.backup.describe_restore_job(RestoreJobId=job)
        if seen["Status"] in ("FAILED", "ABORTED"):
            raise RestoreFailed(
                f"expected the restore job {job} to complete, it is {seen['Status']}: "
                f"{seen.get('StatusMessage', 'no reason given')}: remove the cause"
            )
        return raw_by_name(env, opening.restored)

    return env.wait(
        there,
        env.timeout,
        f"the restore job {job} to make the {env.kind.name}",
        f"read the status of the job, or raise {env.timeout_key}",
    )


def settle(env: Environment, state: State) -> dict[str, Any]:
    """Give what is restored what a restore cannot take; available, nothing pending, parameter group in sync."""
    identity, wanted = state.restored_resource_id, state.opening.wanted
    _until_settled(env, identity)
    raw = raw_by_id(env, identity) or {}
    changes = follow_up(wanted, raw, env.kind)
    if changes:
        env.perform(modify_call(str(raw["DBInstanceIdentifier"]), env.kind, **changes), identity)
        _until_settled(env, identity)
        raw = raw_by_id(env, identity) or {}
    _set_tags(env, state, raw)
    return {"followed_up": sorted(changes)}


def _until_settled(env: Environment, identity: str) -> None:
    """Wait until it is available; reboot the instance, or that of the cluster, where a parameter group requires that."""

    def reboot_if_wanted() -> bool:
        seen = found.by_identity(env.clients, identity, env.kind)
        raw = seen.raw if seen else {}
        applied = [each.get("ParameterApplyStatus") for each in raw.get("DBParameterGroups") or ()]
        operational = raw.get("DBInstanceStatus") in OPERATIONAL
        if operational and "pending-reboot" in applied:
            for each in seen.members or (raw,) if seen else ():
                reboot = Call("rds", "RebootDBInstance", {"DBInstanceIdentifier": each["DBInstanceIdentifier"]})
                env.perform(reboot, str(each["DbiResourceId"]))
        status = str(raw.get("DBInstanceStatus"))
        return status in UNMODIFIABLE or (operational and "pending-reboot" not in applied)

    env.wait(
        reboot_if_wanted,
        env.timeout,
        "the restored instance to be available",
        f"read its events, or raise {env.timeout_key}",
    )
    until_available(env, identity)


def _set_tags(env: Environment, state: State, raw: dict[str, Any]) -> None:
    """Set the source's tags, and remove the cut-over's own, which identified the instance until its id was known."""
    there = aws.tags_by_key(raw.get("TagList") or ())
    wanted = tags_for(state.opening.wanted, "")
    del wanted[CUTOVER_TAG]
    arn, identity = str(raw["DBInstanceArn"]), state.restored_resource_id
    missing = [{"Key": key, "Value": value} for key, value in wanted.items() if there.get(key) != value]
    if missing:
        env.perform(Call("rds", "AddTagsToResource", {"ResourceName": arn, "Tags": missing}), identity)
    if CUTOVER_TAG in there:
        env.perform(Call("rds", "RemoveTagsFromResource", {"ResourceName": arn, "TagKeys": [CUTOVER_TAG]}), identity)
