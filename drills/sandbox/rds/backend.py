"""RDS for PostgreSQL: moto's backend with a real server behind every instance.

What a restore inherits and what it resets follows RestoreDBInstanceFromDBSnapshot in the RDS API reference. Each
request checks, changes the state and returns at once; a thread then does the work, keeps every status for at least its
configured time, and ends in `available` or in a failure status with an event that says why.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.rds.exceptions import (
    InvalidParameterCombination,
    InvalidParameterValue,
    RDSClientError,
)
from moto.rds.models import rds_backends

from drills.sandbox.postgres import roles
from drills.sandbox.rds.instances import SandboxInstance, SandboxSnapshot
from drills.sandbox.rds.recovery import RDSRecovery
from drills.sandbox.state import DataPlane, Server, StoredSnapshot


class SandboxRDS(RDSRecovery):
    """The RDS of one region: instances are made, restored and deleted here."""

    def create_db_instance(self, db_kwargs: Mapping[str, Any]) -> SandboxInstance:
        """CreateDBInstance, for engine postgres."""
        wanted = dict(db_kwargs)
        password, database = wanted.pop("master_user_password", None), wanted.get("db_name")
        self._refuse_unsupported(wanted)
        if not wanted.get("master_username") or not password:
            raise InvalidParameterValue("MasterUsername and MasterUserPassword are required.")
        if wanted["master_username"].lower() in roles.RESERVED or wanted["master_username"].startswith("pg_"):
            raise InvalidParameterValue(
                f"MasterUsername {wanted['master_username']} cannot be used as it is a reserved word used by the engine"
            )
        binaries = self.plane.pick(wanted.get("engine_version"))
        if binaries is None:
            raise InvalidParameterCombination(f"Cannot find version {wanted['engine_version']} for postgres")
        wanted["engine_version"] = binaries.version
        wanted.setdefault("allocated_storage", 20)
        wanted.setdefault("storage_type", "io1" if wanted.get("iops") else "gp3")
        wanted.setdefault("license_model", "postgresql-license")
        if wanted.get("storage_encrypted"):
            wanted["kms_key_id"] = self._check_key(wanted.get("kms_key_id")) or self._managed_key()
        db = self._new_instance("CreateDBInstance", wanted)
        server = self.plane.add_server(db.dbi_resource_id, binaries)

        def build(settings: dict[str, str]) -> None:
            server.cluster.create()
            server.cluster.start(settings)
            roles.prepare_roles(server.cluster, str(db.master_username), password, database)

        self.plane.work(f"create {db.resource_id}", lambda: self._bring_up(db, server, build, "failed"))
        return db

    def restore_db_instance_from_db_snapshot(self, from_snapshot_id: str, overrides: Any) -> SandboxInstance:
        """RestoreDBInstanceFromDBSnapshot: what is not given is inherited or reset as the API reference says."""
        given = dict(overrides)
        given.pop("db_snapshot_identifier", None)
        self._refuse_unsupported(given)
        if given.get("db_name"):
            raise InvalidParameterValue("DBName must be null when Restoring for this Engine.")
        snapshot = self.describe_db_snapshots(None, from_snapshot_id)[0]
        assert isinstance(snapshot, SandboxSnapshot)
        if snapshot.status != "available":
            raise RDSClientError("InvalidDBSnapshotState", f"The snapshot {from_snapshot_id} is not available yet.")
        self._check_key(snapshot.kms_key_id)
        self._check_storage(given, snapshot.allocated_storage)
        stored = self.plane.snapshots[snapshot.arn]
        db = self._new_instance("RestoreDBInstanceFromDBSnapshot", inherited(snapshot) | given)
        db.restored, db.birth = True, f"Restored from snapshot {snapshot.resource_id}"
        server = self.plane.add_server(db.dbi_resource_id, stored.binaries)
        self.plane.work(f"restore {db.resource_id}", lambda: self._restore(db, server, stored))
        return db

    def _restore(self, db: SandboxInstance, server: Server, stored: StoredSnapshot) -> None:
        def build(settings: dict[str, str]) -> None:
            with stored.busy:
                server.cluster.restore_from(stored.folder)
            server.cluster.start(settings)

        custom = not db.is_default_parameter_group(db.db_parameter_group_name or "default.postgres")
        self._bring_up(db, server, build, "incompatible-parameters" if custom else "incompatible-restore")

    def delete_db_instance(
        self,
        db_instance_identifier: str,
        final_db_snapshot_identifier: str | None = None,
        skip_final_snapshot: bool | None = False,
        delete_automated_backups: bool | None = True,
    ) -> SandboxInstance:
        """DeleteDBInstance: `deleting` for a while, then gone with its server, data and port."""
        db = self.instance(db_instance_identifier)
        if db.status == "deleting":
            raise RDSClientError("InvalidDBInstanceState", f"Instance {db.resource_id} is already being deleted.")
        if db.deletion_protection:
            raise InvalidParameterCombination(
                "Cannot delete protected DB Instance, please disable deletion protection and try again."
            )
        if skip_final_snapshot and final_db_snapshot_identifier:
            raise InvalidParameterCombination("FinalDBSnapshotIdentifier can't be specified with SkipFinalSnapshot.")
        if not skip_final_snapshot:
            if not final_db_snapshot_identifier:
                raise InvalidParameterCombination(
                    "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
                )
            self.create_db_snapshot(db.resource_id, final_db_snapshot_identifier)
        db.status = "deleting"
        keep = delete_automated_backups is False
        self.plane.work(f"delete {db.resource_id}", lambda: self._delete(db, keep))
        return db

    def _delete(self, db: SandboxInstance, keep_automated: bool) -> None:
        began = self.plane.clock.monotonic()
        with self.plane.lock:
            self.plane.release_port(db.resource_id)
        if keep_automated:
            self._last_beat(db)
        self.plane.remove_server(db.dbi_resource_id)
        self.plane.at_least(began, self.plane.delays.deleting)
        with self.plane.lock:
            self.databases.pop(db.resource_id, None)
            if not (keep_automated and self._retain(db)):
                self._drop_automated(db.dbi_resource_id)
            db.say("DB instance deleted", "deletion")

    def describe_events(
        self, source_identifier: str | None = None, source_type: str | None = None, **window: Any
    ) -> list[Any]:
        """DescribeEvents: the last `Duration` minutes (60 unless given) or from StartTime to EndTime."""
        end: datetime = window.get("end_time") or self.plane.instant()
        start: datetime = window.get("start_time") or end - timedelta(minutes=int(window.get("duration") or 60))
        events = super().describe_events(source_identifier, source_type)
        return [each for each in events if start <= each.date.astimezone(start.tzinfo) <= end]


def inherited(snapshot: SandboxSnapshot) -> dict[str, Any]:
    """What a restore takes from the snapshot and its source where the request says nothing (RDS API reference).

    Not here, hence reset: security groups, subnet group and parameter group (defaults), Multi-AZ, deletion protection,
    IAM authentication, log exports, monitoring, public access, backup window, tags to snapshots.
    """
    source = snapshot.database
    return {
        "allocated_storage": snapshot.allocated_storage,
        "backup_retention_period": source.backup_retention_period,
        "db_instance_class": source.db_instance_class,
        "engine": "postgres",
        "engine_version": snapshot.engine_version,
        "iops": source.iops,
        "kms_key_id": snapshot.kms_key_id,
        "license_model": "postgresql-license",
        "master_username": snapshot.master_username,
        "storage_encrypted": snapshot.encrypted,
        "storage_type": "io1" if source.iops else "gp3",
        "tags": [dict(tag) for tag in source.tags],
        "db_name": source.db_name,
    }


def admits(name: str, address: str) -> bool:
    """Whether the security groups of an instance let a client of this machine in.

    Networks are not emulated: groups are honoured only where each of them names loopback networks and nothing else, as
    one does that admits a drill's host. Every other instance admits everybody.
    """
    networks: list[ipaddress.IPv4Network] = []
    for region in list(rds_backends[ACCOUNT_ID].values()):
        db = region.databases.get(name)
        for group_id in db.vpc_security_group_ids if db else ():
            group = ec2_backends[ACCOUNT_ID][region.region_name].get_security_group_from_id(group_id)
            named = [str((rule.ip_range or {}).get("CidrIp", "")) for rule in (group.ingress_rules if group else ())]
            if not named or not all(each.startswith("127.") for each in named):
                return True
            networks += [ipaddress.IPv4Network(each) for each in named]
    here = ipaddress.ip_address("127.0.0.1" if address == "::1" else address)
    return not networks or any(here in each for each in networks)


def install(plane: DataPlane) -> None:
    """Make this the RDS of moto; before its first request."""
    SandboxRDS.plane = plane
    plane.admits = admits
    rds_backends.backend = SandboxRDS
    rds_backends.clear()
