"""The damage that a run was asked for, and that its data cannot have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drills.clock import SystemClock
from drills.errors import COULD_NOT_RUN
from drills.model.record import RunRecord
from drills.objectives.verdicts import exit_codes
from drills.record import Journal, load, new_run_id
from drills.run import context, stage
from drills.run import plan as plans
from tests.support.rds import Instance, delete
from tests.support.sandbox import RunningSandbox

pytestmark = [pytest.mark.postgres, pytest.mark.sandbox]

NAME = "unharmed"
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

CREATE TABLE public.plant (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO public.plant VALUES (1, 'rose');

--
-- PostgreSQL database dump complete
--
"""


@pytest.fixture
def folder(sandbox: RunningSandbox, tmp_path: Path) -> Iterator[Path]:
    """The folder of a run that is to take a large object from the backup of data without one."""
    seed = tmp_path / "plants.sql"
    seed.write_text(DUMP)
    (tmp_path / "drill.toml").write_text(CONFIG)
    options = context.RunOptions(config_file=str(tmp_path / "drill.toml"), seed=str(seed), damage=("large-object",))
    context.save(tmp_path, options)
    (tmp_path / plans.SERVICE_NAME).write_text(f'{{"endpoint": "{sandbox.endpoint}", "ca": "{sandbox.ca}"}}')
    plans.write_plan(tmp_path, plans.Plan((), work=str(sandbox.state)))
    yield tmp_path
    delete(Instance(sandbox, NAME, ""))
    sandbox.client("rds").delete_db_subnet_group(DBSubnetGroupName=f"{NAME}-subnets")


def test_a_damage_that_the_data_cannot_have_is_refused(folder: Path) -> None:
    """There is no large object to take away: the run says so and does not pass."""
    clock = SystemClock()
    opening = RunRecord(1, new_run_id(clock.now()), "sandbox", True, clock.now(), "0")
    Journal.create(folder, opening, origin=clock.monotonic()).enter("stage")

    status = stage.main([str(folder)])

    (failure,) = load(folder).failures
    assert (status, failure.exit_code, exit_codes(load(folder))[0]) == (COULD_NOT_RUN,) * 3
    assert "--damage large-object: expected something of that kind in the backup, found none" in failure.sentence
