"""The server logs that RDS exports to CloudWatch Logs: `/aws/rds/instance/<name>/postgresql`, stream `<name>.0`.

"Publishing PostgreSQL logs to Amazon CloudWatch Logs", Amazon RDS User Guide. Nobody can see them but through
CloudWatch Logs, so they are brought up to date when it is asked, and before an instance goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from moto.rds.models import rds_backends

from drills.sandbox.rds.instances import SandboxInstance
from drills.sandbox.state import DataPlane

_STAMP = re.compile(rb"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC ")
_AT_ONCE = 10_000  # log events in one PutLogEvents


class LogExports:
    """What has been exported so far, by DbiResourceId. The data plane's lock is held in each call."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._read: dict[str, int] = {}

    def wanted_for(self, service: str, operation: str) -> bool:
        """Whether a request may see the logs, or end them."""
        return service == "logs" or (service == "rds" and operation in ("DeleteDBInstance", "ModifyDBInstance"))

    def bring_up_to_date(self, account: str, region: str) -> None:
        """Export what the servers of a region have logged since the last time."""
        for db in list(rds_backends[account][region].databases.values()):
            if isinstance(db, SandboxInstance) and "postgresql" in (db.enabled_cloudwatch_logs_exports or ()):
                self._export(db, account, region)

    def _export(self, db: SandboxInstance, account: str, region: str) -> None:
        from moto.logs.models import logs_backends

        logs: Any = logs_backends[account][region]
        group, stream = f"/aws/rds/instance/{db.resource_id}/postgresql", f"{db.resource_id}.0"
        if group not in logs.groups:
            logs.create_log_group(group, {})
        if stream not in logs.groups[group].streams:
            logs.create_log_stream(group, stream)
        events = list(_events(self._fresh(db), self._plane.instant()))
        for first in range(0, len(events), _AT_ONCE):
            logs.put_log_events(group, stream, events[first : first + _AT_ONCE])

    def _fresh(self, db: SandboxInstance) -> bytes:
        """The whole lines that were written since the last time."""
        server = self._plane.servers.get(db.dbi_resource_id)
        seen = self._read.get(db.dbi_resource_id, 0)
        try:
            with open(server.cluster.log_path if server else "", "rb") as log:
                log.seek(seen)
                text = log.read()
        except OSError:
            return b""
        whole = text[: text.rfind(b"\n") + 1]
        self._read[db.dbi_resource_id] = seen + len(whole)
        return whole


def _events(text: bytes, now: datetime) -> Iterator[dict[str, Any]]:
    """Log events out of log lines; a line without a time belongs to the one before."""
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
