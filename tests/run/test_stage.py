"""The source's server ends while the stage fills it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from drills.clock import SystemClock, wait_until
from drills.errors import COULD_NOT_RUN
from drills.model.record import RunRecord
from drills.objectives.verdicts import exit_codes
from drills.record import Journal, load, new_run_id
from drills.run import context, stage
from drills.run import plan as plans
from drills.sandbox_client import SandboxControl
from tests.support.rds import Instance, delete
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]

NAME = "cut-off"
CONFIG = f"""
[drill]
profile = "sandbox"
target = "{NAME}"
[profiles.sandbox]
poll_every = "30ms"
[targets.{NAME}]
instance = "{NAME}"
vault = "{NAME}-vault"
timeout = "60s"
"""

DUMP = """--
-- PostgreSQL database dump
--

-- Dumped from database version 15.18
-- Dumped by pg_dump version 15.18

SELECT pg_catalog.pg_sleep(60);

--
-- PostgreSQL database dump complete
--
"""


@pytest.fixture
def folder(sandbox: RunningSandbox, tmp_path: Path) -> Iterator[Path]:
    """The folder of a run whose seed loads for a minute."""
    seed = tmp_path / "slow.sql"
    seed.write_text(DUMP)
    (tmp_path / "drill.toml").write_text(CONFIG)
    context.save(tmp_path, context.RunOptions(config_file=str(tmp_path / "drill.toml"), seed=str(seed)))
    (tmp_path / plans.SERVICE_NAME).write_text(f'{{"endpoint": "{sandbox.endpoint}", "ca": "{sandbox.ca}"}}')
    plans.write_plan(tmp_path, plans.Plan((), work=str(sandbox.state)))
    yield tmp_path
    delete(Instance(sandbox, NAME, ""))
    sandbox.client("rds").delete_db_subnet_group(DBSubnetGroupName=f"{NAME}-subnets")


def kill_while_loading(control: SandboxControl, folder: Path) -> None:
    """Kill the source's postmaster once a session of the load is at work."""

    def loading() -> int | None:
        if not any(phase.name == "load the data" for phase in load(folder).phases):
            return None
        pid = int(control.instance(NAME)["pid"] or 0)
        titles = [" ".join(each.cmdline()) for each in psutil.Process(pid).children()] if pid else []
        return pid if any("SELECT" in title for title in titles) else None

    os.kill(wait_until(loading, 20.0, SystemClock(), every=0.05, what="the load"), signal.SIGKILL)


def test_a_source_whose_server_is_killed_ends_the_stage_in_a_sentence(sandbox: RunningSandbox, folder: Path) -> None:
    """Exit code 12 and who may have done it, at once and not after the minute; the instance can be removed as any other."""
    clock = SystemClock()
    opening = RunRecord(1, new_run_id(clock.now()), "sandbox", True, clock.now(), "0")
    Journal.create(folder, opening, origin=clock.monotonic()).enter("stage")
    killer = threading.Thread(target=kill_while_loading, args=(SandboxControl(sandbox.endpoint), folder))
    killer.start()
    began = clock.monotonic()
    status = stage.main([str(folder)])
    took = clock.monotonic() - began
    killer.join()

    (failure,) = load(folder).failures
    assert (status, failure.exit_code, exit_codes(load(folder))[0]) == (COULD_NOT_RUN,) * 3
    assert took < 30, "the load would have taken a minute"
    assert f"expected the server of {NAME} to run until the seed is loaded, found that it has ended" in failure.sentence
    assert "look for who ended it, such as a lack of memory, and run again" in failure.sentence
