"""The lifecycle of an engine's major version in RDS, and what a restore asks for because of it.

RDS upgrades a restored copy by itself when its major version is past its end of standard support and the restore does not
enrol it in Extended Support; where that upgrade fails, it enrols the copy anyway (Amazon RDS User Guide, "Overview of Amazon
RDS Extended Support"; Amazon RDS API reference, RestoreDBInstanceFromDBSnapshot, EngineLifecycleSupport). Before that end
an enrolment costs nothing and a copy that is not enrolled is not upgraded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drills.aws.databases.kinds import INSTANCE, Kind
from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.model.engine import ENROLLED, NOT_ENROLLED, EngineSupport, major_of
from drills.model.parity import NotVerified

RIGHT = "rds:DescribeDBMajorEngineVersions"
_STANDARD = "open-source-rds-standard-support"
_EXTENDED = "open-source-rds-extended-support"


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The ends of standard and of Extended Support of a major version, None where AWS names none."""

    standard_until: datetime | None
    extended_until: datetime | None


def read_lifecycle(clients: Clients, version: str, kind: Kind = INSTANCE) -> Lifecycle | NotVerified | None:
    """Return the lifecycle of a PostgreSQL version's major version; None where RDS does not know the version."""

    def read() -> Lifecycle | None:
        asked = {"Engine": kind.engine, "MajorEngineVersion": major_of(version)}
        answer = clients.rds.describe_db_major_engine_versions(**asked)
        return lifecycle_of(answer["DBMajorEngineVersions"], version)

    return read_or_not_verified(RIGHT, read)


def lifecycle_of(rows: Iterable[Mapping[str, Any]], version: str) -> Lifecycle | None:
    """Return the lifecycle that DescribeDBMajorEngineVersions says; None where it has no row of the major version. Pure."""
    row = next((each for each in rows if each.get("MajorEngineVersion") == major_of(version)), None)
    if row is None:
        return None
    ends = {
        each["LifecycleSupportName"]: each.get("LifecycleSupportEndDate")
        for each in row.get("SupportedEngineLifecycles") or ()
    }
    return Lifecycle(ends.get(_STANDARD), ends.get(_EXTENDED))


def decide(version: str, lifecycle: Lifecycle | NotVerified | None, until: datetime) -> EngineSupport:
    """Return what a restore asks for, so that the copy runs the version that was backed up as long as it lives. Pure.

    `until` is the end of the copy's life. A copy whose version leaves standard support before then is enrolled in Extended
    Support, which is charged, for as long as the copy lives; so is one of which that is not known: an upgrade would prove
    another version than was backed up.
    """
    known = lifecycle if isinstance(lifecycle, Lifecycle) else None
    standard, extended = (known.standard_until, known.extended_until) if known else (None, None)
    major = major_of(version)
    if standard is None:
        why = lifecycle.reason if isinstance(lifecycle, NotVerified) else "RDS names no end of its standard support"
        reason = (
            f"enrolled in Extended Support, since it is not known whether PostgreSQL {major or 'of the backup'} is past its "
            f"standard support ({why}): RDS charges it where it is"
        )
        return EngineSupport(version, ENROLLED, reason, standard, extended)
    if standard > until:
        reason = f"not enrolled in Extended Support: PostgreSQL {major} has standard support until {standard:%Y-%m-%d}"
        return EngineSupport(version, NOT_ENROLLED, reason, standard, extended)
    reason = (
        f"enrolled in Extended Support, which RDS charges for each vCPU and hour: PostgreSQL {major} has standard support "
        f"until {standard:%Y-%m-%d}, and RDS would upgrade a copy that is not enrolled"
    )
    return EngineSupport(version, ENROLLED, reason, standard, extended)
