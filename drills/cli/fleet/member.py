"""A run as one of a fleet: its id is left where the fleet looks for it, and what the fleet is made of is sealed with the run."""

from __future__ import annotations

from pathlib import Path

from drills.files import write_atomically
from drills.fleet import record as records
from drills.fleet.record import FLEET_NAME
from drills.model.record import Setting


def begin(file: str | None, run_id: str) -> tuple[Setting, ...]:
    """Leave the run's id in the file that `--member` names; return what the run's record says of its fleet, none without one."""
    if not file:
        return ()
    path = Path(file)
    write_atomically(path, run_id)
    fleet = path.parents[1]  # of out/fleet-…/members/CHAIN.run; others have no record there
    if not (fleet / FLEET_NAME).is_file():
        return ()
    return (Setting(records.SETTING, records.begun_in(records.load(fleet)), "drills run --all"),)
