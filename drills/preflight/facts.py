"""The facts that a restore is foreseen by, as AWS's APIs give them: values and mappings alone.

A fact that could not be read is a `NotVerified` with the right that it needs. `None` means that it does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from drills.aws.databases.kinds import INSTANCE, Kind
from drills.aws.databases.requests import RestoreRequest
from drills.aws.engine import Lifecycle
from drills.model.engine import EngineSupport
from drills.model.parity import NotVerified
from drills.model.point import Choice, RecoveryPoint

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the IAM policy simulator says of one action on one resource.

    `decision` is EvalDecision ("allowed", "explicitDeny", "implicitDeny"). `by_organization` and `by_boundary` say whether
    service control policies and the permissions boundary allow it, None where they do not apply. `missing` names context
    keys that a policy asks for and that were not given.
    """

    action: str
    resource: str
    decision: str
    by_organization: bool | None = None
    by_boundary: bool | None = None
    missing: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the request would be let through."""
        return self.decision == "allowed" and self.by_organization is not False and self.by_boundary is not False


@dataclass(frozen=True, slots=True)
class Key:
    """A KMS key: its KeyMetadata, its policy and its grants."""

    metadata: Document
    policy: Document | NotVerified
    grants: tuple[Document, ...] | NotVerified


@dataclass(frozen=True, slots=True)
class Network:
    """Where the copy would lie: its subnets as EC2 describes them, and the groups that drill.toml names ("" and None: made)."""

    subnet_group: str
    subnet_ids: tuple[str, ...] | NotVerified | None
    subnets: tuple[Document, ...] | NotVerified
    security_group: str
    security_group_there: bool | NotVerified


@dataclass(frozen=True, slots=True)
class Engine:
    """The backed-up version in RDS: its row of DescribeDBEngineVersions, its lifecycle, and where classes run it."""

    version: str
    row: Document | NotVerified | None
    lifecycle: Lifecycle | NotVerified | None
    support: EngineSupport
    options: tuple[Document, ...] | NotVerified


@dataclass(frozen=True, slots=True)
class Restore:
    """The restore that would be made now: the point, the request, and whether its snapshot is copied first.

    `writer` is the request for the one instance of a cluster, which follows; None where an instance is restored.
    """

    point: RecoveryPoint
    request: RestoreRequest
    copied_first: bool
    instance_class: str
    storage_type: str
    writer: RestoreRequest | None = None

    @property
    def requests(self) -> tuple[RestoreRequest, ...]:
        """Return every request, in order."""
        return (self.request, self.writer) if self.writer else (self.request,)


@dataclass(frozen=True, slots=True)
class Rights:
    """Whose rights the restore would be made with, and what the simulator says of them.

    `unencrypted` is what it says of the restore when AWS evaluates it as one without encryption.
    """

    principal: str | NotVerified
    decisions: tuple[Decision, ...] | NotVerified
    unencrypted: tuple[Decision, ...] | NotVerified


@dataclass(frozen=True, slots=True)
class PreflightFacts:
    """Everything that a restore is foreseen by, read at `now`. Keys are held by the identifier that asked for them.

    `account` and `region` are those that the copy would be restored in. `restore` is None where there is no usable point,
    and so are the parts that belong to it. A cluster is described by `instance` as an instance would be (as_instance).
    """

    now: datetime
    account: str
    region: str
    instance_id: str
    dbi_resource_id: str
    vault: str | None
    ends_within: timedelta
    points_end_within: timedelta
    choice: Choice | NotVerified
    restore: Restore | None
    rights: Rights | None = None
    network: Network | None = None
    engine: Engine | None = None
    keys: Mapping[str, Key | NotVerified | None] = field(default_factory=dict)
    quotas: Mapping[str, tuple[int, int]] | NotVerified = field(default_factory=dict)
    parameter_group: str = ""
    parameters: Document | NotVerified | None = None
    locked: bool = False  # whether a drill takes a lock, which is a parameter group
    points: tuple[RecoveryPoint, ...] | NotVerified = ()
    copies: tuple[RecoveryPoint, ...] | NotVerified | None = None
    instance: Document | NotVerified | None = None
    maintenance: tuple[Document, ...] | NotVerified = ()
    certificates: tuple[Document, ...] | NotVerified = ()
    kind: Kind = INSTANCE
