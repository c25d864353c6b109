"""A drill of a target whose owner has acknowledged a difference."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from drills.objectives.verdicts import exit_codes
from tests.support.timeline import Script, play

ENTRY = {
    "check": "catalog",
    "object": "table shop.orders",
    "found": "owner old",
    "reason": "until the release",
    "author": "Ada",
    "until": date(2026, 12, 31),
    "severity": "error",
}


def test_a_drill_whose_only_difference_is_acknowledged_passes_and_shows_it(tmp_path: Path) -> None:
    """The verdict is met, RTA is measured, and the record holds the finding with its mark."""
    record = play(tmp_path, Script(unpassed="catalog"), {"acknowledged": [ENTRY]})

    (catalog,) = [verdict for verdict in record.verdicts if verdict.name == "catalog"]
    assert (catalog.outcome, catalog.sentence) == (
        "met",
        "1 compared, no other difference; 1 known difference acknowledged",
    )
    (finding,) = [finding for check in record.restorations[0].checks for finding in check.findings]
    assert finding.acknowledged == "acknowledged until 2026-12-31 by Ada: until the release"
    assert all(each.seconds for each in record.measurements if each.name == "RTA")
    assert 11 not in exit_codes(record)


def test_a_drill_says_which_entry_acknowledges_nothing(tmp_path: Path) -> None:
    """The entry of a difference that is gone stands in the notes, and what differs still fails."""
    gone = ENTRY | {"object": "table shop.gone"}
    record = play(tmp_path, Script(unpassed="catalog"), {"acknowledged": [gone]})

    assert [note for note in record.notes if "table shop.gone" in note] == [
        "acknowledged difference catalog: table shop.gone: nothing differs there any more: remove the entry from drill.toml"
    ]
    assert exit_codes(record)[0] == 11
