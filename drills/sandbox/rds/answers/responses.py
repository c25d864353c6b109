"""The requests to RDS that the sandbox answers, and the members that moto leaves out of their answers."""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, EmptyResult
from moto.rds.exceptions import InvalidParameterValue
from moto.rds.responses import RDSResponse

from drills.sandbox.rds.answers import describe
from drills.sandbox.rds.answers.paging import keep_page
from drills.sandbox.rds.backend import SandboxRDS
from drills.sandbox.rds.limits import check_tags
from drills.sandbox.rds.parameter_groups import major_of

# moto's other operations would change its tables and no data; the sandbox refuses them
ANSWERED = frozenset(
    {
        "AddTagsToResource", "CopyDBClusterParameterGroup", "CopyDBClusterSnapshot", "CopyDBParameterGroup",
        "CopyDBSnapshot", "CreateDBCluster", "CreateDBClusterParameterGroup", "CreateDBClusterSnapshot",
        "CreateDBInstance", "CreateDBParameterGroup", "CreateDBSnapshot", "CreateDBSubnetGroup", "DeleteDBCluster",
        "DeleteDBClusterAutomatedBackup", "DeleteDBClusterParameterGroup", "DeleteDBClusterSnapshot",
        "DeleteDBInstance", "DeleteDBInstanceAutomatedBackup", "DeleteDBParameterGroup", "DeleteDBSnapshot",
        "DeleteDBSubnetGroup", "DescribeAccountAttributes", "DescribeCertificates",
        "DescribeDBClusterAutomatedBackups", "DescribeDBClusterParameterGroups", "DescribeDBClusterParameters",
        "DescribeDBClusterSnapshotAttributes", "DescribeDBClusterSnapshots", "DescribeDBClusters",
        "DescribeDBEngineVersions", "DescribeDBInstanceAutomatedBackups", "DescribeDBInstances",
        "DescribeDBMajorEngineVersions", "DescribeDBParameterGroups", "DescribeDBParameters",
        "DescribeDBSnapshotAttributes", "DescribeDBSnapshots", "DescribeDBSubnetGroups",
        "DescribeEngineDefaultParameters", "DescribeEvents", "DescribeGlobalClusters", "DescribeOptionGroups",
        "DescribeOrderableDBInstanceOptions", "DescribePendingMaintenanceActions", "ListTagsForResource",
        "ModifyDBCluster", "ModifyDBClusterParameterGroup", "ModifyDBClusterSnapshotAttribute", "ModifyDBInstance",
        "ModifyDBParameterGroup", "ModifyDBSnapshotAttribute", "ModifyDBSubnetGroup", "RebootDBInstance",
        "RemoveTagsFromResource", "RestoreDBClusterFromSnapshot", "RestoreDBClusterToPointInTime",
        "RestoreDBInstanceFromDBSnapshot", "RestoreDBInstanceToPointInTime", "StartDBInstance", "StopDBInstance",
    }
)  # fmt: skip


class SandboxRDSResponse(RDSResponse):
    """Reads requests and writes answers; SandboxRDS does the work."""

    @property
    def sandbox(self) -> SandboxRDS:
        """The backend of the request's account and region."""
        backend = self.backend
        assert isinstance(backend, SandboxRDS)
        return backend

    def call_action(self) -> Any:
        """Refuse an operation that is absent, with an error that says so, and tags that no user can give to anything."""
        if self._get_action() not in ANSWERED:
            raise NotImplementedError(f"The operation {self._get_action()} is absent from this sandbox.")
        try:
            check_tags(self.params.get("Tags") or ())
        except ServiceException as error:
            return self.serialized(ActionResult(error))
        return super().call_action()

    def serialized(self, action_result: ActionResult) -> Any:
        """Write one page of the answer."""
        if not isinstance(action_result.result, Exception):
            try:
                keep_page(self._get_action(), self.params, action_result.result)
            except ServiceException as error:
                action_result = ActionResult(error)
        return super().serialized(action_result)

    def _filters(self) -> dict[str, list[str]]:
        return {each["Name"]: each["Values"] for each in self.params.get("Filters", [])}

    # -- snapshots and automated backups -------------------------------------------------------------------------

    def describe_db_snapshots(self) -> ActionResult:
        """DescribeDBSnapshots, with a Marker; those that other accounts share, where the request asks for them."""
        name, kind = self.params.get("DBSnapshotIdentifier"), self.params.get("SnapshotType")
        if kind == "shared":
            return ActionResult({"DBSnapshots": self.sandbox.lookups.shared_here(name)})
        filters = self._filters()
        if resource_id := self.params.get("DbiResourceId"):
            filters["dbi-resource-id"] = [resource_id]
        found = self.sandbox.describe_db_snapshots(self.params.get("DBInstanceIdentifier"), name, kind, filters)
        if self.params.get("IncludeShared"):
            found += self.sandbox.lookups.shared_here(name)
        return ActionResult({"DBSnapshots": found})

    def describe_db_instance_automated_backups(self) -> ActionResult:
        """DescribeDBInstanceAutomatedBackups: of existing instances and of deleted ones."""
        parameters = {
            "db-instance-id": self.params.get("DBInstanceIdentifier"),
            "dbi-resource-id": self.params.get("DbiResourceId"),
            "arn": self.params.get("DBInstanceAutomatedBackupsArn"),
        }
        found = self.sandbox.automated_backups.find(parameters, self._filters())
        return ActionResult({"DBInstanceAutomatedBackups": [each.answer() for each in found]})

    def delete_db_instance_automated_backup(self) -> ActionResult:
        """DeleteDBInstanceAutomatedBackup, by DbiResourceId or ARN."""
        name = self.params.get("DbiResourceId") or self.params.get("DBInstanceAutomatedBackupsArn") or ""
        backup = self.sandbox.automated_backups.delete(name)
        return ActionResult({"DBInstanceAutomatedBackup": {**backup.answer(), "Status": "deleting"}})

    # -- clusters ------------------------------------------------------------------------------------------------

    def create_db_cluster(self) -> ActionResult:
        """CreateDBCluster, for engine aurora-postgresql."""
        return ActionResult({"DBCluster": self.sandbox.aurora.creation.create(self.params)})

    def restore_db_cluster_from_snapshot(self) -> ActionResult:
        """RestoreDBClusterFromSnapshot."""
        return ActionResult({"DBCluster": self.sandbox.aurora.creation.restore_snapshot(self.params)})

    def restore_db_cluster_to_point_in_time(self) -> ActionResult:
        """RestoreDBClusterToPointInTime."""
        return ActionResult({"DBCluster": self.sandbox.aurora.creation.restore_to_point_in_time(self.params)})

    def modify_db_cluster(self) -> ActionResult:
        """ModifyDBCluster."""
        return ActionResult({"DBCluster": self.sandbox.aurora.modification.modify(self.params)})

    def delete_db_cluster(self) -> ActionResult:
        """DeleteDBCluster."""
        cluster = self.sandbox.aurora.deletion.delete(
            self.params["DBClusterIdentifier"],
            self.params.get("FinalDBSnapshotIdentifier"),
            skip_final_snapshot=bool(self.params.get("SkipFinalSnapshot")),
            delete_backups=self.params.get("DeleteAutomatedBackups") is not False,
        )
        return ActionResult({"DBCluster": cluster})

    def describe_db_cluster_automated_backups(self) -> ActionResult:
        """DescribeDBClusterAutomatedBackups: of existing clusters and of deleted ones."""
        parameters = {
            "db-cluster-id": self.params.get("DBClusterIdentifier"),
            "db-cluster-resource-id": self.params.get("DbClusterResourceId"),
        }
        found = self.sandbox.aurora.backups.find(parameters, self._filters())
        return ActionResult({"DBClusterAutomatedBackups": [each.answer() for each in found]})

    def delete_db_cluster_automated_backup(self) -> ActionResult:
        """DeleteDBClusterAutomatedBackup."""
        backup = self.sandbox.aurora.backups.delete(self.params["DbClusterResourceId"])
        return ActionResult({"DBClusterAutomatedBackup": {**backup.answer(), "Status": "deleting"}})

    def create_db_cluster_snapshot(self) -> ActionResult:
        """CreateDBClusterSnapshot."""
        name = self.params["DBClusterSnapshotIdentifier"]
        self.backend.validate_db_snapshot_identifier(name, parameter_name="DBClusterSnapshotIdentifier")
        taken = self.sandbox.aurora.snapshots.create(
            self.params["DBClusterIdentifier"], name.lower(), tags=self.params.get("Tags")
        )
        return ActionResult({"DBClusterSnapshot": taken})

    def copy_db_cluster_snapshot(self) -> ActionResult:
        """CopyDBClusterSnapshot, from another region by ARN."""
        source, name = (
            self.params["SourceDBClusterSnapshotIdentifier"],
            self.params["TargetDBClusterSnapshotIdentifier"],
        )
        self.backend.validate_db_snapshot_identifier(name, parameter_name="TargetDBClusterSnapshotIdentifier")
        copied = self.sandbox.aurora.snapshots.copy(
            source,
            name.lower(),
            self.sandbox.region_of(source).aurora.snapshots,
            tags=self.params.get("Tags"),
            copy_tags=self.params.get("CopyTags"),
            kms_key_id=self.params.get("KmsKeyId"),
        )
        return ActionResult({"DBClusterSnapshot": copied})

    def delete_db_cluster_snapshot(self) -> ActionResult:
        """DeleteDBClusterSnapshot, for manual snapshots."""
        removed = self.sandbox.aurora.snapshots.delete(self.params["DBClusterSnapshotIdentifier"])
        return ActionResult({"DBClusterSnapshot": removed})

    def describe_db_cluster_snapshots(self) -> ActionResult:
        """DescribeDBClusterSnapshots, by name or ARN."""
        found = self.sandbox.aurora.lookups.snapshots(
            self.params.get("DBClusterIdentifier"),
            self.params.get("DBClusterSnapshotIdentifier"),
            self.params.get("SnapshotType"),
            self._filters(),
        )
        if resource_id := self.params.get("DbClusterResourceId"):
            found = [each for each in found if getattr(each, "db_cluster_resource_id", None) == resource_id]
        return ActionResult({"DBClusterSnapshots": found})

    def modify_db_cluster_snapshot_attribute(self) -> ActionResult:
        """ModifyDBClusterSnapshotAttribute, for manual snapshots; an encrypted snapshot cannot be made public."""
        self.sandbox.aurora.snapshots.check_sharing(
            self.params["DBClusterSnapshotIdentifier"], self.params.get("ValuesToAdd") or ()
        )
        return super().modify_db_cluster_snapshot_attribute()

    # -- parameter groups of clusters ----------------------------------------------------------------------------

    def create_db_cluster_parameter_group(self) -> ActionResult:
        """CreateDBClusterParameterGroup, within the quota."""
        made = self.sandbox.aurora.parameter_groups.create(
            self.params["DBClusterParameterGroupName"],
            self.params["DBParameterGroupFamily"],
            self.params["Description"],
            self.params.get("Tags", []),
        )
        return ActionResult({"DBClusterParameterGroup": made})

    def delete_db_cluster_parameter_group(self) -> ActionResult:
        """DeleteDBClusterParameterGroup: refused while a cluster uses the group."""
        self.sandbox.aurora.parameter_groups.delete(self.params["DBClusterParameterGroupName"])
        return EmptyResult()

    def describe_db_cluster_parameters(self) -> ActionResult:
        """DescribeDBClusterParameters: the user's values and, unless `Source` excludes them, the defaults."""
        name, source = self.params["DBClusterParameterGroupName"], self.params.get("Source")
        return ActionResult({"Parameters": self.sandbox.aurora.parameter_groups.described(name, source)})

    def modify_db_cluster_parameter_group(self) -> ActionResult:
        """ModifyDBClusterParameterGroup."""
        name = self.params["DBClusterParameterGroupName"]
        changes = [each.original_dict() for each in self.params.get("Parameters", [])]
        group = self.sandbox.aurora.parameter_groups.modify(name, changes)
        return ActionResult({"DBClusterParameterGroupName": group.name})

    # -- parameters ----------------------------------------------------------------------------------------------

    def describe_db_parameters(self) -> ActionResult:
        """DescribeDBParameters: the user's values and, unless `Source` excludes them, the defaults."""
        name, source = self.params["DBParameterGroupName"], self.params.get("Source")
        return ActionResult({"Parameters": self.sandbox.parameter_groups.described(name, source)})

    def describe_engine_default_parameters(self) -> ActionResult:
        """DescribeEngineDefaultParameters: what a server of a family has without a parameter group's values."""
        family = self.params["DBParameterGroupFamily"]
        binaries = self.sandbox.plane.servers.find_binaries(major_of(family))
        rows = describe.engine_default_parameters(family, binaries)
        return ActionResult({"EngineDefaults": {"DBParameterGroupFamily": family, "Parameters": rows}})

    # -- RDS itself ----------------------------------------------------------------------------------------------

    def describe_account_attributes(self) -> ActionResult:
        """DescribeAccountAttributes: the quotas that the sandbox enforces."""
        return ActionResult({"AccountQuotas": describe.account_quotas(self.sandbox.quotas)})

    def describe_certificates(self) -> ActionResult:
        """DescribeCertificates: the one authority that signs the certificates of the instances' ports, by each name."""
        ca_path = self.sandbox.plane.state / "tls" / "ca.pem"
        identifier = self.params.get("CertificateIdentifier")
        return ActionResult({"Certificates": describe.certificates(identifier, ca_path, self.sandbox.region_name)})

    def describe_pending_maintenance_actions(self) -> ActionResult:
        """DescribePendingMaintenanceActions: none, since the sandbox upgrades nothing."""
        return ActionResult({"PendingMaintenanceActions": []})

    def describe_db_engine_versions(self) -> ActionResult:
        """DescribeDBEngineVersions: the available servers."""
        engine, version = self.params.get("Engine"), self.params.get("EngineVersion")
        return ActionResult(
            {"DBEngineVersions": describe.engine_versions(self.sandbox.plane.binaries, engine, version)}
        )

    def describe_db_major_engine_versions(self) -> ActionResult:
        """DescribeDBMajorEngineVersions: the major versions of the available servers, and how long RDS supports them."""
        engine, major = self.params.get("Engine"), self.params.get("MajorEngineVersion")
        rows = describe.major_engine_versions(self.sandbox.plane.binaries, engine, major)
        return ActionResult({"DBMajorEngineVersions": rows})

    def describe_orderable_db_instance_options(self) -> ActionResult:
        """DescribeOrderableDBInstanceOptions: every available server in some classes."""
        engine = self.params["Engine"]
        if engine not in describe.ENGINES:
            raise InvalidParameterValue(f"Invalid DB engine: {engine}")
        options = describe.orderable_options(self.sandbox.plane.binaries, self.region, engine)
        wanted = self.params.get("EngineVersion"), self.params.get("DBInstanceClass")
        rows = [each for each in options if describe.is_wanted(each, *wanted)]
        return ActionResult({"OrderableDBInstanceOptions": rows})
