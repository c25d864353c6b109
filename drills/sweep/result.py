"""What became of a thing that a sweep found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from drills.model.instance import Resource
from drills.sweep.leftovers import Leftover, Standing, explain
from drills.sweep.remove import command_for, look_at


@dataclass(frozen=True, slots=True)
class Swept:
    """A thing, its standing at `at`, and what its removal came to; `removal` is None for what was not to be removed."""

    leftover: Leftover
    standing: Standing
    at: datetime
    removal: Resource | None = None

    @property
    def gone(self) -> bool:
        """Whether the sweep has removed it."""
        return self.removal is not None and self.removal.state == "gone"

    @property
    def reason(self) -> str:
        """Why it is still there, and what to type; "" for what is gone, and for what is in its time."""
        if self.removal is not None:
            return "" if self.gone else self.removal.note
        if self.standing == "kept":
            return _kept(self.leftover, self.at)
        of_nothing = self.standing == "no time" and self.leftover.kind == "log-group"
        return (_LOG_GROUP if of_nothing else _REASONS[self.standing]).format(
            expires=self.leftover.expires or "none", remove=command_for(self.leftover), look=look_at(self.leftover)
        )


def _kept(leftover: Leftover, at: datetime) -> str:
    needed = leftover.needed_by(at)
    if not needed:
        return (
            "not removed: instances or clusters could not be listed, so that whether one of them needs it is not known"
        )
    verb, one = ("needs", "that") if len(needed) == 1 else ("need", "those")
    how = "; ".join(dict.fromkeys(explain(each, at) for each in needed))
    return (
        f"not removed: {_named(needed)} {verb} it, and a sweep does not remove {one} now ({how}); to keep all of it for good: "
        f"drills restore keep {leftover.run_id}"
    )


def _named(needed: tuple[Leftover, ...]) -> str:
    """Return the clusters and instances by what they are: "the cluster a and the instance b"."""
    found = []
    for kind, noun in (("db-cluster", "cluster"), ("db-instance", "instance")):
        if names := [each.id for each in needed if each.kind == kind]:
            found.append(f"the {noun}{'s' if len(names) > 1 else ''} {', '.join(names)}")
    return " and ".join(found)


# What may be another's is looked at before anything: no command that removes it is offered.
_REASONS = {
    "past": "not removed: this was a dry run; drills sweep removes it",
    "in time": "",
    "no time": "not removed: expected the tag drills:expires with an instant such as 2026-11-29T14:00:00+00:00, found "
    "{expires}; where its run has ended: {remove}",
    "no run": "not removed: it has a drill's name and no tag of a run, so that it may be another's; see what it is: {look}",
    "another name": "not removed: it has the tag of a run and no drill's name, as what is restored from a tagged backup; see "
    "what it is, and take the tags drills:* off: {look}",
}
_LOG_GROUP = (
    "not removed: its instance is gone, and a log group has no time of its own; where its run has ended: {remove}"
)
