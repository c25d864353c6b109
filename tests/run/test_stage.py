"""The stage of a run that cannot come to its end: it says so in a sentence, and the run does not pass."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
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
from drills.run.scene.plan import ROLE
from drills.sandbox_client import SandboxControl
from tests.support.rds import Instance, delete
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]

CONFIG = """
[drill]
profile = "sandbox"
target = "{name}"
[profiles.sandbox]
poll_every = "30ms"
[targets.{name}]
instance = "{name}"
vault = "{name}-vault"
timeout = "60s"
"""
DUMP = """--
-- PostgreSQL database dump
--

-- Dumped from database version 15.18
-- Dumped by pg_dump version 15.18

{statements}

--
-- PostgreSQL database dump complete
--
"""
SLOW = "SELECT pg_catalog.pg_sleep(600);"
PLANTS = """CREATE TABLE public.plant (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO public.plant VALUES (1, 'rose');"""
Prepare = Callable[..., Path]


@pytest.fixture
def prepare(own_sandbox: RunningSandbox, tmp_path: Path) -> Iterator[Prepare]:
    """Make the folder of a run with a seed; in a sandbox of the module's own, since a stage makes its role once."""

    def made(name: str, statements: str, **options: tuple[str, ...]) -> Path:
        (tmp_path / "seed.sql").write_text(DUMP.format(statements=statements))
        (tmp_path / "drill.toml").write_text(CONFIG.format(name=name))
        chosen = {"config_file": str(tmp_path / "drill.toml"), "seed": str(tmp_path / "seed.sql"), **options}
        context.save(tmp_path, context.RunOptions(**chosen))  # type: ignore[arg-type]
        service = {"endpoint": own_sandbox.endpoint, "ca": own_sandbox.ca}
        (tmp_path / plans.SERVICE_NAME).write_text(json.dumps(service))
        plans.write_plan(tmp_path, plans.Plan((), work=str(own_sandbox.state)))
        clock = SystemClock()
        opening = RunRecord(1, new_run_id(clock.now()), "sandbox", True, clock.now(), "0")
        Journal.create(tmp_path, opening, origin=clock.monotonic()).enter("stage")
        return tmp_path

    yield made
    iam = own_sandbox.client("iam")
    with contextlib.suppress(iam.exceptions.NoSuchEntityException):
        iam.delete_role(RoleName=ROLE)


def test_a_damage_that_the_data_cannot_have_is_refused(prepare: Prepare) -> None:
    """There is no large object to take away: the run says so and does not pass."""
    folder = prepare("unharmed", PLANTS, damage=("large-object",))

    status = stage.main([str(folder)])

    (failure,) = load(folder).failures
    assert (status, failure.exit_code, exit_codes(load(folder))[0]) == (COULD_NOT_RUN,) * 3
    assert "--damage large-object: expected something of that kind in the backup, found none" in failure.sentence


def titles_of_children(pid: int) -> Iterator[str]:
    """The titles of a server's processes; one that ends meanwhile has none."""
    for each in psutil.Process(pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie as well
            yield " ".join(each.cmdline())


def kill_while_loading(control: SandboxControl, folder: Path, name: str, killed: list[float]) -> None:
    """Kill the source's postmaster once a session of the load is at work, and note when."""
    clock = SystemClock()

    def loading() -> int | None:
        if not any(phase.name == "load the data" for phase in load(folder).phases):
            return None
        pid = int(control.instance(name)["pid"] or 0)
        return pid if pid and any("SELECT" in title for title in titles_of_children(pid)) else None

    pid = wait_until(loading, 300.0, clock, every=0.05, what="the load")
    killed.append(clock.monotonic())
    os.kill(pid, signal.SIGKILL)


def test_a_source_whose_server_is_killed_ends_the_stage_in_a_sentence(
    own_sandbox: RunningSandbox, prepare: Prepare
) -> None:
    """Exit code 12 and who may have done it, at once and not after the ten minutes; the instance can be removed as any other."""
    killed: list[float] = []
    name = "cut-off"
    folder = prepare(name, SLOW)
    control = SandboxControl(own_sandbox.endpoint)
    killer = threading.Thread(target=kill_while_loading, args=(control, folder, name, killed))
    killer.start()
    status = stage.main([str(folder)])
    ended = SystemClock().monotonic()
    killer.join()
    took = ended - killed[0]

    (failure,) = load(folder).failures
    assert (status, failure.exit_code, exit_codes(load(folder))[0]) == (COULD_NOT_RUN,) * 3
    assert took < 120, "the load would have taken ten minutes"
    assert f"expected the server of {name} to run until the seed is loaded, found that it has ended" in failure.sentence
    assert "look for who ended it, such as a lack of memory, and run again" in failure.sentence
    delete(Instance(own_sandbox, name, ""))
