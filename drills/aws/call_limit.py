"""Limits how long one call of AWS is repeated: botocore counts tries and knows no time.

Its ten tries take minutes while AWS throttles, and a quarter of an hour where nothing answers.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from drills.clock import Clock


def limit_call(client: Any, seconds: float, clock: Clock) -> None:
    """Let no call of this boto3 client be tried again `seconds` after it began; the last failure is raised then."""
    key = f"drills:began:{id(client)}"

    def begin(context: dict[str, Any], **_: Any) -> None:
        context[key] = clock.monotonic()

    def give_up(
        response: Any, operation: Any, attempts: int, caught_exception: Exception | None, request_dict: Any, **_: Any
    ) -> None:
        began = request_dict.get("context", {}).get(key)
        if began is None or clock.monotonic() - began < seconds:
            return
        if caught_exception is not None:
            raise caught_exception
        http, parsed = response
        if http.status_code >= 400:
            parsed.setdefault("ResponseMetadata", {})["RetryAttempts"] = attempts - 1
            raise ClientError(parsed, operation.name)

    client.meta.events.register("before-call", begin, unique_id=f"drills-call-began-{id(client)}")
    client.meta.events.register("needs-retry", give_up, unique_id=f"drills-call-ends-{id(client)}")
