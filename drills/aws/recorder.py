"""Records the AWS calls of a run for its evidence: of each request and answer what recorded_fields.py allows, and no more.

Hooks of botocore's event system see the parameters before they are serialized and the answer after it is parsed
(https://boto3.amazonaws.com/v1/documentation/api/latest/guide/events.html). A call that got no answer leaves no entry.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from botocore.exceptions import ClientError

from drills.aws.recorded_fields import FIELDS
from drills.clock import Clock, SystemClock
from drills.model.timing import OperationCalls
from drills.notebook import Notebook
from drills.redaction import redact

CALLS_NAME = ".aws-calls.jsonl"  # in the run's folder, until the run has ended
Side = Literal["source", "restore"]
Tree = Mapping[str, Any]
_TOKENS = frozenset({"NextToken", "Marker", "nextToken"})
SET = "(set)"
# one or two for each object of a bucket, and nothing in them but its key: what they told is in what was observed
OF_SINGLE_OBJECTS = frozenset({"s3.HeadObject", "s3.GetObject"})
FREE = ("Message", "message")  # members whose text is AWS's own prose, which may quote what somebody typed
MORE = "(more)"  # in the place of a token for the next page
_OWN = ("drills:", "aws:")
_TAG_PREFIX = "aws:ResourceTag/"


def count_calls(calls: Iterable[Mapping[str, Any]]) -> tuple[OperationCalls, ...]:
    """Return how often AWS answered each operation, of calls in their order; the most frequent first. Pure."""
    answered, repeated = Counter[str](), Counter[str]()
    for call in calls:
        answered[call["operation"]] += 1
        repeated[call["operation"]] += call.get("repeated", 0)
    return tuple(OperationCalls(name, count, repeated[name]) for name, count in answered.most_common())


class CallRecorder:
    """Appends the calls of one process to the run's folder. `purpose` is written to each: what the call was made for.

    `salt` is for the digests of values that are not kept, the same for all processes of a run. `missed` is told of a call that
    could not be written; without it the call raises OSError.
    """

    def __init__(
        self,
        folder: Path,
        process: str,
        clock: Clock | None = None,
        missed: Callable[[OSError], None] | None = None,
    ) -> None:
        self._missed = missed
        self._notebook = Notebook(folder / CALLS_NAME)
        self._salt = folder.name
        self._clock = clock or SystemClock()
        self.process = self.purpose = process

    @contextmanager
    def within(self, purpose: str) -> Iterator[None]:
        """Write to each call of the block what it is made for."""
        before, self.purpose = self.purpose, purpose
        try:
            yield
        finally:
            self.purpose = before

    def watch(self, client: Any, side: Side) -> None:
        """Record the calls of a boto3 client from now on."""
        key, region = f"drills:recorded:{id(self)}", client.meta.region_name

        def asked(params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
            context[key] = (dict(params), self._clock.now())

        def answered(event_name: str, parsed: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
            params, sent = context.pop(key, ({}, self._clock.now()))
            service = str(client.meta.service_model.service_name)
            operation = f"{service}.{event_name.rpartition('.')[2]}"
            if operation not in OF_SINGLE_OBJECTS:
                self._add(operation, params, parsed or {}, {"side": side, "region": region, "sent": sent})

        def refused(event_name: str, exception: Exception, context: dict[str, Any], **_: Any) -> None:
            # the last answer to a call that is not repeated for its time is up
            if isinstance(exception, ClientError):
                answered(event_name, exception.response, context)

        client.meta.events.register("before-parameter-build", asked, unique_id=f"{key}:asked")
        client.meta.events.register("after-call", answered, unique_id=f"{key}:answered")
        client.meta.events.register("after-call-error", refused, unique_id=f"{key}:refused")

    def _add(self, operation: str, params: Mapping[str, Any], parsed: Mapping[str, Any], where: dict[str, Any]) -> None:
        meta = parsed.get("ResponseMetadata", {})
        error = parsed.get("Error") or {}
        asked, answer = FIELDS.get(operation, ("", ""))
        left_out = [0]
        kept = keep(params, tree_of(asked), self._salt, left_out)
        body = {name: value for name, value in parsed.items() if name not in ("ResponseMetadata", "Error")}
        self._note(
            {
                "operation": operation,
                "at": text_of(self._clock.now()),
                "sent": text_of(where["sent"]),
                "side": where["side"],
                "region": where["region"],
                "process": self.process,
                "for": self.purpose,
                "parameters": kept,
                "status": meta.get("HTTPStatusCode"),
                "request_id": meta.get("RequestId", ""),
                "date": meta.get("HTTPHeaders", {}).get("date", ""),
                "repeated": int(meta.get("RetryAttempts") or 0),
                "error": {"code": str(error.get("Code", "")), "message": redact(str(error.get("Message", "")))}
                if error
                else None,
                "answer": None if error else keep(body, tree_of(answer), self._salt, left_out),
                "fields_left_out": left_out[0],
            }
        )

    def _note(self, call: Mapping[str, Any]) -> None:
        try:
            self._notebook.add(call)
        except OSError as error:
            if self._missed is None:
                raise
            self._missed(error)


@functools.cache
def tree_of(text: str) -> Tree:
    """Return the allow-list that a text of recorded_fields.py says, as nested mappings; a leaf is None, "~" or "!". Pure."""
    tokens = re.findall(r"[A-Za-z0-9]+[~!]?|\(|\)|\*", text)
    stack: list[dict[str, Any]] = [{}]
    last = ""
    for token in tokens:
        if token == "(":
            below: dict[str, Any] = {}
            stack[-1][last] = below
            stack.append(below)
        elif token == ")":
            stack.pop()
        else:
            last = token.rstrip("~!")
            stack[-1][last] = token[len(last) :] or None
    return stack[0]


def keep(value: Mapping[str, Any], tree: Tree, salt: str, left_out: list[int]) -> dict[str, Any]:
    """Return the allowed members of a request or an answer, as JSON has them; add the number of other scalars to `left_out`."""
    found: dict[str, Any] = {}
    for name, each in value.items():
        if name not in tree:
            left_out[0] += _scalars(each)
            continue
        rule = tree[name]
        if name in _TOKENS and each:
            found[name] = MORE
        elif rule == "~":
            found[name] = _digest(each, value, salt)
        elif rule == "!":
            found[name] = SET if each else None
        elif rule is None:
            found[name] = _plain(each, left_out, free=name.endswith(FREE))
        else:
            found[name] = _below(each, rule, salt, left_out)
    return found


def _below(value: Any, rule: Tree, salt: str, left_out: list[int]) -> Any:
    if "*" in rule:
        return _jsonable(value)
    if isinstance(value, Mapping):
        return keep(value, rule, salt, left_out)
    if isinstance(value, list | tuple):
        return [keep(each, rule, salt, left_out) for each in value if isinstance(each, Mapping)]
    return None


def _plain(value: Any, left_out: list[int], *, free: bool = False) -> Any:
    """Return a scalar or a list of scalars; whatever else lies there was not meant and is left out."""
    if isinstance(value, Mapping):
        left_out[0] += _scalars(value)
        return None
    if isinstance(value, list | tuple):
        return [_plain(each, left_out) for each in value]
    return redact(str(value)) if free and value else _scalar(value)


def _digest(value: Any, beside: Mapping[str, Any], salt: str) -> Any:
    key = str(beside.get("Key") or beside.get("ConditionKey") or "").removeprefix(_TAG_PREFIX)
    if value in (None, "") or key.startswith(_OWN):
        return _scalar(value)
    return "sha256:" + hashlib.sha256(f"{salt}:{value}".encode()).hexdigest()[:16]


def _scalars(value: Any) -> int:
    if isinstance(value, Mapping):
        return sum(map(_scalars, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_scalars, value))
    return 1


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _jsonable(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(each) for each in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, datetime):
        return text_of(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def text_of(at: datetime) -> str:
    """Return an instant as the record writes it, in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at.tzinfo else at.isoformat()
