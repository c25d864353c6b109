"""The values of a cut-over: its opening, its journal, and the state that the journal gives. Pure.

The first entry of a journal holds everything that the steps need (`Opening`): who the source is by its DbiResourceId, its
configuration, the recovery point, the counts and the scaling of the services. Whoever has the journal can continue.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from drills.aws.databases.kinds import CLUSTER, INSTANCE, Kind
from drills.errors import ConfigError
from drills.model.timing import Objectives
from drills.objectives.recovery_time import DeclaredTime

Position = Literal["healthy", "stuck", "gone"]
RestoreWay = Literal["snapshot", "moment", "job"]
Mode = Literal["forward", "back"]
Event = Literal["opened", "begin", "done", "failed", "noted", "turned back", "ended"]

OPEN_WRITES = "open-writes"
# What to do about data that are not right, for an operator; a drill takes its own way back, and leaves it out.
DATA_ADVICE = ": check the data, then resume when you accept what your rules say, or roll back and choose another point"


@dataclass(frozen=True, slots=True)
class Scaling:
    """A scalable target of Application Auto Scaling, as it was; `suspended` is in, out, scheduled."""

    minimum: int
    maximum: int
    suspended: tuple[bool, bool, bool] = (False, False, False)


@dataclass(frozen=True, slots=True)
class RememberedService:
    """An ECS service, and what it was set to before the cut-over."""

    cluster: str
    service: str
    desired: int
    scaling: Scaling | None = None

    @property
    def name(self) -> str:
        """Cluster and service, as drill.toml writes them."""
        return f"{self.cluster}/{self.service}"


@dataclass(frozen=True, slots=True)
class RestoreChoice:
    """The choice of what is restored: a snapshot, a moment, or a recovery point through a restore job of AWS Backup."""

    way: RestoreWay
    arn: str = ""
    snapshot_id: str = ""
    moment: datetime | None = None
    latest: bool = False
    data_time: datetime | None = None
    source_resource_id: str = ""
    engine_version: str = ""  # which the restore of a cluster names


@dataclass(frozen=True, slots=True)
class Member:
    """An instance of the cluster that is the source: its DbiResourceId, its name, and its name afterwards or ""."""

    resource_id: str
    name: str
    aside: str


@dataclass(frozen=True, slots=True)
class NewMember:
    """An instance that the restored cluster gets: its name, its name after a rollback, and parameters of CreateDBInstance."""

    name: str
    aside: str
    wanted: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecoveryObjectives:
    """The objectives, the declared times, and whether the cut-over is a simulation."""

    objectives: Objectives = field(default_factory=lambda: Objectives(None, None))
    declared: DeclaredTime = field(default_factory=DeclaredTime)
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """What was read before the cut-over changed anything; the first entry of the journal."""

    id: str
    target: str
    profile: str
    instance: str  # the name that the application knows
    renamed: str  # the source's name afterwards; "" where it keeps its own
    restored: str  # the name that is restored under
    aside: str  # the restored instance's name after a rollback
    position: Position
    source_resource_id: str  # "" where the source is gone
    chosen: RestoreChoice
    wanted: dict[str, Any]  # the configuration, by the names of the restore's parameters (wanted.py)
    wanted_from: str
    left: dict[str, Any]  # every setting of the source, for the comparison; empty where nothing tells
    services: tuple[RememberedService, ...]
    public_url: str
    address: str = ""  # of the database, as the application knew it
    server_settings: dict[str, str] = field(default_factory=dict)  # with the replication slots (compare.read_server)
    public_status: int = 0  # what the public address answered before
    verification_group: str = ""  # configured; "" where one is made
    promised: RecoveryObjectives = field(default_factory=RecoveryObjectives)
    members: tuple[Member, ...] = ()  # of a cluster that is there
    new_members: tuple[NewMember, ...] = ()  # of a cluster alone: the writer, then its readers

    @property
    def kind(self) -> Kind:
        """How RDS names databases such as this one."""
        return CLUSTER if self.new_members else INSTANCE


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal. `door` are the changes of the public address since the entry before: instant, answer.

    `seconds` went by since the entry before, or in the first entry since the command began, by the monotonic clock. It is
    None where another process wrote the entry before: then only the wall clock knows.
    """

    number: int
    at: datetime
    who: str
    event: Event
    step: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    door: tuple[tuple[datetime, str], ...] = ()
    seconds: float | None = None


_ENTRY: TypeAdapter[Entry] = TypeAdapter(Entry)
_OPENING: TypeAdapter[Opening] = TypeAdapter(Opening)


def write_entry(entry: Entry) -> str:
    """Return the entry as one line of JSON, without the line's end."""
    return json.dumps(_ENTRY.dump_python(entry, mode="json"), ensure_ascii=False)


def read_entry(line: str) -> Entry:
    """Return the entry of a line. Raises ConfigError where it is none."""
    try:
        return _ENTRY.validate_json(line)
    except ValidationError as error:
        raise ConfigError(
            f"expected an entry of a cut-over's journal, found {line[:60]!r}: keep the journal as it is"
        ) from error


def opening_facts(opening: Opening) -> dict[str, Any]:
    """Return the opening as the facts of the first entry."""
    facts: dict[str, Any] = _OPENING.dump_python(opening, mode="json")
    return facts


@dataclass(frozen=True, slots=True)
class State:
    """The state of a cut-over, by its journal."""

    opening: Opening
    mode: Mode = "forward"
    done: dict[str, dict[str, Any]] = field(default_factory=dict)  # of the present mode
    facts: dict[str, Any] = field(default_factory=dict)  # everything that steps found out, whatever the mode
    begun: str = ""  # the step that was begun and has no end
    failed: str = ""
    writes_opened_at: datetime | None = None
    ended: bool = False
    entries: tuple[Entry, ...] = ()

    @property
    def group(self) -> str:
        """The verification-only security group, "" as long as there is none."""
        return str(self.facts.get("verification_group", "")) or self.opening.verification_group

    @property
    def restored_resource_id(self) -> str:
        """The restored instance's DbiResourceId, "" as long as none is known."""
        return str(self.facts.get("restored_resource_id", ""))


def replay_journal(entries: Sequence[Entry]) -> State:
    """Return the state that a journal gives. Raises ConfigError for one that does not begin with an opening."""
    if not entries or entries[0].event != "opened":
        raise ConfigError("expected a journal that begins with what the cut-over knew, found another beginning")
    try:
        opening = _OPENING.validate_python(entries[0].facts)
    except ValidationError as error:
        raise ConfigError(
            "expected the opening of a cut-over, found one of another version: use that version"
        ) from error
    mode: Mode = "forward"
    done: dict[str, dict[str, Any]] = {}
    facts: dict[str, Any] = {}
    begun = failed = ""
    writes_opened_at: datetime | None = None
    ended = False
    for entry in entries[1:]:
        facts |= entry.facts if entry.event in ("done", "noted") else {}
        ended = entry.event == "ended"
        failed = str(entry.facts.get("sentence", "")) if entry.event == "failed" else ""
        if entry.event == "turned back":
            mode, done, begun = "back", {}, ""
        elif entry.event == "begin":
            begun = entry.step
            if entry.step == OPEN_WRITES and writes_opened_at is None:
                writes_opened_at = entry.at
        elif entry.event == "done":
            done[entry.step], begun = dict(entry.facts), ""
    return State(opening, mode, done, facts, begun, failed, writes_opened_at, ended, tuple(entries))


def address_changes(entries: Sequence[Entry]) -> tuple[tuple[datetime, str], ...]:
    """Return each change of the public address's answer with its instant, once, however often the cut-over was resumed."""
    seen: list[tuple[datetime, str]] = []
    for entry in entries:
        for at, answer in entry.door:
            if not seen or seen[-1][1] != answer:
                seen.append((at, answer))
    return tuple(seen)
