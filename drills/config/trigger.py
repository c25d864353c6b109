"""Why a run was made: what `--trigger` says, else what the CI server tells in its environment. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from drills.errors import ConfigError

TRIGGERS = ("schedule", "release", "manual")
_RETEST = re.compile(r"retest of [0-9]{8}-[0-9]{6}-[0-9a-f]{4,}")


def trigger_of(given: str | None, environment: Mapping[str, str]) -> str:
    """Return "schedule", "release", "manual" or "retest of RUN". Raises ConfigError where `given` is none of them.

    Of `environment` these are read: GITHUB_EVENT_NAME and GITHUB_REF_TYPE
    (https://docs.github.com/en/actions/reference/workflows-and-actions/variables), CI_PIPELINE_SOURCE and CI_COMMIT_TAG
    (https://docs.gitlab.com/ci/variables/predefined_variables/).
    """
    if given is not None:
        cleaned = " ".join(given.split())
        if cleaned in TRIGGERS or _RETEST.fullmatch(cleaned):
            return cleaned
        raise ConfigError(
            f'--trigger: expected "schedule", "release", "manual" or "retest of RUN" with the id of a run, such as '
            f'"retest of 20261129-120802-9621", found "{given}"'
        )
    if "schedule" in (environment.get("GITHUB_EVENT_NAME"), environment.get("CI_PIPELINE_SOURCE")):
        return "schedule"
    if environment.get("GITHUB_EVENT_NAME") == "release" or environment.get("GITHUB_REF_TYPE") == "tag":
        return "release"
    return "release" if environment.get("CI_COMMIT_TAG") else "manual"
