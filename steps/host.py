"""The drill's own host, looked at with testinfra."""

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
    """The machine that the drill runs on."""
    return testinfra.get_host("local://")


@pytest.fixture
def local_server(run_folder: Path, restoration: Restoration) -> int | None:
    """The process id of the scratch instance's server, None where it runs elsewhere."""
    return context.local_server(run_folder, restoration.instance_id)


@then("the drill's host finds and reaches it")
def host_reaches(drill_host: Any, restoration: Restoration) -> None:
    """The name resolves and the port takes connections."""
    assert_verdict(host.judge(host.observe_reachability(drill_host, restoration.host, restoration.port)), host.NAME)


@then("the client and the certificates that it was reached with are on the drill's host")
def client_is_there(drill_host: Any, drill: Drill) -> None:
    """libpq with TLS, and certificates that hold today."""
    assert_verdict(host.judge(host.observe_client(drill_host, drill.ca_bundle, SystemClock().now())), host.NAME)


@then("a copy on the drill's own host keeps its files to itself and listens to that host alone")
def local_copy_is_closed(drill_host: Any, restoration: Restoration, local_server: int | None) -> None:
    """Owner and mode of the data directory, and the address that it listens on."""
    if local_server is None:
        pytest.skip("the scratch instance is not on this machine: its host is its service's to look after")
    assert_verdict(host.judge(host.observe_local_server(drill_host, local_server, restoration.port)), host.NAME)
