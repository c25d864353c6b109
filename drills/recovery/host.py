"""Observes the drill's own host, and a server on it, with testinfra.

The host is handed in: testinfra's, of which `addr`, `file` and `socket` are asked. Everything is read and nothing changed.
What a host has no means to observe (a container without `ss`, say) is "unreadable", which is neither good nor bad.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from cryptography import x509
from psycopg import pq

from drills.model.finding import Verdict

NAME = "drill host"
_OLDEST_CLIENT = 14  # of PostgreSQL's client library; older ones do not check a certificate against the system's store
_LOOPBACK = ("127.0.0.1", "::1", "[::1]")


@dataclass(frozen=True, slots=True)
class HostFact:
    """One observation; it is as it should be where both are the same."""

    what: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class HostFacts:
    """Observations, and what could not be observed, with the reason."""

    facts: tuple[HostFact, ...] = ()
    unreadable: tuple[str, ...] = ()

    def __add__(self, other: HostFacts) -> HostFacts:
        """Return both together."""
        return HostFacts(self.facts + other.facts, self.unreadable + other.unreadable)


def judge(seen: HostFacts) -> Verdict:
    """Return whether everything that could be looked at is as it should be. Pure; optional where nothing could."""
    wrong = [fact for fact in seen.facts if fact.expected != fact.found]
    if wrong:
        sentence = "; ".join(f"{fact.what}: expected {fact.expected}, found {fact.found}" for fact in wrong)
        return Verdict(NAME, "missed", sentence)
    if not seen.facts:
        return Verdict(NAME, "not verified", "; ".join(seen.unreadable) or "nothing was observed", "optional")
    return Verdict(NAME, "met", "; ".join(f"{fact.what}: {fact.found}" for fact in seen.facts))


def observe_reachability(host: Any, name: str, port: int) -> HostFacts:
    """Return whether the scratch instance's name resolves here and its port takes connections."""
    address = host.addr(name)
    return _fact(
        f"name {name}", "resolves", lambda: "resolves" if address.is_resolvable else "does not resolve"
    ) + _fact(
        f"port {port} of {name}",
        "takes connections",
        lambda: "takes connections" if address.port(port).is_reachable else "does not answer",
    )


def observe_client(host: Any, bundle: Path | None, now: datetime) -> HostFacts:
    """Return whether the client library speaks TLS, and the certificates that a copy is checked against are there and hold.

    `bundle` None: the system's own store, of which OpenSSL says where it is.
    """
    version = pq.version() // 10000
    options = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    recent = HostFact(
        "client library",
        "recent enough",
        "recent enough" if version >= _OLDEST_CLIENT else f"of PostgreSQL {version}, older than {_OLDEST_CLIENT}",
    )
    secure = HostFact("client library", "with TLS", "with TLS" if "sslrootcert" in options else "without TLS")
    return HostFacts((recent, secure)) + (_bundle(host, bundle, now) if bundle else _store(host))


def _store(host: Any) -> HostFacts:
    places = [place for place in ssl.get_default_verify_paths()[:2] if place]

    def there() -> str:
        return "there" if any(host.file(place).exists for place in places) else f"not at {' or '.join(places)}"

    return _fact("the system's certificates", "there", there)


def _bundle(host: Any, bundle: Path, now: datetime) -> HostFacts:
    def holds() -> str:
        file = host.file(str(bundle))
        if not file.is_file:
            return "no file"
        try:
            certificates = x509.load_pem_x509_certificates(file.content)
        except ValueError:
            return "no certificates"
        good = [each for each in certificates if each.not_valid_before_utc <= now <= each.not_valid_after_utc]
        return "certificates that hold today" if good else "none that holds today"

    return _fact(f"certificates {bundle}", "certificates that hold today", holds)


def observe_local_server(host: Any, pid: int, port: int) -> HostFacts:
    """Observe the server with this process id on this very host: the owner of its data, and who can connect to it.

    PostgreSQL refuses to start on a data directory that others may write to, and warns of no other openness
    (documentation, "Creating a Database Cluster"). `port` is where clients find it.
    """
    try:
        process = psutil.Process(pid)
        owner, words = process.username(), process.cmdline()
    except psutil.Error as error:
        return HostFacts(unreadable=(f"process {pid} cannot be read: {error}",))
    data = words[words.index("-D") + 1] if "-D" in words[:-1] else ""
    if not data:
        return HostFacts(unreadable=(f"process {pid} does not say where its data are",))
    folder = host.file(data)
    return (
        _fact("data directory", f"of {owner}", lambda: f"of {folder.user}")
        + _fact("data directory", "mode 0700", lambda: f"mode {folder.mode:04o}")
        + _fact("server", "not run by root", lambda: "run by root" if owner == "root" else "not run by root")
        + _fact("listening", "on this host alone", lambda: _listening(host, port))
    )


def _listening(host: Any, port: int) -> str:
    """Return where something listens on the port, out of testinfra's `tcp://address:port`."""
    listening = [each.removeprefix("tcp://").rpartition(":") for each in host.socket.get_listening_sockets()]
    addresses = sorted({address for address, _, number in listening if number == str(port)})
    if not addresses:
        return "nowhere"
    return "on this host alone" if set(addresses) <= set(_LOOPBACK) else f"on {', '.join(addresses)}"


def _fact(what: str, expected: str, read: Callable[[], str]) -> HostFacts:
    """Observe one thing; testinfra raises AssertionError or RuntimeError where a tool that it needs is not there."""
    try:
        return HostFacts((HostFact(what, expected, read()),))
    except (AssertionError, RuntimeError, NotImplementedError) as error:
        return HostFacts(unreadable=(f"{what}: this host has no means to observe it: {_brief(str(error))}",))


def _brief(text: str, words: Sequence[str] = ("CommandResult",)) -> str:
    line = " ".join(text.split())
    return "a command that it needs is not there" if any(word in line for word in words) else line[:200]
