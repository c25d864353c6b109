"""Reads the files of a run's evidence that its verdicts follow from. Changes nothing and asks nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drills import record
from drills.checks import manifest, observed
from drills.checks.manifest import Manifest
from drills.config.written import read_target
from drills.cutover import observed as of_cutover
from drills.errors import ConfigError
from drills.evidence.check import Problem, check_bundle
from drills.evidence.folder import sha256
from drills.evidence.start import CONFIG, START, StartRecord, read_start
from drills.evidence.sums import SUMS
from drills.model.instance import OTHERS
from drills.model.record import RunRecord
from drills.posture import observed as of_posture
from drills.recovery import observed as of_recovery
from drills.recovery.observed import Configuration
from drills.recovery.resource import observed as of_resource
from drills.replay.ended import is_ended_early
from drills.replay.shapes import CALLS, FEATURES, OBSERVATIONS, CannotReplay, Feature, Noted, read_bytes, read_json
from drills.replay.shapes import validated as validated_as
from drills.tables import manifest as table_manifest
from drills.tables.manifest import TableManifest

__all__ = ["CannotReplay", "Evidence", "Observation", "read"]
KINDS: Mapping[str, type[Any]] = {
    each.KIND: each for room in (observed, of_recovery, of_resource, of_cutover, of_posture) for each in room.KINDS
}
FORMAT = 1
REPORTS = ("summary.md", "report.html")  # those that are made from the record alone, and alike everywhere


@dataclass(frozen=True, slots=True)
class Observation:
    """One observation: of which copy ("" for none), by which check, of which database, and the value."""

    copy: str
    check: str
    database: str
    seen: Any


@dataclass(frozen=True, slots=True)
class Announced:
    """The start record of the run, and its digest."""

    record: StartRecord
    digest: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run left: its record, what was expected and observed, and the recorded calls of AWS in their order.

    `manifest`, `scenarios` (what pytest-bdd wrote), `start` and `config` (the bytes of config.json) are None where the folder
    has none. `reports` has the rendered reports by name, `damage` what is not as SHA256SUMS
    lists it, None where the folder is no bundle.
    """

    record: RunRecord
    configuration: Configuration
    observations: tuple[Observation, ...]
    calls: tuple[dict[str, Any], ...]
    manifest: Manifest | None
    scenarios: Sequence[Feature] | None
    start: Announced | None = None
    config: bytes | None = None
    reports: Mapping[str, bytes] | None = None
    damage: tuple[Problem, ...] | None = None
    table: TableManifest | None = None  # of the drill of a table, whose manifest is none of a database

    def seen(self, kind: type[Any], copy: str = "") -> list[Any]:
        """Return the observations of a kind, of one copy or of none."""
        return [each.seen for each in self.observations if isinstance(each.seen, kind) and each.copy == copy]


def read(folder: Path) -> Evidence:
    """Return the evidence in a folder. Raises CannotReplay, one sentence that names the file."""
    known = _record(folder)
    other = OTHERS.get(known.target.kind) if known.target else None
    observations = _observations(folder)
    return Evidence(
        known,
        _configuration(folder, observations),
        observations,
        _calls(folder / "raw/aws"),
        None if other else _manifest(folder),
        _scenarios(folder, ended_early=is_ended_early(known)),
        _start(folder),
        _optional(folder / CONFIG, "the effective settings"),
        {name: data for name in REPORTS if (data := _optional(folder / name, "a report")) is not None},
        check_bundle(folder, None) if (folder / SUMS).exists() else None,
        _table_manifest(folder) if other else None,
    )


def _optional(path: Path, what: str) -> bytes | None:
    return read_bytes(path, what) if path.exists() else None


def _record(folder: Path) -> RunRecord:
    try:
        return record.load(folder)
    except (ConfigError, RecursionError) as error:
        found = str(error) if isinstance(error, ConfigError) else "JSON that is nested too deeply"
        raise CannotReplay(f"expected the record of a run in {folder}, found: {found}") from error


def _start(folder: Path) -> Announced | None:
    path = folder / START
    data = _optional(path, "a start record")
    if data is None:
        return None
    try:
        return Announced(read_start(data, str(path)), sha256(data))
    except ConfigError as error:
        raise CannotReplay(str(error)) from error


def _observations(folder: Path) -> tuple[Observation, ...]:
    packed = folder / "observations.json.gz"
    path = packed if packed.exists() else folder / "observations.json"
    raw = read_json(path, OBSERVATIONS, "the observations of the run")
    if raw["format"] != FORMAT:
        raise CannotReplay(
            f"{path}: expected observations of format {FORMAT}, found {raw['format']}: use a newer version"
        )
    return tuple(_observation(path, number, each) for number, each in enumerate(raw["observations"]))


def _observation(path: Path, number: int, raw: Noted) -> Observation:
    where = f"observations.{number}"
    if raw["kind"] not in KINDS:
        raise CannotReplay(f'{path}: expected a kind of observation that is known, found "{raw["kind"]}" in {where}')
    adapter = observed.adapter_of(KINDS[raw["kind"]])
    seen = validated_as(adapter, raw["value"], path, f"what was observed ({raw['kind']})", f"{where}.value")
    return Observation(raw["copy"], raw["check"], raw["database"], seen)


def _configuration(folder: Path, observations: Sequence[Observation]) -> Configuration:
    found = [each.seen for each in observations if isinstance(each.seen, Configuration)]
    if not found:
        raise CannotReplay(
            f"{folder}/observations.json: expected the configuration among the observations, found none: the run ended "
            "before it noted one, or an older version made it"
        )
    try:
        read_target(found[0].target)
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CannotReplay(
            f"{folder}/observations.json: expected the target's keys as drill.toml has them, found: {error}"
        ) from error
    configuration: Configuration = found[0]
    return configuration


def _calls(folder: Path) -> tuple[dict[str, Any], ...]:
    """Return the calls of every file, by their numbers, each with its answer."""
    calls: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.json")):
        raw = read_json(path, CALLS, "the recorded calls of an operation")
        answers = {each["number"]: each.get("answer") for each in raw["calls"]}
        for each in raw["calls"]:
            same = each.get("same_as", each["number"])
            if same not in answers:
                raise CannotReplay(f"{path}: expected the answer of call {same}, found no such call")
            calls.append({**each, "operation": raw["operation"], "answer": answers[same]})
    calls.sort(key=lambda each: int(each["number"]))
    for expected, call in enumerate(calls, 1):
        if call["number"] != expected:
            raise CannotReplay(
                f"{folder}: expected the calls to be numbered without a gap, found {call['number']} in the place of "
                f"{expected}: a file is missing"
            )
    return tuple(calls)


def _manifest(folder: Path) -> Manifest | None:
    path = folder / "manifest.json"
    data = _optional(path, "the manifest")
    if data is None:
        return None
    try:
        return manifest.load(data.decode("utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise CannotReplay(f"{path}: expected a manifest, found bytes that are no text") from error
    except (ConfigError, RecursionError) as error:
        raise CannotReplay(str(error) or f"{path}: expected a manifest, found JSON nested too deeply") from error


def _table_manifest(folder: Path) -> TableManifest | None:
    path = folder / "manifest.json"
    data = _optional(path, "the manifest")
    try:
        return None if data is None else table_manifest.from_json(data.decode("utf-8"), str(path))
    except (ConfigError, UnicodeDecodeError, RecursionError) as error:
        raise CannotReplay(f"{path}: expected a manifest of a table, found: {error}") from error


def _scenarios(folder: Path, *, ended_early: bool) -> Sequence[Feature] | None:
    """Return pytest-bdd's report; None without one, or where pytest was ended while it wrote it."""
    path = folder / "raw/cucumber.json"
    if not path.exists():
        return None
    try:
        return read_json(path, FEATURES, "the results of the scenarios")
    except CannotReplay:
        if ended_early:
            return None
        raise
