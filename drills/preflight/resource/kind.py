"""What each kind of target that is no database tells preflight, and the restore that is foreseen of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drills.aws.guarded.names import ScratchName
from drills.aws.session import Clients
from drills.model.finding import CheckResult
from drills.model.point import RecoveryPoint
from drills.posture.kinds.kind import SourceKind
from drills.preflight.facts import Document, PreflightFacts, Room
from drills.preflight.rights import Context, Simulated
from drills.preflight.sides import Sides
from drills.recovery.resource.restoring import Copies

BACKUP = "backup.amazonaws.com"  # the service that assumes the role, and that a drill passes it to


@dataclass(frozen=True, slots=True)
class Wanted:
    """The restore that a drill would ask AWS Backup for now: of which point, by which role, and as what.

    `source` is what the target names; `tags` are those of the run, with the name where the copy has it as a tag. `keys` are the
    ARNs of the keys that the copy is made with, and `vault_keys` that of a vault, which the point is under. `lock` is the parameter
    group that holds the target, "" without one.
    """

    point: RecoveryPoint
    source: str
    role: str
    name: ScratchName
    metadata: Mapping[str, str]
    tags: Mapping[str, str]
    account: str
    region: str
    keys: tuple[str, ...] = ()
    vault_keys: tuple[str, ...] = ()
    lock: str = ""

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of something of this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    @property
    def partition(self) -> str:
        """The partition of AWS that the account is in."""
        return self.role.split(":")[1]

    @property
    def everywhere(self) -> Context:
        """The condition keys that each request has."""
        return {"aws:RequestedRegion": self.region, "aws:ResourceAccount": self.account}

    @property
    def tagged(self) -> Context:
        """Those of a request that gives the run's tags."""
        tags: Context = {f"aws:RequestTag/{key}": value for key, value in self.tags.items()}
        return self.everywhere | tags | {"aws:TagKeys": tuple(self.tags)}

    @property
    def own(self) -> Context:
        """Those of a request about what has the run's tags."""
        return self.everywhere | {f"aws:ResourceTag/{key}": value for key, value in self.tags.items()}


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One kind: how its source is described, and what of AWS Backup's restore of it differs from that of others.

    `described_by` are the rights that its description needs, and `reads` what a drill reads without which no copy is made and
    removed. `identity` is
    that by which a drill tells it from another one of its name. `metadata` is what a drill gives the restore of a point, and
    `copy_key` the key among it. `service` is that through which KMS sees the key used, and `key_actions` those that it needs.
    `of_drill` are the requests of a drill about its copy, `of_job` those of AWS Backup's restore job; `room` reads what the copy
    takes.
    """

    source: SourceKind
    copies: Copies
    described_by: str
    points: Callable[[Sides], tuple[RecoveryPoint, ...]]
    identity: Callable[[str, Document | None], str]
    metadata: Callable[[Sides, RecoveryPoint, Document | None], dict[str, str]]
    copy_key: Callable[[Mapping[str, str]], str]
    service: str
    key_actions: tuple[str, ...]
    reads: tuple[str, ...]
    of_drill: Callable[[Wanted], tuple[Simulated, ...]]
    of_job: Callable[[Wanted], tuple[Simulated, ...]]
    room: Callable[[Clients, Wanted], Room]
    judgements: tuple[Callable[[PreflightFacts], CheckResult], ...]
