"""The configuration that a run was made with, for a command on its evidence: the file of today may have other names."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from drills.config import load as configuration
from drills.config.evidence import EvidenceConfig
from drills.config.file import ConfigFile
from drills.config.load import Config
from drills.durations import parse_duration
from drills.errors import ConfigError
from drills.model.record import RunRecord


class NotConfigured(ConfigError):
    """The configuration file does not have the profile or the target that a run was made with."""


def config_of(path: Path | None, record: RunRecord) -> Config:
    """Return the configuration of a run's profile and target. Raises NotConfigured where the file does not have them."""
    file, target = ConfigFile.read(path), record.target.name if record.target else None
    for what, name, known in (("profile", record.profile, file.profiles()), ("target", target, file.targets())):
        if name is not None and name not in known:
            there = f"{', '.join(sorted(known))} in {file.name}" if file.path else f"no {file.name} here"
            raise NotConfigured(
                f'--config: expected a file with the {what} "{name}", which run {record.run_id} was made with, found {there}: '
                "name the file that the run was made with"
            )
    return configuration.load(path, profile=record.profile, target=target, environment=os.environ, tables=True)


def evidence_of_all(path: Path | None) -> EvidenceConfig:
    """Return [evidence] of a file, which holds for every profile that has no keys of its own. Raises ConfigError."""
    file = ConfigFile.read(path)
    return file.table(EvidenceConfig, "evidence", file.section("evidence"))


def max_age_of(given: str) -> timedelta:
    """Return the --max-age that was given. Raises ConfigError for what is no duration, or none that a drill could keep to."""
    try:
        found = parse_duration(given)
    except ValueError as error:
        raise ConfigError(f"--max-age: {error}") from None
    if not found:
        raise ConfigError(
            f'--max-age: expected how old a drill may be, such as "35d", found {given}, which no drill can keep to'
        )
    return found
