"""The engine of a copy: what its restore asks for, and whether it runs the version that was backed up."""

from __future__ import annotations

from datetime import datetime

from drills.aws import engine
from drills.aws.databases.kinds import INSTANCE, Kind
from drills.aws.session import Clients
from drills.checks.observed import Observations
from drills.model.engine import ENROLLED, EngineSupport
from drills.model.finding import CheckResult
from drills.model.instance import Instance
from drills.model.point import RecoveryPoint
from drills.objectives import engine_version
from drills.objectives.engine_version import EngineSeen


def backed_up(point: RecoveryPoint, source: Instance | None) -> str:
    """Return the version that a point holds: its own, else the living source's; "" where neither is known."""
    return point.engine_version or (source.engine_version if source else "")


def support_for(
    clients: Clients, point: RecoveryPoint, source: Instance | None, until: datetime, kind: Kind = INSTANCE
) -> EngineSupport:
    """Return what the restore of a point asks for; `until` is the end of the copy's life."""
    version = backed_up(point, source)
    lifecycle = engine.read_lifecycle(clients, version, kind) if version else None
    return engine.decide(version, lifecycle, until)


def notes(support: EngineSupport) -> tuple[str, ...]:
    """Return the note about a copy that RDS may charge Extended Support for; none about one that it does not. Pure."""
    return (f"the copy is {support.reason}",) if support.setting == ENROLLED else ()


def judge(
    copy: Instance, support: EngineSupport | None, point: RecoveryPoint, source: Instance | None, note: Observations
) -> CheckResult:
    """Judge the version that a copy runs, and note what was observed."""
    seen = EngineSeen(backed_up(point, source), copy.engine_version, support)
    note.note(engine_version.NAME, "", seen)
    return engine_version.judge(seen)
