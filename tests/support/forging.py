"""Records of a drill of a table or a volume in which one thing was changed: a replay finds each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta

from drills.model.finding import Outcome
from drills.model.record import RunRecord
from drills.recovery.resource.observed import SettingsSeen
from drills.replay.again import replay
from drills.replay.bundle import Evidence, Observation


def unfound(evidence: Evidence) -> list[str]:
    """The changes after which the record still follows from the evidence."""
    changed = [(name, dataclasses.replace(evidence, record=record)) for name, record in _records(evidence.record)]
    changed += _observed(evidence)
    return [name for name, forged in changed if not replay(forged).differences]


def _other(outcome: Outcome) -> Outcome:
    return "missed" if outcome == "met" else "met"


def _records(record: RunRecord) -> Iterator[tuple[str, RunRecord]]:
    for number, verdict in enumerate(record.verdicts):
        told = dataclasses.replace(verdict, outcome=_other(verdict.outcome))
        changed = (*record.verdicts[:number], told, *record.verdicts[number + 1 :])
        yield f"the verdict {verdict.name}", dataclasses.replace(record, verdicts=changed)
    yield "a verdict less", dataclasses.replace(record, verdicts=record.verdicts[:-1])
    yield "the exit code", dataclasses.replace(record, code=10, all_codes=(10,))
    rta = dataclasses.replace(record.measurements[0], seconds=0.001)
    yield "RTA", dataclasses.replace(record, measurements=(rta, *record.measurements[1:]))
    yield "the losses", dataclasses.replace(record, losses=record.losses[1:])
    assert record.disaster is not None
    at = record.disaster.at - timedelta(hours=1)
    yield "the disaster", dataclasses.replace(record, disaster=dataclasses.replace(record.disaster, at=at))
    assert record.target is not None
    for name in ("name", "instance_id", "vault", "dbi_resource_id", "account", "region", "kind"):
        target = dataclasses.replace(record.target, **{name: "other"})  # type: ignore[arg-type]
        yield f"the target's {name}", dataclasses.replace(record, target=target)
    yield from _copies(record)
    (made,) = record.resources
    others = dataclasses.replace(made, id="other"), dataclasses.replace(made, resource_id="other")
    for number, other in enumerate(others):
        yield f"the identity {number} of what was made", dataclasses.replace(record, resources=(other,))
    yield "what was made", dataclasses.replace(record, resources=())


def _copies(record: RunRecord) -> Iterator[tuple[str, RunRecord]]:
    (copy,) = record.restorations
    point = copy.point
    assert point is not None
    changes: dict[str, object] = {
        "purpose": "moment",
        "instance_id": f"{copy.instance_id}-other",
        "expectation": "source now",
        "point": dataclasses.replace(point, arn=f"{point.arn}-other"),
        "statuses": (dataclasses.replace(copy.statuses[-1], status="odd"),),
    }
    for number, check in enumerate(copy.checks):
        told = dataclasses.replace(check, outcome=_other(check.outcome))
        changes[f"checks {check.name}"] = (*copy.checks[:number], told, *copy.checks[number + 1 :])
    for name, value in changes.items():
        changed = dataclasses.replace(copy, **{name.partition(" ")[0]: value})  # type: ignore[arg-type]
        yield f"the copy's {name}", dataclasses.replace(record, restorations=(changed,))


def _observed(evidence: Evidence) -> Iterator[tuple[str, Evidence]]:
    """Yield evidence with an observation less, and with settings that nobody else told."""
    for number, each in enumerate(evidence.observations):
        if each.copy:
            left = (*evidence.observations[:number], *evidence.observations[number + 1 :])
            yield f"the observation of {each.check}", dataclasses.replace(evidence, observations=left)
        if isinstance(each.seen, SettingsSeen):
            first = next(iter(each.seen.expected or {}))
            both = [{**(told or {}), first: "other"} for told in (each.seen.expected, each.seen.found)]
            seen = dataclasses.replace(each.seen, expected=both[0], found=both[1])
            other = Observation(each.copy, each.check, each.database, seen)
            changed = (*evidence.observations[:number], other, *evidence.observations[number + 1 :])
            yield "settings that are the same on both sides", dataclasses.replace(evidence, observations=changed)
