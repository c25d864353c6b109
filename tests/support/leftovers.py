"""What a run leaves in AWS: one of each kind, made with a client as a run makes it."""

from __future__ import annotations

from typing import Any

from tests.support.lossy import make_instance, make_parameter_group

RUN = "20261123-120000-abcd"
STEM = f"drill-{RUN}-recovery"
PAST = "2026-11-23T16:00:00+00:00"


def tags_of(expires: str | None, run_id: str = RUN) -> list[dict[str, str]]:
    """The tags of a run; `expires` None leaves that one out."""
    tags = [{"Key": "drills:run", "Value": run_id}, {"Key": "drills:target", "Value": "orders"}]
    return tags if expires is None else [*tags, {"Key": "drills:expires", "Value": expires}]


def make_cluster(rds: Any, stem: str, tags: list[dict[str, str]]) -> None:
    """Make what the drill of an Aurora cluster can leave: the cluster, its group, and a snapshot of it."""
    rds.create_db_cluster(
        DBClusterIdentifier=stem,
        Engine="aurora-postgresql",
        MasterUsername="of_nobody",
        ManageMasterUserPassword=True,
        Tags=tags,
    )
    rds.create_db_cluster_snapshot(
        DBClusterIdentifier=stem, DBClusterSnapshotIdentifier=f"{stem}-cluster-copy", Tags=tags
    )
    rds.create_db_cluster_parameter_group(
        DBClusterParameterGroupName=f"{stem}-cluster-parameters",
        DBParameterGroupFamily="aurora-postgresql16",
        Description="test",
        Tags=tags,
    )


def make_all(session: Any, stem: str, expires: str | None) -> None:
    """Make one of each kind that the drill of an instance can leave."""
    rds, ec2 = session.client("rds"), session.client("ec2")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    tags = tags_of(expires)
    make_parameter_group(rds, f"{stem}-parameters", tags)
    rds.create_db_subnet_group(
        DBSubnetGroupName=f"{stem}-subnets", DBSubnetGroupDescription="test", SubnetIds=subnets, Tags=tags
    )
    ec2.create_security_group(
        GroupName=f"{stem}-isolation",
        Description="test",
        VpcId=ec2.describe_vpcs()["Vpcs"][0]["VpcId"],
        TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
    )
    make_instance(rds, stem, tags)
    rds.create_db_snapshot(DBInstanceIdentifier=stem, DBSnapshotIdentifier=f"{stem}-copy", Tags=tags)
    session.client("logs").create_log_group(logGroupName=f"/aws/rds/instance/{stem}/postgresql")
    session.client("secretsmanager").create_secret(Name=f"{stem}-secret", SecretString="of-nobody", Tags=tags)
