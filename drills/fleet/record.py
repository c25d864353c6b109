"""`fleet.json`: the targets of a fleet, the run of each, and the exit codes. Every scorecard is made from it.

Instants are aware UTC datetimes, `*_seconds` and `seconds` floats in seconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from drills.errors import ConfigError
from drills.files import write_atomically
from drills.json_text import VERSION, document_of
from drills.plural import counted

FLEET_NAME = "fleet.json"
FLEET_VERSION = 1
SETTING = "fleet"  # of a run's record: which fleet it was begun in, and how many targets that had
State = Literal["waiting", "running", "ended"]


@dataclass(frozen=True, slots=True)
class Member:
    """A target of the fleet and its run. `run_id` is "" where no run of it has begun.

    `status` is the exit status of the run's process, negative where a signal ended it. `all_codes` are the exit codes that the
    target gives the fleet, `code` the first of them: one that could not start has 12. `outcome` says in a few words what became
    of it, `sentence` why it did not pass, and `not_counted` why its run counts nowhere, "" where it counts. `tier` is how much
    the run did; `level` is that of its evidence and `bundle` where that is. `kind` is what the target is; `proved`
    is what its checks found as it was, and `on_trust` what they leave to trust, in plain words. `cost_usd` is what is known of the
    cost of its copies, None where nothing is, and `cost_unknown` how many parts of that are not known; older records have none of
    all these.
    """

    target: str
    instance: str = ""
    state: State = "waiting"
    run_id: str = ""
    began_at: datetime | None = None
    seconds: float | None = None
    status: int | None = None
    code: int | None = None
    all_codes: tuple[int, ...] = ()
    outcome: str = ""
    sentence: str = ""
    not_counted: str = ""
    rta_seconds: float | None = None
    rto_seconds: float | None = None
    rpa_seconds: float | None = None
    rpo_seconds: float | None = None
    tier: str = ""
    level: str = ""
    bundle: str = ""
    shard: str = ""
    kind: str = ""
    proved: tuple[str, ...] = ()
    on_trust: tuple[str, ...] = ()
    cost_usd: str | None = None
    cost_unknown: int | None = None


@dataclass(frozen=True, slots=True)
class FleetRecord:
    """One fleet, or one share of it. `targets` are all targets that the machine knew, whichever share they are in.

    `members` are those of its own share, each of them from the beginning on. `parallel` is how many are drilled at once.
    `calls_per_second` is how often the whole fleet may ask AWS, None where nothing limits it.
    """

    schema_version: int
    fleet_id: str
    profile: str
    simulated: bool
    started_at: datetime
    tool_version: str
    targets: tuple[str, ...]
    members: tuple[Member, ...]
    shard: str = ""
    parallel: int = 1
    calls_per_second: float | None = None
    ended_at: datetime | None = None
    wall_seconds: float | None = None
    interrupted_by: str = ""
    code: int | None = None
    all_codes: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()

    def member(self, target: str) -> Member:
        """Return the member of that target."""
        return next(each for each in self.members if each.target == target)


def begun_in(fleet: FleetRecord) -> str:
    """Return what each run of a fleet seals of it at its start, so that no target can be taken out of the list later."""
    return f"{fleet.fleet_id}: {list_of(fleet.targets)}"


def list_of(targets: Sequence[str]) -> str:
    """Return how many targets there are, with a digest of their names."""
    names = sorted(set(targets))
    return f"{counted(len(names), 'target')}, {hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]}"


_ADAPTER: TypeAdapter[FleetRecord] = TypeAdapter(FleetRecord)


def to_json(fleet: FleetRecord) -> str:
    """Return the record as indented JSON, ending in a newline."""
    return _ADAPTER.dump_json(fleet, indent=2).decode() + "\n"


def save(folder: Path, fleet: FleetRecord) -> None:
    """Write the record into the fleet's folder, whole."""
    write_atomically(folder / FLEET_NAME, to_json(fleet))


def load(folder: Path) -> FleetRecord:
    """Return the record of the fleet whose folder this is. Raises ConfigError, one sentence."""
    path = folder / FLEET_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}: expected the folder of a fleet") from error
    except UnicodeDecodeError as error:
        raise _no_record(str(path), "bytes that are no text") from error
    document_of(text, str(path), FLEET_VERSION, _no_record)
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _no_record(str(path), f"{where}: {first['msg']}") from error


def _no_record(path: str, found: str) -> ConfigError:
    return ConfigError(
        f"{path} is no record of a fleet: expected JSON with {VERSION}, as drills run --all writes it, found {found}: take the "
        "reports/ of that machine again, or leave its folder out, and its targets are counted as not drilled"
    )
