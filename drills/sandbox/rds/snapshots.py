"""DB snapshots with real data: how they are taken, copied, shared and removed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.rds.exceptions import (
    DBSnapshotAlreadyExistsError,
    InvalidParameterCombination,
    InvalidParameterValue,
    KMSKeyNotAccessibleFault,
    RDSClientError,
)
from moto.rds.models import DBSnapshot, RDSBackend

from drills.sandbox.base.errors import SERVER_ERRORS, first_line
from drills.sandbox.rds.instances import SandboxInstance, SandboxSnapshot
from drills.sandbox.rds.keys import Keys
from drills.sandbox.rds.limits import check_accounts
from drills.sandbox.rds.lookups import Lookups
from drills.sandbox.rds.quotas import Quotas
from drills.sandbox.rds.status import Status
from drills.sandbox.state import DataPlane


class Snapshots:
    """The snapshots of one region. A request copies the data; the status follows later."""

    def __init__(
        self, backend: RDSBackend, plane: DataPlane, lookups: Lookups, keys: Keys, quotas: Quotas, status: Status
    ) -> None:
        self._backend = backend
        self._plane = plane
        self._lookups = lookups
        self._keys = keys
        self._quotas = quotas
        self._status = status

    # -- taking --------------------------------------------------------------------------------------------------

    def create(
        self, instance_name: str, snapshot_name: str, snapshot_type: str = "manual", **options: Any
    ) -> SandboxSnapshot:
        """Copy the instance's data now; the snapshot becomes `available` when its time has passed."""
        db = self._lookups.instance(instance_name)
        if db.cluster is not None:
            raise InvalidParameterValue(
                "The specified instance is a member of a cluster and a snapshot cannot be created directly. Please use the "
                "CreateDBClusterSnapshot API instead."
            )
        if snapshot_name in self._backend.database_snapshots:
            raise DBSnapshotAlreadyExistsError(snapshot_name)
        if snapshot_type == "manual":
            self._quotas.check_snapshots()
        if db.status != "available" and not (snapshot_type == "automated" and db.status == "creating"):
            raise RDSClientError("InvalidDBInstanceState", f"Instance {db.resource_id} is not in available state.")
        options = {key: value for key, value in options.items() if key in ("tags", "kms_key_id", "delay")}
        snapshot = SandboxSnapshot(
            self._backend, self._plane, db, snapshot_name, snapshot_type=snapshot_type, **options
        )
        try:
            snapshot.set_data(self._plane.snapshots.take(snapshot.arn, db.dbi_resource_id))
        except SERVER_ERRORS as error:
            db.record_event(f"The snapshot {snapshot_name} failed: {first_line(error)}", "backup")
            raise _copy_failed(error) from error
        self._backend.database_snapshots[snapshot_name] = snapshot
        db.status = "backing-up"
        db.record_event("Backing up DB instance", "backup")
        self._plane.work(f"back up {db.resource_id}", lambda: self._finish(db))
        return snapshot

    def _finish(self, db: SandboxInstance) -> None:
        self._plane.at_least(self._plane.asked_at(), self._plane.delays.backing_up)
        with self._plane.lock:
            if db.status == "backing-up":
                db.record_event("Finished DB instance backup", "backup")
                self._status.make_available(db)

    # -- copying -------------------------------------------------------------------------------------------------

    def copy(self, source_name: str, target_name: str, source_region: Snapshots, **options: Any) -> SandboxSnapshot:
        """Copy a snapshot of this or another region or account: a manual snapshot with a copy of the data and its instants.

        A key belongs to one region and account, so an encrypted snapshot needs another key elsewhere.
        """
        own = source_region._backend.account_id == self._backend.account_id
        source = source_region._lookups.snapshot(source_name) if own else self._lookups.shared(source_name)
        if source_region is not self and source.kms_key_id and not options.get("kms_key_id"):
            raise InvalidParameterCombination(
                "KmsKeyId is required to copy an encrypted snapshot to another region or account: its key is not there."
            )
        if not own and source.kms_key_id:
            self._check_lent_key(source_region._keys, source.kms_key_id)
        self._quotas.check_snapshots()
        if target_name in self._backend.database_snapshots:
            raise DBSnapshotAlreadyExistsError(target_name)
        if source.status != "available":
            raise RDSClientError("InvalidDBSnapshotState", f"The snapshot {source.resource_id} is not available yet.")
        source_region._keys.check(source.kms_key_id)
        copy = self._new_copy(source, target_name, options)
        try:
            copy.set_data(self._plane.snapshots.copy(source.arn, copy.arn))
        except SERVER_ERRORS as error:
            raise _copy_failed(error, "InvalidDBSnapshotState") from error
        self._backend.database_snapshots[target_name] = copy
        return copy

    def _check_lent_key(self, keys: Keys, key_id: str) -> None:
        """Raise KMSKeyNotAccessibleFault unless the policy of another account's key lets this account use it."""
        if not keys.is_shared(key_id, self._backend.account_id):
            raise KMSKeyNotAccessibleFault(key_id)

    def _new_copy(self, source: SandboxSnapshot, name: str, options: dict[str, Any]) -> SandboxSnapshot:
        tags = options.get("tags") or (source.tags if options.get("copy_tags") else [])
        copy = SandboxSnapshot(
            self._backend,
            self._plane,
            source.database,
            name,
            tags=tags,
            kms_key_id=self._keys.check(options.get("kms_key_id")) or source.kms_key_id,
            original_created_at=source.original_snapshot_create_time,
        )
        copy.tags = tags
        copy.source_db_snapshot_identifier = source.arn
        copy.source_region = source.region
        return copy

    # -- removing and sharing ------------------------------------------------------------------------------------

    def delete(self, name: str) -> DBSnapshot:
        """Remove a manual snapshot; the others belong to their services."""
        snapshot = self._manual(name, "deleted")
        return self.remove(snapshot)

    def remove(self, snapshot: DBSnapshot) -> DBSnapshot:
        """Remove a snapshot of any type together with its data."""
        self._backend.database_snapshots.pop(snapshot.resource_id, None)
        self._plane.snapshots.drop(snapshot.arn)
        return snapshot

    def check_sharing(self, name: str, values_to_add: Iterable[str]) -> None:
        """Raise the error of AWS unless the snapshot is manual, and unencrypted where it is to be public (`all`)."""
        snapshot = self._manual(name, "shared")
        check_accounts(values_to_add)
        if "all" in values_to_add and snapshot.encrypted:
            raise InvalidParameterValue("Encrypted snapshots cannot be made public.")

    def _manual(self, name: str, action: str) -> DBSnapshot:
        snapshot = self._lookups.snapshots(None, name)[0]
        if snapshot.snapshot_type != "manual":
            raise RDSClientError(
                "InvalidDBSnapshotState",
                f"Only manual snapshots may be {action}; {snapshot.resource_id} is of type {snapshot.snapshot_type}.",
            )
        return snapshot


def _copy_failed(error: Exception, code: str = "InvalidDBInstanceState") -> RDSClientError:
    return RDSClientError(code, f"The data could not be copied: {first_line(error)}")
