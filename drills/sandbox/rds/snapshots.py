"""DB snapshots with real data: taken, copied, described and removed."""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import ServiceException
from moto.rds.exceptions import (
    DBSnapshotAlreadyExistsError,
    DBSnapshotNotFoundFault,
    InvalidParameterCombination,
    InvalidParameterValue,
    RDSClientError,
)
from moto.rds.models import DBSnapshot, rds_backends

from drills.sandbox.rds.instances import SandboxInstance, SandboxSnapshot
from drills.sandbox.rds.settling import RDSSettling
from drills.sandbox.state import FAULTS, sentence


class RDSSnapshots(RDSSettling):
    """Snapshots of the instances of one region. Data is copied at the request, the status follows."""

    def describe_db_snapshots(
        self,
        db_instance_identifier: str | None,
        db_snapshot_identifier: str | None = None,
        snapshot_type: str | None = None,
        filters: dict[str, Any] | None = None,
    ) -> list[DBSnapshot]:
        """DescribeDBSnapshots, by name or ARN. Without a type every type is returned, `awsbackup` too.

        (The API text says automated and manual; the answers of real accounts hold awsbackup ones as well.)
        """
        wanted = {key: list(value) for key, value in (filters or {}).items()}
        if db_snapshot_identifier:
            name = db_snapshot_identifier
            wanted["db-snapshot-id"] = [name.split(":snapshot:", 1)[-1] if name.startswith("arn:") else name]
        if db_instance_identifier:
            wanted.setdefault("db-instance-id", []).append(db_instance_identifier)
        if snapshot_type:
            wanted.setdefault("snapshot-type", []).append(snapshot_type)
        found: Any = self.database_snapshots
        if wanted:
            found = self._filter_resources(found, wanted, DBSnapshot)
        if db_snapshot_identifier and not found:
            raise DBSnapshotNotFoundFault(db_snapshot_identifier)
        return list(found.values())

    def create_db_snapshot(  # type: ignore[override]
        self, db_instance_identifier: str, db_snapshot_identifier: str, snapshot_type: str = "manual", **options: Any
    ) -> SandboxSnapshot:
        """Copy the instance's data now; the snapshot becomes `available` when its time has passed."""
        db = self.instance(db_instance_identifier)
        if db_snapshot_identifier in self.database_snapshots:
            raise DBSnapshotAlreadyExistsError(db_snapshot_identifier)
        if snapshot_type == "manual":
            self._check_snapshot_quota()
        if db.status != "available" and not (snapshot_type == "automated" and db.status == "creating"):
            raise RDSClientError("InvalidDBInstanceState", f"Instance {db.resource_id} is not in available state.")
        options = {key: value for key, value in options.items() if key in ("tags", "kms_key_id", "delay")}
        snapshot = SandboxSnapshot(self, self.plane, db, db_snapshot_identifier, snapshot_type=snapshot_type, **options)
        try:
            snapshot.holds(self.plane.take_snapshot(snapshot.arn, db.dbi_resource_id))
        except FAULTS as error:
            db.say(f"The snapshot {db_snapshot_identifier} failed: {sentence(error)}", "backup")
            raise RDSClientError(
                "InvalidDBInstanceState", f"The data could not be copied: {sentence(error)}"
            ) from error
        self.database_snapshots[db_snapshot_identifier] = snapshot
        db.status = "backing-up"
        db.say("Backing up DB instance", "backup")
        self.plane.work(f"back up {db.resource_id}", lambda: self._finish_backup(db))
        return snapshot

    def _finish_backup(self, db: SandboxInstance) -> None:
        self.plane.at_least(self.plane.clock.monotonic(), self.plane.delays.backing_up)
        with self.plane.lock:
            if db.status == "backing-up":
                db.say("Finished DB instance backup", "backup")
                self._ready(db)

    def delete_db_snapshot(self, db_snapshot_identifier: str) -> DBSnapshot:
        """DeleteDBSnapshot, for manual ones; the others belong to their services."""
        snapshot = self.describe_db_snapshots(None, db_snapshot_identifier)[0]
        if snapshot.snapshot_type != "manual":
            raise RDSClientError(
                "InvalidDBSnapshotState",
                f"Only manual snapshots may be deleted; {snapshot.resource_id} is of type {snapshot.snapshot_type}.",
            )
        return self.remove_snapshot(snapshot)

    def remove_snapshot(self, snapshot: DBSnapshot) -> DBSnapshot:
        """Remove a snapshot of any type together with its data."""
        self.database_snapshots.pop(snapshot.resource_id, None)
        self.plane.drop_snapshot(snapshot.arn)
        return snapshot

    def _drop_automated(self, resource_id: str) -> None:
        """Remove the automated backup of an instance: its snapshots and its archived WAL."""
        for snapshot in list(self.database_snapshots.values()):
            if snapshot.dbi_resource_id == resource_id and snapshot.snapshot_type == "automated":
                self.remove_snapshot(snapshot)
        self.plane.archives.drop(resource_id)

    def _take_automated(self, db: SandboxInstance) -> None:
        """An instance with a retention period is backed up as soon as it is there (`backing-up`)."""
        stamp = self.plane.instant().strftime("%Y-%m-%d-%H-%M")
        name, again = f"rds:{db.resource_id}-{stamp}", 1
        while name in self.database_snapshots:
            again += 1
            name = f"rds:{db.resource_id}-{stamp}-{again}"
        try:
            self.create_db_snapshot(db.resource_id, name, snapshot_type="automated")
        except ServiceException as error:
            db.say(f"The automated backup failed: {error.message}", "backup")
            self._ready(db)

    def modify_db_snapshot_attribute(
        self,
        db_snapshot_identifier: str,
        attribute_name: str,
        values_to_add: list[str] | None = None,
        values_to_remove: list[str] | None = None,
    ) -> dict[str, list[str]]:
        """ModifyDBSnapshotAttribute, for manual snapshots; an encrypted one cannot be made public."""
        snapshot = self.describe_db_snapshots(None, db_snapshot_identifier)[0]
        if snapshot.snapshot_type != "manual":
            raise RDSClientError(
                "InvalidDBSnapshotState",
                f"Only manual snapshots may be shared; {snapshot.resource_id} is of type {snapshot.snapshot_type}.",
            )
        if "all" in (values_to_add or ()) and snapshot.encrypted:
            raise InvalidParameterValue("Encrypted snapshots cannot be made public.")
        return super().modify_db_snapshot_attribute(
            db_snapshot_identifier, attribute_name, values_to_add, values_to_remove
        )

    def _region_of(self, name: str) -> RDSSnapshots:
        """The RDS of the region that a snapshot's ARN names; this one for a name alone."""
        if not name.startswith("arn:"):
            return self
        backend = rds_backends[self.account_id][name.split(":")[3]]
        assert isinstance(backend, RDSSnapshots)
        return backend

    def copy_db_snapshot(  # type: ignore[override]
        self, source_db_snapshot_identifier: str, target_db_snapshot_identifier: str, **options: Any
    ) -> SandboxSnapshot:
        """CopyDBSnapshot, from another region by ARN: a manual snapshot with a copy of the data and its instants.

        A key is a region's own, so that an encrypted snapshot needs another one in another region.
        """
        home = self._region_of(source_db_snapshot_identifier)
        source = home.describe_db_snapshots(None, source_db_snapshot_identifier)[0]
        assert isinstance(source, SandboxSnapshot)
        if home is not self and source.kms_key_id and not options.get("kms_key_id"):
            raise InvalidParameterCombination(
                "KmsKeyId is required to copy an encrypted snapshot to another region: its key is not there."
            )
        self._check_snapshot_quota()
        if target_db_snapshot_identifier in self.database_snapshots:
            raise DBSnapshotAlreadyExistsError(target_db_snapshot_identifier)
        if source.status != "available":
            raise RDSClientError("InvalidDBSnapshotState", f"The snapshot {source.resource_id} is not available yet.")
        home._check_key(source.kms_key_id)
        tags = options.get("tags") or (source.tags if options.get("copy_tags") else [])
        copy = SandboxSnapshot(
            self,
            self.plane,
            source.database,
            target_db_snapshot_identifier,
            tags=tags,
            kms_key_id=self._check_key(options.get("kms_key_id")) or source.kms_key_id,
            original_created_at=source.original_snapshot_create_time,
        )
        copy.tags = tags
        copy.source_db_snapshot_identifier = source.arn
        copy.source_region = home.region_name
        try:
            copy.holds(self.plane.copy_snapshot(source.arn, copy.arn))
        except FAULTS as error:
            raise RDSClientError(
                "InvalidDBSnapshotState", f"The data could not be copied: {sentence(error)}"
            ) from error
        self.database_snapshots[target_db_snapshot_identifier] = copy
        return copy
