"""moto's own server, which restores an instance and no data: a drill there ends before anything is taken for recovered."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest

from drills.aws.endpoint_health import check_endpoint, needed_by
from drills.aws.session import identify, open_clients
from drills.clock import SystemClock, wait_until
from drills.config.load import EndpointProfile, Target
from drills.errors import RestoreFailed
from drills.model.record import RunRecord, TargetSummary
from drills.objectives import verdicts as objectives
from drills.record import Journal, load, new_run_id
from drills.recovery.drill import Drill
from drills.recovery.setup import Setup
from tests.support.lossy import make_instance
from tests.support.ports import free_port

pytestmark = pytest.mark.slow
NAME = "orders"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The URL of moto's server, in a process of its own, with an instance and its snapshot."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"

    def listens() -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    try:
        wait_until(listens, 60.0, SystemClock(), every=0.05, what="moto")
        options: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        rds = boto3.client("rds", region_name="eu-central-1", endpoint_url=url, **options)
        make_instance(rds, NAME, [])
        rds.create_db_snapshot(DBInstanceIdentifier=NAME, DBSnapshotIdentifier="nightly")
        yield url
    finally:
        server.kill()
        server.wait(30)


def test_a_copy_that_cannot_be_told_from_the_source_is_no_recovery(moto: str, tmp_path: Path) -> None:
    """It is available at once, and has the source's DbiResourceId: exit code 12, nothing verified and nothing met."""
    target = Target(instance=NAME)
    assert check_endpoint(moto, needed_by(target)) is None  # it has no health page
    clients = identify(open_clients(EndpointProfile(endpoint_url=moto), environment={}, role="scratch"))
    clock = SystemClock()
    opening = RunRecord(
        schema_version=1,
        run_id=new_run_id(clock.now()),
        profile="endpoint",
        simulated=True,
        started_at=clock.now(),
        tool_version="0",
        target=TargetSummary(NAME, NAME, None),
        objectives=target.objectives(None),
    )
    journal = Journal.create(tmp_path, opening, origin=clock.monotonic())
    journal.enter("begin")
    drill = Drill(Setup(NAME, target, clients, clients, journal, clock, 0.1, None), None)

    with pytest.raises(RestoreFailed, match=r"with the DbiResourceId, db-\S+, of the source 'orders'") as raised:
        drill.recover()
    record = load(tmp_path)
    assert raised.value.exit_code == 12
    assert {each.outcome for each in record.verdicts if each.name in ("rto", "rpo", "connection")} <= {"not verified"}
    assert not [each for each in record.restorations if each.checks]
    assert 0 not in objectives.exit_codes(record)
