"""The network of the instances: subnet groups, security groups, and which clients an instance admits."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from moto.ec2.models import EC2Backend, ec2_backends
from moto.rds.exceptions import InvalidParameterValue, RDSClientError
from moto.rds.models import DBSubnetGroup, RDSBackend, rds_backends

from drills.sandbox.base.moto_backends import all_backends


class Network:
    """Finds the subnet and security groups of one region."""

    def __init__(self, backend: RDSBackend) -> None:
        self._backend = backend

    def _ec2(self) -> EC2Backend:
        return ec2_backends[self._backend.account_id][self._backend.region_name]

    def security_groups(self, group_ids: Iterable[str] | None, vpc: str) -> list[str]:
        """Return these groups, or the default group of the VPC; raise InvalidParameterValue for an unknown group."""
        ids = list(group_ids or ())
        for group_id in ids:
            if self._ec2().get_security_group_from_id(group_id) is None:
                raise InvalidParameterValue(f"Invalid security group , groupId= {group_id}, groupName=.")
        default = self._ec2().get_default_security_group(vpc)
        return ids or ([default.id] if default else [])

    def default_subnet_group(self) -> DBSubnetGroup:
        """Return the subnet group `default`, which has every subnet of the default VPC."""
        groups = self._backend.subnet_groups
        if "default" not in groups:
            ec2 = self._ec2()
            subnets = [each for each in ec2.describe_subnets() if each.vpc_id == ec2.default_vpc.id]
            groups["default"] = DBSubnetGroup(self._backend, "default", "default", subnets, [])  # type: ignore[abstract]
        return groups["default"]

    def check_unused_subnet_group(self, name: str) -> None:
        """Raise InvalidDBSubnetGroupStateFault while an instance uses the subnet group."""
        name = name.lower()
        instances = [(each.db_subnet_group.name, each.resource_id) for each in self._backend.databases.values()]
        clusters = [(each.db_subnet_group_name, each.resource_id) for each in self._backend.clusters.values()]
        for group, user in (*instances, *clusters):
            if group == name:
                raise RDSClientError(
                    "InvalidDBSubnetGroupStateFault",
                    f"Cannot delete the subnet group '{name}' because at least one database instance: "
                    f"{user} is still using it.",
                )


def admits(name: str, address: str) -> bool:
    """Return whether the security groups of an instance admit a client of this machine.

    The sandbox emulates no networks. It honours groups only where each of them names loopback networks and nothing
    else, as a group does that admits the drill's host. Every other instance admits everybody.
    """
    networks: list[ipaddress.IPv4Network] = []
    for region in all_backends(rds_backends):
        # of a cluster's writer endpoint, which no instance has the name of
        db: Any = region.databases.get(name) or region.clusters.get(name.removesuffix(".cluster"))
        for group_id in db.vpc_security_group_ids if db else ():
            group = ec2_backends[region.account_id][region.region_name].get_security_group_from_id(group_id)
            ranges = [str((rule.ip_range or {}).get("CidrIp", "")) for rule in (group.ingress_rules if group else ())]
            if not ranges or not all(each.startswith("127.") for each in ranges):
                return True
            networks += [ipaddress.IPv4Network(each) for each in ranges]
    client = ipaddress.ip_address("127.0.0.1" if address == "::1" else address)
    return not networks or any(client in each for each in networks)
