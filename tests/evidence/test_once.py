"""A target is drilled once in a period: what a period is, which run counts in it, and that two at once are one."""

from __future__ import annotations

import dataclasses
import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.clock import SystemClock
from drills.evidence.folder import begin, next_sequence, read_chain
from drills.evidence.keeper import Keeper
from drills.evidence.recent.once import AlreadyDrilled, Once, run_named_in
from drills.evidence.store import FolderStore
from drills.model.period import PeriodKind, period_of
from drills.model.record import RunRecord, Setting
from tests.support.between import at_every_step
from tests.support.evidence import SIGNED
from tests.support.example_record import green_drill
from tests.support.ledger import CHAIN, draft, kept, opening, started

UTC_ZONE, BERLIN = ZoneInfo("Etc/UTC"), ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ONCE = Once(period_of("month", UTC_ZONE, NOW), NOW, 7200)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("kind", "zone", "now", "name", "begins", "ends"),
    [
        ("month", UTC_ZONE, "2026-11-29T12:00", "2026-11 (Etc/UTC)", "2026-11-01T00:00", "2026-12-01T00:00"),
        ("month", UTC_ZONE, "2026-12-31T23:59", "2026-12 (Etc/UTC)", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("month", BERLIN, "2026-11-30T23:00", "2026-12 (Europe/Berlin)", "2026-11-30T23:00", "2026-12-31T23:00"),
        (
            "week",
            UTC_ZONE,
            "2026-11-29T12:00",
            "the week from Monday 2026-11-23 (Etc/UTC)",
            "2026-11-23T00:00",
            "2026-11-30T00:00",
        ),
        ("day", BERLIN, "2026-10-25T12:00", "2026-10-25 (Europe/Berlin)", "2026-10-24T22:00", "2026-10-25T23:00"),
    ],
)
def test_a_period_is_that_of_the_calendar_of_its_zone(
    kind: PeriodKind, zone: ZoneInfo, now: str, name: str, begins: str, ends: str
) -> None:
    """Its name has the zone; a day of a change of the clocks has 25 hours."""
    period = period_of(kind, zone, datetime.fromisoformat(f"{now}Z"))

    assert period.name == name
    assert [f"{each:%Y-%m-%dT%H:%M}" for each in (period.begins, period.ends)] == [begins, ends]


@given(
    st.sampled_from(["month", "week", "day"]),
    st.sampled_from(["Etc/UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu"]),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
)
def test_periods_lie_side_by_side(kind: PeriodKind, name: str, now: datetime) -> None:
    """Each instant is in one period alone, which is followed by the next without a gap."""
    zone = ZoneInfo(name)
    period = period_of(kind, zone, now)

    assert period.holds(now)
    assert period_of(kind, zone, period.begins) == period == period_of(kind, zone, period.ends - timedelta(seconds=1))
    assert period_of(kind, zone, period.ends).begins == period.ends


def test_the_run_that_counts_can_be_read_from_its_sentence(tmp_path: Path) -> None:
    """A fleet is merged by it; no other sentence names one."""
    kept(
        tmp_path / CHAIN, "20261123-141503-a1b2", NOW - HOUR, dataclasses.replace(green_drill(), code=0, all_codes=(0,))
    )
    (said,) = counting(tmp_path / CHAIN, opening("20261129-120000-ffff", NOW))

    assert run_named_in(said) == (CHAIN, "20261123-141503-a1b2")
    assert run_named_in("no such vault: run a (number 1 of b)") == ("", "")


def counting(folder: Path, run: RunRecord, once: Once = ONCE) -> list[str]:
    """The sentences on the runs of a chain that count for this one."""
    return [str(each) for each in once.counting(read_chain(folder)[0], run.settings)]


@pytest.mark.parametrize(("code", "counts"), [(0, True), (10, True), (11, True), (12, False), (13, True), (14, True)])
def test_a_run_counts_that_says_something_of_the_recovery(tmp_path: Path, code: int, counts: bool) -> None:
    """Whatever it says: a drill that failed is not made again by itself, one that could not run is."""
    kept(tmp_path / CHAIN, "a", NOW - HOUR, dataclasses.replace(green_drill(), code=code))

    assert bool(counting(tmp_path / CHAIN, green_drill())) is counts


@pytest.mark.parametrize(
    "changes",
    [
        {"interrupted_by": "SIGTERM"},
        {"partial": True},
        {"settings": (*green_drill().settings, Setting("--damage", "row", "command line"))},
        {"settings": (*green_drill().settings, Setting("--scenario", "instance loss", "command line"))},
        {"settings": (*green_drill().settings, Setting("target.rto", "1h", "--rto"))},
    ],
)
def test_a_run_that_counts_nowhere_or_was_another_is_none(tmp_path: Path, changes: dict[str, object]) -> None:
    """What was aborted is drilled again; so is what was drilled by another configuration."""
    kept(tmp_path / CHAIN, "a", NOW - HOUR, dataclasses.replace(green_drill(), **changes))  # type: ignore[arg-type]

    assert counting(tmp_path / CHAIN, green_drill()) == []


def test_the_runs_of_another_period_are_none(tmp_path: Path) -> None:
    """A run belongs to the period in which it began."""
    kept(tmp_path / CHAIN, "a", ONCE.period.begins - timedelta(seconds=1))
    assert counting(tmp_path / CHAIN, green_drill()) == []

    kept(tmp_path / CHAIN, "b", ONCE.period.begins)
    assert counting(tmp_path / CHAIN, green_drill()) == [
        "target orders is drilled once in 2026-11 (Etc/UTC): run b (number 2 of sandbox-orders) ended with: passed, so that no "
        "other is begun; leave --once-per out to drill all the same"
    ]


def test_a_run_that_goes_on_counts(tmp_path: Path) -> None:
    """Here by its lock; of another machine it is not known, so that it counts as long as a run may take."""
    begun = started(tmp_path / CHAIN, opening("a", NOW - 3 * HOUR), running=True)
    assert "run a (number 1 of sandbox-orders) goes on" in counting(tmp_path / CHAIN, green_drill())[0]
    os.close(begun.held)
    assert counting(tmp_path / CHAIN, green_drill()) == []
    assert counting(tmp_path / CHAIN, green_drill(), dataclasses.replace(ONCE, limit_seconds=4 * 3600))


def test_two_at_once_are_one(tmp_path: Path) -> None:
    """One takes the number, and the others are told of it; nothing of theirs is left."""

    def drilled(run: str) -> str:
        try:
            return str(begin(tmp_path / CHAIN, draft(opening(run, NOW)), SIGNED, SystemClock(), once=ONCE).held)
        except AlreadyDrilled as error:
            return str(error)

    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(drilled, "abcdef"))

    assert len([each for each in told if each.isdigit()]) == 1
    assert len([each for each in told if "(number 1 of sandbox-orders) goes on" in each]) == 5
    assert next_sequence(tmp_path / CHAIN) == 2


def test_machines_that_share_a_store_drill_once(tmp_path: Path) -> None:
    """One at once with another, and one later whose folder is empty, behind a run that could not."""
    (tmp_path / "store").mkdir()
    store = FolderStore(tmp_path / "store")

    def drilled(machine: str, once: Once = ONCE) -> str:
        keeper = Keeper(tmp_path / machine / CHAIN, SIGNED, store, SystemClock(), once=once)
        try:
            (tmp_path / f"work-{machine}").mkdir()
            os.close(keeper.begin(draft(opening(machine, NOW)), tmp_path / f"work-{machine}").held)
        except AlreadyDrilled as error:
            return str(error)
        return "begun"

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(drilled, "abcd"))
    assert told.count("begun") == 1

    (tmp_path / "other").mkdir()
    store = FolderStore(tmp_path / "other")
    kept(tmp_path / "other" / CHAIN, "good", NOW - 2 * HOUR)
    kept(tmp_path / "other" / CHAIN, "broken", NOW - HOUR, dataclasses.replace(green_drill(), code=12))
    assert "run good (number 1 of sandbox-orders) ended with: passed" in drilled("e")
    december = period_of("month", UTC_ZONE, NOW + timedelta(days=3))
    assert drilled("f", dataclasses.replace(ONCE, period=december)) == "begun"


def test_whenever_another_machine_is_quicker_one_of_the_two_drills(tmp_path: Path) -> None:
    """Another begins before the first step of the store, the second and so on: what was seen before it is seen again."""
    folders = (tmp_path / str(number) for number in itertools.count())

    def made() -> Path:
        folder = next(folders)
        (folder / "store").mkdir(parents=True)
        return folder

    def drilled(machine: str, folder: Path) -> bool:
        keeper = Keeper(folder / machine / CHAIN, SIGNED, FolderStore(folder / "store"), SystemClock(), once=ONCE)
        (folder / f"work-{machine}").mkdir()
        try:
            os.close(keeper.begin(draft(opening(machine, NOW)), folder / f"work-{machine}").held)
        except AlreadyDrilled:
            return False
        return True

    steps = at_every_step(made, lambda each: each / "store", partial(drilled, "slow"), partial(drilled, "quick"))
    tried = [(step, [slow, quick].count(True)) for step, _, slow, quick in steps]
    assert [step for step, drills in tried if drills != 1] == []
    assert len(tried) > 6


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("0001-20261129-120000-ab12", True),
        ("0001-20261031-235959-ab12", False),
        ("0001-a", True),
        ("0001-99999999-999999", True),
    ],
)
def test_what_cannot_be_of_the_period_is_not_fetched(name: str, may: bool) -> None:
    """By the name of its run, which says when it began; another name is looked at."""
    assert ONCE.may_hold(name) is may
