"""`drills restore extend`, `keep` and `end`: what becomes of a copy, which is found by its tags from any machine."""

from __future__ import annotations

import sys
from datetime import timedelta

from drills.aws.databases.kinds import KINDS
from drills.aws.guarded.names import PREFIX
from drills.aws.read import INCIDENT_TAG, RUN_TAG, describe_instance, parse_expiry
from drills.cli.target import OpenTarget
from drills.clock import SystemClock
from drills.errors import COULD_NOT_RUN, LEFT_BEHIND, ConfigError, DrillError
from drills.incident.lease import release, set_until
from drills.model.instance import COPIES, Instance, made_for
from drills.sweep.find import Found, find
from drills.sweep.leftovers import Leftover
from drills.sweep.remove import command_for, remove, resource_of


def extend(reached: OpenTarget, run_id: str, keep: timedelta) -> int:
    """Keep the copy of a restore for `keep` from now on, and never shorter than it would stay; the exit code."""
    things = _things(reached, run_id)
    until = reached.now + keep
    known = [expires for each in things if (expires := parse_expiry(each.expires))]
    if known and min(known) > until:
        raise ConfigError(
            f"--keep: expected a time after {min(known):%Y-%m-%d %H:%M:%S} UTC, until when the copy stays anyway, found "
            f"{until:%Y-%m-%d %H:%M:%S} UTC: to remove it sooner, type drills restore end {run_id}"
        )
    problems = set_until(reached.restore, SystemClock(), run_id, map(resource_of, things), until)
    for each in problems:
        print(f"drills: {each}", file=sys.stderr)
    if problems:
        return COULD_NOT_RUN
    print(f"run {run_id}: the copy and all that belongs to it stay until {until:%Y-%m-%d %H:%M:%S} UTC")
    return 0


def end(reached: OpenTarget, run_id: str) -> int:
    """Remove the copy of a restore and all that belongs to it; the exit code."""
    things = _things(reached, run_id)
    config, clock = reached.config, SystemClock()
    every = config.profile.poll_every.total_seconds()
    removed = remove(reached.restore, things, clock, every=every, limit=config.limits.clean_up)
    left = [each for each in removed.values() if each.state != "gone"]
    for each in removed.values():
        print(f"{each.kind} {each.id}: {'removed' if each.state == 'gone' else each.note}")
    return LEFT_BEHIND if left else 0


def keep(reached: OpenTarget, run_id: str) -> int:
    """Keep the copy of a restore and all that belongs to it for good; the exit code. What was done before is not done again."""
    found = _find(reached)
    if found.unread:
        raise DrillError(f"expected all that {run_id} has made, found: {'; '.join(found.unread)}; nothing was changed")
    things = _of_run(found, run_id)
    renamed = _renamed(found, run_id)
    copy = _copy(reached, run_id)
    if copy is None and not renamed:
        raise _nothing(reached, run_id, found)
    if copy is not None and RUN_TAG in dict(copy.tags):
        _check_incident(copy, run_id)
    for each in release(reached.restore, SystemClock(), run_id, map(resource_of, things)):
        print(f"{each.kind} {each.id}: kept for good")
    for one in renamed:
        print(f"{one.kind} {one.id}: no sweep removes it, as it has no drill's name; it has the run's tags still")
    print(f"run {run_id}: no sweep removes the copy or what belongs to it; to remove it by hand: docs/incident.md")
    return 0


def _find(reached: OpenTarget) -> Found:
    """Return what there is of the kinds that a restore of such a target makes: no other right is needed."""
    return find(reached.restore, made_for(reached.config.target.kind))


def _copy(reached: OpenTarget, run_id: str) -> Instance | None:
    return describe_instance(reached.restore, f"{PREFIX}{run_id}-recovery", KINDS[reached.config.target.kind])


def _of_run(found: Found, run_id: str) -> list[Leftover]:
    return [each for each in found.leftovers if each.run_id == run_id and each.named]


def _renamed(found: Found, run_id: str) -> list[Leftover]:
    return [each for each in found.leftovers if each.kind in COPIES and each.run_id == run_id and not each.named]


def _nothing(reached: OpenTarget, run_id: str, found: Found) -> DrillError:
    where = f"account {reached.restore.account}, {reached.restore.region}"
    unread = f"; {'; '.join(found.unread)}" if found.unread else ""
    return DrillError(
        f"expected what the restore {run_id} has made in {where}, found nothing{unread}: it was removed, or --profile and "
        "--target lead elsewhere; drills sweep --dry-run shows what there is, with the ids of runs in the names; a restore prints "
        "its id, and reports/out has a folder of that name"
    )


def _things(reached: OpenTarget, run_id: str) -> list[Leftover]:
    """Return what the restore has made. Raises DrillError where nothing is there, or it is not the restore's to end any more."""
    found, copy = _find(reached), _copy(reached, run_id)
    if copy is not None and RUN_TAG not in dict(copy.tags):
        stem = f"{PREFIX}{run_id}-"
        commands = "; ".join(command_for(each) for each in found.leftovers if each.id.startswith(stem))
        raise ConfigError(
            f"expected the tag {RUN_TAG} of {copy.id}, found none: it was kept for good, and only its owner removes it, "
            f"by hand, in this order: {commands}"
        )
    things = _of_run(found, run_id)
    for each in _renamed(found, run_id):
        raise ConfigError(
            f"expected the copy of {run_id} under its own name, found {each.id} with its tags: what it needs is not changed; "
            f"drills restore keep {run_id} keeps that for good"
        )
    if not things:
        raise _nothing(reached, run_id, found)
    if copy is not None:
        _check_incident(copy, run_id)
    return things


def _check_incident(copy: Instance, run_id: str) -> None:
    if INCIDENT_TAG not in dict(copy.tags):
        raise ConfigError(
            f"expected {run_id} to be the restore of an incident, found a drill, which removes its copy itself: see drills sweep"
        )
