"""What the parts of the sandbox's AWS Backup in one region work with: data plane, RDS, DynamoDB, EC2, tags, idempotency tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.utilities.tagging_service import TaggingService

from drills.sandbox.backup.kinds.resources import Resources
from drills.sandbox.dynamodb.backend import SandboxDynamoDB
from drills.sandbox.ec2.backend import SandboxEC2
from drills.sandbox.efs.backend import SandboxEFS
from drills.sandbox.rds.backend import SandboxRDS
from drills.sandbox.s3.backend import SandboxS3
from drills.sandbox.state import DataPlane


@dataclass
class FastForward:
    """The instant that the clock is being moved forward to; `until` is None while time passes by itself.

    All regions share one. What falls due until then is recorded with the instant at which it would have happened.
    """

    until: datetime | None = None


class ResourceTags:
    """The tags of the resources of AWS Backup, by ARN."""

    def __init__(self, tagger: TaggingService) -> None:
        self._tagger = tagger

    def of(self, arn: str) -> dict[str, str]:
        """Return the tags of a resource."""
        return dict(self._tagger.get_tag_dict_for_resource(arn))

    def add(self, arn: str, tags: Mapping[str, str] | None) -> None:
        """Add tags to a resource, or replace their values."""
        if tags:
            self._tagger.tag_resource(arn, TaggingService.convert_dict_to_tags_input(dict(tags)))

    def remove(self, arn: str, keys: Sequence[str]) -> None:
        """Remove the tags with these keys from a resource."""
        self._tagger.untag_resource_using_names(arn, list(keys))

    def remove_all(self, arn: str) -> None:
        """Remove every tag of a resource."""
        self._tagger.delete_all_tags_for_resource(arn)


@dataclass
class IdempotencyTokens:
    """Which job an earlier request with the same idempotency token started."""

    _jobs: dict[tuple[str, str], str] = field(default_factory=dict)

    def find(self, operation: str, request: Mapping[str, Any]) -> str | None:
        """Return the id of the job that an earlier request with this request's token started, None for a new token."""
        token = request.get("IdempotencyToken")
        return self._jobs.get((operation, token)) if token else None

    def store(self, operation: str, request: Mapping[str, Any], job_id: str) -> None:
        """Note the job that a request started, when the request has a token."""
        if token := request.get("IdempotencyToken"):
            self._jobs[operation, token] = job_id


@dataclass(frozen=True)
class Region:
    """One account and region: its names, its clock, and what the parts of AWS Backup share there."""

    account: str
    name: str
    plane: DataPlane
    rds: SandboxRDS
    dynamodb: SandboxDynamoDB
    ec2: SandboxEC2
    efs: SandboxEFS
    s3: SandboxS3
    tags: ResourceTags
    fast_forward: FastForward
    tokens: IdempotencyTokens = field(default_factory=IdempotencyTokens)

    def now(self) -> datetime:
        """Return the sandbox's present instant."""
        return self.plane.instant()

    @property
    def forwarding_until(self) -> datetime | None:
        """The instant that the clock is being moved forward to, None while time passes by itself."""
        return self.fast_forward.until

    def arn_of(self, kind: str, name: str) -> str:
        """Return the ARN of a resource of AWS Backup in this region."""
        return f"arn:aws:backup:{self.name}:{self.account}:{kind}:{name}"

    @property
    def resources(self) -> Resources:
        """What can be backed up in this region."""
        return Resources(self.rds, self.dynamodb, self.ec2, self.efs, self.s3, self.plane)

    def point_arn(self, resource_arn: str, name: str) -> str:
        """Return the ARN of a resource's recovery point of that name in this region."""
        return self.resources.point_arn(resource_arn, name)

    def point_arn_apart(self, name: str) -> str:
        """Return the ARN of a point in an air-gapped vault of this region, of whatever resource; of `name` the UUID counts."""
        return self.arn_of("recovery-point", name.partition("job-")[2].upper())

    def seconds_until(self, instant: datetime) -> float:
        """Return the seconds from now to an instant, 0 when it has passed."""
        return max(0.0, (instant - self.now()).total_seconds())
