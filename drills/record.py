"""The run record on disk: `drill.json`, written whole and atomically at every change.

Several processes of one run write it one after another (the stage, the features, the supervisor), never at once. Each
opens a `Journal`, which reads what is there and goes on.
"""

from __future__ import annotations

import dataclasses
import re
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from drills.clock import Clock, SystemClock
from drills.errors import ConfigError
from drills.files import write_atomically
from drills.json_text import VERSION, document_of
from drills.model.finding import Verdict
from drills.model.instance import Resource
from drills.model.phases import current_name
from drills.model.record import SCHEMA_VERSION, Failure, Restoration, RunRecord
from drills.model.timing import Moment, Phase

RECORD_NAME = "drill.json"
ORIGIN_NAME = ".origin"  # holds the monotonic instant at which the run began, for the processes of the run
RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")  # of new_run_id
_ADAPTER: TypeAdapter[RunRecord] = TypeAdapter(RunRecord)


def new_run_id(now: datetime) -> str:
    """Return a sortable id that is short enough to be part of an RDS identifier: 20261123-141503-a1b2."""
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def to_json(record: RunRecord) -> str:
    """Return the record as indented JSON, ending in a newline."""
    return _ADAPTER.dump_json(record, indent=2).decode() + "\n"


def from_json(text: str, name: str = RECORD_NAME) -> RunRecord:
    """Read a record, the phases of an older one by their present names.

    Raises ConfigError, one sentence, when it is no record or from a newer version of the project.
    """
    document_of(text, name, SCHEMA_VERSION, _no_record)
    try:
        return _rename_phases(_ADAPTER.validate_json(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _no_record(name, f"{where}: {first['msg']}") from error


def _no_record(name: str, found: str) -> ConfigError:
    return ConfigError(
        f"{name} is no run record: expected JSON with {VERSION}, as a run writes it, found {found}: name the folder of another "
        "run, or take this one from the machine that it ran on again"
    )


def _rename_phases(record: RunRecord) -> RunRecord:
    """Return the record with the present name of each phase that had another one in earlier versions."""
    renamed = dataclasses.replace
    return renamed(
        record,
        phases=tuple(renamed(each, name=current_name(each.name)) for each in record.phases),
        measurements=tuple(
            renamed(each, slowest_phase=each.slowest_phase and current_name(each.slowest_phase))
            for each in record.measurements
        ),
        failures=tuple(renamed(each, phase=current_name(each.phase)) for each in record.failures),
    )


def load(folder: Path) -> RunRecord:
    """Return the record of the run whose folder this is."""
    path = folder / RECORD_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"no run record at {path}: expected the folder of a run below reports/out/") from error
    except UnicodeDecodeError as error:
        raise _no_record(str(path), "bytes that are no text") from error
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}: expected the folder of a run below reports/out/"
        ) from error
    return from_json(text, str(path))


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema that reports/drill.schema.json holds; a test keeps the two equal."""
    schema = _ADAPTER.json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Run record of a drill"} | schema


class Journal:
    """The open run record of one process; every method writes before it returns, and raises OSError where it cannot.

    After `go_on` nothing is raised: what could not be written is `missed`, why, and `behind` says that the newest state is in
    memory alone.
    """

    def __init__(self, folder: Path, record: RunRecord, clock: Clock, origin: float) -> None:
        self.folder = folder
        self.record = record
        self.clock = clock
        self._origin = origin
        self._goes_on = False
        self.missed = ""
        self.behind = False

    @classmethod
    def create(cls, folder: Path, record: RunRecord, *, origin: float, clock: Clock | None = None) -> Journal:
        """Start a record. `origin` is the monotonic instant at which the run began, in seconds."""
        journal = cls(folder, record, clock or SystemClock(), origin)
        (folder / ORIGIN_NAME).write_text(repr(origin), encoding="utf-8")
        journal._save()
        return journal

    @classmethod
    def open(cls, folder: Path, *, clock: Clock | None = None) -> Journal:
        """Go on with the record of a run that another process of this machine began.

        Where its origin is gone, since the run has ended, it follows from the wall clock.
        """
        record, clock = load(folder), clock or SystemClock()
        try:
            origin = float((folder / ORIGIN_NAME).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            origin = clock.monotonic() - (clock.now() - record.started_at).total_seconds()
        return cls(folder, record, clock, origin)

    def go_on(self) -> None:
        """Raise nothing from now on where the record cannot be written: what is to be removed is removed all the same."""
        self._goes_on = True

    def miss(self, error: OSError) -> None:
        """Remember why something could not be written, the first reason of several; raise the error unless the run goes on."""
        if not self._goes_on:
            raise error
        self.missed = self.missed or error.strerror or str(error)

    def _save(self) -> None:
        try:
            write_atomically(self.folder / RECORD_NAME, to_json(self.record))
        except OSError as error:
            self.miss(error)
            self.behind = True
        else:
            self.behind = False

    def elapsed(self) -> float:
        """Return the seconds since the run began."""
        return self.clock.monotonic() - self._origin

    def update(self, **changes: Any) -> None:
        """Replace fields of the record."""
        self.record = dataclasses.replace(self.record, **changes)
        self._save()

    def append(self, name: str, *values: Any) -> None:
        """Add to one of the record's lists."""
        self.update(**{name: (*getattr(self.record, name), *values)})

    def enter(self, name: str, *, clock: Literal["rta", ""] = "", note: str = "") -> None:
        """End the open phase and begin the next in the same instant, so that phases are contiguous."""
        now, elapsed = self.clock.now(), self.elapsed()
        if not self.record.phases:  # the run began at its origin, before this process could say so
            now, elapsed = self.record.started_at, 0.0
        fresh = Phase(name, started_at=now, start_seconds=elapsed, clock=clock, note=note)
        self.update(phases=(*self._closed(now, elapsed), fresh))

    def waits_for(self, reason: str) -> None:
        """Note at the open phase why it still waits; "" once it does not. Those who follow the run see it."""
        *ended, last = self.record.phases
        if last.note != reason:
            self.update(phases=(*ended, dataclasses.replace(last, note=reason)))

    def _closed(self, now: datetime, elapsed: float) -> tuple[Phase, ...]:
        phases = self.record.phases
        if phases and phases[-1].end_seconds is None:
            return (*phases[:-1], dataclasses.replace(phases[-1], ended_at=now, end_seconds=elapsed))
        return phases

    def mark(self, name: str, *, source: str = "own clock", at: datetime | None = None) -> None:
        """Record a moment: now, or the instant `at` that `source` reported."""
        seconds = None if at else self.elapsed()
        self.append("moments", Moment(name, at or self.clock.now(), source, seconds))

    def resume(self, name: str) -> None:
        """Begin a phase of an ended run where its last one ended: the reports are part of the run's wall clock."""
        last = self.record.phases[-1] if self.record.phases else None
        if last is None or last.ended_at is None or last.end_seconds is None:
            self.enter(name)
            return
        self.append("phases", Phase(name, started_at=last.ended_at, start_seconds=last.end_seconds))

    def interrupt(self, reason: str) -> None:
        """Note what ended the run before its end, and the phase in which it first did."""
        phase = self.record.phases[-1].name if self.record.phases else ""
        self.update(interrupted_by=reason, aborted_in=self.record.aborted_in or phase)

    def end(self) -> None:
        """End the open phase and the run; an ended run can be ended again, later."""
        now, elapsed = self.clock.now(), self.elapsed()
        self.update(phases=self._closed(now, elapsed), ended_at=now, wall_seconds=elapsed)

    def verdict(self, verdict: Verdict) -> None:
        """Add a verdict, in place of an earlier one of the same name."""
        others = tuple(old for old in self.record.verdicts if old.name != verdict.name)
        self.update(verdicts=(*others, verdict))

    def resource(self, resource: Resource) -> None:
        """Add a resource, in place of what was known of it before; the order of their making is kept."""
        known = [(old.kind, old.id) for old in self.record.resources]
        if (resource.kind, resource.id) not in known:
            self.append("resources", resource)
            return
        at = known.index((resource.kind, resource.id))
        self.update(resources=(*self.record.resources[:at], resource, *self.record.resources[at + 1 :]))

    def restoration(self, restoration: Restoration) -> None:
        """Add a restoration, in place of what was known of the same scratch instance before."""
        known = [old.instance_id for old in self.record.restorations]
        if restoration.instance_id not in known:
            self.append("restorations", restoration)
            return
        at = known.index(restoration.instance_id)
        self.update(restorations=(*self.record.restorations[:at], restoration, *self.record.restorations[at + 1 :]))

    def failure(self, sentence: str, exit_code: int) -> None:
        """Note why the run could not go on, in one line, with the phase in which that was."""
        phase = self.record.phases[-1].name if self.record.phases else ""
        self.append("failures", Failure(" ".join(sentence.split()), exit_code, phase))
