"""`[targets.NAME.cutover]` of drill.toml; docs/cutover.md describes each key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from drills.config.table import Table
from drills.config.values import EndpointUrl, InstanceId, Name, RoleArn, Span, frozen_mapping, no_entries, refuse


def _service(raw: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}/[A-Za-z0-9_-]{1,255}", raw):
        raise refuse('an ECS service with its cluster, such as "myapp/myapp-web"', raw)
    return raw


def _services(raw: tuple[str, ...]) -> tuple[str, ...]:
    if not raw:
        raise refuse("at least one service, or nothing would be stopped while the database is replaced")
    return raw


def _place(raw: str) -> str:
    if not raw.strip():
        raise refuse("a folder or a bucket, not an empty text", raw)
    if "://" in raw and not re.fullmatch(r"s3://[a-z0-9.-]{3,63}(/[^/\s][^\s]*)?", raw):
        raise refuse('a folder, or a bucket such as "s3://myapp-cutover/journal"', raw)
    return raw.rstrip("/")


def _reasons(raw: Mapping[str, str]) -> Mapping[str, str]:
    for setting, reason in raw.items():
        if not reason.strip():
            raise refuse(f"a reason why {setting} may differ", reason)
    return frozen_mapping(raw)


class CutoverConfig(Table):
    """The settings of a target's cut-over. `switch` is the command that points the application to another address.

    `drilled` is the instance's name once more: without it no run cuts the target over, but in the sandbox.
    """

    services: Annotated[
        tuple[Annotated[str, AfterValidator(_service)], ...], Field(strict=False), AfterValidator(_services)
    ]
    public_url: EndpointUrl
    marker: Name | None = None
    database: Name | None = None
    renamed: InstanceId | None = None
    restored: InstanceId | None = None
    drilled: InstanceId | None = None
    journal: Annotated[str, AfterValidator(_place)] = "reports/out/cutover"
    lease: Span = timedelta(minutes=2)
    service_timeout: Span = timedelta(minutes=10)
    restorable_within: Span = timedelta(minutes=30)
    restore_role: RoleArn | None = None
    switch: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    allowed: Annotated[Mapping[str, str], AfterValidator(_reasons)] = Field(default_factory=no_entries)
