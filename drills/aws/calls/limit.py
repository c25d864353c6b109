"""What holds for each call of a client: how long and for what it is repeated, and how many there are.

botocore counts tries and knows no time: its ten tries take minutes while AWS throttles, and a quarter of an hour where nothing
answers.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from drills.clock import Clock
from drills.durations import show_duration
from drills.errors import DrillError


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
        if caught_exception is None and _is_quota(response, client):
            raise ClientError(response[1], operation.name)
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


def _is_quota(response: Any, client: Any) -> bool:
    """Return whether the refusal is a quota that is used up, which waiting does not change.

    For AWS Backup LimitExceededException means that (its API reference, StartBackupJob); botocore repeats the code as throttling.
    """
    refused = _code_in(response) == "LimitExceededException"
    return refused and client.meta.service_model.service_name == "backup"


def _code_in(response: Any) -> str:
    """Return the error code of an answer, as "needs-retry" has it; "" for one without, and for no answer."""
    return str((response[1] or {}).get("Error", {}).get("Code", "")) if response else ""


def _limited(error: Exception, attempts: int, seconds: float, key: str) -> Exception:
    """Return the failure with the limit in its text: whoever shows the failure shows the limit too."""
    times = "once" if attempts == 1 else f"{attempts} times"
    raised = f", which {key} sets" if key else ""
    error.args = (f"{error} (tried {times} within the {show_duration(seconds)} of one call{raised})",)
    return error


# what is made, by the member of the request or of the answer that names it
_MADE = {
    "CreateBucket": "Bucket",
    "CreateDBParameterGroup": "DBParameterGroupName",
    "CreateDBSubnetGroup": "DBSubnetGroupName",
    "CreateSecurityGroup": "GroupId",
    "CopyDBSnapshot": "TargetDBSnapshotIdentifier",
    "CreateSecret": "Name",
    "RestoreDBInstanceFromDBSnapshot": "DBInstanceIdentifier",
    "RestoreDBInstanceToPointInTime": "TargetDBInstanceIdentifier",
    "StartBackupJob": "BackupJobId",
    "StartCopyJob": "CopyJobId",
    "StartRestoreJob": "RestoreJobId",
}
KNOWN_WITHIN = 60.0  # seconds, on AWS
KNOWN_HERE_WITHIN = 3.0  # elsewhere: what is unknown there is mostly gone
SETTLED_WITHIN = 3.0  # after the first call that knew it: another server may not yet


class MadeThings:
    """Repeats a call that does not know yet what this process has just made; the clients of a run share one.

    A thing can be unknown for a while after its creation was answered ("Eventual consistency in the Amazon EC2 API", EC2 API
    reference; the same page in the Amazon RDS user guide). The pauses are random and double, to five seconds.
    """

    def __init__(self, clock: Clock, within: float = KNOWN_WITHIN, chance: Callable[[], float] = random.random) -> None:
        self._clock, self._within, self._chance = clock, within, chance
        self._made: dict[str, float] = {}  # by name, until when it may be unknown

    def watch(self, client: Any) -> None:
        """Watch a boto3 client's calls from now on."""
        key = f"drills-made-{id(self)}"
        client.meta.events.register("before-parameter-build", self._ask, unique_id=f"{key}-asked")
        client.meta.events.register("after-call", self._note, unique_id=f"{key}-answered")
        client.meta.events.register("needs-retry", self._wait, unique_id=f"{key}-repeated")

    def _ask(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["drills:named"] = [value for value in params.values() if isinstance(value, str)] + [
            each for value in params.values() if isinstance(value, list) for each in value if isinstance(each, str)
        ]
        context["drills:params"] = params

    def _note(self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        if not parsed or parsed.get("Error"):
            return
        now, params = self._clock.monotonic(), context.get("drills:params", {})
        for name in self._made.keys() & set(context.get("drills:named", ())):
            if model.name.startswith("Delete") or "NewDBInstanceIdentifier" in params:  # nothing has the name any more
                del self._made[name]
            else:
                self._made[name] = min(self._made[name], now + SETTLED_WITHIN)
        if member := _MADE.get(model.name):
            self._made[str(params.get(member) or parsed.get(member))] = now + self._within

    def _wait(self, response: Any, attempts: int, request_dict: dict[str, Any], **_: Any) -> float | None:
        if not any(word in _code_in(response) for word in ("NotFound", "NoSuchBucket")):
            return None
        now = self._clock.monotonic()
        named = request_dict.get("context", {}).get("drills:named", ())
        if any(now < self._made.get(name, now) for name in named):
            return min(2.0**attempts * 0.5, 5.0) * (0.5 + self._chance() / 2)
        return None


# A drill asks a few hundred times, and one that waits for a day about 1,700 times more. RDS lets an account ask 12 times a
# second in the long run ("Request throttling for the Amazon RDS API", RDS User Guide): this is a quarter of an hour of that.
MOST_REQUESTS = 10_000
# of each object of a bucket that is drilled, of which objects.most of the target limits how many there are
OF_SINGLE_OBJECTS = (".s3.HeadObject", ".s3.GetObject")


class CallBudget:
    """Counts the requests of the clients that it watches, each try of a call by itself. Threads may share it."""

    def __init__(self, most: int = MOST_REQUESTS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._sent = 0

    @property
    def sent(self) -> int:
        """How many requests were sent so far."""
        return self._sent

    def watch(self, client: Any) -> None:
        """Count this boto3 client's requests from now on; one above the limit raises DrillError and is not sent."""
        client.meta.events.register_first("before-send", self._send, unique_id=f"drills-budget-{id(self)}")

    def _send(self, event_name: str, **_: Any) -> None:
        if event_name.endswith(OF_SINGLE_OBJECTS):  # a limit of the target's own counts these
            return
        with self._lock:
            if self._sent >= self._most:
                raise DrillError(
                    f"expected one process to need no more than {self._most:,} requests of AWS, found that it would send "
                    f"another, {event_name.rpartition('.')[2]}: see the calls in the run's folder, which of them repeats"
                )
            self._sent += 1
