"""Reads the resources that a restore of an instance or a cluster needs, and the stored copy of its configuration."""

from __future__ import annotations

from pathlib import Path

from drills.aws import read as aws
from drills.aws import settings
from drills.aws.databases.kinds import KINDS
from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.config.load import Target
from drills.errors import DrillError
from drills.model.parity import NotVerified
from drills.posture.facts import Document, RestoreNeeds, StoredConfiguration


def read_needs(clients: Clients, there: Clients, target: Target, raw: Document | None) -> RestoreNeeds | None:
    """Return the groups that drill.toml names for copies, else those of the instance where the copy lies beside it.

    `clients` are of the source's side, `there` of the copy's.
    """
    restore, kind = target.restore, KINDS[target.kind]
    beside = (there.account, there.region) == (clients.account, clients.region)
    own = raw if raw is not None and beside else {}
    if raw is None and not (restore.subnet_group or restore.security_group or restore.parameter_group):
        return None
    named = own.get("DBSubnetGroup") or {}  # a cluster has its name alone
    subnets = restore.subnet_group or str(named.get("DBSubnetGroupName") or "" if isinstance(named, dict) else named)
    groups = (
        (restore.security_group,)
        if restore.security_group
        else tuple(each["VpcSecurityGroupId"] for each in own.get("VpcSecurityGroups") or [])
    )
    first: Document = next(iter(own.get("DBParameterGroups") or []), {})
    used = own.get("DBClusterParameterGroup") or first.get("DBParameterGroupName")
    parameters = restore.parameter_group or str(used or "")

    return RestoreNeeds(
        subnets,
        read_or_not_verified("rds:DescribeDBSubnetGroups", lambda: aws.subnet_group(there, subnets))
        if subnets
        else None,
        groups,
        read_or_not_verified(
            "ec2:DescribeSecurityGroups",
            lambda: tuple(each for each in groups if aws.has_security_group(there, each)),
        ),
        parameters,
        read_or_not_verified(
            f"rds:Describe{kind.group}s",
            lambda: aws.parameter_group(there, parameters, kind),
        )
        if parameters
        else None,
        read_or_not_verified("rds:DescribeAccountAttributes", lambda: aws.quotas(there)),
    )


def read_stored(store: Path, clients: Clients, target: Target) -> StoredConfiguration | NotVerified | None:
    """Return the stored copy, None where there is none."""
    of = clients.account, clients.region, target.instance, target.kind
    try:
        kept = settings.load(store, *of)
    except DrillError as error:
        return NotVerified(str(error))
    if kept is None:
        return None
    return StoredConfiguration(kept.dbi_resource_id, kept.taken_at, str(settings.stored_path(store, *of)))
