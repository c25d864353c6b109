"""One folder of Allure results out of those of many runs, without loss.

Allure takes two results with one history id for two tries of one test, and shows the last: the same scenario of two targets has
two ids here, and its target as a parameter and as its parent suite.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drills.files import write_atomically
from drills.fleet.record import FleetRecord
from drills.printable import printable
from reports.fleet import show

RESULT, GLOBALS = "-result.json", "-globals.json"
# of each run, and made anew for the fleet
OF_A_RUN = ("environment.properties", "executor.json")
IDS = ("historyId", "testCaseId")


@dataclass(frozen=True, slots=True)
class Results:
    """The results of a target's run."""

    target: str
    folder: Path


def collect(runs: Iterable[Results], fleet: FleetRecord, into: Path) -> int:
    """Write the results of all runs into one folder; return how many there are. Raises OSError, ValueError."""
    into.mkdir(parents=True, exist_ok=True)
    number = 0
    for run in runs:
        mark = hashlib.sha256(f"{run.target}\0{run.folder.parent.name}".encode()).hexdigest()[:8]
        alone = _of_globals(run.folder)
        for path in sorted(each for each in run.folder.iterdir() if each.is_file() and each.name not in OF_A_RUN):
            if path.name.endswith(RESULT):
                number += 1
                _write(into / path.name, of_target(json.loads(path.read_text(encoding="utf-8")), run.target))
            elif path.name.endswith(GLOBALS):
                _write(
                    into / f"{mark}-{path.name}",
                    _marked(json.loads(path.read_text(encoding="utf-8")), run.target, mark),
                )
            else:
                shutil.copyfile(path, into / (f"{mark}-{path.name}" if path.name in alone else path.name))
    facts = {"fleet": fleet.fleet_id, "verdict": show.headline(fleet), "profile": fleet.profile}
    facts |= {f"target {each.target}": f"{each.outcome} ({each.code})" for each in fleet.members}
    write_atomically(into / "environment.properties", "".join(f"{_key(k)}={printable(v)}\n" for k, v in facts.items()))
    _write(into / "executor.json", {"name": "drills", "type": "drills", "reportName": show.headline(fleet)})
    return number


def of_target(result: Mapping[str, Any], target: str) -> dict[str, Any]:
    """Return a result as one of a target's: its ids are those of no other target's."""
    ids = {
        name: hashlib.md5(f"{result[name]}\0{target}".encode(), usedforsecurity=False).hexdigest()
        for name in IDS
        if name in result
    }
    labels = [each for each in result.get("labels", ()) if each.get("name") != "parentSuite"]
    parameters = [*result.get("parameters", ()), {"name": "target", "value": target}]
    named = {"labels": [*labels, {"name": "parentSuite", "value": target}], "parameters": parameters}
    return {**result, **ids, **named}


def _of_globals(folder: Path) -> set[str]:
    """Return the files that belong to a run as a whole, whose names are the same in each run."""
    told = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob(f"*{GLOBALS}")]
    return {str(each["source"]) for one in told for each in one.get("attachments", ())}


def _marked(told: Mapping[str, Any], target: str, mark: str) -> dict[str, Any]:
    attached = [
        {**each, "name": f"{target}: {each['name']}", "source": f"{mark}-{each['source']}"}
        for each in told.get("attachments", ())
    ]
    return {**told, "attachments": attached}


def _key(name: str) -> str:
    return "_".join(printable(name).replace("=", " ").replace(":", " ").split())  # where Allure cuts it


def _write(path: Path, value: Mapping[str, Any]) -> None:
    write_atomically(path, json.dumps(value) + "\n")
