"""Makes and removes what a drill restores to: a scratch instance in groups of its own.

The copy is harmless before its first start: no egress, no public address, logical workers off, nothing preloaded that
runs jobs: a restored subscriber would take over production's replication slot (PostgreSQL documentation, "Subscription").
Each resource is recorded as "planned" before the call that makes it, so that a clean-up after a crash knows of it. What the
configuration names (an `aws` profile must) is used and left; only what is made is removed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import SecretStr

from drills.aws.calls import outcome
from drills.aws.databases.kinds import CLUSTER, INSTANCE, Kind
from drills.aws.databases.requests import (
    DEFAULT_CLASS,
    ScratchGroups,
    cluster_request,
    family_of,
    harmless,
    restore_request,
    writer_request,
)
from drills.aws.guarded.guard import Guard, Mine, NotOwn, Protected
from drills.aws.guarded.names import LockName, ScratchName, ScratchNames
from drills.aws.read import error_code, parameter_pages, refusal
from drills.aws.session import Clients
from drills.clock import Clock
from drills.config.load import RestoreConfig
from drills.errors import Refused, RestoreFailed
from drills.model.engine import ENROLLED, LifecycleSupport
from drills.model.instance import NEVER_MADE, Instance, Resource, ResourceKind, ResourceState, in_order_of_removal
from drills.model.point import RecoveryPoint
from drills.record import Journal

LOCK_FAMILY = "postgres16"  # of a lock whose source is gone; nothing is ever restored with that group


class Scratch:
    """The scratch resources of one run: makes and restores them, each recorded in the run record."""

    def __init__(
        self,
        clients: Clients,
        config: RestoreConfig,
        journal: Journal,
        tags: dict[str, str],
        source_side: Clients | None = None,
        kind: Kind = INSTANCE,
    ) -> None:
        self.kind = kind
        self._clients = clients
        self._source_side = source_side or clients  # where the source's own groups are, another region perhaps
        self._config = config
        self._journal = journal
        self._tags_by_key = tags
        self._tags = [{"Key": key, "Value": value} for key, value in tags.items()]

    def _guard(self) -> Guard:
        record = self._journal.record
        return Guard(self._clients, record.owner, Protected.of(record), self._journal.clock)

    def make_groups(self, names: ScratchNames, point: RecoveryPoint, source: Instance | None) -> ScratchGroups:
        """Make the groups that the configuration does not name, each recorded first."""
        config = self._config
        # of a cluster: what could act on others is set for all of it, and its instance has the defaults
        own = names.cluster_parameters if self.kind is CLUSTER else names.parameter_group
        parameters = config.parameter_group or self._make_parameter_group(own, point, source)
        vpc_id, subnet_ids = self._network(source)
        subnets = config.subnet_group or self._make_subnet_group(names.subnet_group, subnet_ids)
        security = config.security_group or self._make_security_group(names.security_group, vpc_id)
        return ScratchGroups(parameters, subnets, security, self._tags_by_key)

    def groups_of(self, names: ScratchNames) -> ScratchGroups:
        """Return the groups that a copy which is there was asked to be in, as the record has them; nothing is made or asked."""
        config = self._config
        return ScratchGroups(
            config.parameter_group or (names.cluster_parameters if self.kind is CLUSTER else names.parameter_group),
            config.subnet_group or names.subnet_group,
            config.security_group or self._resource_id("security-group", names.security_group),
            self._tags_by_key,
        )

    def restore(
        self,
        names: ScratchNames,
        groups: ScratchGroups,
        point: RecoveryPoint,
        source: Instance | None = None,
        lifecycle: LifecycleSupport = ENROLLED,
    ) -> None:
        """Ask RDS to restore the point; `lifecycle` is its EngineLifecycleSupport, enrolled as RDS's own default is.

        A cluster gets the capacity of the source's Serverless v2, which no restore brings along.
        Raises RestoreFailed with AWS's message when the request is refused.
        """
        if self.kind is CLUSTER:
            scaling = source.scaling if source else None
            request = cluster_request(names.instance, groups, point, lifecycle, scaling, self._tags)
        else:
            request = restore_request(names.instance, groups, point, lifecycle, self._config.instance_class, self._tags)
        what = f"the restore of {point.arn}"
        self._make(f"rds:{request.operation}", self.kind.copy, names.instance, what, request.parameters)

    def add_writer(self, names: ScratchNames, source: Instance | None, cluster: str = "") -> None:
        """Ask RDS for the one instance of a restored cluster, which has none; refused until the cluster is available.

        `cluster` is its name where a restore test of AWS Backup has made it, and not this run.

        Its class is the configured one, else that of the source's writer.
        Raises RestoreFailed with AWS's message when the request is refused.
        """
        size = self._config.instance_class or (source and source.instance_class) or DEFAULT_CLASS
        cluster = cluster or names.instance
        request = writer_request(cluster, names.writer, size, self._tags)
        what = f"the instance of {cluster}"
        self._make(f"rds:{request.operation}", "db-instance", names.writer, what, request.parameters)

    def set_password(self, instance_id: str, password: SecretStr) -> None:
        """Set a new master password; the drill never holds the source's. Refused for what is not this run's."""
        guard, kind = self._guard(), self.kind.copy
        for mine in guard.prove(kind, instance_id, self._resource_id(kind, instance_id)):
            guard.change(f"rds:{self.kind.modify}", mine, MasterUserPassword=password, ApplyImmediately=True)
            return
        raise RestoreFailed(f"expected the instance {instance_id} to set its password, found none: read its events")

    def copy_snapshot(self, point: RecoveryPoint, copy: ScratchName, *, source_region: str) -> None:
        """Ask RDS to copy a point's snapshot to the scratch side, under the configured key where there is one."""
        elsewhere = source_region != self._clients.region
        request: dict[str, Any] = {f"Source{self.kind.snapshot_id}": point.arn if elsewhere else point.snapshot_id}
        request |= {"SourceRegion": source_region} if elsewhere else {}
        request |= {"KmsKeyId": self._config.kms_key} if self._config.kms_key else {}
        request |= {"Tags": self._tags, "CopyTags": False}
        self._make(
            f"rds:Copy{self.kind.snapshot}", self.kind.copied_snapshot, copy, f"the copy of {point.arn}", request
        )

    def keep_secret(self, name: ScratchName, value: SecretStr) -> str:
        """Make a secret of Secrets Manager; return its ARN. Raises RestoreFailed where that is refused."""
        request = {"SecretString": value, "Description": "the login of a copy that was restored", "Tags": self._tags}
        mine = self._make("secretsmanager:CreateSecret", "secret", name, "the secret of the password", request)
        return str(mine.raw["ARN"])

    def make_lock(self, name: LockName, source: Instance | None) -> None:
        """Make the parameter group that says that this run drills the target. Raises RestoreFailed where that is refused."""
        request = {
            "DBParameterGroupFamily": family_of(source.engine_version) if source else LOCK_FAMILY,
            "Description": "a drill of this target goes on, see its tags",
            "Tags": self._tags,
        }
        self._make("rds:CreateDBParameterGroup", "db-parameter-group", name, "the lock of the target", request)

    # -- making ---------------------------------------------------------------------------------------------------

    def _make_parameter_group(self, name: ScratchName, point: RecoveryPoint, source: Instance | None) -> str:
        version, engine = point.engine_version or (source.engine_version if source else ""), self.kind.engine
        family = family_of(version, engine)
        values = self._source_parameters(source.parameter_group) if source and source.parameter_group else {}
        other = bool(source) and family != family_of(source.engine_version if source else "", engine)
        request = {
            "DBParameterGroupFamily": family,
            "Description": "scratch copy of a drill: the source's values, made harmless",
            "Tags": self._tags,
        }
        group = self.kind.group
        mine = self._make(f"rds:Create{group}", self.kind.made_group, name, "the parameter group", request)
        if other:  # an older backup: what its version does not know would be refused
            values = self._known_to(name, values)
        # ModifyDBParameterGroup takes at most 20 parameters a call (its API reference).
        for chunk in _chunks(sorted(harmless(values).items()), 20):
            parameters = [
                {"ParameterName": key, "ParameterValue": value, "ApplyMethod": "pending-reboot"} for key, value in chunk
            ]
            self._guard().change(f"rds:Modify{group}", mine, Parameters=parameters)
        return name

    def _source_parameters(self, group: str) -> dict[str, str]:
        values: dict[str, str] = {}
        for page in parameter_pages(self._source_side, group, self.kind, Source="user"):
            for parameter in page.get("Parameters", []):
                if parameter.get("ParameterValue") is not None and parameter.get("IsModifiable", True):
                    values[parameter["ParameterName"]] = parameter["ParameterValue"]
        return values

    def _known_to(self, group: str, values: dict[str, str]) -> dict[str, str]:
        """Return the values of parameters that the family of a group has; the others are noted."""
        pages = parameter_pages(self._clients, group, self.kind)
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

    def _make_subnet_group(self, name: ScratchName, subnet_ids: list[str]) -> str:
        request = {
            "DBSubnetGroupDescription": "scratch copy of a drill",
            "SubnetIds": subnet_ids,
            "Tags": self._tags,
        }
        self._make("rds:CreateDBSubnetGroup", "db-subnet-group", name, "the subnet group", request)
        return name

    def _make_security_group(self, name: ScratchName, vpc_id: str) -> str:
        """Return a group that admits the drill host alone and lets nothing out (EC2 gives each new group an egress rule)."""
        request = {
            "Description": "scratch copy of a drill: admits the drill host, lets nothing out",
            "VpcId": vpc_id,
            "TagSpecifications": [{"ResourceType": "security-group", "Tags": self._tags}],
        }
        mine = self._make("ec2:CreateSecurityGroup", "security-group", name, "the security group", request)
        group_id, guard = mine.resource_id, self._guard()
        group = self._clients.ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]
        if group["IpPermissionsEgress"]:
            with _done_before("NotFound"):
                guard.change("ec2:RevokeSecurityGroupEgress", mine, IpPermissions=group["IpPermissionsEgress"])
        host = {"CidrIp": self._config.drill_host_cidr or "127.0.0.1/32"}
        admitted = {"IpProtocol": "tcp", "FromPort": 1024, "ToPort": 65535, "IpRanges": [host]}
        with _done_before("Duplicate"):
            guard.change("ec2:AuthorizeSecurityGroupIngress", mine, IpPermissions=[admitted])
        return group_id

    # -- the record -----------------------------------------------------------------------------------------------

    def _make(
        self, operation: str, kind: ResourceKind, name: ScratchName | LockName, what: str, request: dict[str, Any]
    ) -> Mine:
        """Request what is to be made, recorded first; return the proof of it. Raises RestoreFailed where it is refused.

        What is there already and carries this run's tag was made by a request whose answer was lost: it is returned. After a
        failure that does not say whether the request was carried out the resource stays planned, and the clean-up asks for it.
        """
        self._note(kind, name, "planned")
        guard = self._guard()
        try:
            mine = guard.make(operation, name, **request)
        except Refused:
            self._note(kind, name, "gone", f"refused by the guard, {NEVER_MADE}")
            raise
        except (ClientError, BotoCoreError) as error:
            own, unmade = self._there(guard, kind, name) if outcome.says_exists(error) else ((), False)
            if not own:
                unmade = unmade or outcome.was_not_carried_out(error)
                raise RestoreFailed(f"{refusal(error, what)}{self._note_failure(kind, name, unmade)}") from error
            mine = own[0]
        self._made(mine)
        return mine

    def _there(self, guard: Guard, kind: ResourceKind, name: str) -> tuple[tuple[Mine, ...], bool]:
        """Return what there is of that name and is this run's, and whether it is certainly somebody else's."""
        try:
            return guard.prove(kind, name), False
        except NotOwn:
            return (), True

    def _resource_id(self, kind: ResourceKind, name: str) -> str:
        """Return the identity that AWS gave to what this run made, "" where its answer was lost."""
        resources = self._journal.record.resources
        return next((each.resource_id for each in resources if (each.kind, each.id) == (kind, name)), "")

    def _note_failure(self, kind: ResourceKind, name: str, unmade: bool) -> str:
        """Record that something was never made, where that is certain; return what the sentence says where it is not."""
        if unmade:
            self._note(kind, name, "gone", f"refused by AWS, {NEVER_MADE}")
            return ""
        return f"; whether {name} was made is not known, the clean-up asks for it"

    def _made(self, mine: Mine) -> None:
        clients, now = self._clients, self._journal.clock.now()
        note = mine.resource_id if mine.kind == "security-group" else ""
        made = Resource(mine.kind, mine.name, "made", clients.account, clients.region, note, now)
        self._journal.resource(dataclasses.replace(made, resource_id=mine.resource_id))

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


def _chunks(items: list[tuple[str, str]], size: int) -> Iterable[list[tuple[str, str]]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def remaining_resources(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Return the resources of the record that are not known to be gone, in the order of their removal.

    Without those of a cut-over, which no clean-up removes.
    """
    return in_order_of_removal(each for each in resources if each.state not in ("gone", "in use", "kept"))


def mark_gone(resource: Resource, clock: Clock) -> Resource:
    """Return the resource, marked as gone now."""
    return dataclasses.replace(resource, state="gone", gone_at=clock.now())
