"""The plan and the outcome of a run, which its processes pass to each other.

`.plan.json`, `.service.json` and `.outcome.json` in the run's folder, readable by their owner only; `.context.json`, beside
them, is written and read by drills/run/context.py.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from drills.files import is_half, write_privately
from drills.model.instance import OTHERS

PLAN_NAME = ".plan.json"
SERVICE_NAME = ".service.json"
OUTCOME_NAME = ".outcome.json"
CONTEXT_NAME = ".context.json"
SELECTION_NAME = "selection.json"  # makes a session of pytest write the chosen scenarios there, and run none
Kind = Literal["service", "step", "finally", "last", "unattended"]


# by which pytest takes options and plugins that nobody has typed (docs.pytest.org, "Environment Variables")
_OF_PYTEST = frozenset({"PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"})


def modules_of(kind: str) -> tuple[str, str]:
    """Return the guard and the stage of a run, by the kind of its target in the record."""
    if kind in OTHERS:
        return "drills.run.table.guard", f"drills.run.{OTHERS[kind].key}.stage"
    return "drills.run.guard", "drills.run.stage"


def without_pytests(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a run's command: what is not on the command line chooses none of a drill's scenarios."""
    return {name: value for name, value in environment.items() if name not in _OF_PYTEST}


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a run; its output goes to `<name>.log` in the run's folder.

    A `service` prints one JSON object on one line on stdout when it is ready, or {"error": …, "exit_code": …} when it
    cannot start, lives on until its stdin ends, and then cleans up and exits. A `step` runs to its end; when a `needed`
    one ends with a status other than 0, the steps after it are skipped. A `finally` command runs in every case, after
    the steps and before the service is ended, a `last` one when all else has ended, and after it an `unattended` one, but
    only where the process that the user started has gone, which does that work otherwise; signals are ignored in all three.

    One that has not ended after `limit` seconds (a service: that is not ready by then) is ended; `too_long` is the sentence.
    """

    name: str
    argv: tuple[str, ...]
    kind: Kind = "step"
    needed: bool = False
    limit: float = 3600.0
    too_long: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The commands of a run in their order, services first. Times are in seconds.

    `work` is a folder that is made (it must not exist) before the first command and removed at the end; root's can be
    passed through by others, since PostgreSQL never runs as root. `sweep` is the command that ends what works in it
    when the service left something there.
    """

    commands: tuple[Command, ...]
    work: str = ""
    sweep: tuple[str, ...] = ()
    grace: float = 5.0
    service_grace: float = 15.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome so far. `statuses` has a command's exit status (negative: the signal that ended it).

    `interrupted_by` is a signal's name or a few words ("tox is gone"); `error` and `exit_code` are the service's, or
    ours when a command could not be started, took too long or died; `running` is the name of the command that runs;
    `died` has the services that ended before they were to; `ended` says that the clean-up was done, and `left` what it
    could not end or remove.
    """

    statuses: dict[str, int] = field(default_factory=dict)
    interrupted_by: str = ""
    error: str = ""
    exit_code: int | None = None
    running: str = ""
    died: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    ended: bool = False


def read_outcome(folder: Path) -> Outcome:
    """Return the outcome of the run in `folder` so far; an empty one when none is written."""
    try:
        raw = json.loads((folder / OUTCOME_NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return Outcome()
    return Outcome(**(raw | {name: tuple(raw[name]) for name in ("died", "left")}))


def read_plan(folder: Path) -> Plan:
    """Return the plan of the run in `folder`."""
    raw = json.loads((folder / PLAN_NAME).read_text(encoding="utf-8"))
    commands = tuple(Command(**(one | {"argv": tuple(one["argv"])})) for one in raw["commands"])
    return Plan(**(raw | {"commands": commands, "sweep": tuple(raw["sweep"])}))


def remove_messages(folder: Path) -> None:
    """Remove what the processes of a run told each other, and what one of them had written half of."""
    named = [path for name in (PLAN_NAME, SERVICE_NAME, CONTEXT_NAME, ".*.ready") for path in folder.glob(name)]
    for path in (*named, *(path for path in folder.iterdir() if is_half(path.name))):
        path.unlink(missing_ok=True)


def write_plan(folder: Path, plan: Plan) -> None:
    """Write the plan down for the supervisor."""
    write_privately(folder / PLAN_NAME, json.dumps(dataclasses.asdict(plan)))


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Write down what has happened so far."""
    write_privately(folder / OUTCOME_NAME, json.dumps(dataclasses.asdict(outcome)))
