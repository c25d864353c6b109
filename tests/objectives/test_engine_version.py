"""An upgrade on the way to the copy is a finding: of a major version an error, of a minor one a warning."""

from __future__ import annotations

import pytest

from drills.model.engine import NOT_ENROLLED, EngineSupport
from drills.model.finding import CheckResult
from drills.objectives.engine_version import EngineSeen, judge

SUPPORT = EngineSupport("14.9", NOT_ENROLLED, "not enrolled in Extended Support: because")


def test_the_same_version_is_met_and_says_what_was_asked_for() -> None:
    """The sentence names the version, and why the copy was enrolled or not."""
    result = judge(EngineSeen("14.9", "14.9", SUPPORT))

    assert (result.outcome, result.findings, result.compared) == ("met", (), 1)
    assert result.sentence == (
        "PostgreSQL 14.9 before and after the restore; not enrolled in Extended Support: because"
    )


@pytest.mark.parametrize(
    ("before", "after", "severity", "outcome"),
    [
        ("14.9", "14.12", "warning", "met"),
        ("14.9", "16.4", "error", "missed"),
        ("9.6.24", "9.6.25", "warning", "met"),
        ("9.5.25", "9.6.24", "error", "missed"),
    ],
)
def test_an_upgrade_is_a_finding(before: str, after: str, severity: str, outcome: str) -> None:
    """It names both versions and what to do; another major version behaves otherwise, so that it fails."""
    result = judge(EngineSeen(before, after))
    (finding,) = result.findings

    assert (finding.severity, finding.expected, finding.found, result.outcome) == (severity, before, after, outcome)
    assert "upgrade the source" in finding.message


@pytest.mark.parametrize(("before", "after"), [("", "14.9"), ("14.9", ""), ("", "")])
def test_what_aws_does_not_name_is_not_verified(before: str, after: str) -> None:
    """Nothing is claimed of versions that are not known."""
    result = judge(EngineSeen(before, after))

    assert (result.outcome, result.compared, result.findings) == ("not verified", 0, ())


@pytest.mark.parametrize(
    ("before", "after", "unknown"), [("", "16.4", "the backup"), ("16.4", "", "the copy"), ("", "", "the backup")]
)
def test_a_version_that_is_not_known_is_not_verified(before: str, after: str, unknown: str) -> None:
    """It says whose, and fails nothing: AWS leaves the member out of some answers."""
    assert judge(EngineSeen(before, after, SUPPORT)) == CheckResult(
        "engine version", "not verified", f"AWS names no engine version of {unknown}", "optional"
    )


def test_what_is_judged_is_told_whole() -> None:
    """The check, the object, one version compared, and the reason of what was asked for where there is one."""
    same, other = judge(EngineSeen("16.4", "16.4")), judge(EngineSeen("9.6.24", "16.4", SUPPORT))

    assert same == CheckResult("engine version", "met", "PostgreSQL 16.4 before and after the restore", compared=1)
    message = "the backup is of PostgreSQL 9.6.24, and RDS restored it as 16.4"
    assert (other.name, other.sentence, other.compared) == ("engine version", f"{message}; {SUPPORT.reason}", 1)
    (finding,) = other.findings
    assert (finding.check, finding.object) == ("engine version", "PostgreSQL")
    assert finding.message.startswith(f"{message}: ")
    assert judge(EngineSeen("9.6.24", "96.4")).outcome == "missed"
