"""What no linter of GitLab's file sees: the commands, limits and names in it are this suite's, and the session is what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from tests.infra import homes
from tests.support.paths import CHECKOUT

FOLDER = homes.INFRA / "gitlab"
JOBS: dict[str, Any] = homes.read(FOLDER / "recovery-drills.gitlab-ci.yml")
SHARED = JOBS[".recovery-drill"]
COMMAND = "/opt/drills/.venv/bin/drills "


@pytest.mark.parametrize("name", ["recovery-drill", "recovery-drill-watch", "recovery-manifest"])
def test_each_command_is_one_of_the_suite(name: str) -> None:
    """It parses, and ends the job: nothing follows it that would hide its exit code."""
    (line,) = JOBS[name]["script"]
    filled = {'"$DRILL_TARGET"': "orders", '"$DRILL_MANIFEST_SOURCE"': "postgresql://drills_manifest@replica/orders"}
    options = homes.parsed(line.removeprefix(COMMAND), **filled)
    assert line.startswith(COMMAND)
    assert options["profile"] == "live"
    assert "allow_failure" not in {*SHARED, *JOBS[name]}
    assert "after_script" not in {*SHARED, *JOBS[name]}


def test_a_run_ends_before_the_job_and_the_session_do(tmp_path: Path) -> None:
    """The longest run of the page's drill.toml, its clean-up included, is over when GitLab or AWS would cut it off."""
    job = JOBS["recovery-drill"]
    assert job["timeout"] == "8h"
    assert homes.configured(tmp_path).limits.total_seconds + 1800 < homes.KILLED_AFTER
    assert int(job["variables"]["ROLE_SECONDS"]) == homes.KILLED_AFTER


def test_no_run_is_cancelled_by_another_and_all_is_kept() -> None:
    """One run a target at a time, nothing tried again, and the artifacts are there whatever the exit code."""
    job = JOBS["recovery-drill"]
    assert job["resource_group"] == "recovery-drill-$DRILL_TARGET"
    assert (SHARED["interruptible"], SHARED["retry"], job["artifacts"]["when"]) == (False, 0, "always")
    assert {"reports/out/", "reports/evidence/"} == set(job["artifacts"]["paths"])


def test_the_page_names_what_the_file_reads() -> None:
    """Each variable of the project, the two values of a schedule's, and schedules that are monthly and daily."""
    text = (FOLDER / "recovery-drills.gitlab-ci.yml").read_text(encoding="utf-8")
    page = (CHECKOUT / "docs/schedule-gitlab.md").read_text(encoding="utf-8")
    used = set(re.findall(r"\$(DRILL_\w+|RECOVERY_DRILL)", text)) - {"DRILL_TARGET"}
    used -= {"DRILL_MANIFEST_KEY"}  # named by --key, and read by the command
    assert used == {
        *("DRILL_IMAGE", "DRILL_ROLE_ARN", "DRILL_WATCH_ROLE_ARN", "DRILL_REGION", "RECOVERY_DRILL"),
        *("DRILL_MANIFEST_ROLE_ARN", "DRILL_MANIFEST_SOURCE"),
    }
    assert all(f"`{name}`" in page for name in {*used, homes.configured_key()})
    assert set(re.findall(r'RECOVERY_DRILL == "(\w+)"', text)) == set(re.findall(r"`RECOVERY_DRILL` = `(\w+)`", page))
    monthly, *daily = re.findall(r"`([\d* ]{9,})`", page)
    assert homes.is_monthly(monthly)
    assert len(daily) == 2
    assert all(map(homes.is_daily, daily))


def test_whom_the_role_trusts_is_whom_the_token_is_for() -> None:
    """The audience of the token is the one that the trust asks for."""
    (trusted,) = json.loads((FOLDER / "trust.json").read_text(encoding="utf-8"))["Statement"]
    assert trusted["Condition"]["StringEquals"]["gitlab.com:aud"] == SHARED["id_tokens"]["DRILL_ID_TOKEN"]["aud"]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of moto's own server, which takes the one call that is not signed."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def session(endpoint: str, **given: str) -> subprocess.CompletedProcess[str]:
    """What `before_script` does, in bash as GitLab calls it."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "eu-central-1",
        "CI_JOB_ID": "17",
        "DRILL_ID_TOKEN": "e30.e30.e30",
        **JOBS["recovery-drill"]["variables"],
        "ROLE_ARN": "arn:aws:iam::123456789012:role/recovery-drills",
    }
    script = "\n".join([*SHARED["before_script"], 'echo "$AWS_ACCESS_KEY_ID"'])
    script = script.replace("/opt/drills/.venv/bin/python /opt/drills", f"{sys.executable} {CHECKOUT}")
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script], env=environment | given, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_jobs_token_becomes_a_session(endpoint: str) -> None:
    """Its keys are in the environment of the drill, and where there is no session there is no drill."""
    assert session(endpoint).stdout.startswith("ASIA")
    refused = session(endpoint, ROLE_SECONDS="1")
    assert refused.returncode != 0
    assert refused.stdout == ""
