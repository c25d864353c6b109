"""The EC2 of moto, except that a security group that a database instance uses cannot be deleted, as on AWS.

The images of AWS, 1,285 in a usual region, are read when somebody first needs one, and not at the first request of any kind.
"""

from __future__ import annotations

import copy
import threading
from typing import Any

import moto.ec2.urls
from moto.ec2.exceptions import DependencyViolationError
from moto.ec2.models import EC2Backend, ec2_backends
from moto.kms.models import kms_backends
from moto.rds.models import rds_backends

from drills.sandbox.base.moto_backends import install_backend
from drills.sandbox.ec2.volumes import VolumeImage


class SandboxEC2(EC2Backend):
    """The EC2 of one region. `volume_images` are what AWS Backup has of volumes, of all regions, by the ARN of their point."""

    def __init__(self, region_name: str, account_id: str, volume_images: dict[str, VolumeImage]) -> None:
        self.volume_images = volume_images
        self._reading = threading.RLock()
        super().__init__(region_name, account_id)
        del self.amis, self.snapshots  # an image brings a snapshot with it

    def __getattr__(self, name: str) -> Any:
        """Read the images at the first use of either attribute."""
        if name not in ("amis", "snapshots"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        with self._reading:
            if name not in vars(self):
                whole = copy.copy(self)  # other threads see all of them or none
                whole.amis, whole.snapshots = {}, {}
                super(SandboxEC2, whole)._load_amis()
                self.snapshots, self.amis = whole.snapshots, whole.amis
            return vars(self)[name]

    def _load_amis(self) -> None:
        """Nothing yet."""

    @property
    def _url_module(self) -> Any:
        return moto.ec2.urls

    def _create_default_encryption_key(self) -> str:
        """Make the key of AWS's own that an encrypted volume is under where none is named; moto calls it the customer's."""
        arn = super()._create_default_encryption_key()
        kms_backends[self.account_id][self.region_name].describe_key(arn).key_manager = "AWS"
        return arn

    def delete_security_group(self, name: str | None = None, group_id: str | None = None) -> None:
        """DeleteSecurityGroup: refused while the network interface of an instance has the group, or a cluster names it.

        Its tags go with it, which moto keeps.
        """
        rds = rds_backends[self.account_id][self.region_name]
        in_use = [each.vpc_security_group_ids for each in rds.databases.values()]
        in_use += [each.vpc_security_group_ids for each in rds.clusters.values()]
        for groups in in_use:
            if group_id and group_id in groups:
                raise DependencyViolationError(f"resource {group_id} has a dependent object")
        named = self.get_security_group_by_name_or_id(name) if name and not group_id else None
        super().delete_security_group(name, group_id)
        self.tags.pop(named.id if named else str(group_id), None)


def install() -> None:
    """Make this the EC2 of moto; before its first request."""
    install_backend(ec2_backends, SandboxEC2, volume_images={})
