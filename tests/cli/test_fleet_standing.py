"""A fleet whose runs share one sandbox: what goes wrong with one of them is its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import boto3
import psutil
import pytest

from drills.clock import wait_until
from drills.fleet import record as records
from drills.record import RUN_ID
from drills.sandbox_client import SandboxControl
from tests.support.paths import DRILLS
from tests.support.standalone import CLOCK, Caller, checkout, client

__all__ = ["checkout"]

pytestmark = [pytest.mark.sandbox, pytest.mark.postgres, pytest.mark.matrix, pytest.mark.whole_run]
SOUND, DAMAGED, KILLED = "myappdbprod", "myappdbprod-02", "myappdbprod-03"


def damage_backup_of(name: str, environment: dict[str, str]) -> None:
    """Take a default and a grant away from the only recovery point of a source."""
    backup = boto3.client(
        "backup",
        region_name=environment["AWS_REGION"],
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    arn = client(environment).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["DBInstanceArn"]
    points = backup.list_recovery_points_by_resource(ResourceArn=arn)["RecoveryPoints"]
    (point,) = (each["RecoveryPointArn"] for each in points)
    assert all(
        each["object"] for each in SandboxControl(environment["AWS_ENDPOINT_URL"]).damage(point, ["default", "grant"])
    )


def kill_run_of(name: str, fleet: subprocess.Popen[bytes], project: Path) -> None:
    """Kill the command of a run, as a machine that is out of memory does, once its restore was asked for."""

    def restoring() -> bool:
        for told in project.glob(f"reports/out/fleet-*/members/*{name}.run"):
            record = project / "reports/out" / told.read_text().strip() / "drill.json"
            return bool(RUN_ID.fullmatch(record.parent.name)) and record.exists() and '"restore"' in record.read_text()
        return False

    wait_until(restoring, 300, CLOCK, what=f"the restore of {name}")
    for process in psutil.Process(fleet.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if name in process.cmdline() and "--member" in process.cmdline():
                process.kill()


def test_a_damaged_backup_and_a_killed_run_are_their_targets_alone(checkout: Path, tmp_path: Path) -> None:
    """One target passes beside them, without the reports that take time; the damage is found, and no copy is left."""
    caller = Caller(checkout, "fleet")
    made = caller.up("--sample", "--targets", "3")
    environment = made["environment"]
    try:
        damage_backup_of(DAMAGED, environment)
        shutil.copy(checkout / made["sample"]["config"], tmp_path / "drill.toml")
        words = ["run", "--all", "--profile", "standing", "--tier", "light", "--parallel", "3"]
        with (tmp_path / "said").open("wb") as said:
            fleet = subprocess.Popen([DRILLS, *words], cwd=tmp_path, env=os.environ | environment, stdout=said)
        kill_run_of(KILLED, fleet, tmp_path)
        assert fleet.wait(timeout=600) == 11, (tmp_path / "said").read_text()

        (folder,) = tmp_path.glob("reports/out/fleet-*")
        members = {each.target: each for each in records.load(folder).members}
        assert {name: each.code for name, each in members.items()} == {SOUND: 0, DAMAGED: 11, KILLED: 12}
        with_pdf = {name for name in (SOUND, DAMAGED) if (folder.parent / members[name].run_id / "report.pdf").exists()}
        assert with_pdf == {DAMAGED}
        left = client(environment).describe_db_instances()["DBInstances"]
        assert sorted(each["DBInstanceIdentifier"] for each in left) == [SOUND, DAMAGED, KILLED]
    finally:
        caller.call("down")
