"""What no linter of the Kubernetes objects sees: their commands, deadlines and names are this suite's."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from drills.config.limits import CLEAN_UP_MARGIN
from tests.infra import homes
from tests.support.paths import CHECKOUT

BASE = homes.INFRA / "kubernetes/base"
COMPONENT = homes.INFRA / "kubernetes/manifest"
JOBS: dict[str, dict[str, Any]] = {name: homes.read(BASE / f"{name}.yaml") for name in ("drill", "watch")}
JOBS["manifest"] = [*yaml.safe_load_all((COMPONENT / "manifest.yaml").read_text(encoding="utf-8"))][-1]

FLEET = homes.INFRA / "kubernetes/fleet"
JOBS |= {name: homes.read(FLEET / f"{file}.yaml") for name, file in (("fleet", "drill"), ("scorecard", "scorecard"))}
DRILLS = ("drill", "fleet")


def job_of(name: str) -> dict[str, Any]:
    """What the CronJob makes."""
    spec: dict[str, Any] = JOBS[name]["spec"]["jobTemplate"]["spec"]
    return spec


def pod_of(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Its pod, and the one container of it."""
    pod = job_of(name)["template"]["spec"]
    (container,) = pod["containers"]
    return pod, container


@pytest.mark.parametrize("name", ["drill", "watch", "manifest"])
def test_each_command_is_one_of_the_suite(name: str) -> None:
    """It parses, with the target that the variable names."""
    _, container = pod_of(name)
    given = {f"$({each['name']})": each["value"] for each in container["env"] if "value" in each}
    options = homes.parsed_words([given.get(each, each) for each in container["args"]])
    assert (options["profile"], options["target"], options.get("trigger")) == (
        "live",
        "orders",
        "schedule" if name == "drill" else None,
    )


def test_the_schedules_are_monthly_and_daily() -> None:
    """In a time zone that is named, one run at a time, and none twice."""
    assert homes.is_monthly(JOBS["drill"]["spec"]["schedule"])
    assert JOBS["fleet"]["spec"]["schedule"] == JOBS["drill"]["spec"]["schedule"]  # one in the place of the other
    assert homes.is_daily(JOBS["watch"]["spec"]["schedule"])
    assert homes.is_daily(JOBS["manifest"]["spec"]["schedule"])
    for name, job in JOBS.items():
        assert (job["spec"]["timeZone"], job["spec"]["concurrencyPolicy"]) == ("Etc/UTC", "Forbid")
        limit = "backoffLimitPerIndex" if name == "fleet" else "backoffLimit"
        assert (job_of(name)[limit], pod_of(name)[0]["restartPolicy"]) == (0, "Never")


def test_a_run_ends_before_its_deadline_and_its_clean_up_before_it_is_killed(tmp_path: Path) -> None:
    """By the page's drill.toml: SIGTERM leaves time for the clean-up, the judgement, and minutes for reports and seal."""
    limits = homes.configured(tmp_path).limits
    ending = limits.clean_up.seconds + CLEAN_UP_MARGIN + limits.close.seconds
    for name in DRILLS:
        assert limits.total_seconds + 1800 < job_of(name)["activeDeadlineSeconds"] == homes.KILLED_AFTER
        assert ending + 180 <= pod_of(name)[0]["terminationGracePeriodSeconds"]


def test_the_pods_of_a_fleet_drill_every_share_once(tmp_path: Path) -> None:
    """What the shell carries out in each pod is a share of as many as there are; the program is the image's."""
    job, (_, container) = job_of("fleet"), pod_of("fleet")
    variables = {each["name"]: each.get("value", "") for each in container["env"]}
    assert (job["completionMode"], job["completions"]) == ("Indexed", job["parallelism"])
    shell, option, script = container["command"]
    program = re.search(r'ENTRYPOINT \["(.*)"\]', (homes.INFRA / "container/Dockerfile").read_text(encoding="utf-8"))
    assert program
    assert f"exec {program[1]} run" in script
    fake = tmp_path / "drills"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    shares = []
    for index in range(job["completions"]):
        here = [shell, option, script.replace(program[1], str(fake))]
        environment = {**variables, "SHARE": str(index), "PATH": os.environ["PATH"]}
        ran = subprocess.run(here, env=environment, capture_output=True, text=True, check=True)
        options = homes.parsed_words(ran.stdout.splitlines())
        assert (options["all"], options["profile"], options["trigger"]) == (True, "live", "schedule")
        shares.append(options["shard"])
    assert shares == [f"{number}/{len(shares)}" for number in range(1, len(shares) + 1)]


def test_the_scorecard_is_made_when_the_shares_are_over_and_of_what_they_left() -> None:
    """It begins after the last moment at which a pod of the Job can live, and reads the folders that the pods write."""
    minute, hour = map(int, JOBS["scorecard"]["spec"]["schedule"].split()[:2])
    begun = 3 * 3600 + 17 * 60
    lives = job_of("fleet")["activeDeadlineSeconds"] + pod_of("fleet")[0]["terminationGracePeriodSeconds"]
    assert homes.is_monthly(JOBS["scorecard"]["spec"]["schedule"])
    assert hour * 3600 + minute * 60 > begun + lives
    (written,) = [each for each in pod_of("fleet")[1]["volumeMounts"] if each["name"] == "reports"]
    shares, into = [each for each in pod_of("scorecard")[1]["volumeMounts"] if each["name"] == "reports"]
    options = homes.parsed_words(pod_of("scorecard")[1]["args"])
    assert (options["run"], options["output"]) == ("merge", Path(into["mountPath"]).name)
    assert options["folders"] == [Path(shares["mountPath"]).name]
    assert written["subPathExpr"] == f"{shares['subPath']}/share-$(SHARE)"
    assert into["subPath"] != shares["subPath"]


@pytest.mark.parametrize("name", JOBS)
def test_the_container_can_do_little(name: str) -> None:
    """The image's own user, no capability, no token, and nothing to write to but what is mounted."""
    pod, container = pod_of(name)
    user = re.search(r"useradd --uid (\d+)", (homes.INFRA / "container/install").read_text(encoding="utf-8"))
    assert user
    assert {pod["securityContext"][each] for each in ("runAsUser", "runAsGroup", "fsGroup")} == {int(user[1])}
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    places = {each["name"]: each["mountPath"] for each in container["volumeMounts"] if "subPath" not in each}
    assert {"work": "/drills", "tmp": "/tmp"}.items() <= places.items()
    assert container["workingDir"] == "/drills"


def test_the_key_is_the_variable_that_the_configuration_reads() -> None:
    """From a secret, in the drill's container alone."""
    named = {name: {each["name"] for each in pod_of(name)[1]["env"]} for name in JOBS}
    assert [name for name in JOBS if homes.configured_key() in named[name]] == ["drill", "fleet"]
    assert len({pod_of(name)[0]["serviceAccountName"] for name in JOBS}) == 3
    assert "PGPASSWORD" in named["manifest"]
    assert "PGPASSWORD" not in named["drill"]


@pytest.mark.skipif(not shutil.which("kubectl"), reason="needs kubectl, found none")
@pytest.mark.slow
def test_the_overlay_of_the_page_is_one(tmp_path: Path) -> None:
    """kustomize takes it: roles, image and configuration reach both CronJobs, and the names of the configuration fit."""
    page = (CHECKOUT / "docs/schedule-kubernetes.md").read_text(encoding="utf-8")
    (overlay,) = re.findall(r"(?ms)^```yaml\n# kustomization.yaml\n(.*?)^```", page)
    folder = tmp_path / "overlay"
    folder.mkdir()
    shutil.copytree(BASE, tmp_path / "dr-suite/infra/kubernetes/base")
    (folder / "kustomization.yaml").write_text(overlay)
    for name in ("drill.toml", "drill.pub.pem", "global-bundle.pem"):
        (folder / name).write_text(name)
    ran = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    made = list(yaml.safe_load_all(ran.stdout))
    roles = {
        each["metadata"]["name"]: each["metadata"]["annotations"] for each in made if each["kind"] == "ServiceAccount"
    }
    assert len(set(map(json.dumps, roles.values()))) == 2
    (config,) = [each for each in made if each["kind"] == "ConfigMap"]
    for each in made:
        if each["kind"] == "CronJob":
            pod = each["spec"]["jobTemplate"]["spec"]["template"]["spec"]
            (mounted,) = [volume["configMap"]["name"] for volume in pod["volumes"] if volume["name"] == "config"]
            assert mounted == config["metadata"]["name"]
            assert "dkr.ecr" in pod["containers"][0]["image"]
            files = {mount["subPath"] for mount in pod["containers"][0]["volumeMounts"] if "subPath" in mount}
            assert files == set(config["data"])
