"""Fault injection: which faults are armed, what each matches, and how often each has struck.

Tests and features arm faults over `/_sandbox/faults`; the parts of the sandbox take a fault at the place where it takes
effect. A fault that nothing takes stays armed, and `armed` shows it: a fault that never struck proves nothing.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from drills.errors import ConfigError

# the effect of each kind; `seconds` is its duration where it has one
KINDS: Mapping[str, str] = {
    "throttling": "the call is refused with Throttling, Rate exceeded",
    "not-found-after-create": "a describe call right after the creation does not know the resource yet",
    "access-denied": "the call is refused with AccessDenied",
    "quota-exceeded": "the call is refused with the quota error of its service",
    "no-response": "the call is carried out, and no response is sent",
    "lost-answer": "the call is carried out, and the connection is closed without a response",
    "server-error": "the call is carried out, and the response is 500 InternalFailure",
    "clock-skew": "responses carry instants that are `seconds` ahead",
    "stuck-creating": "the instance stays in `creating`",
    "flapping": "the instance leaves `available` again for `seconds`",
    "incompatible-restore": "the restored instance ends in `incompatible-restore`",
    "incompatible-network": "the restored instance ends in `incompatible-network`",
    "storage-full": "the instance ends in `storage-full`",
    "connection-refused": "the instance's port refuses connections for `seconds`",
    "slow-reads": "the first data that a server sends is delayed by `seconds`",
    "late-name": "the endpoint's name does not resolve for `seconds`",
    "job-fails": "the job fails at 60 %",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One armed fault. Empty `service`, `operation` and `name` match any; with `times` None it strikes until cleared.

    `name` is the instance's, vault's or other resource's. `struck` counts how often it has struck.
    """

    id: int
    kind: str
    service: str = ""
    operation: str = ""
    name: str = ""
    times: int | None = 1
    seconds: float = 0.0
    struck: int = 0

    def matches(self, kind: str, service: str, operation: str, name: str) -> bool:
        """Return whether this fault matches and can still strike."""
        pairs = ((self.service, service), (self.operation, operation), (self.name, name))
        remaining = self.times is None or self.struck < self.times
        return remaining and self.kind == kind and all(own in ("", actual) for own, actual in pairs)


class FaultRegistry:
    """The armed faults of one sandbox. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[int, Fault] = {}
        self._ids = itertools.count(1)

    def arm(self, given: Mapping[str, Any]) -> Fault:
        """Arm a fault from the members of `Fault`. Raises ConfigError."""
        allowed = {"kind": str, "service": str, "operation": str, "name": str, "times": int, "seconds": (int, float)}
        for key, value in given.items():
            if key not in allowed:
                raise ConfigError(f"A fault has {', '.join(allowed)}, found {key!r}.")
            unlimited = key == "times" and value is None
            if not unlimited and (isinstance(value, bool) or not isinstance(value, allowed[key])):  # type: ignore[arg-type]
                raise ConfigError(f"The fault's {key} cannot be {value!r}.")
        if given.get("kind") not in KINDS:
            raise ConfigError(f"A fault's kind is one of {', '.join(KINDS)}, found {given.get('kind')!r}.")
        times = given.get("times")
        if (times is not None and times < 1) or given.get("seconds", 0) < 0:
            raise ConfigError("A fault's times must be at least 1, and its seconds at least 0.")
        with self._lock:
            fault = Fault(next(self._ids), **given)
            self._faults[fault.id] = fault
        return fault

    def take(
        self,
        kind: str,
        *,
        service: str = "",
        operation: str = "",
        name: str = "",
        unless: Callable[[Fault], bool] = lambda _: False,
    ) -> Fault | None:
        """Return the fault that strikes here now and count it; None when none matches, or `unless` excludes it."""
        with self._lock:
            for fault in self._faults.values():
                if fault.matches(kind, service, operation, name) and not unless(fault):
                    self._faults[fault.id] = replace(fault, struck=fault.struck + 1)
                    return self._faults[fault.id]
        return None

    def active(self, kind: str) -> Fault | None:
        """Return a fault of a kind that can still strike, whatever it matches, without counting it."""
        with self._lock:
            faults = list(self._faults.values())
        return next(
            (fault for fault in faults if fault.matches(kind, fault.service, fault.operation, fault.name)), None
        )

    def armed(self) -> list[dict[str, Any]]:
        """Return every fault and how often it has struck, as JSON values."""
        with self._lock:
            return [asdict(fault) for fault in self._faults.values()]

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()
