"""The two kinds of database that RDS has, as its API names them: instances, and Aurora clusters.

What a drill reads and asks for is the same for both; the names of operations and members differ, and stand here. A cluster has the
data, the snapshots and the backups; its instances are ways to it, and a restored cluster has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from drills.model.instance import DatabaseKind, ResourceKind


@dataclass(frozen=True, slots=True)
class Kind:
    """The names of one kind in the APIs of RDS and AWS Backup.

    `engine` is RDS's name of PostgreSQL there; `arn` the sixth part of an ARN; `protected` AWS Backup's resource type;
    `copy`, `copied_snapshot` and `made_group` are what a run makes of them. `group` is how operations and members call a group of
    parameters, and `snapshot` a snapshot, whose ARNs have the sixth parts `group_arn` and `copied_arn`; `parameters` is the
    operation that lists the values of a group. `groups_quota` and `snapshots_quota` are AWS's names of their quotas (API
    reference, AccountQuota).
    """

    name: DatabaseKind
    copy: ResourceKind
    copied_snapshot: ResourceKind
    made_group: ResourceKind
    engine: str
    arn: str
    own_arn: str
    modify: str
    group: str
    group_arn: str
    parameters: str
    snapshot: str
    copied_arn: str
    groups_quota: str
    snapshots_quota: str
    protected: str
    described: str
    identifier: str
    resource_id: str
    created: str
    snapshots_key: str
    snapshot_arn: str
    snapshot_id: str
    encrypted: str
    backups: str
    backups_key: str
    backups_arn: str
    backups_gone: str

    def resource_of(self, raw: Mapping[str, Any]) -> str:
        """Return the resource id in a member of an answer about a database or a backup of this kind."""
        return str(raw.get(self.resource_id, ""))


INSTANCE = Kind(
    name="instance",
    copy="db-instance",
    copied_snapshot="db-snapshot",
    made_group="db-parameter-group",
    engine="postgres",
    arn="db",
    own_arn="DBInstanceArn",
    modify="ModifyDBInstance",
    group="DBParameterGroup",
    group_arn="pg",
    parameters="DescribeDBParameters",
    snapshot="DBSnapshot",
    copied_arn="snapshot",
    groups_quota="DBParameterGroups",
    snapshots_quota="ManualSnapshots",
    protected="RDS",
    described="DBInstances",
    identifier="DBInstanceIdentifier",
    resource_id="DbiResourceId",
    created="InstanceCreateTime",
    snapshots_key="DBSnapshots",
    snapshot_arn="DBSnapshotArn",
    snapshot_id="DBSnapshotIdentifier",
    encrypted="Encrypted",
    backups="describe_db_instance_automated_backups",
    backups_key="DBInstanceAutomatedBackups",
    backups_arn="DBInstanceAutomatedBackupsArn",
    backups_gone="DBInstanceAutomatedBackupNotFound",
)
CLUSTER = Kind(
    name="cluster",
    copy="db-cluster",
    copied_snapshot="db-cluster-snapshot",
    made_group="db-cluster-parameter-group",
    engine="aurora-postgresql",
    arn="cluster",
    own_arn="DBClusterArn",
    modify="ModifyDBCluster",
    group="DBClusterParameterGroup",
    group_arn="cluster-pg",
    parameters="DescribeDBClusterParameters",
    snapshot="DBClusterSnapshot",
    copied_arn="cluster-snapshot",
    groups_quota="DBClusterParameterGroups",
    snapshots_quota="ManualClusterSnapshots",
    protected="Aurora",
    described="DBClusters",
    identifier="DBClusterIdentifier",
    resource_id="DbClusterResourceId",
    created="ClusterCreateTime",
    snapshots_key="DBClusterSnapshots",
    snapshot_arn="DBClusterSnapshotArn",
    snapshot_id="DBClusterSnapshotIdentifier",
    encrypted="StorageEncrypted",
    backups="describe_db_cluster_automated_backups",
    backups_key="DBClusterAutomatedBackups",
    backups_arn="DBClusterAutomatedBackupsArn",
    backups_gone="DBClusterAutomatedBackupNotFound",
)
KINDS: Mapping[DatabaseKind, Kind] = MappingProxyType({"instance": INSTANCE, "cluster": CLUSTER})
