"""The rehearsal of a failure: a stored backup is damaged on purpose, and the verifier must name what is missing.

Only the sandbox can damage what it stores; it is asked over HTTP. The damage is done to a copy of the snapshot, so that
it spoils neither the recovery point nor another scenario.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drills.aws.guarded.names import ScratchName
from drills.errors import COULD_NOT_RUN, CheckUnavailable
from drills.model import phases
from drills.model.finding import Verdict
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration
from drills.plural import counted
from drills.record import Journal
from drills.recovery.drill import Drill
from drills.sandbox_client import SandboxControl

VERDICT = "rehearsed failure"
# How Gherkin says it, and what the sandbox calls it.
DAMAGE_KINDS = {
    "one row": "row",
    "one default": "default",
    "one grant": "grant",
    "a sequence's position": "sequence",
    "one large object": "large-object",
}


@dataclass(frozen=True, slots=True)
class DamagedCopy:
    """A snapshot of this run's own, and what was materially taken away from it: (kind, object) pairs."""

    point: RecoveryPoint
    snapshot_id: str
    damaged: tuple[tuple[str, str], ...]


def damage_copy(drill: Drill, control: SandboxControl, journal: Journal, wanted: Sequence[str]) -> DamagedCopy:
    """Copy the newest recovery point and take the wanted things away from the copy.

    What the database has none of is noted and left out; CheckUnavailable when nothing at all could be damaged.
    """
    point = drill.recover().point  # first, so that nothing comes between the phases that are measured
    if point is None:
        raise CheckUnavailable("expected a recovery point to damage a copy of, found none")
    journal.enter("rehearse a failure")
    snapshot_id = ScratchName(journal.record.owner, "damaged")
    drill.copy_snapshot(point, snapshot_id)
    done = control.damage(snapshot_id, [DAMAGE_KINDS[name] for name in wanted])
    if not any(damage["object"] for damage in done):
        done += control.damage(snapshot_id, ["canary"])  # an empty database still holds what the drill itself put there
    taken = tuple((damage["kind"], damage["object"]) for damage in done if damage["object"])
    for damage in done:
        if not damage["object"]:
            drill.note(f"rehearsal: nothing of kind {damage['kind']!r} to take away: {damage['what']}")
    if not taken:
        raise CheckUnavailable("expected something in the backup that can be damaged, found an empty database")
    return DamagedCopy(point, snapshot_id, taken)


def restore_damaged(drill: Drill, journal: Journal, copy: DamagedCopy) -> Restoration:
    """Restore the damaged copy, verify it, and record whether every damaged object was named."""
    restoration = drill.restore_copy(copy.snapshot_id, copy.point, [f"{kind}: {name}" for kind, name in copy.damaged])
    journal.verdict(judge_rehearsal(restoration, copy))
    journal.enter(phases.REMAINING)
    return restoration


def judge_rehearsal(restoration: Restoration, copy: DamagedCopy) -> Verdict:
    """Return the verdict on the verifier: whether a finding names each damaged object. Pure."""
    missed = undetected_damage(restoration, copy)
    total = len(copy.damaged)
    if missed:
        sentence = f"{len(missed)} of {counted(total, 'damaged object')} not named: {', '.join(missed)}"
    else:
        sentence = f"{counted(total, 'damaged object')}, each named by a finding"
    # A verifier that overlooks a damage has verified nothing: 12, could not verify.
    return Verdict(VERDICT, "missed" if missed else "met", sentence, exit_code=COULD_NOT_RUN)


def undetected_damage(restoration: Restoration, copy: DamagedCopy) -> tuple[str, ...]:
    """Return the damaged objects that no error finding names. Pure."""
    named = {
        finding.object for check in restoration.checks for finding in check.findings if finding.severity == "error"
    }
    return tuple(name for _, name in copy.damaged if name not in named)
