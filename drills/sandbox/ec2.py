"""The EC2 of moto, except that a security group that a database instance uses cannot be deleted, as on AWS."""

from __future__ import annotations

from typing import Any

import moto.ec2.urls
from moto.ec2.exceptions import DependencyViolationError
from moto.ec2.models import EC2Backend, ec2_backends
from moto.rds.models import rds_backends

from drills.sandbox.base.moto_backends import install_backend


class SandboxEC2(EC2Backend):
    """The EC2 of one region."""

    @property
    def _url_module(self) -> Any:
        return moto.ec2.urls

    def delete_security_group(self, name: str | None = None, group_id: str | None = None) -> None:
        """DeleteSecurityGroup: refused while the network interface of an instance has the group, or a cluster names it."""
        rds = rds_backends[self.account_id][self.region_name]
        in_use = [each.vpc_security_group_ids for each in rds.databases.values()]
        in_use += [each.vpc_security_group_ids for each in rds.clusters.values()]
        for groups in in_use:
            if group_id and group_id in groups:
                raise DependencyViolationError(f"resource {group_id} has a dependent object")
        super().delete_security_group(name, group_id)


def install() -> None:
    """Make this the EC2 of moto; before its first request."""
    install_backend(ec2_backends, SandboxEC2)
