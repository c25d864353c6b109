"""The DynamoDB of one region: moto's, whose tables are gone when their deletion is over and cannot be used while they are made."""

from __future__ import annotations

import copy
from datetime import timedelta
from types import ModuleType
from typing import Any

import moto.dynamodb.urls
from moto.dynamodb.exceptions import (
    ResourceInUseException,
    ResourceNotFoundException,
    SourceTableNotFoundException,
    TableAlreadyExistsException,
)
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table

from drills.sandbox.dynamodb.images import TableImage, TableImages
from drills.sandbox.dynamodb.tables import RestoredFrom, SandboxTable
from drills.sandbox.state import DataPlane

# seconds for which a table stays CREATING that is stuck, unless the fault says how many
_FOR_GOOD = 10 * 365 * 86_400.0
# "typically 5 minutes before the current time" (API reference, DescribeContinuousBackups)
_BEHIND = timedelta(minutes=5)


class SandboxDynamoDB(DynamoDBBackend):
    """The tables of one region. `images` are those of AWS Backup, of all regions."""

    def __init__(self, region_name: str, account_id: str, *, plane: DataPlane, images: TableImages) -> None:
        super().__init__(region_name, account_id)
        self._plane = plane
        self.images = images

    @property
    def _url_module(self) -> ModuleType:
        return moto.dynamodb.urls

    # -- what moto answers otherwise -----------------------------------------------------------------------------

    def create_table(self, name: str, **members: Any) -> Table:  # type: ignore[override]
        """CreateTable: ACTIVE at once."""
        if name in self._there():
            raise ResourceInUseException(f"Table already exists: {name}")
        return self._add(name, **members)

    def get_table(self, table_name: str) -> Table:
        """Return a table that can be used; ResourceNotFoundException for one that is being restored, as AWS answers."""
        table = self._find(table_name)
        if table.status == "CREATING":
            raise ResourceNotFoundException()
        return table

    def describe_table(self, name: str) -> dict[str, Any]:
        """DescribeTable, in every status."""
        try:
            return self._find(name).describe(base_key="Table")
        except ResourceNotFoundException as error:
            raise ResourceNotFoundException(table_name=name) from error

    def describe_continuous_backups(self, table_name: str) -> dict[str, Any]:
        """DescribeContinuousBackups: where point-in-time recovery is on it reaches to five minutes before now, as AWS says."""
        answer = copy.deepcopy(super().describe_continuous_backups(table_name))
        moment = answer["PointInTimeRecoveryDescription"]
        if moment["PointInTimeRecoveryStatus"] == "ENABLED":
            reaches = (self._plane.instant() - _BEHIND).timestamp()
            moment["LatestRestorableDateTime"] = max(moment["EarliestRestorableDateTime"], reaches)
        return answer

    def delete_table(self, name: str) -> Table:
        """DeleteTable: DELETING for a while; ResourceInUseException while it is CREATING or DELETING."""
        table = self._find(name)
        if table.status != "ACTIVE":
            raise ResourceInUseException(f"Attempt to change a resource which is still in use: Table is {table.status}")
        if table.deletion_protection_enabled:
            return super().delete_table(name)  # refused
        table.gone_at = self._plane.instant(self._plane.delays.deleting)
        return table

    def list_tables(self, limit: int, exclusive_start_table_name: str) -> tuple[list[str], str | None]:
        """ListTables."""
        self._there()
        return super().list_tables(limit, exclusive_start_table_name)

    def list_tags_of_resource(self, table_arn: str) -> list[dict[str, str]]:
        """ListTagsOfResource."""
        self._there()
        return super().list_tags_of_resource(table_arn)

    def tag_resource(self, arn: str, tags: dict[str, str]) -> None:
        """TagResource: a key that is there gets the new value, where moto adds it once more."""
        table = self._find(arn)
        known = {each["Key"]: each["Value"] for each in table.tags} | _as_dict(tags)
        table.tags = [{"Key": key, "Value": value} for key, value in known.items()]

    def restore_table_from_backup(self, target_table_name: str, backup_arn: str) -> SandboxTable:  # type: ignore[override]
        """RestoreTableFromBackup, of a backup that DynamoDB itself has made."""
        backup = self.get_backup(backup_arn)
        return self.restore(TableImage.of(backup.table, backup.creation_date_time), backup_arn, target_table_name)

    def restore_table_to_point_in_time(self, target_table_name: str, source_table_name: str) -> SandboxTable:  # type: ignore[override]
        """RestoreTableToPointInTime: with the items that the source has now, whatever moment is named."""
        try:
            source = self._find(source_table_name)
        except ResourceNotFoundException as error:
            raise SourceTableNotFoundException(source_table_name) from error
        return self.restore(TableImage.of(source, self._plane.instant()), "", target_table_name)

    # -- tables --------------------------------------------------------------------------------------------------

    def _there(self) -> dict[str, SandboxTable]:
        """Return the tables whose deletion is not over, and forget the others."""
        for name, table in list(self.tables.items()):
            if isinstance(table, SandboxTable) and table.is_gone:
                del self.tables[name]
        return self.tables  # type: ignore[return-value]

    def _find(self, name_or_arn: str) -> SandboxTable:
        for table in self._there().values():
            if name_or_arn in (table.name, table.table_arn):
                return table
        raise ResourceNotFoundException()

    def all_tables(self) -> list[SandboxTable]:
        """Return every table that is there."""
        return list(self._there().values())

    def _add(self, name: str, **members: Any) -> SandboxTable:
        plane = self._plane
        table = SandboxTable(  # type: ignore[abstract]  # moto leaves two methods of CloudFormation out
            name, lambda: plane.instant(), account_id=self.account_id, region=self.region_name, **members
        )
        self.tables[name] = table
        return table

    # -- what AWS Backup asks for --------------------------------------------------------------------------------

    def restore(
        self, image: TableImage, point_arn: str, name: str, encryption: dict[str, Any] | None = None
    ) -> SandboxTable:
        """Make a table of an image, which is CREATING for a while; `encryption` None is that of the image, {} none of KMS.

        Streams, time to live, point-in-time recovery, tags and deletion protection are not restored.
        """
        if name in self._there():
            raise TableAlreadyExistsException(name)
        settings = copy.deepcopy(image.settings)
        if encryption is not None:
            settings["sse_specification"] = encryption or None
        table = self._add(name, **settings)
        for item in image.items:
            table.put_item(copy.deepcopy(item))
        now = self._plane.instant()
        stuck = self._plane.faults.take("stuck-creating", service="dynamodb", name=name)
        longer = (stuck.seconds or _FOR_GOOD) if stuck else 0.0
        table.ready_at = now + timedelta(seconds=self._plane.delays.creating + longer)
        table.restored_from = RestoredFrom(point_arn, image.arn, now)
        return table


def _as_dict(tags: Any) -> dict[str, str]:
    return tags if isinstance(tags, dict) else {each["Key"]: each["Value"] for each in tags}
