"""ModifyDBInstance: which changes are carried out at once, and which wait for the maintenance window.

With ApplyImmediately everything that is pending is carried out at once, without it at the next maintenance window (Amazon
RDS User Guide, "Using the schedule modifications setting"). Settings that cause no outage never wait.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moto.rds.exceptions import DBInstanceAlreadyExists, InvalidParameterCombination
from moto.rds.models import RDSBackend

from drills.sandbox.rds import limits
from drills.sandbox.rds.instances import DEFERRABLE, MODIFIABLE, SandboxInstance
from drills.sandbox.rds.lookups import Lookups
from drills.sandbox.rds.maintenance_window import seconds_until
from drills.sandbox.rds.network import Network
from drills.sandbox.rds.operations.change import InstanceChange
from drills.sandbox.rds.parameter_groups import ParameterGroups
from drills.sandbox.state import DataPlane

# settings that change at once, with the status meanwhile (Amazon RDS User Guide, "Viewing Amazon RDS DB instance status")
_IMMEDIATE_STATUSES = {
    "cloudwatch_logs_export_configuration": "configuring-log-exports",
    "monitoring_interval": "configuring-enhanced-monitoring",
    "backup_retention_period": "modifying",
}
# what an instance of a cluster has from its cluster
_CLUSTERS_OWN = (
    "allocated_storage", "backup_retention_period", "db_port_number", "deletion_protection",
    "enable_iam_database_authentication", "iops", "master_user_password", "preferred_backup_window", "storage_type",
    "vpc_security_group_ids",
)  # fmt: skip


class Modification:
    """Modifies the instances of one region. `set_members` changes the members that need no work on the server."""

    def __init__(
        self,
        plane: DataPlane,
        lookups: Lookups,
        checks: ModificationChecks,
        change: InstanceChange,
        set_members: Callable[[str, dict[str, Any]], object],
    ) -> None:
        self._plane = plane
        self._lookups = lookups
        self._checks = checks
        self._change = change
        self._set_members = set_members

    def modify(self, name: str, request: Mapping[str, Any]) -> SandboxInstance:
        """Change what changes at once, and let the rest be pending until it is carried out."""
        members = dict(request)
        db = self._lookups.instance(name, *MODIFIABLE)
        members.pop("db_instance_identifier", None)
        immediately = bool(members.pop("apply_immediately", False))
        self._checks.check(db, members)
        password = members.pop("master_user_password", None)
        if members.get("allocated_storage"):
            members["allocated_storage"] = limits.grown_storage(db.allocated_storage, int(members["allocated_storage"]))
        members.pop("engine_version", None)
        deferrable = {key: members.pop(key) for key in DEFERRABLE if members.get(key) is not None}
        days = deferrable.get("backup_retention_period")
        if days and db.backup_retention_period:  # "asynchronously applied as soon as possible"
            members["backup_retention_period"] = deferrable.pop("backup_retention_period")
        self._set_members(db.resource_id, members)
        _queue(db, deferrable)
        if password is not None:
            db.pending["MasterUserPassword"] = "****"
        status = next((_IMMEDIATE_STATUSES[key] for key in members if key in _IMMEDIATE_STATUSES), "")
        if (db.queued and immediately) or password is not None or status:
            changes = dict(db.queued) if immediately else {}
            self._plane.work(f"modify {db.resource_id}", self._change.begin(db, changes, password, status))
        if db.queued and not immediately:
            self._await_maintenance(db)
        return db

    def _await_maintenance(self, db: SandboxInstance) -> None:
        if not db.awaits_maintenance:
            db.awaits_maintenance = True
            seconds = self._until_window(db)
            self._plane.work(f"maintain {db.resource_id}", lambda: self._maintain(db, seconds))

    def _until_window(self, db: SandboxInstance) -> float:
        return seconds_until(db.preferred_maintenance_window, self._plane.instant())

    def _maintain(self, db: SandboxInstance, seconds: float) -> None:
        """Carry out what is pending in the next maintenance window, `seconds` from the call, or a later one if need be."""
        plane, began = self._plane, self._plane.asked_at()
        while True:
            plane.at_least(began, seconds)
            with plane.lock:
                if not db.queued or not self._lookups.exists(db):
                    db.awaits_maintenance = False
                    return
                modifiable = db.status in MODIFIABLE
                work = self._change.begin(db, dict(db.queued), None) if modifiable else self._wait
            work()
            with plane.lock:
                began, seconds = plane.clock.monotonic(), self._until_window(db)

    def _wait(self) -> None:
        self._plane.at_least(self._plane.clock.monotonic(), 1.0)


class ModificationChecks:
    """Refuses what ModifyDBInstance cannot do to an instance."""

    def __init__(self, backend: RDSBackend, network: Network, parameter_groups: ParameterGroups) -> None:
        self._backend = backend
        self._network = network
        self._parameter_groups = parameter_groups

    def check(self, db: SandboxInstance, members: Mapping[str, Any]) -> None:
        """Raise the error of AWS for the first member of a request that cannot be changed so."""
        version = members.get("engine_version")
        if version and not (db.engine_version + ".").startswith(version + "."):
            raise InvalidParameterCombination(f"This sandbox cannot upgrade from {db.engine_version} to {version}.")
        if members.get("manage_master_user_password") or members.get("rotate_master_user_password"):
            raise InvalidParameterCombination("Managed master passwords are absent from this sandbox.")
        limits.check_common(members)
        for key in _CLUSTERS_OWN if db.cluster is not None else ():
            if members.get(key) is not None:
                raise InvalidParameterCombination(
                    f"The specified DB Instance is a member of a cluster. Modify {key.replace('_', ' ')} for the DB Cluster "
                    "using the ModifyDbCluster API"
                )
        if members.get("master_user_password") is not None:
            limits.check_password(str(members["master_user_password"]))
        self._parameter_groups.check(members.get("db_parameter_group_name"), db.engine_version, db.engine)
        if members.get("vpc_security_group_ids") is not None:
            self._network.security_groups(members["vpc_security_group_ids"], db.db_subnet_group.vpc_id)
        new_name = members.get("new_db_instance_identifier")
        if new_name:
            self._backend._validate_db_identifier(new_name)
            if new_name.lower() in self._backend.databases:
                raise DBInstanceAlreadyExists()
        if members.get("storage_type") or members.get("allocated_storage"):
            size = limits.grown_storage(
                db.allocated_storage, int(members.get("allocated_storage") or db.allocated_storage)
            )
            limits.check_storage(members.get("storage_type") or db.storage_type, size)


def _queue(db: SandboxInstance, members: Mapping[str, Any]) -> None:
    """Queue changes; a request for the present value withdraws an earlier request."""
    for key, value in members.items():
        if key != "new_db_instance_identifier" and getattr(db, key) == value:
            db.queued.pop(key, None)
            db.pending.pop(DEFERRABLE[key], None)
        else:
            db.queued[key] = db.pending[DEFERRABLE[key]] = value
