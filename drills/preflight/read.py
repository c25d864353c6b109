"""Reads the facts that a restore is foreseen by. Changes nothing: every call is a Describe, a Get, a List or a simulation.

What the caller may not read becomes a `NotVerified` with the right that is lacking; the other facts are read all the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drills.aws import engine as aws_engine
from drills.aws import read as aws
from drills.aws.databases.kinds import CLUSTER
from drills.aws.databases.requests import (
    DEFAULT_CLASS,
    ScratchGroups,
    cluster_request,
    restore_request,
    writer_request,
)
from drills.aws.guarded.names import LOCK_PREFIX, ScratchNames, scratch_tags
from drills.aws.read import pages
from drills.aws.settings import read_or_not_verified
from drills.model.engine import LifecycleSupport
from drills.model.instance import Instance
from drills.model.parity import NotVerified
from drills.model.point import Choice, RecoveryPoint
from drills.preflight import rights as simulating
from drills.preflight.facts import Document, Engine, Key, Network, PreflightFacts, Restore, Rights
from drills.preflight.principal import principal_of
from drills.preflight.read_key import arns_of, read_key
from drills.preflight.resource.read import read_resource
from drills.preflight.sides import Sides
from drills.preflight.simulate import simulate
from drills.record import new_run_id
from drills.recovery import choose, selection, vaults
from drills.recovery.engine_version import backed_up
from drills.recovery.setup import addressed, needs_copy

PREFLIGHT = "preflight"  # what the calls are made for, in the record of them
MADE = "(made by the run)"
A_LOCK = f"{LOCK_PREFIX}{'0' * 16}-1"  # the form of a lock's name


def read(sides: Sides, now: datetime) -> PreflightFacts:
    """Return every fact. `now` is the instant at which the disaster would strike."""
    with sides.clients.within(PREFLIGHT):
        return _Reader(sides, now).facts() if sides.target.is_database else read_resource(sides, now)


class _Reader:
    """Reads facts from AWS, each in a method of its own."""

    def __init__(self, sides: Sides, now: datetime) -> None:
        self._sides = sides
        self._target = sides.target
        self._source = sides.clients
        self._there = sides.scratch_clients
        self._kind = sides.kind
        self._now = now

    def facts(self) -> PreflightFacts:
        """Return all of them; those of a restore where there is a point to restore."""
        target, config, kind = self._target, self._target.preflight, self._kind
        found = read_or_not_verified(
            f"rds:Describe{kind.described}", lambda: aws.described(self._source, target.instance, kind)
        )
        raw, source = found if isinstance(found, tuple) else (None, None)
        points, bars = self._points()
        choice = Choice(None, (), ()) if bars and isinstance(bars, tuple) else self._choice(points, source)
        point = None if isinstance(choice, NotVerified) else choice.point
        facts = PreflightFacts(
            now=self._now,
            account=self._there.account,
            region=self._there.region,
            instance_id=target.instance,
            dbi_resource_id=source.dbi_resource_id if source else "",
            vault=target.vault,
            ends_within=config.ends_within,
            points_end_within=config.points_end_within,
            choice=choice,
            points=points,
            copies=self._copies(),
            instance=found if isinstance(found, NotVerified) else raw,
            maintenance=read_or_not_verified("rds:DescribePendingMaintenanceActions", lambda: self._maintenance(raw)),
            certificates=read_or_not_verified("rds:DescribeCertificates", self._certificates),
            restore=None,
            kind=kind,
            bars=bars,
        )
        return facts if point is None else dataclasses.replace(facts, **self._of_restore(point, source))

    def _of_restore(self, point: RecoveryPoint, source: Instance | None) -> dict[str, Any]:
        """Return the facts that belong to the restore of a point."""
        target, version = self._target, backed_up(point, source)
        lifecycle = (
            aws_engine.read_lifecycle(self._there, version, self._kind)
            if version
            else NotVerified("its version is not known")
        )
        support = aws_engine.decide(version, lifecycle, self._sides.expires(self._now))
        restore, made = self._restore(point, source, support.setting)
        keys, network = self._keys(point), self._network(source)
        subnets = () if isinstance(network.subnets, NotVerified) else network.subnets
        made = dataclasses.replace(
            made,
            keys=arns_of(keys),
            vpc=next((str(each["VpcId"]) for each in subnets if each.get("VpcId")), ""),
            reads_source=target.restore.role_arn is None,
            lock=A_LOCK if self._sides.locked else "",
        )
        row = read_or_not_verified("rds:DescribeDBEngineVersions", lambda: self._version(version))
        options = read_or_not_verified(
            "rds:DescribeOrderableDBInstanceOptions", lambda: self._options(version, restore.instance_class)
        )
        return {
            "restore": restore,
            "rights": self._rights(restore, made),
            "network": network,
            "engine": Engine(version, row, lifecycle, support, options),
            "keys": keys,
            "quotas": read_or_not_verified("rds:DescribeAccountAttributes", lambda: aws.quotas(self._there)),
            "locked": self._sides.locked,
            "parameter_group": target.restore.parameter_group or "",
            "parameters": read_or_not_verified(f"rds:Describe{self._kind.group}s", self._parameter_group),
        }

    # -- the point and the request --------------------------------------------------------------------------------------

    def _points(
        self,
    ) -> tuple[tuple[RecoveryPoint, ...] | NotVerified, tuple[vaults.Barred, ...] | NotVerified]:
        """Return the points, and the vaults for which a drill would be refused, of one of which there are no points to read."""

        def listed() -> tuple[RecoveryPoint, ...]:
            with vaults.named_by_its_key(self._sides.name, self._target, self._source):
                return choose.points_of(self._sides)

        needed = f"backup:ListRecoveryPointsByBackupVault, rds:Describe{self._kind.snapshot}s"
        points = read_or_not_verified(needed, listed)
        known = None if isinstance(points, NotVerified) else points
        bars = read_or_not_verified("backup:DescribeBackupVault", lambda: vaults.barring(self._sides, known))
        none = isinstance(bars, tuple) and any(not each.words for each in bars)
        return (() if none else points), bars

    def _choice(self, points: tuple[RecoveryPoint, ...] | NotVerified, source: Instance | None) -> Choice | NotVerified:
        """Return the point that a drill would choose now; in place of one at random the newest one."""
        if isinstance(points, NotVerified):
            return points
        sample = self._target.sample
        if sample.moment is not None:
            moment = sample.moment
            return read_or_not_verified(
                f"rds:Describe{self._kind.backups_key}",
                lambda: choose.choose_moment(self._sides, source, moment, self._now),
            )
        resource_id = source.dbi_resource_id if source else None
        if sample.kind == "random":
            return selection.choose_newest(points, dbi_resource_id=resource_id, usable_at=self._now)
        scenario = self._target.scenario(self._sides.scenario)
        kinds = scenario.points if scenario else ()
        return selection.choose(sample, points, dbi_resource_id=resource_id, usable_at=self._now, kinds=kinds)

    def _copies(self) -> tuple[RecoveryPoint, ...] | NotVerified | None:
        vault = self._target.copy_vault
        if vault is None:
            return None
        found = read_or_not_verified(
            "backup:ListRecoveryPointsByBackupVault",
            lambda: aws.recovery_points(self._there, self._target.instance, vault, self._kind),
        )
        return found if isinstance(found, NotVerified) else tuple(each for each in found if each.vault == vault)

    def _restore(
        self, point: RecoveryPoint, source: Instance | None, lifecycle: LifecycleSupport
    ) -> tuple[Restore, simulating.Made]:
        """Return the restore that a drill would ask for now, by the functions that build its requests."""
        config, of_cluster = self._target.restore, self._kind is CLUSTER
        run_id = new_run_id(self._now)
        names = ScratchNames.of(run_id, "recovery")
        expires = self._sides.expires(self._now).isoformat(timespec="seconds")
        tags = scratch_tags(run_id, self._sides.name, expires, self._target.tags)
        groups = ScratchGroups(
            config.parameter_group or (names.cluster_parameters if of_cluster else names.parameter_group),
            config.subnet_group or names.subnet_group,
            config.security_group or MADE,
        )
        copied = needs_copy(point, self._source.region, self._there, self._target)
        asked = dataclasses.replace(point, snapshot_id=names.snapshot) if copied else addressed(point, self._there)
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        instance_class = config.instance_class or (source.instance_class if source else "")
        if of_cluster:
            scaling = source.scaling if source else None
            request = cluster_request(names.instance, groups, asked, lifecycle, scaling, listed)
            instance_class = instance_class or DEFAULT_CLASS
        else:
            request = restore_request(names.instance, groups, asked, lifecycle, config.instance_class, listed)
        writer = writer_request(names.instance, names.writer, instance_class, listed) if of_cluster else None
        named = [each for each in (config.parameter_group, config.subnet_group) if each]
        named += [simulating.SECURITY_GROUP] if config.security_group else []
        made = simulating.Made(
            names.instance,
            groups.parameter_group,
            groups.subnet_group,
            names.snapshot,
            tags,
            named,
            kind=self._kind,
            writer=names.writer if writer else "",
        )
        # a snapshot restores to io1 where Iops is given, else to gp3 (API reference, RestoreDBInstanceFromDBSnapshot, StorageType);
        # that of a cluster to aurora (RestoreDBClusterFromSnapshot, StorageType)
        storage = str(request.parameters.get("StorageType") or ("aurora" if of_cluster else "gp3"))
        return Restore(point, request, copied, instance_class, storage, writer), made

    # -- rights and keys ------------------------------------------------------------------------------------------------

    def _rights(self, restore: Restore, made: simulating.Made) -> Rights:
        principal = principal_of(self._target, self._there)
        if isinstance(principal, NotVerified):
            return Rights(principal, principal, principal)
        wanted = simulating.simulations(restore, made, self._there.account, self._there.region)
        action = simulating.encrypting_action(restore)
        unencrypted = [
            simulating.Simulated(each.actions, each.resources, {**each.context, simulating.ENCRYPTED: False})
            for each in wanted
            if each.actions == (action,)
        ]
        return Rights(
            principal, simulate(self._there, principal, wanted), simulate(self._there, principal, unencrypted)
        )

    def _keys(self, point: RecoveryPoint) -> dict[str, Key | NotVerified | None]:
        """Return the keys that the restore needs: the snapshot's, and the one that it is copied under."""
        own = point.kms_key_id if point.encrypted else None
        wanted = [each for each in (own, self._target.restore.kms_key) if each]
        return {each: read_key(self._there, each) for each in dict.fromkeys(wanted)}

    # -- where the copy would lie ---------------------------------------------------------------------------------------

    def _network(self, source: Instance | None) -> Network:
        config = self._target.restore
        ids = read_or_not_verified("rds:DescribeDBSubnetGroups, ec2:DescribeSubnets", lambda: self._subnet_ids(source))
        known = ids if isinstance(ids, tuple) else ()
        subnets = read_or_not_verified("ec2:DescribeSubnets", lambda: self._subnets(known))
        group = config.security_group or ""
        present = (
            read_or_not_verified("ec2:DescribeSecurityGroups", lambda: aws.has_security_group(self._there, group))
            if group
            else True
        )
        return Network(config.subnet_group or "", ids, subnets, group, present)

    def _subnet_ids(self, source: Instance | None) -> tuple[str, ...] | None:
        """Return the subnets that the copy would be restored into: of the named group, of the source's, or of a default VPC."""
        name = self._target.restore.subnet_group
        if name:
            found = aws.subnet_group(self._there, name)
            return None if found is None else _ids(found)
        beside = (self._there.account, self._there.region) == (self._source.account, self._source.region)
        own = source.subnet_ids if source and beside else ()
        if own:
            return own
        vpcs = self._there.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
        if not vpcs:
            return None
        within = [{"Name": "vpc-id", "Values": [vpcs[0]["VpcId"]]}]
        return tuple(each["SubnetId"] for each in pages(self._there.ec2, "describe_subnets", "Subnets", Filters=within))

    def _subnets(self, ids: tuple[str, ...]) -> tuple[Document, ...]:
        if not ids:
            return ()
        return tuple(pages(self._there.ec2, "describe_subnets", "Subnets", SubnetIds=list(ids)))

    def _parameter_group(self) -> Document | None:
        name = self._target.restore.parameter_group
        return aws.parameter_group(self._there, name, self._kind) if name else None

    # -- the engine -----------------------------------------------------------------------------------------------------

    def _version(self, version: str) -> Document | None:
        asked = {"Engine": self._kind.engine, "EngineVersion": version}
        answer = self._there.rds.describe_db_engine_versions(**asked, IncludeAll=True)
        return next((each for each in answer["DBEngineVersions"] if each.get("EngineVersion") == version), None)

    def _options(self, version: str, kind: str) -> tuple[Document, ...]:
        by_class = {"DBInstanceClass": kind} if kind else {}
        asked = {"Engine": self._kind.engine, "EngineVersion": version, **by_class}
        return tuple(
            pages(self._there.rds, "describe_orderable_db_instance_options", "OrderableDBInstanceOptions", **asked)
        )

    def _maintenance(self, raw: Document | None) -> tuple[Document, ...]:
        """Return what is pending of the source, of a cluster also that of its instances, which have actions of their own."""
        if raw is None:
            return ()
        own = str(raw["DBInstanceArn"])
        members = (str(each["DBInstanceIdentifier"]) for each in raw.get("DBClusterMembers") or ())
        arns = [own, *(f"{own.rpartition(':cluster:')[0]}:db:{each}" for each in members)]
        return tuple(
            each
            for arn in arns
            for row in self._source.rds.describe_pending_maintenance_actions(ResourceIdentifier=arn)[
                "PendingMaintenanceActions"
            ]
            for each in row.get("PendingMaintenanceActionDetails") or ()
        )

    def _certificates(self) -> tuple[Document, ...]:
        return tuple(pages(self._source.rds, "describe_certificates", "Certificates"))


def _ids(group: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(each["SubnetIdentifier"]) for each in group.get("Subnets") or [])
