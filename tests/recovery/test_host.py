"""The drill's host: what is not as it should be is named, and what cannot be looked at is not called good."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import testinfra
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from drills.recovery import host
from drills.recovery.host import HostFact, HostFacts
from tests.support.checked import Checked, checked
from tests.support.cluster import module_state
from tests.support.ports import free_port

__all__ = ["checked", "module_state"]
NOW = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def here() -> Any:
    """This machine."""
    return testinfra.get_host("local://")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that listens on all addresses of this machine, at a port that nobody is given when it is closed."""
    with socket.create_server(("0.0.0.0", free_port())) as server:
        yield server


def wrong(seen: HostFacts) -> list[HostFact]:
    """What is not as it should be."""
    return [fact for fact in seen.facts if fact.expected != fact.found]


def certificate(folder: Path, ends: datetime) -> Path:
    """A file with one certificate that ends then."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(NOW - timedelta(days=9)).not_valid_after(ends)
    path = folder / "ca.pem"
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return path


def test_a_verdict_names_all_that_is_wrong() -> None:
    """Unseen alone is optional, not met."""
    good, bad, worse = HostFact("a", "x", "x"), HostFact("b", "x", "y"), HostFact("c", "x", "z")

    assert host.judge(HostFacts((good,), ("d: no means",))).outcome == "met"
    assert host.judge(HostFacts((good, bad, worse))).sentence == "b: expected x, found y; c: expected x, found z"
    unseen = host.judge(HostFacts(unreadable=("d: no means",)))
    assert (unseen.outcome, unseen.requirement, unseen.sentence) == ("not verified", "optional", "d: no means")


def test_a_name_that_does_not_resolve_and_a_port_that_is_closed_are_named(here: Any, listener: socket.socket) -> None:
    """And what answers is reached."""
    port = listener.getsockname()[1]
    assert wrong(host.observe_reachability(here, "localhost", port)) == []
    listener.close()

    assert [fact.found for fact in wrong(host.observe_reachability(here, "localhost", port))] == ["does not answer"]
    found = [fact.found for fact in wrong(host.observe_reachability(here, "nowhere.invalid", port))]
    assert found == ["does not resolve", "does not answer"]


@pytest.mark.parametrize(
    ("days", "found"), [(1, []), (-1, ["none that holds today"]), (None, ["no file"]), (0, ["no certificates"])]
)
def test_certificates_are_there_and_hold(here: Any, tmp_path: Path, days: int | None, found: list[str]) -> None:
    """A file that is not there, that holds something else, or that has run out is named."""
    path = tmp_path / "ca.pem" if not days else certificate(tmp_path, NOW + timedelta(days=days))
    if days == 0:
        path.write_text("no certificate")

    assert [fact.found for fact in wrong(host.observe_client(here, path, NOW))] == found


def test_the_systems_certificates_are_looked_for(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OpenSSL says that they are."""
    monkeypatch.setattr("ssl.get_default_verify_paths", lambda: ("/nowhere/certs", None))

    assert [fact.found for fact in wrong(host.observe_client(here, None, NOW))] == ["not at /nowhere/certs"]


@pytest.mark.postgres
def test_a_local_server_keeps_its_files_to_itself(checked: Checked, here: Any, listener: socket.socket) -> None:
    """Mode 0700 and its own; group access, another owner and a socket open to all are each named."""
    pid, port, data = checked.cluster.pid(), listener.getsockname()[1], checked.cluster.data
    assert pid is not None
    owner = psutil.Process(pid).username()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        assert wrong(host.observe_local_server(here, pid, closed.getsockname()[1])) == []

    data.chmod(0o750)
    try:
        found = [fact.found for fact in wrong(host.observe_local_server(here, pid, port))]
    finally:
        data.chmod(0o700)
    assert found == ["mode 0750", "on 0.0.0.0"]
    if os.geteuid() == 0 and owner != "root":
        os.chown(data, 0, -1)
        try:
            found = [fact.found for fact in wrong(host.observe_local_server(here, pid, port))]
        finally:
            os.chown(data, psutil.Process(pid).uids().real, -1)
        assert found == ["of root", "on 0.0.0.0"]


def test_what_cannot_be_looked_at_is_not_called_good(
    here: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A process that is gone or is no server, and a host without the tools that testinfra asks."""
    with pytest.raises(psutil.NoSuchProcess):
        psutil.Process(2**22 - 1)
    assert host.judge(host.observe_local_server(here, 2**22 - 1, 1)).requirement == "optional"
    assert host.judge(host.observe_local_server(here, os.getpid(), 1)).sentence.endswith(
        "does not say where its data are"
    )

    monkeypatch.setenv("PATH", str(tmp_path))
    seen = host.observe_reachability(testinfra.get_host("local://"), "localhost", 1)
    assert (
        seen.unreadable[0]
        == "name localhost: this host has no means to observe it: a command that it needs is not there"
    )
