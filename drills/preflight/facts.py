"""The facts that a restore is foreseen by, as AWS's APIs give them: values and mappings alone.

A fact that could not be read is a `NotVerified` with the right that it needs. `None` means that it does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from drills.aws.databases.kinds import INSTANCE, Kind
from drills.aws.databases.requests import RestoreRequest
from drills.aws.engine import Lifecycle
from drills.model.engine import EngineSupport
from drills.model.finding import CheckResult, Severity
from drills.model.parity import NotVerified
from drills.model.point import Choice, RecoveryPoint
from drills.recovery.resource.vault import Vault
from drills.recovery.vaults import Barred

Document = Mapping[str, Any]
OF_VAULT_KEY = ("kms:Decrypt",)  # without which nobody reads what a key has encrypted


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
class KeyUse:
    """Who uses the keys of a restore: whose rights, by which actions, and through which service KMS sees it.

    `arns` names those that the copy is made with, None: each of them. Another one is that of a vault: the role that restores must
    have access to it (AWS Backup developer guide, "Encryption for backups in AWS Backup"), and nothing says by which actions, so
    that a role without is warned of. Where `owned_by_aws` the point is under a key that AWS owns, which nobody can see or disable.
    """

    rights: Rights
    actions: tuple[str, ...]
    service: str
    arns: frozenset[str] | None = None
    owned_by_aws: bool = False
    severity: Severity = "error"

    def of(self, arn: str) -> KeyUse:
        """Return how one of the keys is used."""
        made_with = self.arns is None or arn in self.arns
        return self if made_with else replace(self, actions=OF_VAULT_KEY, severity="warning")


@dataclass(frozen=True, slots=True)
class RestoreRole:
    """The role that AWS Backup restores with: its trust policy (None: there is no such role), and what the simulator says of it."""

    arn: str
    trust: Document | NotVerified | None
    rights: Rights


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota of what a restore makes, `more` of which it takes: how much is in use, and how much is allowed at most."""

    what: str
    service: str
    more: float | NotVerified
    used: float | NotVerified
    most: float | NotVerified


@dataclass(frozen=True, slots=True)
class Zone:
    """The zone that a copy would lie in: its name, "" where nothing tells it, and how EC2 describes it (None: not at all)."""

    name: str
    described: Document | NotVerified | None


@dataclass(frozen=True, slots=True)
class Room:
    """What a copy needs room for: its quotas, the names that others have already, and its zone where it lies in one."""

    quotas: tuple[Quota, ...]
    taken: frozenset[str] | NotVerified = frozenset()
    zone: Zone | None = None


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """What is known beside of a target that is no database, whose `word` is that of its kind.

    `vault` is the target's, None where there is none. `none` says why there is no usable point. `role`, `room` and `key_use` belong
    to a restore, and are None where there is no point; so does `name`, which the copy would have ("": it has none of its own).
    """

    word: str
    judgements: tuple[Callable[[PreflightFacts], CheckResult], ...]
    vault: Vault | NotVerified | None
    none: str = ""
    role: RestoreRole | None = None
    room: Room | None = None
    key_use: KeyUse | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class PreflightFacts:
    """Everything that a restore is foreseen by, read at `now`. Keys are held by the identifier that asked for them.

    `account` and `region` are those that the copy would be restored in. `restore` is None where there is no usable point,
    and so are the parts that belong to it. A cluster is described by `instance` as an instance would be (as_instance). `resource`
    has what is known of a target that is no database; what RDS alone tells is then empty. `bars` are the vaults of a database for
    which a drill is refused.
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
    resource: ResourceFacts | None = None
    bars: tuple[Barred, ...] | NotVerified = ()

    @property
    def barred(self) -> bool:
        """Whether the vault that drill.toml names keeps a drill from choosing a point: that is a finding of its own."""
        if self.resource is not None:
            return self.resource.vault is None
        return not isinstance(self.bars, NotVerified) and bool(self.bars)
