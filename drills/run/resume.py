"""Finds the copy that a run on another machine, or one that was killed, had begun to restore, so that this run goes on with it.

What that run made is found by name and tag; what it had declared is in its record where that lies here, else in the copy's tags.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from drills.aws import owned
from drills.aws.guarded.names import ScratchNames, target_tag
from drills.aws.read import DECLARED_TAG, DISASTER_TAG, INCIDENT_TAG, POINT_TAG, TARGET_TAG, parse_expiry, tags_by_key
from drills.errors import ConfigError, DrillError
from drills.model.instance import made_for
from drills.model.record import ResumedFrom, RunRecord
from drills.record import load
from drills.recovery.resuming import note_of
from drills.recovery.setup import Setup
from drills.sweep.find import find
from drills.sweep.remove import resource_of


def adopt(setup: Setup, run_id: str, out: Path) -> None:
    """Record that this run goes on with the copy of the run `run_id`; nothing of that is this run's yet, see `record_things`.

    `out` has the folders of runs. Raises DrillError where there is no copy to go on with, or what it is of is not known.
    """
    clients, journal, run_id = setup.scratch_clients, setup.journal, _owner_of(run_id, out)
    name = ScratchNames.of(run_id, "recovery").instance
    found = [
        raw for raw in owned.find(clients, setup.kind.copy, name) if owned.is_own(clients, setup.kind.copy, raw, run_id)
    ]
    if not found:
        raise DrillError(
            f"expected the copy {name} of run {run_id} in account {clients.account}, {clients.region}, found none: it was "
            "removed, or not asked for yet; begin a new run, and drills sweep removes what that one left"
        )
    tags = tags_by_key(found[0].get("TagList") or ())
    if tags.get(TARGET_TAG) != target_tag(setup.name):
        raise ConfigError(
            f'expected a run of target "{setup.name}", found {run_id} to be of "{tags.get(TARGET_TAG, "")}": give --target'
        )
    if INCIDENT_TAG in tags:
        raise ConfigError(
            f"expected the run of a drill, found {run_id} to be the restore of an incident, whose copy stays: a drill "
            "would remove it"
        )
    resumed = _by_record(run_id, out) or _by_tags(run_id, tags)
    if resumed is None:
        raise DrillError(
            f"expected the record of run {run_id} in {out}, or the tags {DECLARED_TAG}, {DISASTER_TAG} and {POINT_TAG} of its "
            f"copy, found neither: copy the folder {run_id} here, or begin a new run"
        )
    journal.update(resumed_from=resumed)
    journal.append("notes", note_of(resumed))


def record_things(setup: Setup) -> None:
    """Record everything of the resumed run as made, so that the clean-up of this one removes it.

    Only for the run that holds the target's lock: another may be working with the same copy.
    """
    clients, journal = setup.scratch_clients, setup.journal
    restore = setup.target.restore  # what it names no run makes, and a drill's role may not have the right to list
    named = {"db-subnet-group": restore.subnet_group, "security-group": restore.security_group}
    # nor does a drill make a secret
    kinds = [kind for kind in made_for(setup.target.kind) if kind != "secret" and not named.get(kind)]
    found = find(clients, kinds)
    if found.unread:
        raise DrillError(f"expected to see all that run {journal.record.owner} has made: {'; '.join(found.unread)}")
    for each in found.leftovers:
        if each.run_id == journal.record.owner and each.named:
            journal.resource(resource_of(each))


def _owner_of(run_id: str, out: Path) -> str:
    """Return the run whose name the copy carries: one that went on with another's copy has none of its own."""
    try:
        return load(out / run_id).owner
    except ConfigError:
        return run_id


def _by_record(run_id: str, out: Path) -> ResumedFrom | None:
    """Return what the record of the run says; None where it does not lie here, or no copy was asked for when it was written."""
    try:
        record: RunRecord = load(out / run_id)
    except ConfigError:
        return None
    point = next((each.point for each in record.restorations if each.purpose == "recovery"), None)
    disaster = record.disaster
    if point is None or disaster is None or disaster.declared_at is None:
        return None
    return ResumedFrom(run_id, disaster.declared_at, disaster.at, point.arn, "its record")


def _by_tags(run_id: str, tags: Mapping[str, str]) -> ResumedFrom | None:
    declared: datetime | None = parse_expiry(tags.get(DECLARED_TAG, ""))
    disaster = parse_expiry(tags.get(DISASTER_TAG, ""))
    point = tags.get(POINT_TAG, "")
    if declared is None or disaster is None or not point:
        return None
    return ResumedFrom(run_id, declared, disaster, point, "the tags of the copy")
