"""The tables `[profiles.NAME]` of drill.toml as frozen pydantic models: where a drill takes place, and what it may do there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from drills.config.table import Table
from drills.config.values import (
    Account,
    Duration,
    EndpointUrl,
    Name,
    Rate,
    Region,
    Span,
    frozen_mapping,
    no_entries,
    one_of,
    path_from,
    refuse,
    unknown_key,
)
from drills.durations import write_duration
from drills.model.servers import POSTGRES_CHOICES

KINDS = ("sandbox", "endpoint", "aws")
# Tags of scenarios that damage a backup or cut a service over, which a profile must allow (docs/configuration.md).
GUARDED_TAGS = ("damages_backup", "cuts_over")
# What can be slowed down in the sandbox: statuses of an instance, and its two jobs (drills/sandbox/base/delays.py).
SANDBOX_STATUSES = (
    *("creating", "modifying", "backing-up", "deleting", "backup-job", "snapshot", "rebooting"),
    *("stopping", "starting", "heartbeat", "task-start", "task-stop", "health-check", "dns", "first-read"),
)


def _guarded_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    for tag in tags:
        if tag not in GUARDED_TAGS:
            raise refuse(f"tags out of {one_of(GUARDED_TAGS)}", tag)
    return tags


AllowedTags = Annotated[tuple[str, ...], Field(strict=False), AfterValidator(_guarded_tags)]


def _postgres(raw: str, info: ValidationInfo) -> str:
    return raw if raw in POSTGRES_CHOICES else path_from(raw, info)


def _delays(raw: Mapping[str, timedelta]) -> Mapping[str, timedelta]:
    for status in raw:
        if status not in SANDBOX_STATUSES:
            raise unknown_key(status, SANDBOX_STATUSES)
    return frozen_mapping(raw)


class SandboxProfile(Table):
    """The project's own AWS on this machine. `postgres` None: the system's when recent enough, else the bundled 18."""

    kind: Literal["sandbox"] = "sandbox"
    postgres: Annotated[str, AfterValidator(_postgres)] | None = None
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    region: Region = "eu-central-1"
    delays: Annotated[Mapping[str, Duration], AfterValidator(_delays)] = Field(default_factory=no_entries)
    delays_like: Literal["aws"] | None = None
    allow: AllowedTags = GUARDED_TAGS
    poll_every: Span = timedelta(milliseconds=100)


class EndpointProfile(Table):
    """LocalStack or any other URL that speaks the AWS APIs."""

    kind: Literal["endpoint"] = "endpoint"
    endpoint_url: EndpointUrl = "http://localhost:4566"
    region: Region = "eu-central-1"
    allow: AllowedTags = ()
    poll_every: Span = timedelta(seconds=1)
    calls_per_second: Rate | None = None


def _not_hasty(duration: timedelta) -> timedelta:
    if duration < timedelta(seconds=5):
        raise refuse("at least 5s: RDS answers a faster poll with Throttling", write_duration(duration))
    return duration


class AwsProfile(Table):
    """Real AWS. Empty lists of accounts and regions allow nothing. `aws_profile` is a named credentials profile."""

    kind: Literal["aws"] = "aws"
    accounts: Annotated[tuple[Account, ...], Field(strict=False)] = ()
    regions: Annotated[tuple[Region, ...], Field(strict=False)] = ()
    aws_profile: Name | None = None
    allow: AllowedTags = ()
    poll_every: Annotated[Span, AfterValidator(_not_hasty)] = timedelta(seconds=15)
    calls_per_second: Rate | None = None

    @property
    def region(self) -> str:
        """The region that the targets live in, the first one on the list; empty when nothing is allowed."""
        return self.regions[0] if self.regions else ""


Profile = Annotated[SandboxProfile | EndpointProfile | AwsProfile, Field(discriminator="kind")]
PROFILES: Mapping[str, type[SandboxProfile | EndpointProfile | AwsProfile]] = MappingProxyType(
    {"sandbox": SandboxProfile, "endpoint": EndpointProfile, "aws": AwsProfile}
)
