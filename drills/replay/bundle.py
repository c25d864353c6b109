"""Reads the files of a run's evidence that its verdicts follow from. Changes nothing and asks nobody."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drills import record
from drills.checks import manifest, observed
from drills.checks.manifest import Manifest
from drills.cutover import observed as of_cutover
from drills.errors import COULD_NOT_RUN, ConfigError, DrillError
from drills.model.record import RunRecord
from drills.posture import observed as of_posture
from drills.recovery import observed as of_recovery
from drills.recovery.observed import Configuration

KINDS: Mapping[str, type[Any]] = {
    **observed.KINDS,
    **of_recovery.KINDS,
    **of_cutover.KINDS,
    **of_posture.KINDS,
}
FORMAT = 1


class CannotReplay(DrillError):
    """A file that the verdicts follow from is not there, or cannot be read."""

    exit_code = COULD_NOT_RUN


@dataclass(frozen=True, slots=True)
class Observation:
    """One observation: of which copy ("" for none), by which check, of which database, and the value."""

    copy: str
    check: str
    database: str
    seen: Any


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run left: its record, what was expected and observed, and the recorded calls of AWS in their order.

    `manifest` and `scenarios` are None where the run has none; `scenarios` is what pytest-bdd wrote.
    """

    record: RunRecord
    configuration: Configuration
    observations: tuple[Observation, ...]
    calls: tuple[dict[str, Any], ...]
    manifest: Manifest | None
    scenarios: Sequence[Mapping[str, Any]] | None

    def seen(self, kind: type[Any], copy: str = "") -> list[Any]:
        """Return the observations of a kind, of one copy or of none."""
        return [each.seen for each in self.observations if isinstance(each.seen, kind) and each.copy == copy]


def read(folder: Path) -> Evidence:
    """Return the evidence in a folder. Raises CannotReplay, one sentence."""
    try:
        known = record.load(folder)
    except ConfigError as error:
        raise CannotReplay(str(error)) from error
    observations = _observations(folder)
    configured = [each.seen for each in observations if isinstance(each.seen, Configuration)]
    if not configured:
        raise CannotReplay(f"{folder}: expected the configuration among the observations of the run, found none")
    return Evidence(
        known, configured[0], observations, _calls(folder / "raw/aws"), _manifest(folder), _scenarios(folder)
    )


def _observations(folder: Path) -> tuple[Observation, ...]:
    path, packed = folder / "observations.json", folder / "observations.json.gz"
    try:
        text = gzip.decompress(packed.read_bytes()).decode() if packed.exists() else path.read_text(encoding="utf-8")
        raw = json.loads(text)
    except (OSError, ValueError, EOFError) as error:
        raise CannotReplay(f"expected the run's observations in {path}, found: {_reason(error)}") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise CannotReplay(f"{path}: expected observations of format {FORMAT}, found another: use a newer version")
    try:
        return tuple(map(_observation, raw["observations"]))
    except (KeyError, TypeError, ValidationError) as error:
        raise CannotReplay(f"{path}: expected observations, found: {_reason(error)}") from error


def _observation(raw: Mapping[str, Any]) -> Observation:
    kind = KINDS[raw["kind"]]
    return Observation(
        raw["copy"], raw["check"], raw["database"], observed.adapter_of(kind).validate_python(raw["value"])
    )


def _calls(folder: Path) -> tuple[dict[str, Any], ...]:
    """Return the calls of every file, by their numbers, each with its answer."""
    calls: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.json")):
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            answers = {each["number"]: each.get("answer") for each in raw["calls"]}
            calls += [
                {**each, "operation": raw["operation"], "answer": answers[each.get("same_as", each["number"])]}
                for each in raw["calls"]
            ]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CannotReplay(f"expected recorded calls in {path}, found: {_reason(error)}") from error
    return tuple(sorted(calls, key=lambda each: int(each["number"])))


def _manifest(folder: Path) -> Manifest | None:
    path = folder / "manifest.json"
    if not path.exists():
        return None
    try:
        return manifest.load(path.read_text(encoding="utf-8"), str(path))
    except (ConfigError, OSError, UnicodeError) as error:
        raise CannotReplay(_reason(error)) from error


def _scenarios(folder: Path) -> Sequence[Mapping[str, Any]] | None:
    path = folder / "raw/cucumber.json"
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CannotReplay(f"expected the results of the scenarios in {path}, found: {_reason(error)}") from error
    return found if isinstance(found, list) else []


def _reason(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:300]
