"""Foresees quotas, the subnets' free addresses, the groups, and a class that is not offered where the copy would lie. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drills.aws.databases.kinds import CLUSTER, INSTANCE
from drills.aws.databases.requests import family_of
from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.posture.judgement import Judgement, count_noun
from drills.posture.needs import judge_security_group
from drills.preflight.facts import PreflightFacts, Restore

NO_POINT = "there is no point to restore"
CAPACITY = (
    "InsufficientDBInstanceCapacity, InvalidDBCapacityReservationState and VpcEncryptionControlViolationException can be "
    "known by the restore alone: no call reads whether AWS has room for an instance at a moment"
)
_RAISE = "aws service-quotas request-service-quota-increase --service-code rds, or delete what is not needed"


def quotas(facts: PreflightFacts) -> CheckResult:
    """Foresee a quota of RDS that the restore would exceed, by DescribeAccountAttributes (AccountQuota, API reference)."""
    judged = Judgement("quotas")
    restore = facts.restore
    if restore is None:
        return judged.result("", nothing=NO_POINT, requirement="optional")
    if not judged.was_read("quotas", facts.quotas) or isinstance(facts.quotas, NotVerified):
        return judged.result("")
    for name, more in _needed(facts, restore).items():
        if name not in facts.quotas:
            judged.was_read(f"quota {name}", NotVerified("DescribeAccountAttributes does not name it"))
            continue
        used, most = facts.quotas[name]
        judged.count()
        if used + more > most:
            judged.find(
                "error",
                f"quota {name} of {facts.account}",
                expected=f"room for {more} more",
                found=f"{used} of {most} in use",
                remedy=_RAISE,
            )
    if facts.kind is INSTANCE and restore.point.allocated_gib is None:
        judged.was_read("quota AllocatedStorage", NotVerified("AWS does not say the size of the point"))
    return judged.result("there is room for the copy within the quotas")


def _needed(facts: PreflightFacts, restore: Restore) -> dict[str, int]:
    kind = facts.kind
    needed = {kind.described: 1, INSTANCE.described: 1}
    # the storage of a cluster is not allocated, and counts against no quota of an account
    if kind is INSTANCE and restore.point.allocated_gib is not None:
        needed["AllocatedStorage"] = int(
            restore.request.parameters.get("AllocatedStorage") or restore.point.allocated_gib
        )
    if restore.copied_first:
        needed[kind.snapshots_quota] = 1
    if not facts.parameter_group:
        needed[kind.groups_quota] = 1
    if facts.locked:
        needed[INSTANCE.groups_quota] = needed.get(INSTANCE.groups_quota, 0) + 1
    if facts.network is not None and not facts.network.subnet_group:
        needed["DBSubnetGroups"] = 1
    return needed


def addresses(facts: PreflightFacts) -> CheckResult:
    """Foresee subnets without a free address, by AvailableIpAddressCount (Amazon EC2 API reference, Subnet)."""
    judged = Judgement("addresses")
    network = facts.network
    if network is None:
        return judged.result("", nothing=NO_POINT, requirement="optional")
    if network.subnet_ids is None:
        judged.find(
            "error",
            network.subnet_group or facts.instance_id,
            expected="subnets to restore into",
            found="no DB subnet group of that name"
            if network.subnet_group
            else "neither the source's nor a default VPC's",
            remedy="aws rds create-db-subnet-group, and name it as restore.subnet_group in drill.toml",
        )
        return judged.result("")
    judged.was_read("subnets of the copy", network.subnet_ids)
    if not judged.was_read("free addresses", network.subnets) or isinstance(network.subnets, NotVerified):
        return judged.result("")
    free = {str(each["SubnetId"]): each.get("AvailableIpAddressCount") for each in network.subnets}
    for subnet, count in sorted(free.items()):
        if count is None:
            judged.was_read(f"free addresses of {subnet}", NotVerified("EC2 does not say"))
            continue
        judged.count()
        if count < 1:
            judged.find(
                "error" if not any(free.values()) else "warning",
                subnet,
                expected="a free address for the copy",
                found="none",
                remedy="free addresses in the subnet, or name a DB subnet group with other subnets as restore.subnet_group",
            )
    return judged.result(f"free addresses in {count_noun(judged.compared, 'subnet')}")


def groups(facts: PreflightFacts) -> CheckResult:
    """Foresee a parameter group of another family, and groups that drill.toml names and that are not there."""
    judged = Judgement("groups")
    if facts.restore is None or facts.network is None:
        return judged.result("", nothing=NO_POINT, requirement="optional")
    _parameter_group(judged, facts, facts.restore)
    group, there = facts.network.security_group, facts.network.security_group_there
    if group and judged.was_read(group, there):
        judge_security_group(judged, group, there=there is not False)
    of = "cluster " if facts.kind is CLUSTER else ""
    made = [] if facts.parameter_group else [f"a {of}parameter group"]
    made += [] if facts.network.subnet_group else ["a DB subnet group"]
    made += [] if group else ["a security group"]
    judged.count(bool(made))
    return judged.result(
        f"the run makes {', '.join(made)}" if made else "the groups that drill.toml names are there and fit"
    )


def _parameter_group(judged: Judgement, facts: PreflightFacts, restore: Restore) -> None:
    name, found = facts.parameter_group, facts.parameters
    if not name or not judged.was_read(name, found) or isinstance(found, NotVerified):
        return
    judged.count()
    version = restore.point.engine_version
    wanted = family_of(version, facts.kind.engine) if version else ""
    noun, of = ("cluster parameter group", "cluster-") if facts.kind is CLUSTER else ("parameter group", "")
    family = str((found or {}).get("DBParameterGroupFamily", ""))
    if found is not None and not wanted:
        judged.was_read(f"family of {name}", NotVerified("AWS does not say the version of the point"))
    elif found is None or family != wanted:
        judged.find(
            "error",
            name,
            expected=f"a {noun} of the family {wanted}" if wanted else f"a {noun}",
            found=f"one of {family}" if found is not None else "none of that name",
            remedy=f"aws rds create-db-{of}parameter-group --db-parameter-group-family {wanted or 'FAMILY'}, or "
            "make_parameter_group = true in the target's restore table",
        )


def instance_class(facts: PreflightFacts) -> CheckResult:
    """Foresee a class that RDS does not offer for the version where the copy would lie (DescribeOrderableDBInstanceOptions)."""
    judged = Judgement("instance class")
    engine, network, restore = facts.engine, facts.network, facts.restore
    if engine is None or network is None or restore is None:
        return judged.result("", nothing=NO_POINT, requirement="optional")
    if not restore.instance_class:
        judged.was_read("instance class", NotVerified("the source is gone and restore.instance_class names none"))
        return judged.result("")
    if not judged.was_read("classes on offer", engine.options) or isinstance(engine.options, NotVerified):
        return judged.result("")
    judged.count()
    offered = {
        zone["Name"] for each in _fitting(engine.options, restore) for zone in each.get("AvailabilityZones") or ()
    }
    zones = (
        set()
        if isinstance(network.subnets, NotVerified)
        else {str(each["AvailabilityZone"]) for each in network.subnets}
    )
    missing = sorted(zones - offered)
    named = f"{restore.instance_class} with PostgreSQL {engine.version}"
    if not offered or (zones and len(missing) == len(zones)):
        judged.find(
            "error",
            named,
            expected=f"to be offered in {', '.join(sorted(zones)) or facts.region}",
            found=f"offered in {', '.join(sorted(offered))}" if offered else "not offered in this region",
            remedy="name another class as restore.instance_class, or a subnet group in other zones",
        )
    elif missing:
        judged.find(
            "information",
            named,
            expected=f"to be offered in {', '.join(sorted(zones))}",
            found=f"not offered in {', '.join(missing)}: RDS can place the copy in the others alone",
            remedy="none is needed while one zone has capacity",
        )
    if isinstance(network.subnets, NotVerified):
        judged.was_read("zones of the copy", network.subnets)
    return judged.result(f"{named} is offered in {', '.join(sorted(offered & zones) or sorted(offered))}")


def _fitting(options: tuple[Mapping[str, Any], ...], restore: Restore) -> list[Mapping[str, Any]]:
    return [
        each
        for each in options
        if each.get("Vpc", True)
        and (not restore.storage_type or each.get("StorageType") in (None, restore.storage_type))
    ]


def capacity(facts: PreflightFacts) -> CheckResult:
    """Name the failures that nothing foresees."""
    return CheckResult("capacity", "not verified", CAPACITY, "impossible")
