"""Makes and removes what a drill restores to: a scratch instance in groups of its own.

The copy is harmless before its first start: no egress, no public address, logical workers off, nothing preloaded that
runs jobs: a restored subscriber would take over production's replication slot (PostgreSQL documentation, "Subscription").
Each resource is recorded as "planned" before the call that makes it, so that a clean-up after a crash knows of it. What the
configuration names (an `aws` profile must) is used and left; only what is made is removed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import outcome, owned
from drills.aws.owned import Raw
from drills.aws.read import RUN_TAG, error_code, refusal
from drills.aws.session import Clients
from drills.clock import Clock
from drills.config.load import RestoreConfig
from drills.errors import RestoreFailed
from drills.model.instance import Instance, Resource, ResourceKind, ResourceState
from drills.model.point import RecoveryPoint
from drills.record import Journal

PREFIX = "drill-"
# What could act on other systems from inside a copy; source: PostgreSQL documentation, "Subscribers" and the
# documentation of pg_cron and TimescaleDB. A preloaded library that runs jobs is left out of the preload list instead.
HARMLESS = {"max_logical_replication_workers": "0"}
JOB_RUNNERS = frozenset({"pg_cron", "timescaledb", "pg_partman_bgw", "citus", "pglogical", "pgactive"})


@dataclass(frozen=True, slots=True)
class ScratchNames:
    """The identifiers of everything that one restore makes; all begin with the prefix and the run's id."""

    instance: str
    parameter_group: str
    subnet_group: str
    security_group: str

    @classmethod
    def of(cls, run_id: str, purpose: str) -> ScratchNames:
        """Return the names for a run; `purpose` ("recovery", "rehearsal") keeps the restores of one run apart."""
        stem = f"{PREFIX}{run_id}-{purpose}"
        return cls(stem, f"{stem}-parameters", f"{stem}-subnets", f"{stem}-isolation")


@dataclass(frozen=True, slots=True)
class ScratchGroups:
    """The groups that the scratch instance is restored into, made for it or named by the configuration."""

    parameter_group: str
    subnet_group: str
    security_group: str


class Scratch:
    """The scratch resources of one run: makes and restores them, each recorded in the run record."""

    def __init__(
        self,
        clients: Clients,
        config: RestoreConfig,
        journal: Journal,
        tags: dict[str, str],
        source_side: Clients | None = None,
    ) -> None:
        self._clients = clients
        self._source_side = source_side or clients  # where the source's own groups are, another region perhaps
        self._config = config
        self._journal = journal
        self._tags = [{"Key": key, "Value": value} for key, value in tags.items()]

    def make_groups(self, names: ScratchNames, point: RecoveryPoint, source: Instance | None) -> ScratchGroups:
        """Make the groups that the configuration does not name, each recorded first."""
        config = self._config
        parameters = config.parameter_group or self._make_parameter_group(names.parameter_group, point, source)
        vpc_id, subnet_ids = self._network(source)
        subnets = config.subnet_group or self._make_subnet_group(names.subnet_group, subnet_ids)
        security = config.security_group or self._make_security_group(names.security_group, vpc_id)
        return ScratchGroups(parameters, subnets, security)

    def restore(self, names: ScratchNames, groups: ScratchGroups, point: RecoveryPoint) -> None:
        """Ask RDS to restore the point. Tags are always passed: without them RDS copies production's.

        Raises RestoreFailed with AWS's message when the request is refused.
        """
        optional = {"DBInstanceClass": self._config.instance_class} if self._config.instance_class else {}
        rds = self._clients.rds
        if point.kind == "continuous":
            ask, what = rds.restore_db_instance_to_point_in_time, _restore_time_request(names, point)
        else:
            ask = rds.restore_db_instance_from_db_snapshot
            what = {"DBInstanceIdentifier": names.instance, "DBSnapshotIdentifier": point.snapshot_id}
        request: dict[str, Any] = dict(
            DBSubnetGroupName=groups.subnet_group,
            DBParameterGroupName=groups.parameter_group,
            VpcSecurityGroupIds=[groups.security_group],
            PubliclyAccessible=False,
            MultiAZ=False,
            DeletionProtection=False,
            BackupRetentionPeriod=0,
            EnableCloudwatchLogsExports=[],
            EnableIAMDatabaseAuthentication=False,
            CopyTagsToSnapshot=False,
            AutoMinorVersionUpgrade=False,
            Tags=self._tags,
            **what,
            **optional,
        )
        self._make("db-instance", names.instance, f"the restore of {point.arn}", lambda: ask(**request))

    def set_password(self, instance_id: str, password: str) -> None:
        """Set a new master password; the drill never holds the source's."""
        self._clients.rds.modify_db_instance(
            DBInstanceIdentifier=instance_id, MasterUserPassword=password, ApplyImmediately=True
        )

    def copy_snapshot(self, point: RecoveryPoint, copy: str, *, source_region: str) -> None:
        """Ask RDS to copy a point's snapshot to the scratch side, under the configured key where there is one."""
        elsewhere = source_region != self._clients.region
        request: dict[str, Any] = {"SourceDBSnapshotIdentifier": point.arn if elsewhere else point.snapshot_id}
        request |= {"SourceRegion": source_region} if elsewhere else {}
        request |= {"KmsKeyId": self._config.kms_key} if self._config.kms_key else {}
        request |= {"TargetDBSnapshotIdentifier": copy, "Tags": self._tags}
        ask = self._clients.rds.copy_db_snapshot
        self._make("db-snapshot", copy, f"the copy of {point.arn}", lambda: ask(**request))

    # -- making ---------------------------------------------------------------------------------------------------

    def _make_parameter_group(self, name: str, point: RecoveryPoint, source: Instance | None) -> str:
        version = point.engine_version or (source.engine_version if source else "")
        family = family_of(version)
        values = self._source_parameters(source.parameter_group) if source and source.parameter_group else {}
        other = bool(source) and family != family_of(source.engine_version if source else "")
        request = {
            "DBParameterGroupName": name,
            "DBParameterGroupFamily": family,
            "Description": "scratch copy of a drill: the source's values, made harmless",
            "Tags": self._tags,
        }
        ask = self._clients.rds.create_db_parameter_group
        self._make("db-parameter-group", name, "the parameter group", lambda: ask(**request))
        if other:  # an older backup: what its version does not know would be refused
            values = self._known_to(name, values)
        # ModifyDBParameterGroup takes at most 20 parameters a call (its API reference).
        for chunk in _chunks(sorted(harmless(values).items()), 20):
            self._clients.rds.modify_db_parameter_group(
                DBParameterGroupName=name,
                Parameters=[
                    {"ParameterName": key, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
                    for key, value in chunk
                ],
            )
        return name

    def _source_parameters(self, group: str) -> dict[str, str]:
        values: dict[str, str] = {}
        for page in self._source_side.rds.get_paginator("describe_db_parameters").paginate(
            DBParameterGroupName=group, Source="user"
        ):
            for parameter in page.get("Parameters", []):
                if parameter.get("ParameterValue") is not None and parameter.get("IsModifiable", True):
                    values[parameter["ParameterName"]] = parameter["ParameterValue"]
        return values

    def _known_to(self, group: str, values: dict[str, str]) -> dict[str, str]:
        """Return the values of parameters that the family of a group has; the others are noted."""
        pages = self._clients.rds.get_paginator("describe_db_parameters").paginate(DBParameterGroupName=group)
        known = {parameter["ParameterName"] for page in pages for parameter in page.get("Parameters", [])}
        if not known:  # a service that lists a group's own values alone: it takes what it does not know
            return values
        left = sorted(set(values) - known)
        if left:
            self._journal.append(
                "notes", f"parameters of the source that the copy's version does not have: {', '.join(left)}"
            )
        return {key: value for key, value in values.items() if key in known}

    def _network(self, source: Instance | None) -> tuple[str, list[str]]:
        here = (self._clients.account, self._clients.region) == (self._source_side.account, self._source_side.region)
        if here and source and source.vpc_id and source.subnet_ids:
            return source.vpc_id, list(source.subnet_ids)
        vpcs = self._clients.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
        if not vpcs:
            raise RestoreFailed(
                "expected the source's subnets or a default VPC to restore into, found neither: "
                "name a subnet_group and a security_group in the target's restore table"
            )
        vpc_id = vpcs[0]["VpcId"]
        subnets = self._clients.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]
        return vpc_id, [subnet["SubnetId"] for subnet in subnets]

    def _make_subnet_group(self, name: str, subnet_ids: list[str]) -> str:
        request = {
            "DBSubnetGroupName": name,
            "DBSubnetGroupDescription": "scratch copy of a drill",
            "SubnetIds": subnet_ids,
            "Tags": self._tags,
        }
        ask = self._clients.rds.create_db_subnet_group
        self._make("db-subnet-group", name, "the subnet group", lambda: ask(**request))
        return name

    def _make_security_group(self, name: str, vpc_id: str) -> str:
        """Return a group that admits the drill host alone and lets nothing out (EC2 gives each new group an egress rule)."""
        ec2 = self._clients.ec2
        request = {
            "GroupName": name,
            "Description": "scratch copy of a drill: admits the drill host, lets nothing out",
            "VpcId": vpc_id,
            "TagSpecifications": [{"ResourceType": "security-group", "Tags": self._tags}],
        }
        made = self._make("security-group", name, "the security group", lambda: ec2.create_security_group(**request))
        group_id: str = made["GroupId"]
        self._made("security-group", name, note=group_id)
        group = ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]
        if group["IpPermissionsEgress"]:
            with _done_before("NotFound"):
                ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=group["IpPermissionsEgress"])
        host = {"CidrIp": self._config.drill_host_cidr or "127.0.0.1/32"}
        admitted = {"IpProtocol": "tcp", "FromPort": 1024, "ToPort": 65535, "IpRanges": [host]}
        with _done_before("Duplicate"):
            ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[admitted])
        return group_id

    # -- the record -----------------------------------------------------------------------------------------------

    def _make(self, kind: ResourceKind, name: str, what: str, request: Callable[[], Raw]) -> Raw:
        """Request what is to be made, recorded first; return AWS's answer. Raises RestoreFailed where it is refused.

        What is there already and carries this run's tag was made by a request whose answer was lost: it is returned. After a
        failure that does not say whether the request was carried out the resource stays planned, and the clean-up asks for it.
        """
        self._note(kind, name, "planned")
        try:
            answer = request()
        except (ClientError, BotoCoreError) as error:
            there = owned.find(self._clients, kind, name) if outcome.says_exists(error) else []
            own = [raw for raw in there if owned.is_own(self._clients, kind, raw, self._journal.record.run_id)]
            if not own:
                unmade = bool(there) or outcome.was_not_carried_out(error)
                raise RestoreFailed(f"{refusal(error, what)}{self._note_failure(kind, name, unmade)}") from error
            answer = own[0]
        self._made(kind, name)
        return answer

    def _note_failure(self, kind: ResourceKind, name: str, unmade: bool) -> str:
        """Record that something was never made, where that is certain; return what the sentence says where it is not."""
        if unmade:
            self._note(kind, name, "gone", "refused by AWS, never made")
            return ""
        return f"; whether {name} was made is not known, the clean-up asks for it"

    def _made(self, kind: ResourceKind, name: str, note: str = "") -> None:
        clients, now = self._clients, self._journal.clock.now()
        self._journal.resource(Resource(kind, name, "made", clients.account, clients.region, note, made_at=now))

    def _note(self, kind: ResourceKind, name: str, state: ResourceState, note: str = "") -> None:
        self._journal.resource(Resource(kind, name, state, self._clients.account, self._clients.region, note))


@contextmanager
def _done_before(word: str) -> Iterator[None]:
    """Take a refusal whose code ends in `word` for done: the answer to a first request, which was carried out, was lost."""
    try:
        yield
    except ClientError as error:
        if not error_code(error).endswith(word):
            raise


def _restore_time_request(names: ScratchNames, point: RecoveryPoint) -> dict[str, Any]:
    """Return the parameters of a point-in-time restore; by resource id, as the name may be another instance's by now."""
    return {
        "TargetDBInstanceIdentifier": names.instance,
        "SourceDbiResourceId": point.dbi_resource_id,
        "RestoreTime": point.data_time,
    }


def harmless(values: dict[str, str]) -> dict[str, str]:
    """Return the source's parameter values with everything off that could act on other systems from inside a copy."""
    defused = dict(values) | HARMLESS
    preload = defused.get("shared_preload_libraries")
    if preload is not None:
        kept = [name.strip() for name in preload.split(",") if name.strip() not in JOB_RUNNERS]
        defused["shared_preload_libraries"] = ",".join(name for name in kept if name)
    return defused


def family_of(version: str) -> str:
    """Return the parameter group family of a PostgreSQL version: "postgres16" for "16.9"."""
    return f"postgres{version.split('.')[0]}"


def _chunks(items: list[tuple[str, str]], size: int) -> Iterable[list[tuple[str, str]]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def scratch_tags(run_id: str, target: str, expires: str, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that everything made by a run carries; `expires` is the end of its time to live, ISO 8601 in UTC."""
    return dict(extra) | {RUN_TAG: run_id, "drills:target": target, "drills:expires": expires}


def remaining_resources(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Return the resources of the record that are not known to be gone."""
    return tuple(resource for resource in resources if resource.state != "gone")


def mark_gone(resource: Resource, clock: Clock) -> Resource:
    """Return the resource, marked as gone now."""
    return dataclasses.replace(resource, state="gone", gone_at=clock.now())
