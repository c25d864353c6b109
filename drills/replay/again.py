"""Derives a run again, whatever its target is, and renders its reports again."""

from __future__ import annotations

from drills.replay import rendered
from drills.replay.bundle import CannotReplay, Evidence
from drills.replay.outcome import Replay
from drills.replay.recovery import Recovery
from drills.replay.rendered import Renderers
from drills.replay.replay import Replayer
from drills.replay.resource.replayer import OtherReplayer


def replay(evidence: Evidence, renderers: Renderers | None = None) -> Replay:
    """Return what follows from the evidence beside what its record says; `renderers` make its reports again."""
    if evidence.record.incident is not None:
        raise CannotReplay(
            "expected the bundle of a drill or of a validation, found that of an incident's restore, whose verdicts are not "
            "derived again: drills evidence verify holds its files against their seal"
        )
    is_database = Recovery(evidence).configured.is_database
    found = (Replayer if is_database else OtherReplayer)(evidence).run()
    rendered.compare(found, evidence, renderers)
    return found
