"""Finds what a run has made, by name and tag: a name can be guessed or be another's, the run's own tag decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drills.aws.guarded.names import PREFIX
from drills.aws.read import RUN_TAG, error_code, is_not_found, pages
from drills.aws.session import Clients
from drills.errors import Refused
from drills.model.instance import ResourceKind

Raw = dict[str, Any]
"""A member of the answer of a Describe operation."""

BY_JOB = "drills:RestoreJob"
"""The restore job that has made a volume without tags: a member that AWS does not have."""
RESTORING = "restoring"
"""The state of a volume that a restore job has not told yet."""
OF_UNKNOWN_JOB = "of-unknown-job"
"""What the name of a volume ends with while the answer of StartRestoreJob, which tells the job, is not known."""
SKEW = timedelta(minutes=5)  # between the clock of this machine and that of AWS
_JOB = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

_GONE: Mapping[ResourceKind, str] = {
    "db-parameter-group": "DBParameterGroupNotFound",
    "db-cluster-parameter-group": "DBParameterGroupNotFound",
    "db-subnet-group": "DBSubnetGroupNotFoundFault",
}


def find(clients: Clients, kind: ResourceKind, name: str) -> list[Raw]:
    """Return what there is of that kind and name, whoever made it. Raises what boto3 raises but for "not found"."""
    try:
        return _FINDERS[kind](clients, name)
    except ClientError as error:
        if is_not_found(error):
            return []
        raise


def is_own(clients: Clients, kind: ResourceKind, raw: Raw, run_id: str) -> bool:
    """Return whether something carries the run's tag; a log group, which RDS makes, has the run's id in its name."""
    if kind == "log-group":
        return run_id in raw["logGroupName"]
    if kind == "dynamodb-table" and awaits_its_tags(raw):
        return True
    if kind == "efs-file-system" and has_no_tags(raw):  # found by its creation token, which nobody changes
        return str(raw["CreationToken"]).startswith(f"{PREFIX}{run_id}-")
    if kind == "ebs-volume" and BY_JOB in raw:  # found by the job in its name, and without any tag
        return _begun_by(run_id, raw[BY_JOB])
    return any(tag.get("Key") == RUN_TAG and tag.get("Value") == run_id for tag in tags_of(clients, raw))


def awaits_its_tags(raw: Raw) -> bool:
    """Return whether a table was restored from another one and has no tag at all: a restore gives none, and a drill sets them then.

    Nobody but the run restores to its name, which has the run's id, and only tables of that name are looked at.
    """
    restored = raw.get("RestoreSummary") or {}
    return not raw.get("Tags") and restored.get("SourceTableArn") not in (None, raw.get("TableArn"))


def has_no_tags(raw: Raw) -> bool:
    """Return whether nobody has tagged a thing but AWS itself."""
    return all(str(tag["Key"]).startswith("aws:") for tag in raw.get("Tags") or ())


def tags_of(clients: Clients, raw: Raw) -> Sequence[dict[str, Any]]:
    """Return the tags of an instance, snapshot or group; those of the groups of RDS are asked for.

    Raises what boto3 raises; of a group that is gone meanwhile "not found", however ListTagsForResource refuses its ARN.
    """
    if "DBParameterGroupArn" in raw:
        return _tags_of_group(clients, "db-parameter-group", raw["DBParameterGroupName"], raw["DBParameterGroupArn"])
    if "DBClusterParameterGroupArn" in raw:
        name, arn = raw["DBClusterParameterGroupName"], raw["DBClusterParameterGroupArn"]
        return _tags_of_group(clients, "db-cluster-parameter-group", name, arn)
    if "DBSubnetGroupArn" in raw and "DBInstanceIdentifier" not in raw:
        return _tags_of_group(clients, "db-subnet-group", raw["DBSubnetGroupName"], raw["DBSubnetGroupArn"])
    return raw.get("TagList") or raw.get("Tags") or ()


def _tags_of_group(clients: Clients, kind: ResourceKind, name: str, arn: str) -> Sequence[dict[str, Any]]:
    """Return the tags of a group. The RDS API reference names no error of ListTagsForResource for one that is gone.

    So its own description says whether it is, where AWS refuses the ARN or tells no tag of it.
    """
    refused: ClientError | None = None
    tags: list[dict[str, Any]] = []
    try:
        tags = clients.rds.list_tags_for_resource(ResourceName=arn)["TagList"]
    except ClientError as error:
        refused = error
    if not tags and _is_gone(clients, kind, name):
        raise ClientError({"Error": {"Code": _GONE[kind], "Message": f"{name} is gone"}}, "ListTagsForResource")
    if refused is not None:
        raise refused
    return tags


def _is_gone(clients: Clients, kind: ResourceKind, name: str) -> bool:
    try:
        return not find(clients, kind, name)
    except (ClientError, BotoCoreError):
        return False  # not known


def _log_groups(clients: Clients, name: str) -> list[Raw]:
    answer = clients.logs.describe_log_groups(logGroupNamePrefix=name)
    return [group for group in answer.get("logGroups", []) if group["logGroupName"] == name]


def _secrets(clients: Clients, name: str) -> list[Raw]:
    """Return the secret of that name; one that is being deleted is still described (API reference, DescribeSecret: DeletedDate)."""
    found: Raw = clients.secretsmanager.describe_secret(SecretId=name)
    return [] if found.get("DeletedDate") else [found]


def _tables(clients: Clients, name: str) -> list[Raw]:
    """Return the table of that name with its tags, which are a call of their own."""
    client = clients.client("dynamodb")
    found: Raw = client.describe_table(TableName=name)["Table"]
    pages = client.get_paginator("list_tags_of_resource").paginate(ResourceArn=found["TableArn"])
    return [found | {"Tags": [tag for page in pages for tag in page["Tags"]]}]


def volume(clients: Clients, volume_id: str) -> Raw | None:
    """Return a volume by its id, None where there is none."""
    named = [{"Name": "volume-id", "Values": [volume_id]}]
    return next(iter(_described(clients, named)), None)


def _described(clients: Clients, filters: list[Raw]) -> list[Raw]:
    listed = pages(clients.ec2, "describe_volumes", "Volumes", Filters=filters)
    return [raw | {"Resources": [raw["VolumeId"]]} for raw in listed]


def _volumes(clients: Clients, name: str) -> list[Raw]:
    """Return the volume that has that name as its tag; before it has one, what the restore job in the name has made.

    While the job does not tell yet what it makes, that is a volume without an id, in the state RESTORING. Raises Refused for one
    whose job is not known, of which nothing can be said.
    """
    tagged = _described(clients, [{"Name": "tag:Name", "Values": [name]}])
    if not tagged and name.endswith(f"-{OF_UNKNOWN_JOB}"):
        raise Refused(
            f"expected the restore job of {name} in its name, found that StartRestoreJob was not answered: see what was begun "
            f"since with {jobs_since(name)}, and remove the volume of it that has no tags"
        )
    job_id = "-".join(name.removeprefix(PREFIX).split("-")[3:])  # after the run's id
    if tagged or not _JOB.fullmatch(job_id):
        return tagged
    job = clients.backup.describe_restore_job(RestoreJobId=job_id)
    known = str(job.get("CreatedResourceArn") or "").rpartition("/")[2]
    made = volume(clients, known) if known else None
    if made is None:
        return [] if known or job["Status"] not in ("PENDING", "RUNNING") else [{"State": RESTORING, BY_JOB: job}]
    return [made] if made.get("Tags") else [made | {BY_JOB: job}]


def _file_systems(clients: Clients, name: str) -> list[Raw]:
    """Return the file system that was made with that name as its creation token, which is unique in an account and region."""
    found: list[Raw] = clients.client("efs").describe_file_systems(CreationToken=name)["FileSystems"]
    return [each for each in found if each["LifeCycleState"] != "deleted"]


def _buckets(clients: Clients, name: str) -> list[Raw]:
    """Return the bucket of that name where it is this account's: a name is one of all accounts. A run makes one with its tags."""
    asked = {"Bucket": name, "ExpectedBucketOwner": clients.account}
    try:
        tags = clients.client("s3").get_bucket_tagging(**asked)["TagSet"]
    except ClientError as error:
        if error_code(error) != "NoSuchTagSet":
            raise
        tags = []
    return [{"Name": name, "Tags": tags}]


def _begun_by(run_id: str, job: Raw) -> bool:
    """Return whether a restore job of volumes was begun after the run was: the name says which job, and a record can be edited."""
    return job.get("ResourceType") in ("EBS", None) and job["CreationDate"] >= earliest_of(run_id)


def earliest_of(run_id: str) -> datetime:
    """Return the instant before which AWS has begun nothing for a run, by the run's id."""
    return datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC) - SKEW


def jobs_since(name: str) -> str:
    """Return the command that lists the restore jobs of volumes since the run in a name was begun. Pure."""
    since = earliest_of(name.removeprefix(PREFIX)).isoformat(timespec="seconds")
    return f"aws backup list-restore-jobs --by-resource-type EBS --by-created-after {since}"


def untagged_restores(clients: Clients, run_id: str) -> list[Raw]:
    """Return the restore jobs of volumes that were begun since the run was and have made a volume without tags, or none yet."""
    since = earliest_of(run_id)
    listed = pages(clients.backup, "list_restore_jobs", "RestoreJobs", ByResourceType="EBS", ByCreatedAfter=since)
    return [job for job in listed if _begun_by(run_id, job) and _may_be_untagged(clients, job)]


def _may_be_untagged(clients: Clients, job: Raw) -> bool:
    known = str(job.get("CreatedResourceArn") or "").rpartition("/")[2]
    made = volume(clients, known) if known else None
    if made is None:
        return not known and job["Status"] in ("PENDING", "RUNNING")
    return not made.get("Tags")


_FINDERS: dict[ResourceKind, Callable[[Clients, str], list[Raw]]] = {
    "secret": _secrets,
    "dynamodb-table": _tables,
    "ebs-volume": _volumes,
    "efs-file-system": _file_systems,
    "s3-bucket": _buckets,
    "db-instance": lambda of, name: of.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"],
    "db-cluster": lambda of, name: of.rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"],
    "db-cluster-snapshot": lambda of, name: of.rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)[
        "DBClusterSnapshots"
    ],
    "db-cluster-parameter-group": lambda of, name: of.rds.describe_db_cluster_parameter_groups(
        DBClusterParameterGroupName=name
    )["DBClusterParameterGroups"],
    "db-snapshot": lambda of, name: of.rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"],
    "log-group": _log_groups,
    "db-parameter-group": lambda of, name: of.rds.describe_db_parameter_groups(DBParameterGroupName=name)[
        "DBParameterGroups"
    ],
    "db-subnet-group": lambda of, name: of.rds.describe_db_subnet_groups(DBSubnetGroupName=name)["DBSubnetGroups"],
    "security-group": lambda of, name: of.ec2.describe_security_groups(
        Filters=[{"Name": "group-name", "Values": [name]}]
    )["SecurityGroups"],
}
