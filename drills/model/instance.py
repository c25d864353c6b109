"""Database instances, their statuses, the resources that a run makes, and what a target can be beside a database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Literal

DatabaseKind = Literal["instance", "cluster"]
SourceKind = Literal["instance", "cluster", "table", "volume", "file system", "bucket"]  # what a target can be
ResourceState = Literal["planned", "made", "gone", "left", "in use", "kept"]
SCRATCH = "drill-"  # how the names of what a run makes for itself begin; the run's id follows
WITH_SANDBOX = "went with the sandbox"  # the note of what a run had in a sandbox when that ended
NEVER_MADE = "never made"  # the end of the note of what was certainly not made
ResourceKind = Literal[
    "db-instance",
    "db-cluster",
    "db-snapshot",
    "db-cluster-snapshot",
    "db-parameter-group",
    "db-cluster-parameter-group",
    "db-subnet-group",
    "security-group",
    "log-group",
    "secret",
    "dynamodb-table",
    "ebs-volume",
    "efs-file-system",
    "s3-bucket",
]
# An instance before its cluster, both before the groups they use; a security group stays in use until the instance's network
# interface is gone.
REMOVAL_ORDER: tuple[ResourceKind, ...] = (
    "db-instance",
    "db-cluster",
    "db-snapshot",
    "db-cluster-snapshot",
    "log-group",
    "db-parameter-group",
    "db-cluster-parameter-group",
    "db-subnet-group",
    "security-group",
    "secret",
    "dynamodb-table",
    "ebs-volume",
    "efs-file-system",
    "s3-bucket",
)


@dataclass(frozen=True, slots=True)
class OtherKind:
    """A kind of target that is no database.

    `record` is what the run record calls such a target, `source` the word for one, `in_words` the whole name with its article, and
    `page` the page about it; `makes` is what a point is restored to, and `there` AWS's word for one that is. `services` are those
    without which nothing is restored, `verdicts` is what a recovery is judged by, and `tag` marks the shipped scenarios about it.
    `posture` names what is judged of one beside its backups (drills/posture/kinds/), `foreseen` says whether preflight does.
    """

    record: str
    source: SourceKind
    in_words: str
    page: str
    makes: ResourceKind
    there: str
    services: tuple[str, ...]
    verdicts: tuple[str, ...]
    tag: str
    posture: tuple[str, ...] = ()
    foreseen: bool = True

    @property
    def key(self) -> str:
        """The key of drill.toml that names one."""
        return self.source.replace(" ", "_")

    @property
    def is_unread(self) -> bool:
        """Whether no drill reads what such a copy holds, so that none passes whole."""
        return "contents" in self.verdicts


TABLE, VOLUME, FILE_SYSTEM, BUCKET = "dynamodb table", "ebs volume", "efs file system", "s3 bucket"
OTHERS: Mapping[str, OtherKind] = MappingProxyType(
    {
        each.record: each
        for each in (
            OtherKind(
                record=TABLE,
                source="table",
                in_words="a DynamoDB table",
                page="docs/dynamodb.md",
                makes="dynamodb-table",
                there="ACTIVE",
                services=("backup", "dynamodb", "sts"),
                verdicts=("rto", "rpo", "readable", "settings", "items"),
                tag="dynamodb",
                posture=(
                    "opt-in",
                    "copies",
                    "restore testing",
                    "point-in-time recovery",
                    "deletion protection",
                    "encryption",
                ),
            ),
            OtherKind(
                record=VOLUME,
                source="volume",
                in_words="an EBS volume",
                page="docs/ebs.md",
                makes="ebs-volume",
                there="available",
                services=("backup", "ec2", "sts"),
                verdicts=("rto", "rpo", "available", "settings", "lineage", "contents"),
                tag="ebs",
                posture=("opt-in", "copies", "restore testing", "encryption", "lineage"),
            ),
            OtherKind(
                record=FILE_SYSTEM,
                source="file system",
                in_words="an EFS file system",
                page="docs/efs.md",
                makes="efs-file-system",
                there="available",
                services=("backup", "efs", "sts"),
                verdicts=("rto", "rpo", "available", "settings", "contents"),
                tag="efs",
                posture=("opt-in", "copies", "restore testing", "encryption"),
            ),
            OtherKind(
                record=BUCKET,
                source="bucket",
                in_words="an S3 bucket",
                page="docs/s3.md",
                makes="s3-bucket",
                there="COMPLETED",
                services=("backup", "s3", "sts"),
                verdicts=("rto", "rpo", "available", "settings", "objects"),
                tag="s3",
                posture=("opt-in", "copies", "restore testing", "versioning"),
                foreseen=False,
            ),
        )
    }
)
_OF_OTHERS: frozenset[ResourceKind] = frozenset(each.makes for each in OTHERS.values())
OF_DATABASES = tuple(each for each in REMOVAL_ORDER if each not in _OF_OTHERS)  # what the drills of databases make
DATABASES: frozenset[ResourceKind] = frozenset({"db-instance", "db-cluster"})
COPIES = DATABASES | _OF_OTHERS  # what a point is restored to
_OF_CLUSTERS: frozenset[ResourceKind] = frozenset({"db-cluster", "db-cluster-snapshot", "db-cluster-parameter-group"})


def made_for(kind: DatabaseKind) -> tuple[ResourceKind, ...]:
    """Return what runs of a database of this kind make, in the order of removal: no right for clusters is needed without one."""
    return tuple(each for each in OF_DATABASES if kind == "cluster" or each not in _OF_CLUSTERS)


@dataclass(frozen=True, slots=True)
class Instance:
    """A database instance as DescribeDBInstances shows it, or a cluster with its writer.

    `host` and `port` are empty and 0 while it is being made.

    `pending` names what has been asked for and is not applied yet: pending values and parameter groups not in sync.
    """

    id: str
    arn: str
    dbi_resource_id: str
    status: str
    engine: str
    engine_version: str
    instance_class: str
    master_username: str
    host: str = ""
    port: int = 0
    pending: tuple[str, ...] = ()
    subnet_group: str = ""
    vpc_id: str = ""
    subnet_ids: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    parameter_group: str = ""
    publicly_accessible: bool | None = False  # None where AWS does not say
    deletion_protection: bool = False
    backup_retention_days: int = 0
    log_exports: tuple[str, ...] = ()
    cluster_id: str = ""
    created_at: datetime | None = None
    tags: tuple[tuple[str, str], ...] = ()
    storage_type: str = ""
    storage_gib: int | None = None
    scaling: tuple[float, float] | None = None  # of a cluster: least and most capacity of Serverless v2

    @property
    def kind(self) -> DatabaseKind:
        """Whether it is an instance or a cluster, by its ARN."""
        return "cluster" if ":cluster:" in self.arn else "instance"


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A status that AWS reported for the scratch instance, when it was first seen, and what was still pending then.

    `seconds` counts from the start of the run, monotonic; None where that is not known.
    """

    at: datetime
    status: str
    pending: tuple[str, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """Something a run makes in AWS. Written as "planned" before the call that makes it; "gone" once it does not exist any more.

    "left" is what could not be removed. No clean-up removes what a cut-over has made: it is "in use" until the cut-over is
    rolled back, and then "kept" on purpose, which gives no exit code; so is the copy of an incident. The note says what to type.

    `resource_id` is the identity that AWS gave it: an instance's DbiResourceId, a security group's GroupId; "" where not known.
    """

    kind: ResourceKind
    id: str
    state: ResourceState
    account: str = ""
    region: str = ""
    note: str = ""
    made_at: datetime | None = None
    gone_at: datetime | None = None
    resource_id: str = ""

    @property
    def is_left(self) -> bool:
        """Whether it is there still, or was not seen to be gone, without what is kept on purpose."""
        return self.state not in ("gone", "kept")


def in_order_of_removal(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Return the resources in an order in which AWS lets them be removed. Pure."""
    return tuple(sorted(resources, key=lambda each: REMOVAL_ORDER.index(each.kind)))
