"""A table of moto with what AWS shows of it beside: its id, and while it is restored or deleted its status."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.dynamodb.models.table import Table


@dataclass(frozen=True, slots=True)
class RestoredFrom:
    """What a restored table was made of: the ARNs of the backup, "" for a moment, and of the table that was backed up."""

    backup_arn: str
    table_arn: str
    at: datetime


class SandboxTable(Table):
    """A table that is ACTIVE unless it is still being restored or already being deleted."""

    def __init__(self, name: str, now: Callable[[], datetime], **members: Any) -> None:
        """`now` is a function and no method, since moto copies tables deeply."""
        super().__init__(name, **members)
        self._now = now
        self.table_id = str(uuid.uuid4())
        self.ready_at: datetime | None = None
        self.gone_at: datetime | None = None
        self.restored_from: RestoredFrom | None = None

    @property
    def status(self) -> str:
        """CREATING until a restore is complete, DELETING after DeleteTable, else ACTIVE."""
        now = self._now()
        if self.gone_at is not None:
            return "DELETING"
        return "CREATING" if self.ready_at is not None and self.ready_at > now else "ACTIVE"

    @property
    def is_gone(self) -> bool:
        """Whether its deletion is over."""
        return self.gone_at is not None and self.gone_at <= self._now()

    def describe(self, base_key: str = "TableDescription") -> dict[str, Any]:
        """DescribeTable's answer: moto's, with id, status and the summary of a restore."""
        answer: dict[str, Any] = super().describe(base_key)
        described = answer[base_key]
        described |= {"TableId": self.table_id, "TableStatus": self.status}
        if self.restored_from is not None:
            source = {"SourceBackupArn": self.restored_from.backup_arn} if self.restored_from.backup_arn else {}
            described["RestoreSummary"] = source | {
                "SourceTableArn": self.restored_from.table_arn,
                "RestoreDateTime": self.restored_from.at,
                "RestoreInProgress": self.status == "CREATING",
            }
        return answer
