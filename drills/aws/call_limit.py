"""Limits how long one call of AWS is repeated: botocore counts tries and knows no time.

Its ten tries take minutes while AWS throttles, and a quarter of an hour where nothing answers.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from drills.clock import Clock
from drills.durations import show_duration


def limit_call(client: Any, seconds: float, clock: Clock, *, key: str = "") -> None:
    """Let no call of this boto3 client be tried again `seconds` after it began; the last failure is raised then.

    Its text says so, and names `key`, where drill.toml sets the limit.
    """
    began_at = f"drills:began:{id(client)}"

    def begin(context: dict[str, Any], **_: Any) -> None:
        context[began_at] = clock.monotonic()

    def give_up(
        response: Any, operation: Any, attempts: int, caught_exception: Exception | None, request_dict: Any, **_: Any
    ) -> None:
        began = request_dict.get("context", {}).get(began_at)
        if began is None or clock.monotonic() - began < seconds:
            return
        if caught_exception is not None:
            raise _limited(caught_exception, attempts, seconds, key)
        http, parsed = response
        if http.status_code >= 400:
            parsed.setdefault("ResponseMetadata", {})["RetryAttempts"] = attempts - 1
            refused = ClientError(parsed, operation.name)
            raise _limited(refused, attempts, seconds, key) if attempts > 1 or http.status_code >= 500 else refused

    client.meta.events.register("before-call", begin, unique_id=f"drills-call-began-{id(client)}")
    client.meta.events.register("needs-retry", give_up, unique_id=f"drills-call-ends-{id(client)}")


def _limited(error: Exception, attempts: int, seconds: float, key: str) -> Exception:
    """Return the failure with the limit in its text: whoever shows the failure shows the limit too."""
    times = "once" if attempts == 1 else f"{attempts} times"
    raised = f", which {key} sets" if key else ""
    error.args = (f"{error} (tried {times} within the {show_duration(seconds)} of one call{raised})",)
    return error
