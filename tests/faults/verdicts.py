"""What a trial came to. Pure."""

from __future__ import annotations

import re

from drills.checks.integrity import amcheck, constraints, indexes, sequences, system_catalog, views_libraries
from drills.checks.integrity import files as integrity_files
from drills.checks.integrity import state as integrity_state
from drills.model.finding import CheckResult, Finding
from tests.faults.model import RESTORE, Trial

# The checks that need no manifest, which a case names together as "integrity".
_INTEGRITY = (
    amcheck.NAME,
    views_libraries.VIEWS,
    views_libraries.LIBRARIES,
    constraints.NAME,
    integrity_files.NAME,
    indexes.NAME,
    sequences.NAME,
    integrity_state.NAME,
    system_catalog.NAME,
)


def findings(trial: Trial) -> tuple[Finding, ...]:
    """Everything that the verifier found; what it tells only as information, as the source had it too, is no finding."""
    return tuple(
        finding for result in trial.results for finding in result.findings if finding.severity != "information"
    )


def naming(trial: Trial) -> tuple[str, ...]:
    """The checks that found the fault by name; `restore` where there was no copy to check and that was said."""
    names = trial.case.names
    if trial.failure:
        return (RESTORE,) if re.search(names, trial.failure) else ()
    found = [finding.check for finding in findings(trial) if re.search(names, f"{finding.object} {finding.message}")]
    return tuple(dict.fromkeys(found))


def is_material(trial: Trial) -> bool:
    """Whether the harm changed something observable; only then does a fault count."""
    return trial.observation is not None and trial.observation.material


def is_found(trial: Trial) -> bool:
    """Whether one of the expected checks names what was harmed."""
    return any(check in _expected(trial) for check in naming(trial))


def _expected(trial: Trial) -> tuple[str, ...]:
    return (*trial.case.found_by, *(_INTEGRITY if "integrity" in trial.case.found_by else ()))


def is_disclosed(trial: Trial) -> bool:
    """Whether what was harmed is at least listed as not checked: no finding, and no silence either."""
    left = (f"{entry.what} {entry.reason}" for result in trial.results for entry in result.not_checked)
    return any(re.search(trial.case.names, said) for said in left)


def is_listed(trial: Trial) -> tuple[str, ...]:
    """What the verifier lists as not compared because a restore is expected to lose it."""
    if not trial.case.listed:
        return ()
    left = {entry.what for result in trial.results for entry in result.not_checked}
    return tuple(sorted(what for what in left if re.search(trial.case.listed, what)))


def unverified(trial: Trial) -> tuple[CheckResult, ...]:
    """Required checks that came to no verdict."""
    return tuple(
        result for result in trial.results if result.outcome == "not verified" and result.requirement == "required"
    )


def is_false_alarm(trial: Trial) -> bool:
    """Whether a harmless copy was accused of something, could not be judged, or its expected loss was not listed."""
    if trial.failure or findings(trial) or unverified(trial):
        return True
    return bool(trial.case.listed) and not is_listed(trial)
