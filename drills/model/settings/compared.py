"""How a copy of what is no database differs from its source in settings, and what follows from each difference. Pure.

Settings have flat names; what stands before the first dot is the family, such as `tag` of `tag.team`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from drills.model.finding import CheckResult, Finding, NotChecked

CHECK = "settings"
ABSENT = "not there"
OFF = "off"
Settings: TypeAlias = Mapping[str, str]


class Consequence(NamedTuple):
    """What follows where the copy has another value than the source: where it has none, where the source has none, else."""

    other: str
    lost: str = ""
    gained: str = ""


@dataclass(frozen=True, slots=True)
class Families:
    """The families of settings of one kind of thing, which is called `word`.

    `restored` is what a restore brings back: another value there is wrong. `by_hand` is what none brings back: that is to be set up
    before the copy takes the place of the source.
    """

    word: str
    restored: Mapping[str, Consequence]
    by_hand: Mapping[str, Consequence]

    def compare(
        self,
        expected: Settings,
        found: Settings,
        unread: Sequence[NotChecked] = (),
        *,
        beside: str = "the source",
        blocking: bool = False,
    ) -> CheckResult:
        """Judge the settings of a copy beside those expected; `unread` are the families that are not known of one of the two."""
        families = [each.what for each in unread]
        names = sorted(name for name in expected.keys() | found.keys() if name.split(".")[0] not in families)
        findings = tuple(
            self._finding(name, expected.get(name, ABSENT), found.get(name, ABSENT))
            for name in names
            if expected.get(name, ABSENT) != found.get(name, ABSENT)
        )
        wrong = [each.object for each in findings if each.severity == "error"]
        by_hand = [each.object for each in findings if each.severity == "warning"]
        sentence = f"{len(names)} settings of the {self.word} compared with {beside}"
        sentence += f"; other than there: {', '.join(wrong)}" if wrong else ""
        sentence += f"; to be set up by hand after a restore: {', '.join(by_hand)}" if by_hand else ""
        sentence += f"; not compared: {', '.join(families)}" if families else ""
        return CheckResult(
            CHECK,
            "missed" if wrong else "not verified" if unread else "met",
            sentence,
            blocking=blocking,
            compared=len(names),
            findings=findings,
            not_checked=tuple(unread),
            unverified=len(unread),
        )

    def compare_copy(
        self, expected: Settings, found: Settings, unread: Sequence[NotChecked], *, source: bool, lent: bool = False
    ) -> CheckResult:
        """Judge a copy beside its source, or where that is not there beside what its recovery point tells of it.

        Of a point in a vault of another account, `lent`, the source never is: what the point does not tell no drill can compare,
        which is no reason why the copy would not be usable.
        """
        if source:
            return self.compare(expected, found, unread, blocking=True)
        known = {name.split(".")[0] for name in expected}
        why = "is not in this account" if lent else "is gone"
        untold = [
            NotChecked(family, f"the source {why}, and its recovery point does not tell it")
            for family in (*self.restored, *self.by_hand)
            if family not in known
        ]
        judged = self.compare(expected, found, untold, beside="the recovery point", blocking=True)
        impossible = lent and judged.outcome == "not verified"
        return dataclasses.replace(judged, requirement="impossible", unverified=0) if impossible else judged

    def _finding(self, name: str, expected: str, found: str) -> Finding:
        family = name.split(".")[0]
        restored = family in self.restored
        none = (ABSENT,) if family == "tag" else (ABSENT, OFF)  # a tag can have any value
        follows = _what_follows((self.restored if restored else self.by_hand)[family], expected in none, found in none)
        told = f"{name}: expected {expected}, found {found}: {follows}"
        return Finding(CHECK, "error" if restored else "warning", name, expected, found, told)


def _what_follows(consequence: Consequence, only_copy: bool, only_source: bool) -> str:
    """Return the consequence where the copy alone has the setting, where the source alone has it, and where both have."""
    told = consequence.gained if only_copy else consequence.lost if only_source else ""
    return told or consequence.other


def of_tags(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the tags that somebody has set for a thing: not AWS's own, and not those that a drill sets on its copy."""
    known = {each["Key"]: each["Value"] for each in tags}
    if any(key.startswith("drills:") for key in known):
        known.pop("Name", None)  # which a drill gives to what has no name, or none that a console shows
    return {f"tag.{key}": value for key, value in known.items() if not key.startswith(("aws:", "drills:"))}


def switch(on: bool) -> str:
    """Return a setting that is on or off."""
    return "on" if on else OFF
