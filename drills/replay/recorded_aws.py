"""Clients that answer from the recorded calls of AWS, so that the engine's own functions read them again. Calls nobody."""

from __future__ import annotations

import json
import re
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from drills.aws.recorded_fields import FIELDS
from drills.aws.recorder import keep, tree_of
from drills.aws.session import SERVICES, Clients
from drills.errors import COULD_NOT_RUN, DrillError

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_DATED = ("Time", "Date", "At")
_TOKENS = ("NextToken", "Marker", "nextToken")
_PATTERNS = ("StringLike", "StringNotLike")


class NotRecorded(DrillError):
    """The engine asks for an answer that the run did not get."""

    exit_code = COULD_NOT_RUN


class RecordedAws:
    """The recorded calls of a run, by what they were made for. `salt` is that of the recorder's digests."""

    def __init__(self, calls: Sequence[Mapping[str, Any]], salt: str) -> None:
        self._calls = calls
        self._salt = salt

    def clients(self, purpose: str, side: str = "source", unanswered: Mapping[str, str] | None = None) -> Clients:
        """Return clients that give the answers of the calls with this purpose, each once and in their order.

        `unanswered` has the error by operation that the run met where AWS gave no answer, of which there is no entry.
        """
        queues: dict[tuple[str, ...], deque[Mapping[str, Any]]] = defaultdict(deque)
        region = ""
        for call in self._calls:
            if call["for"] == purpose and call["side"] == side:
                service, _, operation = str(call["operation"]).partition(".")
                asked = json.dumps(call["parameters"], sort_keys=True)
                queues[service, str(call["region"]), operation, asked].append(call)
                region = region or str(call["region"])

        def client(service: str, where: str) -> Any:
            return _Client(service, where, queues, self._salt, unanswered or {})

        made = {name: client(name, region) for name in SERVICES}
        return Clients(**made, region=region, account=self.account(side), open_client=client)

    def account(self, side: str) -> str:
        """Return the account that a side acted in, "" where STS was not asked."""
        for call in self._calls:
            if call["operation"] == "sts.GetCallerIdentity" and call["side"] == side and call["answer"]:
                return str(call["answer"].get("Account", ""))
        return ""

    def of(self, operation: str, **parameters: str) -> list[Mapping[str, Any]]:
        """Return the calls of an operation with these parameters."""
        return [
            call
            for call in self._calls
            if call["operation"] == operation
            and all(call["parameters"].get(name) == value for name, value in parameters.items())
        ]

    def for_purpose(self, purpose: str) -> list[Mapping[str, Any]]:
        """Return the calls that were made for this purpose."""
        return [call for call in self._calls if call["for"] == purpose]

    def selects_by_pattern(self) -> bool:
        """Return whether a backup selection has patterns of tags, whose values were recorded as digests."""
        for call in self.of("backup.GetBackupSelection"):
            conditions = ((call["answer"] or {}).get("BackupSelection") or {}).get("Conditions") or {}
            if any(conditions.get(kind) for kind in _PATTERNS):
                return True
        return False


class _Client:
    def __init__(
        self,
        service: str,
        region: str,
        queues: Mapping[tuple[str, ...], deque[Mapping[str, Any]]],
        salt: str,
        unanswered: Mapping[str, str],
    ) -> None:
        self._service, self._region, self._queues, self._salt = service, region, queues, salt
        self._unanswered = unanswered
        self._operations = {xform_name(key.partition(".")[2]): key for key in FIELDS if key.startswith(f"{service}.")}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._operations:
            raise AttributeError(name)
        return lambda **asked: self._answer(self._operations[name], asked)

    def get_paginator(self, name: str) -> Any:
        """Return what yields the recorded pages of an operation."""
        return _Pages(lambda **asked: getattr(self, name)(**asked))

    def _answer(self, key: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        kept = keep(asked, tree_of(FIELDS[key][0]), self._salt, [0])
        operation = key.partition(".")[2]
        queue = self._queues.get((self._service, self._region, operation, json.dumps(kept, sort_keys=True)))
        if not queue and operation in self._unanswered:
            unanswered = {"Code": self._unanswered[operation], "Message": "AWS gave no answer"}
            raise ClientError({"Error": unanswered}, operation)  # type: ignore[typeddict-item]
        if not queue:
            raise NotRecorded(f"expected a recorded answer of {operation} to {json.dumps(kept)}, found none")
        call = queue.popleft()
        if call["error"]:
            error = {"Code": call["error"]["code"], "Message": call["error"]["message"]}
            meta = {"HTTPStatusCode": call["status"], "RequestId": call["request_id"]}
            raise ClientError({"Error": error, "ResponseMetadata": meta}, operation)  # type: ignore[typeddict-item]
        found: dict[str, Any] = with_instants(call["answer"] or {})
        return found


class _Pages:
    def __init__(self, call: Any) -> None:
        self._call = call

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        """Yield recorded pages until one says that no more follows."""
        while True:
            page = self._call(**asked)
            yield page
            if not any(page.get(token) for token in _TOKENS):
                return


def with_instants(value: Any, name: str = "") -> Any:
    """Return a recorded answer with its instants as boto3 gives them. Pure."""
    if isinstance(value, Mapping):
        return {key: with_instants(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [with_instants(each, name) for each in value]
    if isinstance(value, str) and name.endswith(_DATED) and _INSTANT.fullmatch(value):
        return datetime.fromisoformat(value)
    return value
