"""What drills have proved of the tables in turn, derived again from what was known and observed."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from drills.checks import in_turn
from drills.checks.content.key_parts import PartSeen
from drills.checks.content.model import Contents, TableContent
from drills.checks.content.ranges import Key, Ranges, pack
from drills.checks.judging import Judge
from drills.checks.manifest import DatabaseManifest, Manifest
from drills.checks.observed import ContentSeen, TurnsSeen
from drills.model.coverage import Coverage, Known, Learned
from drills.replay import covered
from drills.replay.bundle import Evidence, Observation
from drills.replay.outcome import Replay
from drills.sql import Quoted
from drills.turns.known import together
from tests.support.clock import NOON
from tests.support.replayed import COPY, evidence

CELLS = pack(b"".join(number.to_bytes(1, "big") + (10).to_bytes(5, "big") + bytes(16) for number in range(32)))
RANGES = Ranges(Key("integer", (Quoted("id"),)), 0, 100, CELLS)
TABLES = {
    "shop.a": TableContent(1, "a"),
    "shop.vast": TableContent(320, "v", ranges=RANGES),
    "shop.lost": TableContent(5, "l"),
}
EARLIER = Learned("0", NOON - timedelta(days=1), {"orders": ("shop.lost",)}, {"orders": {"shop.vast": ((200, 3200),)}})


def manifest() -> Manifest:
    """A manifest of three tables, one of which is divided."""
    contents = Contents("hash64", TABLES)  # type: ignore[arg-type]
    database = DatabaseManifest({}, None, contents, None, None)  # type: ignore[arg-type]
    return Manifest(5, NOON, 180000, "PostgreSQL", {}, {"orders": database})


JUDGE = Judge(manifest())


def seen() -> tuple[Observation, ...]:
    """One table that is as it was, one of which two parts were read, and one with other rows."""
    found = Contents("hash64", {"shop.a": TABLES["shop.a"], "shop.lost": TableContent(4, "x")})  # type: ignore[arg-type]
    found.unreadable["shop.vast"] = "not compared for lack of time: the budget of 5 s was used up"
    same, other = PartSeen(0, 10, CELLS), PartSeen(1, 9, pack(b""))
    content = ContentSeen(found, "", "", "whole", parts={"shop.vast": (same, other)})
    turns = TurnsSeen(together([EARLIER]), NOON, 5.0, 1, {"orders": {"shop.vast": 10**9}})
    return (Observation(COPY, "content", "orders", content), Observation(COPY, "content", "", turns))


def replayed(recorded: Coverage | None, observations: tuple[Observation, ...]) -> tuple[Replay, Evidence]:
    """The outcome of holding a recorded coverage against these observations."""
    made, outcome = evidence(), Replay()
    made = dataclasses.replace(
        made, record=dataclasses.replace(made.record, coverage=recorded), observations=observations
    )
    covered.compare(made, COPY, JUDGE, outcome)
    return outcome, made


def derived() -> Coverage:
    """What follows from them."""
    (_, content), (_, turns) = [(each.database, each.seen) for each in seen()]
    return in_turn.coverage(JUDGE, turns, [("orders", content)], evidence().record.run_id)


def test_what_follows_from_the_observations_is_what_was_recorded() -> None:
    """A table that differs, whole or in a part, has no earlier proof; anything else in a record is a difference."""
    found = derived()
    assert found.learned.whole == {"orders": ("shop.a",)}
    assert found.learned.by_key == {"orders": {"shop.vast": ((0, 100),)}}
    assert [(each.proof.run_id, each.tables) for each in found.whole] == [("1", ("shop.a",))]
    assert [(each.table, each.proved) for each in found.by_parts] == [("shop.vast", 1)]
    assert found.learned.differed == {"orders": ("shop.vast", "shop.lost")}
    assert sorted(found.unproved) == ["shop.lost", "shop.vast"]
    assert found.outlook.drills
    messages = [each.message for each in JUDGE.judge("orders", seen()[0].seen).findings]
    assert any("shop.vast has 9 rows in place of 10 with id from 100 to 199 (part 2 of 32" in each for each in messages)

    assert replayed(found, seen())[0].differences == []
    for forged in (
        dataclasses.replace(found, unproved=()),
        dataclasses.replace(found, outlook=dataclasses.replace(found.outlook, drills=0)),
        None,
    ):
        assert replayed(forged, seen())[0].differences
    assert replayed(found, ())[0].differences
    assert replayed(None, ())[0].differences == []


def test_a_table_that_nobody_may_read_is_never_proved() -> None:
    """No number of drills proves it: it is named with what was lacking."""
    found = Contents("hash64", {}, {"shop.a": "permission denied for table a"})  # type: ignore[arg-type]
    turns, content = seen()[1].seen, ContentSeen(found, "", "", "whole")
    outlook = in_turn.coverage(JUDGE, turns, [("orders", content)], "1").outlook

    assert outlook.drills is None
    assert outlook.too_large == (("shop.a", "could not be read: permission denied for table a"),)


def test_nothing_known_before_leaves_what_was_proved_now() -> None:
    """The first drill of a target knows nothing, and its line says all there is."""
    assert together([derived().learned]) != Known()
    assert together([derived().learned]).of("orders", "shop.vast").keys[0].high == 100
