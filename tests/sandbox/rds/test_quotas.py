"""The quotas of the sandbox's RDS: what is used, and what is refused once nothing is left."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from moto.rds.exceptions import RDSClientError

from drills.sandbox.rds.quotas import MAX_CLUSTERS, MAX_GROUPS, MAX_MANUAL_SNAPSHOTS, MAX_STORAGE, Quotas


def quotas(storage: int = 0, parameter_groups: int = 0, subnet_groups: int = 0, clusters: int = 0) -> Quotas:
    """The quotas of a region with so much in use; the default parameter group counts for nothing.

    Each cluster has a manual snapshot and an automated one, and a parameter group of its own.
    """
    snapshots = [SimpleNamespace(snapshot_type=kind) for kind in ("manual", "automated")] * clusters
    backend: Any = SimpleNamespace(
        databases={"one": SimpleNamespace(allocated_storage=storage)},
        database_snapshots={},
        db_parameter_groups=dict.fromkeys(["default.postgres16", *(f"own-{each}" for each in range(parameter_groups))]),
        subnet_groups=dict.fromkeys(range(subnet_groups)),
        clusters=dict.fromkeys(range(clusters)),
        cluster_snapshots=dict(enumerate(snapshots)),
        db_cluster_parameter_groups=dict.fromkeys(["default.aurora", *(f"own-{each}" for each in range(clusters))]),
    )
    no_faults = SimpleNamespace(faults=SimpleNamespace(take=lambda *_, **__: None))
    return Quotas(backend, no_faults)  # type: ignore[arg-type]


def test_what_is_used_is_counted() -> None:
    """By the names of DescribeAccountAttributes (AccountQuota, RDS API reference)."""
    usage = quotas(storage=300, parameter_groups=2, subnet_groups=3).usage()

    assert (usage["AllocatedStorage"], usage["DBParameterGroups"], usage["DBSubnetGroups"]) == (
        (300, MAX_STORAGE),
        (2, MAX_GROUPS),
        (3, MAX_GROUPS),
    )


def test_what_exceeds_a_quota_is_refused() -> None:
    """With the code of RDS; what just fits is not."""
    full = quotas(storage=MAX_STORAGE - 20, parameter_groups=MAX_GROUPS, subnet_groups=MAX_GROUPS)
    full.check_storage(20)
    with pytest.raises(RDSClientError, match="StorageQuotaExceeded"):
        full.check_storage(21)
    with pytest.raises(RDSClientError, match="DBParameterGroupQuotaExceeded"):
        full.check_parameter_groups()
    with pytest.raises(RDSClientError, match="DBSubnetGroupQuotaExceeded"):
        full.check_subnet_groups()
    quotas(parameter_groups=MAX_GROUPS - 1).check_parameter_groups()


def test_clusters_have_quotas_of_their_own() -> None:
    """Clusters, their groups and their manual snapshots are counted, and one too many is refused with the code of RDS."""
    usage = quotas(clusters=2).usage()
    assert [usage[name][0] for name in ("DBClusters", "DBClusterParameterGroups", "ManualClusterSnapshots")] == [
        2,
        2,
        2,
    ]
    for most, code, name in (
        (MAX_CLUSTERS, "DBClusterQuotaExceededFault", "check_clusters"),
        (MAX_GROUPS, "DBParameterGroupQuotaExceeded", "check_cluster_parameter_groups"),
        (MAX_MANUAL_SNAPSHOTS, "SnapshotQuotaExceeded", "check_cluster_snapshots"),
    ):
        asked = ("CreateDBCluster", "one-more") if name == "check_clusters" else ()
        getattr(quotas(clusters=most - 1), name)(*asked)
        with pytest.raises(RDSClientError, match=code):
            getattr(quotas(clusters=most), name)(*asked)
