"""The engine of a copy: which version was backed up and which was restored, and whether Extended Support was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

# the values of EngineLifecycleSupport (Amazon RDS API reference, RestoreDBInstanceFromDBSnapshot)
LifecycleSupport = Literal["open-source-rds-extended-support", "open-source-rds-extended-support-disabled"]
ENROLLED: LifecycleSupport = "open-source-rds-extended-support"
NOT_ENROLLED: LifecycleSupport = "open-source-rds-extended-support-disabled"


@dataclass(frozen=True, slots=True)
class EngineSupport:
    """What a restore asks for as EngineLifecycleSupport, and why.

    `version` is the PostgreSQL version of the backup. The instants are the ends of standard and of Extended Support of its
    major version, None where AWS did not say them.
    """

    version: str
    setting: LifecycleSupport
    reason: str
    standard_until: datetime | None = None
    extended_until: datetime | None = None


def major_of(version: str) -> str:
    """Return the major version of a PostgreSQL version: "16" for "16.9", "9.6" for "9.6.24"."""
    parts = version.split(".")
    return ".".join(parts[:2]) if parts[0] == "9" else parts[0]
