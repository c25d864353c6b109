"""Which RDS operations the sandbox answers, and what moto leaves out of their answers."""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.rds.exceptions import DBParameterGroupNotFoundError, RDSClientError

from drills.sandbox.postgres import parameters
from drills.sandbox.rds.facts import FactResponses
from drills.sandbox.rds.pages import page

# everything else in moto would change its tables and no data: it is refused rather than made up
ANSWERED = frozenset(
    {
        "AddTagsToResource", "CopyDBParameterGroup", "CopyDBSnapshot", "CreateDBInstance", "CreateDBParameterGroup",
        "CreateDBSnapshot", "CreateDBSubnetGroup", "DeleteDBInstance", "DeleteDBInstanceAutomatedBackup",
        "DeleteDBParameterGroup", "DeleteDBSnapshot", "DeleteDBSubnetGroup", "DescribeAccountAttributes",
        "DescribeCertificates", "DescribeDBClusters", "DescribeDBEngineVersions",
        "DescribeDBInstanceAutomatedBackups", "DescribeDBInstances", "DescribeDBParameterGroups",
        "DescribeDBParameters", "DescribeDBSnapshotAttributes", "DescribeDBSnapshots", "DescribeDBSubnetGroups",
        "DescribeEngineDefaultParameters", "DescribeEvents", "DescribeOptionGroups",
        "DescribeOrderableDBInstanceOptions", "DescribePendingMaintenanceActions", "ListTagsForResource",
        "ModifyDBInstance", "ModifyDBParameterGroup", "ModifyDBSnapshotAttribute", "ModifyDBSubnetGroup",
        "RebootDBInstance", "RemoveTagsFromResource", "RestoreDBInstanceFromDBSnapshot",
        "RestoreDBInstanceToPointInTime", "StartDBInstance", "StopDBInstance",
    }
)  # fmt: skip


class SandboxRDSResponse(FactResponses):
    """Reads requests and writes answers; the work is in SandboxRDS."""

    def call_action(self) -> Any:
        """Refuse what is absent with an error that says so."""
        if self._get_action() not in ANSWERED:
            raise NotImplementedError(f"The operation {self._get_action()} is absent from this sandbox.")
        return super().call_action()

    def serialized(self, action_result: ActionResult) -> Any:
        """Write one page of the answer."""
        if not isinstance(action_result.result, Exception):
            try:
                page(self._get_action(), self.params, action_result.result)
            except ServiceException as error:
                action_result = ActionResult(error)
        return super().serialized(action_result)

    def describe_db_snapshots(self) -> ActionResult:
        """DescribeDBSnapshots, with a Marker."""
        filters = {each["Name"]: each["Values"] for each in self.params.get("Filters", [])}
        if resource_id := self.params.get("DbiResourceId"):
            filters["dbi-resource-id"] = [resource_id]
        found = self.sandbox.describe_db_snapshots(
            self.params.get("DBInstanceIdentifier"),
            self.params.get("DBSnapshotIdentifier"),
            self.params.get("SnapshotType"),
            filters,
        )
        return ActionResult({"DBSnapshots": found})

    def describe_db_instance_automated_backups(self) -> ActionResult:
        """DescribeDBInstanceAutomatedBackups: of living instances and of deleted ones."""
        filters = {each["Name"]: each["Values"] for each in self.params.get("Filters", [])}
        named = {
            "db-instance-id": self.params.get("DBInstanceIdentifier"),
            "dbi-resource-id": self.params.get("DbiResourceId"),
            "arn": self.params.get("DBInstanceAutomatedBackupsArn"),
        }
        found = self.sandbox.find_automated_backups(named, filters)
        return ActionResult({"DBInstanceAutomatedBackups": [each.answer() for each in found]})

    def delete_db_instance_automated_backup(self) -> ActionResult:
        """DeleteDBInstanceAutomatedBackup, by DbiResourceId or ARN."""
        name = self.params.get("DbiResourceId") or self.params.get("DBInstanceAutomatedBackupsArn") or ""
        backup = self.sandbox.delete_db_instance_automated_backup(name)
        return ActionResult({"DBInstanceAutomatedBackup": {**backup.answer(), "Status": "deleting"}})

    def describe_db_parameters(self) -> ActionResult:
        """DescribeDBParameters, a page at a time: what the user set and, unless `Source` says so, the defaults."""
        name = self.params["DBParameterGroupName"]
        if name not in self.sandbox.db_parameter_groups:
            raise DBParameterGroupNotFoundError(name)
        group = self.sandbox.db_parameter_groups[name]
        binaries = self.sandbox.plane.pick((group.family or "").removeprefix("postgres"))
        rows = parameters.described(binaries.folder if binaries else None, group.parameters, self.params.get("Source"))
        return ActionResult({"Parameters": rows})

    def describe_db_engine_versions(self) -> ActionResult:
        """DescribeDBEngineVersions: the servers at hand."""
        engine, version = self.params.get("Engine"), self.params.get("EngineVersion")
        rows = [
            {
                "Engine": "postgres",
                "EngineVersion": each.version,
                "MajorEngineVersion": str(each.major),
                "DBParameterGroupFamily": f"postgres{each.major}",
                "DBEngineDescription": "PostgreSQL",
                "DBEngineVersionDescription": f"PostgreSQL {each.version} ({each.origin})",
                "ExportableLogTypes": ["postgresql", "upgrade"],
                "Status": "available",
            }
            for each in self.sandbox.plane.binaries
            if engine in (None, "postgres") and (not version or (each.version + ".").startswith(version + "."))
        ]
        return ActionResult({"DBEngineVersions": rows})

    def delete_db_parameter_group(self) -> ActionResult:
        """DeleteDBParameterGroup: refused while an instance uses the group."""
        name = self.params["DBParameterGroupName"].lower()
        for db in self.sandbox.databases.values():
            if any(group.name == name for group in db.db_parameter_groups()):
                raise RDSClientError(
                    "InvalidDBParameterGroupState",
                    f"One or more database instances are still members of this parameter group {name}, "
                    "so the group cannot be deleted",
                )
        return super().delete_db_parameter_group()

    def delete_db_subnet_group(self) -> ActionResult:
        """DeleteDBSubnetGroup: refused while an instance uses the group."""
        name = self.params["DBSubnetGroupName"].lower()
        for db in self.sandbox.databases.values():
            if db.db_subnet_group.name == name:
                raise RDSClientError(
                    "InvalidDBSubnetGroupStateFault",
                    f"Cannot delete the subnet group '{name}' because at least one database instance: "
                    f"{db.resource_id} is still using it.",
                )
        return super().delete_db_subnet_group()
