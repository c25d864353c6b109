"""The switchboard of faults: what is to go wrong, where, and how often.

Tests and features arm faults over `/_sandbox/faults`; the parts of the sandbox ask for theirs where it would strike.
A fault that nobody asks for stays armed, which `armed` shows: an injected fault that never struck proves nothing.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from drills.errors import ConfigError

# what each kind does; `seconds` is its duration where it has one
KINDS: Mapping[str, str] = {
    "throttling": "the call is refused with Throttling, Rate exceeded",
    "not-found-after-create": "a describe call right after the creation does not know the resource yet",
    "access-denied": "the call is refused with AccessDenied",
    "quota-exceeded": "the call is refused with the quota error of its service",
    "no-response": "the call is carried out, and its answer never comes",
    "clock-skew": "answers carry instants that are `seconds` ahead",
    "stuck-creating": "the instance stays in `creating`",
    "flapping": "the instance leaves `available` again for `seconds`",
    "incompatible-restore": "the restored instance ends in `incompatible-restore`",
    "incompatible-network": "the restored instance ends in `incompatible-network`",
    "storage-full": "the instance ends in `storage-full`",
    "connection-refused": "the instance's port refuses connections for `seconds`",
    "slow-reads": "what a server sends is held back by `seconds` at first",
    "late-name": "the endpoint's name does not resolve for `seconds`",
    "job-fails": "the job fails at 60 %",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One armed fault. Empty `service`, `operation` and `name` match any; `times` None strikes until it is cleared.

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
        """Whether this fault is meant by these words and can still strike."""
        pairs = ((self.service, service), (self.operation, operation), (self.name, name))
        left = self.times is None or self.struck < self.times
        return left and self.kind == kind and all(not mine or mine == theirs for mine, theirs in pairs)


class Switchboard:
    """The armed faults of one sandbox. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[int, Fault] = {}
        self._ids = itertools.count(1)

    def arm(self, given: Mapping[str, Any]) -> Fault:
        """Arm a fault from the members of `Fault`; ConfigError names what is wrong and what is allowed."""
        allowed = {"kind": str, "service": str, "operation": str, "name": str, "times": int, "seconds": (int, float)}
        for key, value in given.items():
            if key not in allowed:
                raise ConfigError(f"A fault has {', '.join(allowed)}, found {key!r}.")
            nothing = key == "times" and value is None
            if not nothing and (isinstance(value, bool) or not isinstance(value, allowed[key])):  # type: ignore[arg-type]
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
        """The fault that strikes here now, counted as struck; None where all goes well, or `unless` says so."""
        with self._lock:
            for fault in self._faults.values():
                if fault.matches(kind, service, operation, name) and not unless(fault):
                    self._faults[fault.id] = replace(fault, struck=fault.struck + 1)
                    return self._faults[fault.id]
        return None

    def standing(self, kind: str) -> Fault | None:
        """The fault of a kind that could strike, whatever it is meant for; nothing is counted."""
        with self._lock:
            faults = list(self._faults.values())
        return next(
            (fault for fault in faults if fault.matches(kind, fault.service, fault.operation, fault.name)), None
        )

    def armed(self) -> list[dict[str, Any]]:
        """Every fault and how often it has struck, as JSON values."""
        with self._lock:
            return [asdict(fault) for fault in self._faults.values()]

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()
