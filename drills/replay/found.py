"""Derives what a run made of the stored manifest that it found for its recovery point."""

from __future__ import annotations

import dataclasses

from drills.model.finding import Verdict
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.recovery.manifest import expected
from drills.recovery.manifest.expected import ManifestSeen
from drills.replay.bundle import Evidence
from drills.replay.differences import Difference
from drills.replay.ended import is_whole
from drills.replay.outcome import Replay
from drills.replay.recovery import Recovery


def judge(recovery: Recovery, point: RecoveryPoint | None, outcome: Replay) -> dict[str, Verdict]:
    """Return the verdict on the manifest of a point by its name, and hold its instant and worth against manifest.json."""
    wanted, evidence = recovery.configured.manifests, recovery.evidence
    if point is None or wanted is None or evidence.configuration.profile == "sandbox":
        return {}
    seen = evidence.seen(ManifestSeen)
    if not seen:
        if is_whole(recovery.recorded):
            found = "nothing: no observation says what the store had"
            outcome.differences.append(Difference(f"verdicts[{expected.VERDICT}]", "as in the record", found))
        return {}
    manifest, last = evidence.manifest, seen[-1]
    if manifest is not None and point.data_time is not None and not last.problem:
        worth = expected.strength_of(manifest, of_point=last.of_point, data_time=point.data_time)
        outcome.compare("manifest.taken_at", last.taken_at, manifest.taken_at)
        outcome.compare("manifest.strength", last.strength, worth)
    verdict = expected.judge(last, point, wanted)
    rule = recovery.configured.checks.get(verdict.name)
    requirement = rule.requirement if rule else verdict.requirement
    return {verdict.name: dataclasses.replace(verdict, requirement=requirement)}


def earlier(evidence: Evidence, restoration: Restoration) -> str:
    """Return that the manifest is earlier than a copy's data, as the run said it; "" where it is not."""
    seen = evidence.seen(ManifestSeen)
    return expected.earlier(seen[-1] if seen else None, restoration.point)
