"""The instances of a cut-over: found by DbiResourceId, shut off, renamed, restored, settled. Each call may be repeated.

An instance is told by its DbiResourceId and never by its name: in the middle of a cut-over two instances bear the same
name one after the other (RDS User Guide, "Renaming a DB instance").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from botocore.exceptions import ClientError

from drills.aws import read as aws
from drills.aws.wait import NEVER_AVAILABLE, wait_available
from drills.checks.base.outcome import first_line
from drills.cutover.model import Opening, State
from drills.cutover.plan import Call, calls, group_name, modify_call, rename_call
from drills.cutover.wanted import CUTOVER_TAG, follow_up, tags_for
from drills.cutover.world import World
from drills.errors import DrillError, RestoreFailed
from drills.model.instance import Instance

# stuck for good, or until somebody does what no cut-over can
STUCK = (NEVER_AVAILABLE - {"deleting", "deleted"}) | {"inaccessible-encryption-credentials-recoverable"}
# seconds that nobody has to be seen for: a client that got in just before it was shut out is seen once it has logged in
_ALONE_FOR = 1.0
_SESSIONS = """
select application_name, usename, coalesce(host(client_addr), 'local'), datname, count(*)
from pg_catalog.pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid()
  and coalesce(usename, '') <> 'rdsadmin' and application_name <> 'drills'
group by 1, 2, 3, 4 order by 1, 2, 3, 4
"""


def raw_by_name(rds: Any, name: str) -> dict[str, Any] | None:
    """The member of DescribeDBInstances' answer, None where there is no instance of that name."""
    try:
        found = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    except ClientError as error:
        if aws.is_not_found(error):
            return None
        raise
    return dict(found[0]) if found else None


def raw_by_id(rds: Any, resource_id: str) -> dict[str, Any] | None:
    """The instance of that DbiResourceId under whatever name, None where there is none (any more)."""
    if not resource_id:
        return None
    for page in rds.get_paginator("describe_db_instances").paginate():
        for each in page["DBInstances"]:
            if each.get("DbiResourceId") == resource_id:
                return dict(each)
    return None


def by_id(world: World, resource_id: str) -> Instance:
    """The instance of that DbiResourceId. Raises DrillError where it is gone."""
    raw = raw_by_id(world.clients.rds, resource_id)
    if raw is None:
        raise DrillError(f"expected the instance {resource_id}, found that it is gone: see who removed it (CloudTrail)")
    return aws.read_instance(raw)


def until_available(world: World, resource_id: str) -> Instance:
    """The instance once it is available with nothing pending, under whatever name it then has."""

    def look() -> Instance | None:
        world.lock.keep()
        raw = raw_by_id(world.clients.rds, resource_id)
        return aws.read_instance(raw) if raw else None

    return wait_available(
        look, world.clock, every=world.poll_seconds, timeout=world.timeout, on_change=lambda change: None
    )


def modify(world: World, resource_id: str, **parameters: Any) -> Instance:
    """Modify an instance at once, and wait until nothing is pending."""
    instance = until_available(world, resource_id)
    world.perform(modify_call(instance.id, **parameters))
    return until_available(world, resource_id)


def set_groups(world: World, resource_id: str, groups: Sequence[str]) -> None:
    """Let an instance have these security groups."""
    instance = until_available(world, resource_id)
    if set(instance.security_groups) == set(groups):
        return
    world.perform(modify_call(instance.id, VpcSecurityGroupIds=list(groups)))

    def there() -> bool:
        return set(by_id(world, resource_id).security_groups) == set(groups)

    world.wait(there, world.timeout, f"{instance.id} to have the groups {', '.join(groups)}", "look at its events")


def rename(world: World, resource_id: str, new: str) -> dict[str, Any]:
    """Give an instance another name: available under it, and the old name gone or another instance's."""
    old = until_available(world, resource_id).id  # a renaming that is under way ends first
    if old != new:
        other = raw_by_name(world.clients.rds, new)
        if other is not None:
            raise DrillError(
                f"expected the name {new!r} to be free for {old!r}, found an instance of that name "
                f"({other['DbiResourceId']}): rename or remove that one, or choose another name"
            )
        try:
            world.perform(rename_call(old, new))
        except ClientError as error:  # a repeated request whose first answer was lost finds the old name gone
            if not aws.is_not_found(error):
                raise

    def renamed() -> bool:
        return by_id(world, resource_id).id == new

    world.wait(renamed, world.timeout, f"{resource_id} to be called {new}", "look at its events")
    seen = until_available(world, resource_id)

    def old_gone() -> bool:
        holder = raw_by_name(world.clients.rds, old) if old != new else None
        return holder is None or holder["DbiResourceId"] != resource_id

    world.wait(old_gone, world.timeout, f"the name {old} to be free", "look at the instance's events")
    return {"address": f"{seen.host}:{seen.port}"}


# -- the verification-only group --------------------------------------------------------------------------------------


def make_group(world: World, opening: Opening) -> dict[str, Any]:
    """The id of a group that admits the drill host alone and lets nothing out; made, or found again."""
    if opening.verification_group:
        return {"verification_group": opening.verification_group}
    ec2, vpc = world.clients.ec2, _vpc(world, opening)
    wanted = [{"Name": "group-name", "Values": [group_name(opening)]}, {"Name": "vpc-id", "Values": [vpc]}]
    found = ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]
    if not found:
        (make, *_) = calls(opening, "verification-group")
        made = world.perform(Call("ec2", make.operation, {**make.parameters, "VpcId": vpc}))
        found = ec2.describe_security_groups(GroupIds=[made["GroupId"]])["SecurityGroups"]
    group = found[0]
    if group.get("IpPermissionsEgress"):
        ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
    if not group.get("IpPermissions"):
        host = world.target.restore.drill_host_cidr or "127.0.0.1/32"
        rule = {"IpProtocol": "tcp", "FromPort": 1024, "ToPort": 65535, "IpRanges": [{"CidrIp": host}]}
        ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])
    return {"verification_group": str(group["GroupId"])}


def _vpc(world: World, opening: Opening) -> str:
    """The network that the restored instance comes into: the subnet group's."""
    name = opening.wanted.get("DBSubnetGroupName")
    if name:
        groups = world.clients.rds.describe_db_subnet_groups(DBSubnetGroupName=name)["DBSubnetGroups"]
        return str(groups[0]["VpcId"])
    found = world.clients.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    if not found:
        raise DrillError("expected a subnet group or a default VPC to restore into, found neither: name a subnet group")
    return str(found[0]["VpcId"])


# -- sessions ---------------------------------------------------------------------------------------------------------


def sessions(world: World, instance: Instance) -> tuple[str, ...]:
    """Who is connected, the drill and the service's own sessions left out. Raises psycopg.Error where it cannot look."""
    with world.connect(instance)("postgres") as session:
        rows = session.execute(_SESSIONS).fetchall()
    return tuple(
        f"{application or 'without application_name'} as {user} from {host} in {database}: {count}"
        for application, user, host, database, count in rows
    )


def see_no_sessions(world: World, resource_id: str, seconds: float) -> dict[str, Any]:
    """Wait until nobody is connected for a while; DrillError naming who still is, unless the operator accepted that."""
    instance = by_id(world, resource_id)
    seen: list[str] = []
    alone_since: float | None = None

    def nobody() -> bool:
        nonlocal alone_since
        try:
            seen[:] = sessions(world, instance)
        except psycopg.OperationalError as error:
            raise DrillError(
                f"expected to ask {instance.id} who is connected, found: {first_line(error)}: correct the target's "
                "credentials, or look by hand and accept what is left with --accept-sessions"
            ) from error
        now = world.clock.monotonic()
        alone_since = None if seen else now if alone_since is None else alone_since
        return alone_since is not None and now - alone_since >= _ALONE_FOR

    try:
        world.wait(nobody, seconds, f"nobody to be connected to {instance.id}", "see who it is")
    except DrillError as error:
        if world.leave.sessions:
            return {"accepted_sessions": seen or [f"not seen: {error}"]}
        if not seen:
            raise
        raise DrillError(
            f"expected nobody to be connected to {instance.id}, found {'; '.join(seen)}: end them, or accept them with "
            "--accept-sessions"
        ) from error
    return {"accepted_sessions": []}


# -- the restore ------------------------------------------------------------------------------------------------------


def restored_of(world: World, state: State) -> dict[str, Any] | None:
    """The instance that this cut-over restored, as RDS shows it now; told by its id, or before that by its tag."""
    rds, opening = world.clients.rds, state.opening
    if state.restored_resource_id:
        return raw_by_id(rds, state.restored_resource_id)
    for name in (opening.restored, opening.aside):
        raw = raw_by_name(rds, name)
        if raw is None or raw["DbiResourceId"] == opening.source_resource_id:
            continue
        tags = {each["Key"]: each.get("Value", "") for each in raw.get("TagList") or ()}
        if tags.get(CUTOVER_TAG) == opening.id or (opening.chosen.way == "job" and _asked(world, opening, raw)):
            return raw
    return None


def _asked(world: World, opening: Opening, raw: dict[str, Any]) -> bool:
    """Whether a restore job of this point has made that instance: a job can be given no tags."""
    jobs = world.clients.backup.get_paginator("list_restore_jobs").paginate(ByResourceType="RDS")
    return any(
        each.get("RecoveryPointArn") == opening.chosen.arn and each.get("CreatedResourceArn") == raw["DBInstanceArn"]
        for page in jobs
        for each in page["RestoreJobs"]
    )


def restore(world: World, state: State) -> dict[str, Any]:
    """Ask for the restore unless it was asked for already; the restored instance's DbiResourceId."""
    opening = state.opening
    raw = restored_of(world, state)
    if raw is None:
        other = raw_by_name(world.clients.rds, opening.restored)
        if other is not None:
            raise DrillError(
                f"expected the name {opening.restored!r} to be free, found an instance that this cut-over did not make "
                f"({other['DbiResourceId']}): rename that one"
            )
        raw = _request(world, state)
    return {"restored_resource_id": str(raw["DbiResourceId"]), "restored_arn": str(raw["DBInstanceArn"])}


def _request(world: World, state: State) -> dict[str, Any]:
    opening = state.opening
    (call,) = calls(opening, "restore", state.group)
    if opening.chosen.way != "job":
        try:
            return dict(world.perform(call)["DBInstance"])
        except ClientError as error:  # a repeated request whose first answer was lost finds what it has made
            made = restored_of(world, state) if aws.error_code(error).startswith("DBInstanceAlreadyExists") else None
            if made is None:
                raise
            return made
    role = world.config.restore_role
    job = world.perform(Call(call.service, call.operation, {**call.parameters, "IamRoleArn": role}))["RestoreJobId"]

    def there() -> dict[str, Any] | None:
        seen = world.clients.backup.describe_restore_job(RestoreJobId=job)
        if seen["Status"] in ("FAILED", "ABORTED"):
            raise RestoreFailed(
                f"expected the restore job {job} to complete, it is {seen['Status']}: "
                f"{seen.get('StatusMessage', 'no reason given')}: remove the cause"
            )
        return raw_by_name(world.clients.rds, opening.restored)

    return world.wait(there, world.timeout, f"the restore job {job} to make the instance", "look at the job")


def settle(world: World, state: State) -> dict[str, Any]:
    """Give the restored instance what a restore cannot take; available, nothing pending, parameter group in sync."""
    identity, wanted = state.restored_resource_id, state.opening.wanted
    _until_settled(world, identity)
    raw = raw_by_id(world.clients.rds, identity) or {}
    changes = follow_up(wanted, raw)
    if changes:
        world.perform(modify_call(str(raw["DBInstanceIdentifier"]), **changes))
        _until_settled(world, identity)
        raw = raw_by_id(world.clients.rds, identity) or {}
    _set_tags(world, state, raw)
    return {"followed_up": sorted(changes)}


def _until_settled(world: World, identity: str) -> None:
    """Available; a parameter group that waits for a reboot gets it, which is an outage for nobody yet."""

    def reboot_if_wanted() -> bool:
        raw = raw_by_id(world.clients.rds, identity) or {}
        applied = [each.get("ParameterApplyStatus") for each in raw.get("DBParameterGroups") or ()]
        if raw.get("DBInstanceStatus") == "available" and "pending-reboot" in applied:
            world.perform(Call("rds", "RebootDBInstance", {"DBInstanceIdentifier": raw["DBInstanceIdentifier"]}))
        status = str(raw.get("DBInstanceStatus"))
        return status in STUCK or (status == "available" and "pending-reboot" not in applied)

    world.wait(reboot_if_wanted, world.timeout, "the restored instance to be available", "look at its events")
    until_available(world, identity)


def _set_tags(world: World, state: State, raw: dict[str, Any]) -> None:
    """The source's tags, and no longer the one that told this cut-over its own instance: its id is in the journal."""
    there = {each["Key"]: each.get("Value", "") for each in raw.get("TagList") or ()}
    wanted = tags_for(state.opening.wanted, "")
    del wanted[CUTOVER_TAG]
    rds, arn = world.clients.rds, str(raw["DBInstanceArn"])
    missing = [{"Key": key, "Value": value} for key, value in wanted.items() if there.get(key) != value]
    if missing:
        rds.add_tags_to_resource(ResourceName=arn, Tags=missing)
    if CUTOVER_TAG in there:
        rds.remove_tags_from_resource(ResourceName=arn, TagKeys=[CUTOVER_TAG])
