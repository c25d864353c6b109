"""DynamoDB tables as AWS Backup sees them: their recovery points are its own resources ("Advanced DynamoDB backup")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from drills.sandbox.backup.kinds.protected import Late, NewPoint, Protected, RestoreState, Taken
from drills.sandbox.dynamodb.backend import SandboxDynamoDB
from drills.sandbox.dynamodb.images import TableImage
from drills.sandbox.state import DataPlane


@dataclass(frozen=True, slots=True)
class ProtectedTable:
    """A table that can be backed up: its key is not its backups', which are under that of the vault."""

    name: str
    arn: str
    status: str
    tags: Sequence[Mapping[str, str]]
    kms_key_id: None = None

    @property
    def resource_id(self) -> str:
        """Its name."""
        return self.name

    @property
    def server_id(self) -> str:
        """Its ARN: there is one table of a name."""
        return self.arn


class Tables:
    """The tables of one region."""

    def __init__(self, dynamodb: SandboxDynamoDB, plane: DataPlane) -> None:
        self._dynamodb = dynamodb
        self._plane = plane

    def all(self) -> Sequence[Protected]:
        """Return every table; one that is not ACTIVE cannot be backed up yet."""
        return [
            ProtectedTable(
                each.name, each.table_arn, "available" if each.status == "ACTIVE" else each.status, each.tags
            )
            for each in self._dynamodb.all_tables()
        ]

    def point_arn(self, resource_arn: str, name: str) -> str:
        """Return the ARN of a recovery point; of `name` the UUID counts."""
        number = name.partition("job-")[2].upper()
        region, account = self._dynamodb.region_name, self._dynamodb.account_id
        return f"arn:aws:backup:{region}:{account}:recovery-point:{number}"

    def take(self, resource: Protected, wanted: NewPoint) -> Taken:
        """Copy a table as it is now."""
        arn = self.point_arn(resource.arn, wanted.name)
        self.take_late(arn, resource, self._plane.instant())
        return Taken(arn, None)

    def take_late(self, point_arn: str, resource: Protected, taken_at: datetime) -> None:
        """Copy a table as it is now; KeyError where it is gone."""
        table = next((each for each in self._dynamodb.all_tables() if each.table_arn == resource.arn), None)
        if table is None:
            raise KeyError(f"the table {resource.resource_id} is gone")
        self._dynamodb.images.keep(point_arn, TableImage.of(table, taken_at))

    def share(self, from_arn: str, point_arn: str, taken_at: datetime | None = None) -> None:
        """Give a point the image of another."""
        image = self._dynamodb.images[from_arn]
        self._dynamodb.images.keep(point_arn, replace(image, taken_at=taken_at or image.taken_at))

    def register(self, point_arn: str, resource: Protected, wanted: NewPoint, late: Late) -> None:
        """Do nothing: a point of a table is no resource of DynamoDB."""

    def size_of(self, point_arn: str) -> int:
        """Return the bytes of the items as JSON."""
        return self._dynamodb.images[point_arn].size_bytes

    def set_tags(self, point_arn: str, tags: list[dict[str, str]]) -> None:
        """Do nothing: the tags of the point are AWS Backup's own."""

    def source_of(self, point_arn: str) -> Protected:
        """Return the table as it was when it was backed up."""
        image = self._dynamodb.images[point_arn]
        return ProtectedTable(image.name, image.arn, "available", image.tags)

    def remove(self, point_arn: str) -> None:
        """Forget the image of a point."""
        self._dynamodb.images.drop(point_arn)

    def restore_metadata(self, point_arn: str) -> dict[str, Any]:
        """Return the encryption and the name; AWS publishes no list of what it returns for a table."""
        image = self._dynamodb.images[point_arn]
        encryption = image.settings["sse_specification"] or {}
        by_kms = bool(encryption.get("Enabled"))
        return {
            "encryptionType": "KMS" if by_kms else "Default",
            "kmsMasterKeyArn": encryption.get("KMSMasterKeyId") if by_kms else None,
            "targetTableName": image.name,
        }

    def restore(self, point_arn: str, parameters: Mapping[str, Any]) -> str:
        """Restore a point to a new table; whatever prevents it is DynamoDB's error."""
        encryption: dict[str, Any] = {}
        if parameters.get("encryption_type") == "KMS":
            key = parameters.get("kms_master_key_arn")
            encryption = {"Enabled": True, "SSEType": "KMS"} | ({"KMSMasterKeyId": key} if key else {})
        image, name = self._dynamodb.images[point_arn], parameters["target_table_name"]
        table = self._dynamodb.restore(image, point_arn, name, encryption)
        table.tags = list(parameters.get("tags", ()))
        return str(table.table_arn)

    def state(self, name: str, created_arn: str) -> RestoreState:
        """Return how far the restore to a table is."""
        table = next((each for each in self._dynamodb.all_tables() if each.name == name), None)
        if table is None or table.status == "DELETING":
            return "failed"
        return "available" if table.status == "ACTIVE" else "running"
