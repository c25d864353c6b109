"""Database instances, their statuses, and the resources that a run makes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ResourceState = Literal["planned", "made", "gone", "left"]
ResourceKind = Literal[
    "db-instance", "db-snapshot", "db-parameter-group", "db-subnet-group", "security-group", "log-group"
]


@dataclass(frozen=True, slots=True)
class Instance:
    """A database instance as DescribeDBInstances shows it; `host` and `port` are empty and 0 while it is being made.

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
    publicly_accessible: bool = False
    deletion_protection: bool = False
    backup_retention_days: int = 0
    log_exports: tuple[str, ...] = ()
    cluster_id: str = ""
    created_at: datetime | None = None
    tags: tuple[tuple[str, str], ...] = ()


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
    """Something a run makes in AWS. Written as "planned" before the call that makes it; "gone" once it does not exist any more."""

    kind: ResourceKind
    id: str
    state: ResourceState
    account: str = ""
    region: str = ""
    note: str = ""
    made_at: datetime | None = None
    gone_at: datetime | None = None
