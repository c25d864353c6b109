"""What AWS Backup protects: the types of its resources by ARN, and what each kind of them does for a backup and a restore."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

AURORA = "Aurora"
DYNAMODB = "DynamoDB"
EBS = "EBS"
EFS = "EFS"
RDS = "RDS"
S3 = "S3"
_TYPES = {
    ("rds", "db"): RDS,
    ("rds", "cluster"): AURORA,
    ("dynamodb", "table"): DYNAMODB,
    ("ec2", "volume"): EBS,
    ("elasticfilesystem", "file-system"): EFS,
}
# "Full AWS Backup management": their points are resources of AWS Backup, under the key of the vault (developer guide, "Feature
# availability by resource" and "Encryption for backups in AWS Backup")
FULLY_MANAGED = frozenset({DYNAMODB, EFS, S3})
RestoreState: TypeAlias = Literal["running", "available", "failed"]


def type_of(resource_arn: str) -> str:
    """Return AWS Backup's type of a resource, such as `RDS` or `EFS`; empty for one of another service."""
    parts = resource_arn.split(":", 5)
    if len(parts) == 6 and parts[2] == "s3":  # a bucket's ARN has its name alone
        return S3
    return _TYPES.get((parts[2], parts[5].replace("/", ":").split(":")[0]), "") if len(parts) == 6 else ""


def name_of(resource_arn: str) -> str:
    """Return the name in the ARN of an instance, a cluster, a table or a bucket, or the id of a volume or a file system."""
    if type_of(resource_arn) == S3:
        return resource_arn.split(":", 5)[5]
    return resource_arn.split(":", 5)[5].replace("/", ":", 1).partition(":")[2]


def is_apart(point_arn: str) -> bool:
    """Return whether a recovery point is a resource of AWS Backup itself, and no snapshot of another service."""
    return point_arn.split(":")[2] == "backup"


class Protected(Protocol):
    """A resource that can be backed up. `status` is in RDS's words; resources with one `server_id` have the same data."""

    @property
    def arn(self) -> str:
        """Its ARN."""

    @property
    def resource_id(self) -> str:
        """Its name."""

    @property
    def server_id(self) -> str:
        """The identity of its data."""

    @property
    def status(self) -> str:
        """`available` when a backup is possible."""

    @property
    def kms_key_id(self) -> str | None:
        """The key that its backups are under, None for none of its own."""

    @property
    def tags(self) -> Sequence[Mapping[str, str]]:
        """Its tags, each with `Key` and `Value`."""


@dataclass(frozen=True, slots=True)
class NewPoint:
    """A recovery point that is being made: its name, its tags as RDS has them, and the seconds until it is available."""

    name: str
    tags: list[dict[str, str]]
    delay: float


@dataclass(frozen=True, slots=True)
class Taken:
    """The data that a backup has copied: the ARN of their recovery point, and the key that they are under."""

    arn: str
    kms_key_id: str | None


@dataclass(frozen=True, slots=True)
class Late:
    """A recovery point that was made while the clock was moved: when, and when the data that it holds were copied first."""

    created_at: datetime
    taken_at: datetime
    kms_key_id: str | None


class Kind(Protocol):
    """What a kind of resource does for AWS Backup. A recovery point is named by its ARN."""

    def all(self) -> Sequence[Protected]:
        """Return every resource of this kind in the region."""

    def point_arn(self, resource_arn: str, name: str) -> str:
        """Return the ARN of the recovery point of that name."""

    def take(self, resource: Protected, wanted: NewPoint) -> Taken:
        """Copy the data of a resource now; whatever prevents it is the service's error."""

    def take_late(self, point_arn: str, resource: Protected, taken_at: datetime) -> None:
        """Copy the data of a resource now, as if it had been at `taken_at`. `register` follows."""

    def share(self, from_arn: str, point_arn: str, taken_at: datetime | None = None) -> None:
        """Give a point the data of another. `register` follows."""

    def register(self, point_arn: str, resource: Protected, wanted: NewPoint, late: Late) -> None:
        """Enter a point whose data are there."""

    def size_of(self, point_arn: str) -> int:
        """Return the bytes that the data of a point take."""

    def set_tags(self, point_arn: str, tags: list[dict[str, str]]) -> None:
        """Give what holds the data of a point the point's tags."""

    def source_of(self, point_arn: str) -> Protected:
        """Return the resource of a point as it was when it was backed up."""

    def remove(self, point_arn: str) -> None:
        """Remove the data of a point; do nothing where they are gone."""

    def restore_metadata(self, point_arn: str) -> dict[str, Any]:
        """Return what AWS Backup lists of the resource as it was when it was backed up."""

    def restore(self, point_arn: str, parameters: Mapping[str, Any]) -> str:
        """Restore a point and return the ARN of what is made; whatever prevents it is the service's error."""

    def state(self, name: str, created_arn: str) -> RestoreState:
        """Return how far the restore to a resource of that name is, which was made with that ARN."""
