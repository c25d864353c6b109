"""The resources of one region that AWS Backup protects, of every kind: each call goes to the kind that its ARN names."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import datetime
from typing import Any

from drills.sandbox.backup.kinds.buckets import Buckets
from drills.sandbox.backup.kinds.databases import Databases
from drills.sandbox.backup.kinds.file_systems import FileSystems
from drills.sandbox.backup.kinds.protected import Kind, Late, NewPoint, Protected, RestoreState, Taken
from drills.sandbox.backup.kinds.tables import Tables
from drills.sandbox.backup.kinds.volumes import Volumes
from drills.sandbox.dynamodb.backend import SandboxDynamoDB
from drills.sandbox.ec2.backend import SandboxEC2
from drills.sandbox.efs.backend import SandboxEFS
from drills.sandbox.rds.backend import SandboxRDS
from drills.sandbox.s3.backend import SandboxS3
from drills.sandbox.state import DataPlane


class Resources:
    """Everything in one region that can be backed up. A kind that is added gets its line in `_kinds`."""

    def __init__(
        self,
        rds: SandboxRDS,
        dynamodb: SandboxDynamoDB,
        ec2: SandboxEC2,
        efs: SandboxEFS,
        s3: SandboxS3,
        plane: DataPlane,
    ) -> None:
        self._kinds: Mapping[str, Kind] = {
            "rds": Databases(rds, plane),
            "dynamodb": Tables(dynamodb, plane),
            "ec2": Volumes(ec2, plane),
            "elasticfilesystem": FileSystems(efs, plane),
            "s3": Buckets(s3, plane, ec2.region_name),
        }
        self._held: Mapping[str, Container[str]] = {
            "elasticfilesystem": efs.images,
            "ec2": ec2.volume_images,
            "rds": rds.clusters_apart,
            "s3": s3.images,
        }

    def _of(self, arn: str) -> Kind:
        """Return the kind of a resource or of a recovery point, by its ARN.

        AWS Backup itself has the points of the resources that it manages fully, and those in an air-gapped vault.
        """
        service = arn.split(":")[2]
        if service == "backup":
            service = next((name for name, held in self._held.items() if arn in held), "dynamodb")
        return self._kinds[service]

    def all(self) -> list[Protected]:
        """Return everything that can be backed up."""
        return [each for kind in self._kinds.values() for each in kind.all()]

    def find(self, arn: str) -> Protected | None:
        """Return the resource with that ARN, None where there is none."""
        return next((each for each in self.all() if each.arn == arn), None)

    def point_arn(self, resource_arn: str, name: str) -> str:
        """Return the ARN of a resource's recovery point of that name."""
        return self._of(resource_arn).point_arn(resource_arn, name)

    def take(self, resource: Protected, wanted: NewPoint) -> Taken:
        """Copy the data of a resource now; whatever prevents it is its service's error."""
        return self._of(resource.arn).take(resource, wanted)

    def take_late(self, point_arn: str, resource: Protected, taken_at: datetime) -> None:
        """Copy the data of a resource for a point that was made while the clock was moved."""
        self._of(resource.arn).take_late(point_arn, resource, taken_at)

    def share(self, from_arn: str, point_arn: str, taken_at: datetime | None = None) -> None:
        """Give a point the data of another."""
        self._of(from_arn).share(from_arn, point_arn, taken_at)

    def register(self, point_arn: str, resource: Protected, wanted: NewPoint, late: Late) -> None:
        """Enter a point whose data are there."""
        self._of(resource.arn).register(point_arn, resource, wanted, late)

    def size_of(self, point_arn: str) -> int:
        """Return the bytes that the data of a point take."""
        return self._of(point_arn).size_of(point_arn)

    def set_tags(self, point_arn: str, tags: list[dict[str, str]]) -> None:
        """Give what holds the data of a point the point's tags."""
        self._of(point_arn).set_tags(point_arn, tags)

    def source_of(self, point_arn: str) -> Protected:
        """Return the resource of a point as it was when it was backed up."""
        return self._of(point_arn).source_of(point_arn)

    def remove(self, point_arn: str) -> None:
        """Remove the data of a point; do nothing where they are gone."""
        self._of(point_arn).remove(point_arn)

    def restore_metadata(self, point_arn: str) -> dict[str, Any]:
        """Return what AWS Backup lists of a point's resource."""
        return self._of(point_arn).restore_metadata(point_arn)

    def restore(self, point_arn: str, parameters: Mapping[str, Any]) -> str:
        """Restore a point and return the ARN of what is made; whatever prevents it is its service's error."""
        return self._of(point_arn).restore(point_arn, parameters)

    def state(self, name: str, created_arn: str) -> RestoreState:
        """Return how far the restore to a resource of that name is, which was made with that ARN."""
        return self._of(created_arn).state(name, created_arn)
