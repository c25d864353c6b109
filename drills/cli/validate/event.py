"""Reads the event of EventBridge about a restore job. Pure.

Of an event only the job, the account and the region are taken, to ask AWS Backup itself: events come late, twice, or not at
all (AWS Backup developer guide, "Monitoring AWS Backup events using Amazon EventBridge": best effort).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from drills.errors import ConfigError

DETAIL_TYPE, SOURCE = "Restore Job State Change", "aws.backup"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")


@dataclass(frozen=True, slots=True)
class AskedJob:
    """The restore job to validate; account and region are "" where it was named by its id alone."""

    id: str
    account: str = ""
    region: str = ""


def job_of_event(text: str) -> AskedJob:
    """Return the job that an event is about. Raises ConfigError for what is no such event."""
    try:
        event = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"--event: expected the JSON of an event, found: {error}") from error
    if not isinstance(event, dict) or (event.get("source"), event.get("detail-type")) != (SOURCE, DETAIL_TYPE):
        raise ConfigError(
            f'--event: expected an event of source "{SOURCE}" and detail-type "{DETAIL_TYPE}", found another: correct the rule'
        )
    detail: Any = event.get("detail")
    job = detail.get("restoreJobId") if isinstance(detail, dict) else None
    if not isinstance(job, str) or not _ID.fullmatch(job):
        raise ConfigError("--event: expected the id of a restore job in detail.restoreJobId, found none")
    return AskedJob(job, str(event.get("account", "")), str(event.get("region", "")))


def job_of_option(text: str) -> AskedJob:
    """Return the job that --restore-job names: an id, or an ARN that ends in one. Raises ConfigError."""
    account = region = ""
    if text.startswith("arn:"):
        parts = text.split(":")
        if len(parts) < 6 or parts[2] != "backup":
            raise ConfigError(f"--restore-job: expected the id or the ARN of a restore job, found {text}")
        region, account = parts[3], parts[4]
    job = re.split(r"[:/]", text)[-1]
    if not _ID.fullmatch(job):
        raise ConfigError(f"--restore-job: expected the id or the ARN of a restore job, found {text}")
    return AskedJob(job, account, region)
