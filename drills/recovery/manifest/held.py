"""The manifest that a drill holds: settled when its recovery point is chosen."""

from __future__ import annotations

import dataclasses

from drills.checks.manifest import Manifest
from drills.model.point import RecoveryPoint
from drills.recovery.choose import manifest_matches
from drills.recovery.manifest import expected
from drills.recovery.manifest.expected import ManifestSeen
from drills.recovery.setup import Setup

_OF_ANOTHER = "the manifest was taken for another recovery point: what needs a manifest is not compared"


class HeldManifest:
    """The manifest of a drill with its key, None for both where there is none."""

    def __init__(self, manifest: Manifest | None, key: bytes | None) -> None:
        self.manifest, self.key = manifest, key
        self._seen: ManifestSeen | None = None

    def settle(self, setup: Setup, point: RecoveryPoint) -> Setup:
        """Find the manifest of a point, or drop one that is of another point; return the setup with what it is worth.

        What the target's store has is noted and judged in the record.
        """
        find, wanted = setup.find_manifest, setup.target.manifests
        if find is None or wanted is None:
            return self._keep_or_drop(setup, point)
        found = find(point)
        self.manifest, self.key, self._seen = found.manifest, found.key, found.seen
        setup.observations.note("", "", found.seen)
        verdict = expected.judge(found.seen, point, wanted)
        requirement = setup.requirement(verdict.name, verdict.requirement)
        setup.journal.verdict(dataclasses.replace(verdict, requirement=requirement))
        return dataclasses.replace(setup, expectation=found.seen.strength)

    def _keep_or_drop(self, setup: Setup, point: RecoveryPoint) -> Setup:
        """Drop a manifest that was taken for another point, whose data honestly differ."""
        if self.manifest is None or manifest_matches(self.manifest.taken_at, setup, point):
            return setup
        self.manifest = None
        if _OF_ANOTHER not in setup.journal.record.notes:
            setup.journal.append("notes", _OF_ANOTHER)
        return dataclasses.replace(setup, expectation="none")

    def earlier(self, point: RecoveryPoint | None) -> str:
        """Return that the manifest is earlier than a copy's data; "" where it is not."""
        return expected.earlier(self._seen, point)
