"""A rehearsal holds only if what was taken away was named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drills.errors import COULD_NOT_RUN, CheckUnavailable
from drills.model import phases
from drills.model.finding import CheckResult, Finding, Severity
from drills.model.point import RecoveryPoint
from drills.model.record import Restoration, RunRecord
from drills.record import Journal
from drills.recovery.rehearsal import (
    DAMAGE_KINDS,
    DamagedCopy,
    damage_copy,
    judge_rehearsal,
    restore_damaged,
    undetected_damage,
)
from tests.recovery.test_disaster import point
from tests.support.clock import NOON


def restoration(*named: tuple[str, Severity]) -> Restoration:
    """A damaged copy in which a check found these objects."""
    findings = tuple(Finding("content", severity, name, "", "", "") for name, severity in named)
    return Restoration("rehearsal", None, "drill-1", checks=(CheckResult("content", "missed", "", findings=findings),))


POINT: RecoveryPoint = point(1, NOON)
COPY = DamagedCopy(POINT, "drill-1-damaged", (("row", "shop.orders"), ("grant", "shop.customers")))


@pytest.mark.parametrize(
    ("named", "missed"),
    [
        ([("shop.orders", "error"), ("shop.customers", "error"), ("shop.other", "error")], ()),
        ([("shop.orders", "error")], ("shop.customers",)),
        ([("shop.orders", "error"), ("shop.customers", "warning")], ("shop.customers",)),
        ([("shop.orders_2026", "error"), ("customers", "error")], ("shop.orders", "shop.customers")),
        ([], ("shop.orders", "shop.customers")),
    ],
)
def test_a_damage_counts_as_named_by_an_error_on_that_very_object(
    named: list[tuple[str, Severity]], missed: tuple[str, ...]
) -> None:
    """A warning, a similar name or a finding on something else overlooks it."""
    assert undetected_damage(restoration(*named), COPY) == missed


def test_each_thing_that_gherkin_can_take_away_is_known_to_the_sandbox() -> None:
    """The words of the features and the kinds of the sandbox's damage are one list."""
    from drills.sandbox.seeds import damage

    assert set(DAMAGE_KINDS.values()) <= set(damage.KINDS)


class Sandbox:
    """The sandbox's own API, which takes away what the database has of it."""

    def __init__(self, **objects: str) -> None:
        self.objects = objects
        self.asked: list[tuple[str, list[str]]] = []

    def damage(self, snapshot_id: str, kinds: list[str]) -> list[dict[str, str]]:
        """What was taken away of each kind, "" where there was none of it."""
        self.asked.append((str(snapshot_id), kinds))
        return [{"kind": kind, "object": self.objects.get(kind, ""), "what": "there is none"} for kind in kinds]


class Recovered:
    """A drill whose recovery has restored a point, and what was asked of it."""

    def __init__(self, restored: RecoveryPoint | None) -> None:
        self.restored = restored
        self.copied: list[tuple[RecoveryPoint, str]] = []
        self.notes: list[str] = []

    def recover(self) -> Restoration:
        """The recovery."""
        return Restoration("recovery", self.restored, "drill-1")

    def copy_snapshot(self, restored: RecoveryPoint, name: str) -> None:
        """A copy of the point's snapshot."""
        self.copied.append((restored, str(name)))

    def note(self, text: str) -> None:
        """A note."""
        self.notes.append(text)

    def restore_copy(self, snapshot_id: str, restored: RecoveryPoint, damage: list[str]) -> Restoration:
        """The damaged copy, in which the verifier names one of what was damaged."""
        self.copied.append((restored, snapshot_id))
        self.notes += damage
        return restoration(("shop.orders", "error"))


def rehearse(folder: Path, sandbox: Sandbox, restored: RecoveryPoint | None = POINT) -> tuple[DamagedCopy, Recovered]:
    """A damaged copy of what was restored, and the drill that it was asked of."""
    opening = RunRecord(1, "20260101-120000-abcd", "sandbox", True, NOON, "0")
    drill: Any = Recovered(restored)
    control: Any = sandbox
    folder.mkdir(exist_ok=True)
    journal = Journal.create(folder, opening, origin=0)
    return damage_copy(drill, control, journal, ["one row", "one large object"]), drill


def test_a_copy_is_damaged_and_never_the_point(tmp_path: Path) -> None:
    """What is damaged has the run's own name; what the database has none of is noted and left out."""
    sandbox = Sandbox(row="shop.orders")
    copy, drill = rehearse(tmp_path, sandbox)

    assert drill.copied == [(POINT, "drill-20260101-120000-abcd-damaged")]
    assert sandbox.asked == [("drill-20260101-120000-abcd-damaged", ["row", "large-object"])]
    assert copy.damaged == (("row", "shop.orders"),)
    assert drill.notes == ["rehearsal: nothing of kind 'large-object' to take away: there is none"]


def test_of_an_empty_database_the_canary_is_taken(tmp_path: Path) -> None:
    """It still holds what the drill itself put there; without that there is nothing to rehearse, which is said."""
    copy, _ = rehearse(tmp_path / "one", Sandbox(canary="drill_canary.beat"))
    assert copy.damaged == (("canary", "drill_canary.beat"),)

    with pytest.raises(CheckUnavailable, match="found an empty database"):
        rehearse(tmp_path / "two", Sandbox())
    with pytest.raises(CheckUnavailable, match="expected a recovery point to damage a copy of, found none"):
        rehearse(tmp_path / "three", Sandbox(row="shop.orders"), None)


def test_a_verifier_that_overlooks_a_damage_has_verified_nothing() -> None:
    """Could not verify, with the objects by name; all of them named is the promise kept."""
    overlooked = judge_rehearsal(restoration(("shop.orders", "error")), COPY)
    named = judge_rehearsal(restoration(("shop.orders", "error"), ("shop.customers", "error")), COPY)

    assert (overlooked.outcome, overlooked.exit_code) == ("missed", COULD_NOT_RUN)
    assert overlooked.sentence == "1 of 2 damaged objects not named: shop.customers"
    assert (named.outcome, named.sentence) == ("met", "2 damaged objects, each named by a finding")


def test_what_the_verifier_says_of_the_copy_is_recorded(tmp_path: Path) -> None:
    """The damage stands with the restoration, the verdict in the record, and what follows is no part of the rehearsal."""
    opening = RunRecord(1, "20260101-120000-abcd", "sandbox", True, NOON, "0")
    journal = Journal.create(tmp_path, opening, origin=0)
    drill: Any = Recovered(POINT)
    restored = restore_damaged(drill, journal, COPY)

    assert drill.copied == [(POINT, COPY.snapshot_id)]
    assert drill.notes == ["row: shop.orders", "grant: shop.customers"]
    assert restored.purpose == "rehearsal"
    assert [(each.name, each.outcome) for each in journal.record.verdicts] == [("rehearsed failure", "missed")]
    assert journal.record.phases[-1].name == phases.REMAINING
