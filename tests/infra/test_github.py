"""What no linter of GitHub's files sees: the commands, limits and names in them are this suite's."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from drills.cli.fleet.union import TREES
from tests.infra import homes
from tests.support.policies import actions_of, allowed

FOLDER = homes.INFRA / "github"
WORKFLOWS = {path.stem: homes.read(path) for path in sorted((FOLDER / "workflows").glob("*.yml"))}
ACTION = homes.read(FOLDER / "action/action.yml")
JOBS = [(name, job) for name, workflow in WORKFLOWS.items() for job in workflow["jobs"].values()]
DRILLS = [
    (name, job, step)
    for name, job in JOBS
    for step in job["steps"]
    if "infra/github/action@" in step.get("uses", "") and "environment" in job  # the scorecard's needs none
]


@pytest.mark.parametrize(("name", "job", "step"), DRILLS, ids=[name for name, _, _ in DRILLS])
def test_each_command_is_one_of_the_suite(name: str, job: dict[str, Any], step: dict[str, Any]) -> None:
    """It parses, for the profile that the page configures, and the inputs beside it are the action's."""
    filled = {
        "${{ matrix.target }}": "orders",
        "${{ matrix.share }}/${{ strategy.job-total }}": "4/4",
        "${{ vars.MANIFEST_SOURCE }}": "postgresql://drills_manifest@replica/orders",
    }
    options = homes.parsed(step["with"]["command"], **filled)
    assert options["profile"] == "live"
    triggers = {"drill-monthly": "schedule", "fleet-monthly": "schedule", "drill-release": "release"}
    assert options.get("trigger") == triggers.get(name)
    assert (name == "manifest-daily") is (options["command"] == "manifest")
    assert step["with"].keys() <= ACTION["inputs"].keys()


def test_every_workflow_drills_watches_or_takes_a_manifest() -> None:
    """The tests above look at something."""
    names = ["drill-monthly", "drill-release", "drill-watch", "fleet-monthly", "manifest-daily"]
    assert [name for name, _, _ in DRILLS] == list(WORKFLOWS) == names


def test_who_takes_manifests_is_another_than_who_drills() -> None:
    """With an environment, a role and secrets of its own, and a password that is in no command."""
    jobs = {name: (job, step) for name, job, step in DRILLS}
    job, step = jobs.pop("manifest-daily")
    others = [each for each, _ in jobs.values()]
    assert job["environment"] not in {each["environment"] for each in others}
    assert role_of(job) not in {role_of(each) for each in others}
    assert "source-password" in step["with"]
    assert all("source-password" not in each["with"] for _, each in jobs.values())
    assert "PASSWORD" not in step["with"]["command"]


def role_of(job: dict[str, Any]) -> str:
    """The role that a job takes."""
    (role,) = [each["with"]["role-to-assume"] for each in job["steps"] if "role-to-assume" in each.get("with", {})]
    return str(role)


def test_the_schedules_are_monthly_and_daily() -> None:
    """And not on the hour, when GitHub starts them late or leaves them out."""
    names = ("drill-monthly", "fleet-monthly", "drill-watch", "manifest-daily")
    monthly, fleet, *daily = (WORKFLOWS[name]["on"]["schedule"][0]["cron"] for name in names)
    assert homes.is_monthly(monthly)
    assert monthly == fleet  # one in the place of the other
    assert all(map(homes.is_daily, daily))
    assert "0" not in (monthly.split()[0], *(each.split()[0] for each in daily))


def test_a_run_ends_before_the_job_and_the_session_do(tmp_path: Path) -> None:
    """The longest run of the page's drill.toml, its clean-up included, is over when GitHub or AWS would cut it off."""
    longest = homes.configured(tmp_path).limits.total_seconds
    runs = [job for _, job, step in DRILLS if step["with"]["command"].startswith("run ")]
    for job in runs:
        given = [each.get("with", {}).get("role-duration-seconds") for each in job["steps"]]
        (session,) = [int(each) for each in given if each]
        assert longest + 1800 < job["timeout-minutes"] * 60 == homes.KILLED_AFTER <= session <= 12 * 3600
    assert len(runs) == 3


def test_the_shares_of_a_fleet_are_all_of_it_and_joined_whatever_became_of_them() -> None:
    """Each number of the matrix is a share of as many as there are, by a name that the scorecard fetches; none ends another."""
    drill, scorecard = WORKFLOWS["fleet-monthly"]["jobs"]["drill"], WORKFLOWS["fleet-monthly"]["jobs"]["scorecard"]
    numbers = drill["strategy"]["matrix"]["share"]
    assert numbers == list(range(1, len(numbers) + 1))
    assert drill["strategy"]["fail-fast"] is False
    given = drill["steps"][-1]["with"]
    options = homes.parsed(given["command"], **{"${{ matrix.share }}/${{ strategy.job-total }}": "2/4"})
    assert (options["all"], options["shard"], options["parallel"]) == (True, "2/4", 4)
    assert (scorecard["needs"], scorecard["if"]) == ("drill", "${{ always() }}")
    assert "id-token" not in scorecard["permissions"]
    fetched, joined = (each["with"] for each in scorecard["steps"][-2:])
    assert re.match(fetched["pattern"].replace("*", ".+"), given["artifact"])
    merge = homes.parsed(joined["command"])
    assert (merge["run"], merge["folders"], merge["output"]) == ("merge", [fetched["path"]], "reports")
    kept = ACTION["runs"]["steps"][-1]["with"]["path"].split()
    assert {f"reports/{each}" for each in (*TREES, "history.jsonl")} <= set(kept)


def test_no_run_is_cancelled_by_another_and_rights_are_few() -> None:
    """A group for each target across the workflows; the token of a job that drills reads, and the role is its environment's."""
    groups = {job["concurrency"]["group"] for _, job, step in DRILLS if step["with"]["command"].startswith("run ")}
    assert groups == {"recovery-drill-${{ matrix.target }}", "recovery-drill-share-${{ matrix.share }}"}
    assert {workflow["permissions"] == {} for workflow in WORKFLOWS.values()} == {True}
    for name, job, _ in DRILLS:
        assert job["concurrency"]["cancel-in-progress"] is False
        assert job["permissions"] == {"contents": "read", "id-token": "write"}
        if name == "manifest-daily":
            continue  # its role trusts its own environment
        (trusted,) = json.loads((FOLDER / "trust.json").read_text(encoding="utf-8"))["Statement"]
        subject = trusted["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
        assert subject.endswith(f":environment:{job['environment']}")


def test_the_watcher_needs_no_more_than_its_policy() -> None:
    """It lists and reads the evidence."""
    assert allowed("watch") == actions_of({"s3:ListObjectsV2", "s3:GetObject"})


def test_what_others_wrote_is_pinned_by_commit() -> None:
    """Each action of another repository, with its version beside the commit."""
    text = "".join(path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.yml"))
    used = re.findall(r"uses: (\S+?)@(\S+)(.*)", text)
    assert len(used) > 8
    assert all(
        re.fullmatch(r"[0-9a-f]{40}", commit) and re.match(r" # (v[\d.]+|your copy)", note) for _, commit, note in used
    )


def test_the_key_is_in_the_environment_of_the_drill_alone() -> None:
    """Under the name that the configuration reads; the step that installs packages has it not, and no script writes it."""
    steps = {step.get("name", step.get("uses")): step for step in ACTION["runs"]["steps"]}
    key = homes.configured_key()
    for secret in (key, "PGPASSWORD"):
        assert [name for name, step in steps.items() if secret in step.get("env", {})] == ["Drill"]
    assert all(key not in step.get("run", "") for step in steps.values())
    assert "always()" in steps["Keep the reports and the bundle"]["if"]


@pytest.mark.parametrize("code", [0, 10, 11, 12, 13, 14, 2])
def test_the_exit_code_is_the_commands(tmp_path: Path, code: int) -> None:
    """The step's script ends as the command does, tells it as an output, and gives it its words without carrying any out."""
    (step,) = [step for step in ACTION["runs"]["steps"] if step.get("id") == "drills"]
    fake, told, output = tmp_path / "drills", tmp_path / "told", tmp_path / "output"
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {told}\nexit {code}\n')
    fake.chmod(0o755)
    environment = {
        "PATH": os.environ["PATH"],
        "COMMAND": "run --target $(id);a *",
        "DRILLS": str(fake),
        "GITHUB_OUTPUT": str(output),
    }
    ran = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], env=environment, check=False
    )

    assert ran.returncode == code
    assert output.read_text() == f"exit-code={code}\n"
    assert told.read_text().splitlines() == ["run", "--target", "$(id);a", "*"]
