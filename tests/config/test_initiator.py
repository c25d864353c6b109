"""By whom a run is carried out, as the operating system and the CI server say."""

from __future__ import annotations

import os
import pwd
import socket

import pytest

from drills.config.initiator import LONGEST, initiator_of

GITHUB = {
    "GITHUB_ACTOR": "octocat",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "shop/drills",
    "GITHUB_RUN_ID": "4711",
}
GITLAB = {"GITLAB_USER_LOGIN": "ann", "CI_JOB_URL": "https://gitlab.example/shop/-/jobs/7"}


@pytest.mark.parametrize(
    ("environment", "actor", "job"),
    [
        ({}, "", ""),
        (GITHUB, "octocat", "https://github.example/shop/drills/actions/runs/4711"),
        (GITLAB, "ann", "https://gitlab.example/shop/-/jobs/7"),
        ({"BUILD_URL": "https://jenkins.example/job/drill/3/"}, "", "https://jenkins.example/job/drill/3/"),
        ({"GITHUB_RUN_ID": "4711"}, "", ""),
    ],
    ids=["none", "github", "gitlab", "jenkins", "half of github"],
)
def test_a_ci_server_names_its_job_and_who_started_it(environment: dict[str, str], actor: str, job: str) -> None:
    """The address of a job is whole or absent, and user and host are the operating system's, whatever the environment says."""
    found = initiator_of(environment | {"USER": "somebody-else", "HOSTNAME": "elsewhere"}, "arn:aws:iam::1:user/x")

    assert (found.actor, found.job) == (actor, job)
    assert (found.user, found.host) == (pwd.getpwuid(os.geteuid()).pw_name, socket.gethostname())
    assert found.arn == "arn:aws:iam::1:user/x"


def test_an_environment_puts_neither_passwords_nor_control_characters_nor_length_into_the_record() -> None:
    """What a CI server says is masked, made printable and cut."""
    found = initiator_of({"BUILD_URL": "https://bot:hunter2@ci.example/1", "GITHUB_ACTOR": "a\x1b[31m" + "b" * 900})

    assert "hunter2" not in found.job
    assert found.job.endswith("@ci.example/1")
    assert "\x1b" not in found.actor
    assert len(found.actor) <= LONGEST


def test_a_user_without_a_name_is_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run as a number that its system has no name for."""
    monkeypatch.setattr(os, "geteuid", lambda: 4_200_000_123)
    assert initiator_of({}).user == "4200000123"
