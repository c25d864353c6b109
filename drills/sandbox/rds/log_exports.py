"""The server logs that RDS exports to CloudWatch Logs: `/aws/rds/instance/<name>/postgresql`, stream `<name>.0`.

See "Publishing PostgreSQL logs to Amazon CloudWatch Logs" in the Amazon RDS User Guide. Clients read exported logs only
through CloudWatch Logs, so the sandbox exports before it answers a request to that service, and before an instance goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from moto.rds.models import rds_backends

from drills.sandbox.base.moto_backends import all_backends
from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.state import DataPlane

_STAMP = re.compile(rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC ")
_MAX_BATCH = 10_000  # log events in one PutLogEvents


class LogExports:
    """Exports the logs of the instances that ask for it. The caller of each method holds the data plane's lock."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._exported: dict[str, int] = {}  # bytes of the log, by DbiResourceId

    def needed_for(self, service: str, operation: str) -> bool:
        """Return whether a request may read the exported logs, or end an export."""
        return service == "logs" or (service == "rds" and operation in ("DeleteDBInstance", "ModifyDBInstance"))

    def export(self, region: str) -> None:
        """Export what the servers of a region have logged since the last export, in every account."""
        for rds in all_backends(rds_backends):
            for db in list(rds.databases.values()) if rds.region_name == region else ():
                if isinstance(db, SandboxInstance) and "postgresql" in (db.enabled_cloudwatch_logs_exports or ()):
                    self._export_instance(db, rds.account_id, region)

    def _export_instance(self, db: SandboxInstance, account: str, region: str) -> None:
        from moto.logs.models import logs_backends

        logs: Any = logs_backends[account][region]
        group, stream = f"/aws/rds/instance/{db.resource_id}/postgresql", f"{db.resource_id}.0"
        if group not in logs.groups:
            logs.create_log_group(group, {})
        if stream not in logs.groups[group].streams:
            logs.create_log_stream(group, stream)
        events = list(_events(self._new_lines(db), self._plane.instant()))
        for first in range(0, len(events), _MAX_BATCH):
            logs.put_log_events(group, stream, events[first : first + _MAX_BATCH])

    def _new_lines(self, db: SandboxInstance) -> bytes:
        """Return the complete lines since the last export."""
        server = self._plane.servers.get(db.dbi_resource_id)
        exported = self._exported.get(db.dbi_resource_id, 0)
        try:
            with open(server.cluster.log_path if server else "", "rb") as log:
                log.seek(exported)
                text = log.read()
        except OSError:
            return b""
        lines = text[: text.rfind(b"\n") + 1]
        self._exported[db.dbi_resource_id] = exported + len(lines)
        return lines


def _events(text: bytes, now: datetime) -> Iterator[dict[str, Any]]:
    """Yield the log events of these lines; a line without a time belongs to the line before."""
    lines: list[bytes] = []
    at = now
    for line in text.splitlines():
        stamp = _STAMP.match(line)
        if stamp and lines:
            yield _event(at, lines)
            lines = []
        if stamp:
            at = datetime.fromisoformat(stamp[1].decode()).replace(tzinfo=UTC)
        lines.append(line)
    if lines:
        yield _event(at, lines)


def _event(at: datetime, lines: list[bytes]) -> dict[str, Any]:
    return {"timestamp": int(at.timestamp() * 1000), "message": b"\n".join(lines).decode("utf-8", "replace")}
