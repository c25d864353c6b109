"""The settings that a cluster has and an instance has not, as flat settings for drills/model/parity.py. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# DBCluster's members (Amazon RDS API reference), by the name of the setting that holds them as they are
_PLAIN_MEMBERS: Mapping[str, str] = {
    "encryption_type": "StorageEncryptionType",
    "global_cluster": "GlobalClusterIdentifier",
    "scalability": "ClusterScalabilityType",
    "serverless_platform": "ServerlessV2PlatformVersion",
}
_SWITCH_MEMBERS: Mapping[str, str] = {
    "global_write_forwarding": "GlobalWriteForwardingRequested",
    "http_endpoint": "HttpEndpointEnabled",
    "internet_gateway": "InternetAccessGatewayEnabled",
}
_FORWARDING = ("enabled", "enabling", "requested")  # of LocalWriteForwardingStatus
_CAPACITY = ("MinCapacity", "MaxCapacity", "SecondsUntilAutoPause")


def scaling_text(cluster: Mapping[str, Any]) -> str | None:
    """Return the capacity of Serverless v2 as the AWS CLI takes it, "MinCapacity=0.5,MaxCapacity=4"; None without one."""
    capacity = cluster.get("ServerlessV2ScalingConfiguration") or {}
    return ",".join(f"{name}={capacity[name]:g}" for name in _CAPACITY if capacity.get(name) is not None) or None


def scaling_from(text: str) -> dict[str, float]:
    """Return the ServerlessV2ScalingConfiguration that scaling_text tells."""
    pairs = (each.partition("=") for each in text.split(","))
    return {name: int(value) if name == _CAPACITY[2] else float(value) for name, _, value in pairs}


def settings_of_cluster(cluster: Mapping[str, Any], members: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Return what a member of DescribeDBClusters' answer tells beside what an instance has too.

    `members` are the answers of DescribeDBInstances about its instances, the writer among them.
    """
    writers = {
        each["DBInstanceIdentifier"] for each in cluster.get("DBClusterMembers") or () if each.get("IsClusterWriter")
    }
    writer: Mapping[str, Any] = next((each for each in members if each["DBInstanceIdentifier"] in writers), {})
    groups = writer.get("DBParameterGroups") or []
    settings: dict[str, object] = {
        "kind": "cluster",
        "writer_id": writer.get("DBInstanceIdentifier"),
        "availability_zones": sorted(cluster.get("AvailabilityZones") or []),
        "scaling": scaling_text(cluster),
        "local_write_forwarding": cluster.get("LocalWriteForwardingStatus") in _FORWARDING,
        "custom_endpoints": sorted(cluster.get("CustomEndpoints") or []),
        "promotion_tier": writer.get("PromotionTier"),
        "writer_parameter_group": groups[0]["DBParameterGroupName"] if groups else None,
        "writer_maintenance_window": writer.get("PreferredMaintenanceWindow"),
        "readers": sorted(
            f"{each.get('DBInstanceClass')}, promotion tier {each.get('PromotionTier')}"
            for each in members
            if each is not writer
        ),
    }
    settings |= {name: cluster.get(member) for name, member in _PLAIN_MEMBERS.items()}
    return settings | {name: bool(cluster.get(member)) for name, member in _SWITCH_MEMBERS.items()}
