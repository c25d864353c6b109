"""By whom a run is carried out: what the operating system and the CI server say of it. Both are self-declared."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping

from drills.model.evidence import Initiator
from drills.printable import printable
from drills.redaction import redact

READ = (
    *("GITHUB_ACTOR", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"),
    *("GITLAB_USER_LOGIN", "CI_JOB_URL", "BUILD_URL"),
)
LONGEST = 300  # characters of what an environment says


def initiator_of(environment: Mapping[str, str], arn: str = "") -> Initiator:
    """Return who runs this process, and the job that it runs in; `arn` is what AWS says of the caller.

    Of `environment` these are read: GITHUB_ACTOR, GITHUB_SERVER_URL, GITHUB_REPOSITORY and GITHUB_RUN_ID
    (https://docs.github.com/en/actions/reference/workflows-and-actions/variables), GITLAB_USER_LOGIN and CI_JOB_URL
    (https://docs.gitlab.com/ci/variables/predefined_variables/), and BUILD_URL
    (https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables).
    """
    told = {name: redact(printable(environment.get(name, "").strip()))[:LONGEST] for name in READ}
    job = told.get("CI_JOB_URL") or told.get("BUILD_URL") or ""
    parts = [told.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    if all(parts):
        job = "{}/{}/actions/runs/{}".format(*parts)
    actor = told.get("GITHUB_ACTOR") or told.get("GITLAB_USER_LOGIN") or ""
    return Initiator(arn=arn, user=_user(), host=printable(socket.gethostname()), job=job, actor=actor)


def _user() -> str:
    """Return the name of this process's effective user, its number where the system has no name for it."""
    number = os.geteuid()
    try:
        return printable(pwd.getpwuid(number).pw_name)
    except KeyError:
        return str(number)
