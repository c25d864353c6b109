"""What the journal of a cut-over says of the recovery time: when the service answered, the RTA, how long it was away."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.cutover import timing
from drills.cutover.model import (
    Entry,
    Event,
    Opening,
    RecoveryObjectives,
    RememberedService,
    RestoreChoice,
    State,
    opening_facts,
    read_entry,
    replay_journal,
    write_entry,
)
from drills.cutover.plan import steps
from drills.cutover.show import facts_json, report_lines
from drills.model.timing import Objectives
from drills.objectives.recovery_time import DeclaredTime

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OPENING = Opening(
    id="20261123-120000-0001",
    target="orders",
    profile="staging",
    instance="orders-prod",
    renamed="orders-prod-old",
    restored="orders-prod",
    aside="orders-prod-aside-0001",
    position="healthy",
    source_resource_id="db-1",
    chosen=RestoreChoice("snapshot", snapshot_id="orders-1"),
    wanted={},
    wanted_from="the old instance",
    left={},
    services=(RememberedService("shop", "web", 2),),
    public_url="https://shop.example.com",
    promised=RecoveryObjectives(Objectives(600.0, None)),
)
KEYS = [step.key for step in steps(OPENING)]
ALL_SECONDS = dict.fromkeys(KEYS, 2.0)


class Writer:
    """Writes a journal by a clock that is wound by hand; `jumped` seconds are on the wall clock alone."""

    def __init__(self, opening: Opening = OPENING, look: float = 1.0) -> None:
        self.entries: list[Entry] = []
        self.monotonic, self.jumped, self._last = look, 0.0, 0.0
        self._new = False
        self.write("opened", facts=opening_facts(opening))

    def write(self, event: Event, step: str = "", after: float = 0.0, **more: Any) -> None:
        """One entry, so many seconds after the last one."""
        self.monotonic += after
        at = NOON + timedelta(seconds=self.monotonic + self.jumped)
        seconds = None if self._new else self.monotonic - self._last
        self.entries.append(Entry(len(self.entries) + 1, at, "somebody", event, step, seconds=seconds, **more))
        self._last, self._new = self.monotonic, False

    def another_command(self, after: float) -> None:
        """Somebody goes on with a process of its own, so many seconds later."""
        self.monotonic += after
        self._new = True

    def do(self, key: str, seconds: float) -> None:
        """A step from its beginning to its end."""
        self.write("begin", key)
        self.write("done", key, seconds)

    @property
    def state(self) -> State:
        """What the journal tells, read again from its lines."""
        return replay_journal([read_entry(write_entry(each)) for each in self.entries])


def whole(opening: Opening = OPENING, seconds: dict[str, float] = ALL_SECONDS) -> Writer:
    """A cut-over that nothing came between."""
    writer = Writer(opening)
    for key in KEYS:
        writer.do(key, seconds[key])
    writer.write("ended")
    return writer


@given(st.lists(st.floats(0.0, 5000.0).map(lambda each: round(each, 2)), min_size=len(KEYS), max_size=len(KEYS)))
def test_rta_is_the_time_until_the_service_answers(lasted: list[float]) -> None:
    """Everything from the command's beginning to the restored data at the public address, and nothing that comes later."""
    seconds = dict(zip(KEYS, lasted, strict=True))
    found = timing.timing_of(whole(seconds=seconds).state)

    counted = KEYS[: KEYS.index("address-open") + 1]
    expected = 1.0 + sum(seconds[key] for key in counted)
    assert found.rta.seconds == pytest.approx(expected, abs=0.01)
    assert found.answers_at is not None
    assert (found.answers_at - NOON).total_seconds() == pytest.approx(expected, abs=0.01)
    of_a_drill = sum(seconds[key] for key in ("restore", "settle", "verify"))
    assert found.cut_over_seconds == pytest.approx(expected - of_a_drill, abs=0.01)
    assert found.verdict.outcome == ("met" if expected <= 600.0 else "missed")


def test_the_stretches_meet_each_other() -> None:
    """No moment between the beginning and the answer belongs to none of them, or to two."""
    found = timing.phases(whole().state)

    assert all(a.end_seconds == b.start_seconds and a.ended_at == b.started_at for a, b in itertools.pairwise(found))
    assert [each.note for each in found] == ["", *KEYS[: KEYS.index("address-open") + 1]]
    assert found[0].started_at == NOON


def test_what_was_declared_counts_by_the_targets_clock() -> None:
    """Detection and decision come before a cut-over where the RTO counts from the disruption; it is measured itself."""
    promised = RecoveryObjectives(Objectives(600.0, None, "disruption"), DeclaredTime("disruption", 300.0, 280.0))
    alone = timing.timing_of(whole().state).rta.seconds or 0.0
    found = timing.timing_of(whole(dataclasses.replace(OPENING, promised=promised)).state)

    assert found.rta.seconds == pytest.approx(alone + 580.0)
    assert found.verdict.outcome == "missed"
    assert "declared: detection 5 m, decision 4 m 40 s" in found.verdict.sentence


@pytest.mark.parametrize("how", ["killed", "failed"])
def test_time_in_which_nobody_went_on_counts(how: str) -> None:
    """The service is away meanwhile; only the wall clock knows how long, which is said, and no allowance comes of it."""
    writer = Writer()
    for key in KEYS:
        if key == "restore":
            writer.write("begin", key)
            if how == "failed":
                writer.write("failed", key, 2.0, facts={"sentence": "no room"})
            writer.another_command(after=100.0)
        writer.do(key, 2.0)
    found = timing.timing_of(writer.state)

    undisturbed = timing.timing_of(whole().state).rta.seconds or 0.0
    assert found.rta.seconds == pytest.approx(undisturbed + 100.0 + (2.0 if how == "failed" else 0.0))
    assert timing.BY_WALL_CLOCK in found.verdict.sentence
    assert found.cut_over_seconds is None
    assert (timing.STOPPED in {each.name for each in timing.phases(writer.state)}) == (how == "failed")


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_clock_that_jumps_leaves_no_number(jump: float) -> None:
    """Both clocks are compared in each step, as a drill compares them in each phase."""
    writer = Writer()
    for key in KEYS:
        writer.write("begin", key)
        writer.jumped = jump if KEYS.index(key) >= KEYS.index("restore") else 0.0
        writer.write("done", key, 2.0)
    found = timing.timing_of(writer.state)

    assert found.rta.seconds is None
    assert "the wall clock of this machine jumped 1 h" in found.verdict.sentence
    assert found.verdict.outcome == "not verified"
    assert found.cut_over_seconds is None


def test_a_wall_clock_that_is_behind_on_another_machine_gives_no_negative_time() -> None:
    """Between two commands nothing but the wall clock knows, and one that went back is not believed."""
    writer = Writer()
    for key in KEYS:
        if key == "restore":
            writer.another_command(after=1.0)
            writer.jumped = -3600.0
        writer.do(key, 2.0)

    assert all((each.seconds or 0.0) >= 0 for each in timing.phases(writer.state))
    assert timing.timing_of(writer.state).rta.seconds is None


def test_a_service_that_does_not_answer_gives_no_number() -> None:
    """While it is under way, and once it was rolled back: each in its own words."""
    under_way = Writer()
    under_way.do(KEYS[0], 2.0)
    back = whole()
    back.write("turned back")

    for writer, why in ((under_way, "the service has not answered yet"), (back, "the cut-over was rolled back")):
        found = timing.timing_of(writer.state)
        assert (found.rta.seconds, found.answers_at, found.verdict.outcome) == (None, None, "not verified")
        assert why in found.verdict.sentence


def answers(*told: tuple[float, str]) -> tuple[tuple[datetime, str], ...]:
    """Changes of the public address."""
    return tuple((NOON + timedelta(seconds=seconds), answer) for seconds, answer in told)


@pytest.mark.parametrize(
    ("told", "seconds", "sentence"),
    [
        ([(0, "200")], 0.0, "the service was never seen away"),
        ([(0, "200"), (5, "503"), (45, "200")], 40.0, "the service was away for 40.0 s"),
        ([(0, "200"), (5, "503"), (9, "no answer"), (45, "200")], 40.0, "the service was away for 40.0 s"),
        ([(0, "500"), (45, "200")], 45.0, "the service was away for at least 45.0 s"),
        (
            [(0, "200"), (5, "503"), (15, "200"), (20, "502"), (30, "200")],
            20.0,
            "the service was away for 20.0 s, in 2 stretches",
        ),
        ([(0, "200"), (5, "503")], None, "the service is away"),
    ],
)
def test_the_service_is_away_while_it_does_not_answer_200(
    told: Sequence[tuple[float, str]], seconds: float | None, sentence: str
) -> None:
    """Whatever it answers instead; one that was away from the first may have been so for longer."""
    writer = whole()
    writer.entries[-1] = dataclasses.replace(writer.entries[-1], door=answers(*told))

    assert timing.outage_seconds(timing.timing_of(writer.state).outages) == seconds
    assert sentence in list(report_lines(writer.state))


def test_the_report_and_the_facts_say_it() -> None:
    """The same numbers for people and for programs, stamped where they say nothing about AWS."""
    simulated = dataclasses.replace(OPENING, promised=dataclasses.replace(OPENING.promised, simulated=True))
    told, facts = "\n".join(report_lines(whole(simulated).state)), facts_json(whole(simulated).state)

    assert "SIMULATED: says nothing about recovery on AWS" in told
    assert "SIMULATED" not in "\n".join(report_lines(whole().state))
    assert f"service answers: 2026-11-23 12:00:{int(facts['service']['rta_seconds'])}.00 UTC" in told
    assert "within the RTO of 10 m" in told
    assert facts["service"]["rto"]["outcome"] == "met"
    assert f"{facts['service']['cut_over_seconds']:.1f} s are no part of a drill" in told


def test_a_journal_of_an_earlier_version_is_read() -> None:
    """It has no monotonic clock and no objectives: the number is of the wall clock, and no RTO is held against it."""
    entries = []
    for each in whole().entries:
        raw = json.loads(write_entry(each))
        del raw["seconds"]
        raw["facts"].pop("promised", None)
        entries.append(read_entry(json.dumps(raw)))
    found = timing.timing_of(replay_journal(entries))

    assert found.rta.seconds == pytest.approx((timing.timing_of(whole().state).rta.seconds or 0.0) - 1.0)
    assert timing.BY_WALL_CLOCK in found.verdict.sentence
    assert "no RTO is set" in found.verdict.sentence
