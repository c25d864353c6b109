"""What still goes on in folders that are to be joined: nothing is copied of what another process is writing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from drills import work_folder
from drills.errors import ConfigError, DrillError
from drills.evidence.check import STARTS
from drills.evidence.folder import is_held, records
from drills.evidence.start import parse_name
from drills.fleet import record as fleets
from drills.fleet.record import FLEET_NAME


def refuse(folders: Sequence[Path]) -> None:
    """Raise DrillError where a fleet or a run in one of the folders goes on: each of them, and where it is.

    A fleet holds a lock of its folder, and a run one of its start record, until their last process has ended: on this machine, and
    on any other one with which a volume is shared. A copy of a folder has no locks.
    """
    found = [each for folder in folders for each in _going_on(folder)]
    if found:
        raise DrillError(
            f"expected drills that have ended, found that {'; '.join(dict.fromkeys(found))}: nothing was written; type it again "
            "when they have ended, or leave that folder out, and its targets are counted as not drilled"
        )


def _going_on(folder: Path) -> list[str]:
    """Return the fleets of a folder that go on, and where there is none the runs that do."""
    held = [each for each in sorted(folder.glob("out/fleet-*/members")) if work_folder.is_held(each)]
    if held:
        return [f"{each.parent.name} goes on in {folder}{_left_to_do(each.parent)}" for each in held]
    starts = [path for chain in sorted(folder.glob(f"evidence/*/{STARTS}")) for path in records(chain)]
    runs = [(path, parsed[1]) for path in starts if (parsed := parse_name(path.stem))]
    return [f"run {run_id} goes on in {folder} ({path.parents[1].name})" for path, run_id in runs if is_held(path)]


def _left_to_do(place: Path) -> str:
    """Return which share a fleet is and how far it is, "" where its record says nothing yet."""
    if not (place / FLEET_NAME).is_file():
        return ""
    try:
        fleet = fleets.load(place)
    except ConfigError:
        return ""
    share = f"share {fleet.shard}, " if fleet.shard else ""
    left = [each.target for each in fleet.members if each.state != "ended"]
    return f" ({share}{len(fleet.members) - len(left)} of {len(fleet.members)} drilled, left: {', '.join(left) or 'its end'})"
