"""The client of a running sandbox's own API: its calls, seeds, faults, damage to snapshots. Over HTTP only.

The engine reaches the sandbox's AWS with boto3 as it reaches AWS; this is the small rest (drills/sandbox/control.py). The
sandbox belongs to the user who started it: `find_keys` reads its keys from a file that only that user can read.
"""

from __future__ import annotations

import json
import os
import stat
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from drills.errors import ConfigError, SandboxError, SeedError

_KINDS = {"seed": SeedError, "usage": ConfigError, "sandbox": SandboxError}
# a proxy that the environment names must not be asked for an address of this machine
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


@dataclass(frozen=True, slots=True)
class SandboxKeys:
    """The keys of a sandbox: AWS requests are signed with the first two, its own API takes the token."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)


def find_keys(endpoint: str, *, timeout: float = 10) -> SandboxKeys:
    """Return the keys of the sandbox that answers at an endpoint, from the file that it names.

    Raises SandboxError when nothing answers there, and when the sandbox is another user's: the file must be this user's,
    closed to others, and name this endpoint, so that whoever listens there learns nothing of another sandbox.
    """
    base = endpoint.rstrip("/")
    named = _ask(f"{base}/_sandbox/keys", timeout=timeout)
    try:
        return _read_keys(str(named["file"]), base)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SandboxError(
            f"Expected to read the keys of the sandbox at {base}, found: {error}; it belongs to the user who started it, so "
            "start one of your own: drills sandbox up."
        ) from error


def _read_keys(path: str, endpoint: str) -> SandboxKeys:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), encoding="utf-8") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise PermissionError(f"{path} is not a file of this user alone")
        facts = json.load(file)
    if urllib.parse.urlsplit(facts["endpoint"]).port != urllib.parse.urlsplit(endpoint).port:
        raise ValueError(f"{path} has the keys of {facts['endpoint']}")
    return SandboxKeys(facts["access_key"], facts["secret_key"], facts["token"])


class SandboxControl:
    """A client of one sandbox. Its methods raise SandboxError, SeedError or ConfigError with the sandbox's sentence.

    Without `keys` they are looked for at the first request.
    """

    def __init__(self, endpoint: str, keys: SandboxKeys | None = None) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._keys = keys

    def health(self, *, timeout: float = 10) -> dict[str, Any]:
        """Return whether it answers within `timeout` seconds, and the names of its instances."""
        return dict(self._ask("health", timeout=timeout))

    def calls(self, service: str | None = None, operation: str | None = None) -> list[dict[str, Any]]:
        """Return the AWS calls so far, oldest first: the members of `drills.sandbox.door.calls.Call`, secrets redacted."""
        query = {key: value for key, value in (("service", service), ("operation", operation)) if value}
        return list(self._ask("calls?" + urllib.parse.urlencode(query), timeout=30))

    def forget_calls(self) -> int:
        """Empty the record of calls, and free its memory; returns how many calls it had."""
        return int(self._ask("calls/forget", {})["forgotten"])

    def instance(self, name: str) -> dict[str, Any]:
        """Return an instance's status, why it failed, its server's pid, whether that is worked on, and its settings."""
        return dict(self._ask("instances/" + urllib.parse.quote(name), timeout=10))

    def inspect_seed(self, source: str, *, database: str = "") -> dict[str, Any]:
        """Return the kind and requirements of a seed, read to its end: the members of `SeedInfo`.

        `database` chooses one of a dump that has several.
        """
        return dict(self._ask("seed/inspect", {"source": source, "database": database}))

    def load_seed(
        self, instance: str, source: str, *, yes: bool = False, database: str = "", trusted: bool = False
    ) -> dict[str, Any]:
        """Load a seed into an available instance: the members of `LoadedSeed`.

        `yes` allows a server elsewhere; `trusted` loads it as a superuser, whose code reaches the host.
        """
        request = {"instance": instance, "source": source, "yes": yes, "database": database, "trusted": trusted}
        return dict(self._ask("seed/load", request))

    def damage(self, snapshot: str, kinds: Sequence[str]) -> list[dict[str, str]]:
        """Damage a stored snapshot (name or ARN); return kind, object and action of each; no object where none was there."""
        return list(self._ask("damage", {"snapshot": snapshot, "kinds": list(kinds)}))

    def name_volume(self, volume: str, wanted: str) -> None:
        """Give an EBS volume another id."""
        self._ask("volume", {"volume": volume, "id": wanted})

    def name_file_system(self, file_system: str, wanted: str, size: int) -> None:
        """Give an EFS file system another id, and a size in bytes."""
        self._ask("file-system", {"file_system": file_system, "id": wanted, "size": size})

    def set_point_status(
        self, snapshot: str, *, status: str | None = None, expires_at: datetime | None = None
    ) -> dict[str, Any]:
        """Give an AWS Backup recovery point another status, or another end of its lifecycle (aware)."""
        expires = expires_at.isoformat() if expires_at else None
        return dict(self._ask("points", {"snapshot": snapshot, "status": status, "expires_at": expires}))

    def decide(self, vault: str, *, approved: bool) -> None:
        """Let the team approve a vault for access, given by its ARN, or not."""
        self._ask("approval", {"vault": vault, "approved": approved})

    def forward(self, seconds: float) -> datetime:
        """Move the sandbox's clock forward by `seconds`; return its new instant."""
        return datetime.fromisoformat(self._ask("clock", {"forward": seconds})["now"])

    def now(self) -> datetime:
        """Return the sandbox's present instant."""
        return datetime.fromisoformat(self._ask("clock")["now"])

    def arm(self, kind: str, **where: Any) -> dict[str, Any]:
        """Arm a fault (drills/sandbox/base/faults.py) with service, operation, name, times (None: for good), seconds."""
        return dict(self._ask("faults", {"kind": kind, **where}))

    def faults(self) -> list[dict[str, Any]]:
        """Return the armed faults, and how often each has struck."""
        return list(self._ask("faults"))

    def clear_faults(self) -> None:
        """Disarm every fault."""
        self._ask("faults/clear", {})

    def contract(self) -> dict[str, Any] | None:
        """Return how many answers were validated against botocore's models, and each violation; None where none were."""
        found = self._ask("contract")
        return dict(found) if found else None

    def resolves(self, port: int) -> bool:
        """Return whether the name that RDS returns together with this port can be resolved already (late names)."""
        return bool(self._ask(f"names/{port}", timeout=10)["resolves"])

    def _ask(self, path: str, body: dict[str, Any] | None = None, *, timeout: float | None = None) -> Any:
        self._keys = self._keys or find_keys(self._endpoint, timeout=timeout or 10)
        return _ask(f"{self._endpoint}/_sandbox/{path}", body, token=self._keys.token, timeout=timeout)


def _ask(url: str, body: dict[str, Any] | None = None, *, token: str = "", timeout: float | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        with _open(urllib.request.Request(url, data, headers), timeout=timeout) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise _error(error.read()) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise SandboxError(f"Expected the sandbox to answer at {url}, but: {reason}; is it running?") from error


def _error(body: bytes) -> Exception:
    try:
        answer = json.loads(body)
        return _KINDS.get(answer.get("kind"), SandboxError)(answer["error"])
    except (ValueError, KeyError, AttributeError):
        return SandboxError(f"The sandbox answered with something that is no JSON: {body[:80]!r}.")
