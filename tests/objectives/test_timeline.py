"""RTA and phases come out as the world was told to behave, over timelines that no test could wait for."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from drills.aws.wait import RELAXED
from drills.errors import RestoreFailed
from drills.model.record import RunRecord
from drills.model.timing import Measurement, Phase
from drills.objectives import timeline
from drills.objectives import verdicts as objectives
from tests.support.timeline import AVAILABLE, JumpingClock, Script, play

WITHIN = 0.2  # seconds: as configured
LATE = 2 * RELAXED  # share of a long wait: a status is seen one pause late at most, and has to be seen twice
QUERY = {"name": "open orders", "sql": "select 1", "target": "200ms"}
TARGET: dict[str, Any] = {"rto": "1h", "rpo": "2h", "queries": (QUERY,)}
BLINK = ("available", 0.015)  # shorter than one poll: seen once at most
FLAPPING = Script(creating=(("creating", 3.0), BLINK, ("modifying", 2.0), BLINK, ("backing-up", 4.0), *AVAILABLE))
DISRUPTION = {"rto_clock": "disruption", "allowances": {"detection": "5m", "decision": "10m", "cut_over": "90s"}}

# a name, the script, what differs in the target, and how long each phase that counts must take
TIMELINES: list[tuple[str, Script, dict[str, Any], dict[str, float], float]] = [
    ("all goes well", Script(), {}, {"restore": 2.0, "set the password": 1.0}, 3.7),
    (
        "a restore that takes minutes",
        Script(creating=(("creating", 300.0), *AVAILABLE)),
        {},
        {"restore": 300.0},
        301.7,
    ),
    ("flapping available", FLAPPING, {}, {"restore": 9.03}, 10.73),
    (
        "available is left while the password is set",
        Script(modifying=(("modifying", 1.0), BLINK, ("rebooting", 30.0), *AVAILABLE)),
        {},
        {"set the password": 31.015},
        33.715,
    ),
    (
        "available is left before the password is set",
        Script(asking=0.2, creating=(("creating", 3.0), ("available", 0.1), ("backing-up", 4.0), *AVAILABLE)),
        {},
        {"restore": 3.0, "set the password": 5.3},
        9.0,
    ),
    ("a password that stays pending", Script(pending=12.0), {}, {"set the password": 12.0}, 14.7),
    ("a copy that is not known at first", Script(unknown=5.0, creating=AVAILABLE), {}, {"restore": 5.0}, 6.7),
    ("a request that is throttled", Script(accepting=7.0), {}, {"request the restore": 7.0}, 10.7),
    ("late DNS", Script(dns=45.0), {}, {"resolve the DNS name": 45.0, "connect": 0.0}, 48.7),
    ("a server that refuses", Script(refusing=20.0), {}, {"connect": 20.0, "resolve the DNS name": 0.0}, 23.7),
    (
        "slow first reads",
        Script(reads=(30.0, 0.1)),
        {},
        {"run the owner's queries, cold": 30.0, "run the owner's queries, warm": 0.1},
        33.6,
    ),
    (
        "slow second reads as well",
        Script(reads=(30.0, 10.0, 4.0, 0.15)),
        {},
        {"run the owner's queries, cold": 30.0, "run the owner's queries, warm": 14.15},
        47.65,
    ),
    ("slow blocking checks", Script(checking=66.0), {}, {"run the blocking checks": 66.0}, 69.2),
    ("a long comparison", Script(comparing=5000.0), {}, {"run the blocking checks": 0.5}, 3.7),
    ("a slow choice", Script(choosing=8.0), {}, {"choose the recovery point": 8.0}, 11.7),
    ("counted from the disruption", Script(), DISRUPTION, {"restore": 2.0}, 3.7 + 300 + 600 + 90),
    (
        "counted from the declaration",
        Script(),
        DISRUPTION | {"rto_clock": "declaration"},
        {"restore": 2.0},
        3.7 + 90,
    ),
    (
        "everything at once",
        Script(
            1.0, 2.0, 3.0, FLAPPING.creating, (("modifying", 5.0), *AVAILABLE), 6.0, 7.0, 8.0, (9.0, 0.1), 10.0, 99.0
        ),
        {},
        {"choose the recovery point": 1.0, "restore": 9.03, "set the password": 6.0, "resolve the DNS name": 7.0},
        52.13,
    ),
]


def measurement(record: RunRecord, name: str) -> Measurement:
    """The measurement of that name."""
    (found,) = [each for each in record.measurements if each.name == name]
    return found


def by_name(phases: tuple[Phase, ...]) -> dict[str, float]:
    """How long each phase took."""
    return {phase.name: phase.seconds or 0.0 for phase in phases}


@pytest.mark.parametrize(
    ("script", "changes", "phases", "rta"), [each[1:] for each in TIMELINES], ids=[each[0] for each in TIMELINES]
)
def test_rta_and_phases_come_out_as_configured(
    tmp_path: Path, script: Script, changes: dict[str, Any], phases: dict[str, float], rta: float
) -> None:
    """Within 0.2 s, or two pauses of a long wait; phases are contiguous and add up to the wall clock, whatever happens."""
    record = play(tmp_path, script, TARGET | changes)

    took = by_name(record.phases)
    assert {name: took[name] for name in phases} == pytest.approx(phases, abs=WITHIN, rel=LATE)
    assert measurement(record, "RTA").seconds == pytest.approx(rta, abs=WITHIN, rel=LATE)
    assert all(a.end_seconds == b.start_seconds for a, b in itertools.pairwise(record.phases))
    assert sum(took.values()) == pytest.approx(record.wall_seconds)
    assert all(phase.seconds is not None and phase.seconds >= 0 for phase in record.phases)


def test_every_moment_of_a_recovery_is_told_with_its_source(tmp_path: Path) -> None:
    """From the disruption on, in order, with each status and whose word each instant is."""
    record = play(tmp_path, FLAPPING, TARGET)

    told = timeline.moments(record)
    names = [moment.name for moment in told]
    ordered = [timeline.DISRUPTION, timeline.DECLARATION, timeline.CHOSEN, timeline.ACCEPTED, timeline.ENDPOINT]
    ordered += [timeline.RESOLVED, timeline.CONNECTED, timeline.COLD, timeline.WARM, timeline.PASSED, timeline.COMPARED]
    assert sorted(ordered, key=names.index) == ordered
    statuses = [name for name in names if name.startswith("status ")]
    assert statuses[0] == "status creating"
    assert {"status modifying", "status backing-up", "status available"} <= set(statuses)
    assert {moment.source for moment in told if moment.name in statuses} == {timeline.STATUS_SOURCE["instance"]}
    at = [moment.seconds for moment in told if moment.seconds is not None]
    assert at == sorted(at)


def test_a_status_lasts_until_the_next_is_seen(tmp_path: Path) -> None:
    """Statuses are phases within the restore, contiguous as well."""
    record = play(tmp_path, FLAPPING, TARGET)

    lasted = list(timeline.statuses(record.restorations[0], record.phases))
    assert [phase.name for phase in lasted][:1] == ["creating"]
    assert lasted[0].seconds == pytest.approx(3.0, abs=WITHIN)
    assert all(a.end_seconds == b.start_seconds for a, b in itertools.pairwise(lasted))
    assert all(phase.source == timeline.STATUS_SOURCE["instance"] for phase in lasted)


def test_cold_and_warm_times_are_kept(tmp_path: Path) -> None:
    """The first run, the last one and all between, with the target that they were held against."""
    record = play(tmp_path, Script(reads=(30.0, 10.0, 4.0, 0.15)), TARGET)

    (timing,) = record.restorations[0].queries
    assert timing.seconds == pytest.approx((30.0, 10.0, 4.0, 0.15))
    assert (timing.cold, timing.warm) == pytest.approx((30.0, 0.15))
    verdict = {each.name: each for each in record.verdicts}["queries"]
    assert (verdict.outcome, verdict.sentence) == (
        "met",
        "1 query timed, no difference; 'open orders' took 30.0 s cold, 150 ms warm in its run no. 4",
    )


def test_a_copy_that_never_gets_fast_enough_is_not_usable(tmp_path: Path) -> None:
    """An objective missed, and no RTA: available is not usable."""
    record = play(tmp_path, Script(reads=(30.0, 2.0)), TARGET)

    verdicts = {each.name: each for each in record.verdicts}
    assert (verdicts["queries"].outcome, verdicts["queries"].exit_code) == ("missed", 10)
    assert "query open orders is too slow: 30.0 s cold, 2.0 s warm in its run no. 5" in verdicts["queries"].sentence
    assert verdicts["rto"].outcome == "not verified"
    assert measurement(record, "RTA").seconds is None
    assert objectives.exit_codes(record)[0] == 10


def test_a_query_that_does_not_block_leaves_rta_alone(tmp_path: Path) -> None:
    """`blocking.queries = false`: its verdict counts, and RTA has its number."""
    record = play(tmp_path, Script(reads=(30.0, 2.0)), TARGET | {"blocking": {"queries": False}})

    assert {each.name: each.outcome for each in record.verdicts}["queries"] == "missed"
    assert measurement(record, "RTA").seconds is not None
    assert [each.name for each in record.restorations[0].checks if each.blocking] == []


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 30.0], ids=lambda jump: f"{jump:+g} s")
@pytest.mark.parametrize("after", [1.0, 3.5])
def test_a_clock_that_jumps_leaves_no_number(tmp_path: Path, jump: float, after: float) -> None:
    """Wall clock and monotonic clock disagree: said so, not measured, and never a negative duration."""
    record = play(tmp_path, Script(), TARGET, JumpingClock(jump, after))

    rta = measurement(record, "RTA")
    assert rta.seconds is None
    assert f"the wall clock of this machine jumped {'1 h' if abs(jump) == 3600 else '30.0 s'}" in rta.sentence
    assert ("forward" if jump > 0 else "back") in rta.sentence
    assert {each.name: each.outcome for each in record.verdicts}["rto"] == "not verified"
    assert any("jumped" in note for note in record.notes)
    assert all((phase.seconds or 0.0) >= 0 for phase in record.phases)
    assert objectives.exit_codes(record)[0] == 12


def test_a_clock_that_is_slewed_is_believed(tmp_path: Path) -> None:
    """Half a second in a restore is what NTP does, and no jump."""
    record = play(tmp_path, Script(), TARGET, JumpingClock(0.5, 1.0))

    assert measurement(record, "RTA").seconds == pytest.approx(3.7, abs=WITHIN)


def test_both_numbers_say_which_clock_they_go_by(tmp_path: Path) -> None:
    """RTA of the recovery is measured alone; the one that is judged names what was declared, and the clock."""
    record = play(tmp_path, Script(), TARGET | DISRUPTION)

    rta, alone = measurement(record, "RTA"), measurement(record, "RTA of the recovery")
    assert alone.seconds == pytest.approx(3.7, abs=WITHIN)
    assert "counted from the disruption of the service" in rta.sentence
    assert "declared: detection 5 m, decision 10 m, cut-over 1 m 30 s" in rta.sentence
    assert "counted from the declaration of the disaster" in alone.sentence


def test_a_copy_of_another_class_claims_nothing_about_production(tmp_path: Path) -> None:
    """The verdict, the number and the notes say on which machine it was measured."""
    record = play(tmp_path, Script(copy_class="db.t4g.micro"), TARGET)

    said = "measured on db.t4g.micro, the source has db.m6g.large: no claim about the RTO on that class"
    assert said in {each.name: each for each in record.verdicts}["rto"].sentence
    assert said in measurement(record, "RTA").notes
    assert said in record.notes
    assert said not in " ".join(play(tmp_path, Script(), TARGET).notes)


def test_a_copy_that_never_stays_available_is_given_up(tmp_path: Path) -> None:
    """After five refusals, in a sentence that says what to read."""
    flapping = (("creating", 1.0), *((("available", 0.1), ("backing-up", 1.0)) * 9), *AVAILABLE)
    with pytest.raises(RestoreFailed, match="it left that status 5 times: read its events"):
        play(tmp_path, Script(asking=0.2, creating=flapping), TARGET)


@pytest.mark.parametrize(("failed", "named"), [("", timeline.PASSED), ("catalog", timeline.ENDED)])
def test_blocking_checks_are_called_passed_only_where_they_passed(tmp_path: Path, failed: str, named: str) -> None:
    """The moment at their end is named by how they ended, and RTA has a number only where they passed."""
    record = play(tmp_path, Script(unpassed=failed), TARGET)

    ends = [each.name for each in record.moments if each.name.startswith("blocking checks")]
    assert ends == [named]
    assert [measurement(record, name).seconds is None for name in ("RTA", "RTA of the recovery")] == [bool(failed)] * 2


def test_a_blocking_check_that_the_owner_made_optional_does_not_hold_up_rta(tmp_path: Path) -> None:
    """What differs there is shown and counts for nothing, so the copy is usable all the same."""
    optional = {"checks": {"catalog": "optional: rebuilt by the deployment"}}
    record = play(tmp_path, Script(unpassed="catalog"), TARGET | optional)

    assert measurement(record, "RTA").seconds is not None
    assert measurement(play(tmp_path, Script(unpassed="catalog"), TARGET), "RTA").seconds is None
