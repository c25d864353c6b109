"""Reads a request to AWS Backup: its members, and the rows and the page that it asks for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from moto.backup.exceptions import InvalidParameterValueException
from moto.core.responses import ActionResult
from werkzeug.datastructures import MultiDict

MAX_PAGE = 1000
# row member: the query parameters that bound it
_PERIODS = {
    "CreationDate": ("createdAfter", "createdBefore"),
    "CompletionDate": ("completeAfter", "completeBefore"),
    "RecoveryPointCreationDate": ("recoveryPointCreationDateAfter", "recoveryPointCreationDateBefore"),
}


class BackupRequest:
    """One request: the parameters of its path and its query, and its body, a JSON object or nothing."""

    def __init__(self, account: str, path: Mapping[str, Any], query: MultiDict[str, str], body: str | None) -> None:
        self.account = account
        self._path = path
        self._query = query
        self._body = body

    def path(self, name: str) -> str:
        """Return a parameter of the path."""
        return unquote(str(self._path[name]))

    def query(self, *names: str) -> str | None:
        """Return the first of these query parameters that is given, None when none is."""
        for name in names:
            if values := self._query.getlist(name):
                return str(values[0])
        return None

    def body(self) -> dict[str, Any]:
        """Return the members of the body; InvalidParameterValueException for what is no JSON object."""
        members = json.loads(self._body or "{}")
        if not isinstance(members, dict):
            raise InvalidParameterValueException("The request's body must be a JSON object.")
        return members

    def page(self, key: str, rows: Sequence[dict[str, Any]]) -> ActionResult:
        """Return the page of rows that the request asks for; the token is the number of rows before the next page."""
        token, limit = self.query("nextToken", "NextToken"), self.query("maxResults", "MaxResults")
        try:
            start, size = int(token or 0), int(limit or MAX_PAGE)
        except ValueError as error:
            raise InvalidParameterValueException(f"Invalid NextToken or MaxResults: {token}, {limit}") from error
        if start < 0 or not 1 <= size <= MAX_PAGE:
            raise InvalidParameterValueException(f"MaxResults must be 1 to {MAX_PAGE}, not {size}.")
        answer: dict[str, Any] = {key: list(rows[start : start + size])}
        if start + size < len(rows):
            answer["NextToken"] = str(start + size)
        return ActionResult(answer)

    def filter(self, rows: Iterable[dict[str, Any]], **members: str) -> list[dict[str, Any]]:
        """Return the rows in the periods of the query whose members equal its parameters, given as parameter=member."""
        found = list(rows)
        for parameter, member in members.items():
            value = self.query(parameter)
            found = [row for row in found if value is None or row.get(member) == value]
        for member, (after, before) in _PERIODS.items():
            begin, end = self._instant(after), self._instant(before)
            if begin is not None or end is not None:
                found = [row for row in found if member in row and _within(row[member], begin, end)]
        return found

    def _instant(self, parameter: str) -> datetime | None:
        text = self.query(parameter)
        try:
            return datetime.fromisoformat(text) if text else None
        except ValueError as error:
            raise InvalidParameterValueException(f"Invalid {parameter}: {text}") from error


def _within(instant: datetime, begin: datetime | None, end: datetime | None) -> bool:
    return (begin is None or instant >= begin) and (end is None or instant <= end)


def without_none(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without the members that have no value."""
    return {key: value for key, value in row.items() if value is not None}
