"""What all answers of AWS Backup share: reading a request's members, filtering rows, cutting pages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from moto.backup.exceptions import InvalidParameterValueException
from moto.backup.responses import BackupResponse
from moto.core.responses import ActionResult

from drills.sandbox.backup.backend import SandboxBackup
from drills.sandbox.backup.models import TimedJob

PAGE = 1000


class BackupAnswers(BackupResponse):
    """One request to AWS Backup."""

    @property
    def sandbox(self) -> SandboxBackup:
        """The backend of this request's account and region."""
        backend = self.backup_backend
        assert isinstance(backend, SandboxBackup)
        return backend

    def _uri(self, name: str) -> str:
        return unquote(str(self.uri_match[name]))

    def _query(self, *names: str) -> str | None:
        for name in names:
            if values := self.normalized_request.args.getlist(name):
                return str(values[0])
        return None

    def _given(self) -> dict[str, Any]:
        given = json.loads(self.body or "{}")
        if not isinstance(given, dict):
            raise InvalidParameterValueException("The request's body must be a JSON object.")
        return given

    def _page(self, key: str, rows: Sequence[dict[str, Any]]) -> ActionResult:
        """A page of rows; the token is the number of rows before the next page."""
        token, most = self._query("nextToken", "NextToken"), self._query("maxResults", "MaxResults")
        try:
            start, size = int(token or 0), int(most or PAGE)
        except ValueError as error:
            raise InvalidParameterValueException(f"Invalid NextToken or MaxResults: {token}, {most}") from error
        if start < 0 or not 1 <= size <= PAGE:
            raise InvalidParameterValueException(f"MaxResults must be 1 to {PAGE}, not {size}.")
        answer: dict[str, Any] = {key: list(rows[start : start + size])}
        if start + size < len(rows):
            answer["NextToken"] = str(start + size)
        return ActionResult(answer)

    def _filtered(self, rows: Iterable[dict[str, Any]], **by: str) -> list[dict[str, Any]]:
        """The rows whose members equal the query's parameters, which are named by their members."""
        found = list(rows)
        for parameter, key in by.items():
            wanted = self._query(parameter)
            found = [row for row in found if wanted is None or row.get(key) == wanted]
        for key, after, before in (
            ("CreationDate", "createdAfter", "createdBefore"),
            ("CompletionDate", "completeAfter", "completeBefore"),
            ("RecoveryPointCreationDate", "recoveryPointCreationDateAfter", "recoveryPointCreationDateBefore"),
        ):
            begin, end = self._instant(after), self._instant(before)
            if begin is not None or end is not None:
                found = [
                    row
                    for row in found
                    if key in row and (begin is None or row[key] >= begin) and (end is None or row[key] <= end)
                ]
        return found

    def _instant(self, parameter: str) -> datetime | None:
        text = self._query(parameter)
        try:
            return datetime.fromisoformat(text) if text else None
        except ValueError as error:
            raise InvalidParameterValueException(f"Invalid {parameter}: {text}") from error

    def _timed(self, job: TimedJob) -> dict[str, Any]:
        """What backup and copy jobs have in common."""
        now = self.sandbox.now()
        state = job.state(now)
        return known(
            {
                "AccountId": self.current_account,
                "ResourceArn": job.resource_arn,
                "ResourceType": "RDS",
                "ResourceName": job.resource_name,
                "IamRoleArn": job.role_arn,
                "CreationDate": job.created_at,
                "CompletionDate": job.completed_at if state not in ("CREATED", "PENDING", "RUNNING") else None,
                "State": state,
                "StatusMessage": job.message(now) or None,
                "CreatedBy": job.created_by or None,
                "BackupSizeInBytes": job.size_bytes if job.point_arn else None,
                "IsParent": False,
            }
        )


def known(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without the members that have no value."""
    return {key: value for key, value in row.items() if value is not None}
