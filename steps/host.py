"""The drill host, inspected with testinfra."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import testinfra
from pytest_bdd import then

from drills.clock import SystemClock
from drills.model.record import Restoration
from drills.recovery import host
from drills.recovery.drill import Drill
from drills.run import context
from steps.checks import assert_verdict


@pytest.fixture(scope="session")
def drill_host() -> Any:
    """Return the machine that the drill runs on."""
    return testinfra.get_host("local://")


@pytest.fixture
def local_server(run_folder: Path, restoration: Restoration) -> int | None:
    """Return the process id of the scratch instance's server, None where it runs elsewhere."""
    return context.local_server_pid(run_folder, restoration.instance_id)


@then("the drill host resolves its name and can connect to it")
def host_reaches(drill_host: Any, restoration: Restoration) -> None:
    """Assert that the name of the scratch instance resolves and that its port accepts connections."""
    assert_verdict(host.judge(host.observe_reachability(drill_host, restoration.host, restoration.port)), host.NAME)


@then("the client library and the certificate authorities that a connection needs are on the drill host")
def client_is_there(drill_host: Any, drill: Drill) -> None:
    """Assert that libpq has TLS, and that certificates which are valid today are installed."""
    assert_verdict(host.judge(host.observe_client(drill_host, drill.ca_bundle, SystemClock().now())), host.NAME)


@then("a copy on the drill host has private files and accepts connections from that host alone")
def local_copy_is_closed(drill_host: Any, restoration: Restoration, local_server: int | None) -> None:
    """Assert the owner and mode of the data directory, and the address that the server listens on; skip where it is remote."""
    if local_server is None:
        pytest.skip("the copy does not run on this machine: AWS operates its host")
    assert_verdict(host.judge(host.observe_local_server(drill_host, local_server, restoration.port)), host.NAME)
