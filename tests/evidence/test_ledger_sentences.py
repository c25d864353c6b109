"""What the ledger says of a chain, of its history and of an alarm, to the word that names a run, a number or a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from drills.evidence import ledger
from drills.evidence.chain import Chain, Reviewed, Sealed, Started
from drills.evidence.check import Problem
from drills.evidence.ledger import AHEAD, Alarm, Disagreement, LedgerLine
from drills.evidence.review import ReviewRecord
from drills.evidence.start import StartRecord
from drills.history.line import line_of
from drills.history.store import NOT_ADDED
from drills.model.evidence import EvidenceSummary
from drills.model.history import HistoryLine
from drills.model.incident import Incident
from drills.model.record import ExpectedPromise, RunRecord
from drills.model.restore_job import RestoreTest
from tests.support.clock import NOON
from tests.support.example_history import trend
from tests.support.example_record import failing_drill, interrupted_drill
from tests.support.ledger import CHAIN, DAY, draft, opening

AGE = timedelta(days=35)
WEEK = timedelta(days=7)


def start(number: int, run: RunRecord, *, running: bool = False, **parts: Any) -> Started:
    """The start record of a run, as the chain has it under that number."""
    record: StartRecord = dataclasses.replace(draft(run), sequence=number, chain=CHAIN, level="L1", **parts)
    return Started(record.name, "", record, running)


def seal(number: int, run: RunRecord) -> Sealed:
    """The bundle of a run."""
    return Sealed(f"{number:04d}-{run.run_id}", f"digest {number}", "", run)


def chain_of(*runs: RunRecord) -> Chain:
    """A chain in which each of these runs has a start record and a bundle."""
    numbered = list(enumerate(runs, start=1))
    return Chain(CHAIN, tuple(start(*each) for each in numbered), tuple(seal(*each) for each in numbered))


# -- lines ------------------------------------------------------------------------------------------------------------


def review(number: int, verdict: Any, *, signed: bool) -> Reviewed:
    """A review of that entry."""
    record = ReviewRecord(
        1, CHAIN, number, "a", 1, "", NOON, verdict, "R. Viewer", "head of operations", "7", "L1", "", "0.1.0"
    )
    return Reviewed(record.name, record, signed)


def test_each_number_has_a_line_with_what_is_known_of_it() -> None:
    """A run that goes on or left nothing is known by its start alone, a bundle without a start says so, a gap has both ends."""
    whole, alone = opening("whole"), dataclasses.replace(opening("alone"), restore_test=VALIDATED, evidence=None)
    chain = Chain(
        CHAIN,
        (start(1, whole), start(4, opening("gone", NOON + DAY)), start(5, opening("going", NOON + 2 * DAY), running=True)),
        (seal(1, whole), seal(6, alone), seal(7, interrupted_drill())),
        (review(1, "rejected", signed=True), review(1, "accepted", signed=False), review(6, "accepted", signed=True)),
    )  # fmt: skip
    level = "L1"
    first, gap, gone, going, sixth, seventh = ledger.lines_of(chain)

    assert gap == LedgerLine(2, 3)
    assert (gap.outcome, gap.run_id, gap.started_at) == ("gap", "", None)
    assert gone == LedgerLine(4, 4, "gone", NOON + DAY, "no result", level=level)
    assert going == LedgerLine(5, 5, "going", NOON + 2 * DAY, "running", level=level)
    line = line_of(whole)
    assert line.rta_seconds is not None
    assert line.rpa_seconds == 4.8
    reviews = (
        "rejected by R. Viewer (head of operations)",
        "accepted by R. Viewer (head of operations), not signed",
    )
    assert first == LedgerLine(
        1, 1, "whole", NOON, "passed", "drill", "", "", line.rta_seconds, line.rpa_seconds, reviews, "digest 1"
    )
    assert sixth == LedgerLine(
        6, 6, "alone", NOON, "no start", "validation",
        "a validated restore test is no drill, unless validations_are_drills = true", "", line.rta_seconds, 4.8,
        ("accepted by R. Viewer (head of operations)",), "digest 6",
    )  # fmt: skip
    assert (seventh.outcome, seventh.bundle) == ("no start", "digest 7")


def test_the_restore_of_an_incident_is_no_drill() -> None:
    """Neither in its line nor while it runs, whatever scenarios it would announce."""
    run = dataclasses.replace(opening("a"), incident=Incident("latest", 3600.0))
    (line,) = ledger.lines_of(chain_of(run))
    assert (line.kind, line.not_counted) == ("incident", "the restore of an incident is no drill")

    promise = (ExpectedPromise("A feature", "A promise", recovers=True),)
    for trigger, came in (("incident", None), ("manual", NOON)):
        going = start(1, opening("a"), running=True, trigger=trigger, expected=promise)
        assert ledger.last_drill(Chain(CHAIN, (going,)), NOON) == came
        ended = dataclasses.replace(going, running=False)
        assert ledger.last_drill(Chain(CHAIN, (ended,)), NOON) is None


def test_the_level_is_that_of_the_run_s_own_evidence() -> None:
    """As it was sealed."""
    sealed = dataclasses.replace(opening("a"), evidence=EvidenceSummary(CHAIN, 1, level="L2"))
    (line,) = ledger.lines_of(chain_of(sealed))
    assert line.level == "L2"


# -- against the history ----------------------------------------------------------------------------------------------


def named(run: str, days: float = 0, record: RunRecord | None = None) -> RunRecord:
    """A run that began so many days after noon and was added to the history."""
    return dataclasses.replace(opening(run, NOON + DAY * days, record), history=trend([]))


def history_of(*runs: RunRecord) -> list[HistoryLine]:
    """The lines of these runs."""
    return [line_of(each) for each in runs]


A, B, C = named("a"), named("b", 1, failing_drill()), named("c", 2)
B = dataclasses.replace(B, profile="sandbox", target=A.target)
LOST = (
    "expected an entry for each run of the target that the history has, found none of {}: they were removed, or stand in another "
    "copy or the store: fetch them"
)
UNTOLD = (
    "expected each run of the chain in the history, to which it was added, found none of {}: the numbers over time leave them out; "
    "take the history from another copy"
)


def test_runs_that_both_know_are_no_disagreement() -> None:
    """Nor is a history without a run of this target: it has nothing to say of it."""
    assert ledger.against_history(chain_of(A, B, C), history_of(A, B, C)) == Disagreement()
    other = dataclasses.replace(A, run_id="x", profile="aws")
    another = dataclasses.replace(A, run_id="y", target=dataclasses.replace(A.target, name="users"))  # type: ignore[type-var]
    assert ledger.against_history(chain_of(A), history_of(other, another)) == Disagreement()
    assert ledger.against_history(chain_of(A), history_of(other, A, another)) == Disagreement()


def test_runs_of_the_history_that_have_no_entry_were_removed() -> None:
    """The newest is named first; where all are older than the chain, it may have been begun anew."""
    found = ledger.against_history(chain_of(A), history_of(A, B, C))
    assert found == Disagreement((LOST.format("2 runs (c (passed), b (verification failed))"),))

    anew = ', or begins_with = ["c"] in [evidence] where it was begun anew'
    chain = chain_of(C)
    assert ledger.against_history(chain, history_of(A, B, C)) == Disagreement(
        (LOST.format("2 runs (b (verification failed), a (passed))") + anew,)
    )
    later = named("d", 3)
    mixed = ledger.against_history(chain, history_of(A, C, later))
    assert mixed == Disagreement((LOST.format("2 runs (d (passed), a (passed))"),))
    same = named("e", 2)  # began with the first entry, not before it
    assert ledger.against_history(chain, history_of(C, same)) == Disagreement((LOST.format("1 run (e (passed))"),))
    assert ledger.against_history(Chain(CHAIN), history_of(A)) == Disagreement((LOST.format("1 run (a (passed))"),))


def test_runs_from_before_a_chain_was_begun_anew_are_explained() -> None:
    """By the name of the run that it begins with, and by no other; what is lost of it since is lost."""
    stated = (
        "2 runs (b (verification failed), a (passed)) in the history from before the chain was begun anew with c, as begins_with "
        "of [evidence] says: this chain has no evidence of them"
    )
    chain, later = chain_of(C), named("d", 3)

    assert ledger.against_history(chain, history_of(A, B, C), ["x", "c"]) == Disagreement((), (stated,))
    assert ledger.against_history(chain, history_of(A, B, C), ["x"]).stated == ()
    both = ledger.against_history(chain, history_of(A, B, C, later), ["c"])
    assert both == Disagreement((LOST.format("1 run (d (passed))"),), (stated,))
    assert ledger.against_history(chain_of(C, A), history_of(C), ["c"]).stated == ()


def test_runs_of_the_chain_that_were_added_to_the_history_are_in_it() -> None:
    """Those that were not added, or are older than it, are not missed; other machines have a history of their own."""
    not_added = dataclasses.replace(
        named("e", 3), history=dataclasses.replace(trend([]), problems=(f"{NOT_ADDED} h: it is full",))
    )
    added = dataclasses.replace(
        named("f", 3), history=dataclasses.replace(trend([]), problems=("line 3 cannot be read",))
    )
    never = dataclasses.replace(named("g", 3), history=None)
    chain = chain_of(A, B, C, not_added, added, never)

    assert ledger.against_history(chain, history_of(B)) == Disagreement(
        (UNTOLD.format("2 runs (f (passed), c (passed))"),)
    )
    shared = ledger.against_history(chain, history_of(B), shared=True)
    assert shared == Disagreement(
        (),
        (
            "2 runs (f (passed), c (passed)) of the chain that the history of this machine does not have: other machines have "
            "their own",
        ),
    )
    assert ledger.against_history(chain, history_of(B, C, added), shared=True) == Disagreement()
    twin = named("twin", 1)  # began when the history did
    assert ledger.against_history(chain_of(B, twin), history_of(B)) == Disagreement(
        (UNTOLD.format("1 run (twin (passed))"),)
    )
    assert ledger.against_history(chain_of(A, B, C), history_of(B, C)) == Disagreement()


def test_both_kinds_of_disagreement_are_told() -> None:
    """What the chain lacks first, then what the history lacks."""
    found = ledger.against_history(chain_of(A, C), history_of(A, B))
    assert found.wrong == (LOST.format("1 run (b (verification failed))"), UNTOLD.format("1 run (c (passed))"))


@pytest.mark.parametrize(
    ("counted", "told"),
    [
        (["a", "b"], ""),
        ([], ""),
        (
            ["a", "c"],
            "1 of the 2 runs that are counted over time have no entry in the chain x, so that nothing shows them: c",
        ),
        (
            ["a", "c", "d", "e"],
            "3 of the 4 runs that are counted over time have no entry in the chain x, so that nothing shows them: c, d, e",
        ),
        (
            ["c", "d", "e", "f", "g"],
            "5 of the 5 runs that are counted over time have no entry in the chain x, so that nothing shows them: e, f, g and "
            "2 more",
        ),
    ],
)
def test_runs_that_are_counted_without_an_entry_are_named(counted: Sequence[str], told: str) -> None:
    """The last three of them, and how many more there are."""
    assert ledger.runs_without_entry("x", {"a", "b"}, counted) == told


def test_the_chains_of_a_history_are_those_of_its_targets() -> None:
    """Each with how many runs it has; a run that never came to know its target is of none."""
    users = dataclasses.replace(A, target=dataclasses.replace(A.target, name="users"))  # type: ignore[type-var]
    nobody = dataclasses.replace(A, target=None)
    aws = dataclasses.replace(A, profile="aws-1")

    assert ledger.chains_of(history_of(A, users, B, nobody, aws, C)) == {
        "sandbox-orders": ("sandbox", "orders", 3),
        "sandbox-users": ("sandbox", "users", 1),
        "aws%2D1-orders": ("aws-1", "orders", 1),
    }


# -- alarms -----------------------------------------------------------------------------------------------------------


def ago(days: float, run: str = "r", record: RunRecord | None = None) -> RunRecord:
    """A run that ended so many days before noon."""
    began = NOON - DAY * days - timedelta(minutes=5)
    return opening(run, began, record)


def alarms(chain: Chain, *, every: timedelta | None = None, **parts: Any) -> list[Alarm]:
    """The alarms at noon."""
    return list(ledger.alarms(chain, parts.get("problems", ()), NOON, AGE, every, parts.get("unsigned", ())))


VALIDATED = RestoreTest("job", "plan", "i", "arn", result="SUCCESSFUL")
NONE = f"{CHAIN}: expected a drill that passed, found none"


def test_a_success_counts_up_to_its_age_and_as_far_ahead_as_clocks_differ() -> None:
    """The age is that of its end, or of its begin where it has none; the limits themselves still count."""
    minute = 1 / 24 / 60
    assert alarms(chain_of(ago(35))) == []
    (old,) = alarms(chain_of(ago(35 + minute)))
    assert old == Alarm(12, f"{CHAIN}: expected a success at most 35 d old, found the last one 35 d ago")
    assert alarms(chain_of(ago(-AHEAD / DAY))) == []
    assert [each.sentence for each in alarms(chain_of(ago(-AHEAD / DAY - minute)))] == [NONE]
    endless = dataclasses.replace(ago(35), ended_at=None)
    assert len(alarms(chain_of(endless))) == 1
    assert ledger.last_success(chain_of(ago(9), ago(3), ago(5)), NOON) == NOON - 3 * DAY
    assert ledger.last_success(chain_of(), NOON) is None


def test_a_drill_came_when_it_began_or_runs() -> None:
    """Whatever its verdict; with the grace of a tenth of the interval, and no further ahead than clocks differ."""
    passed = ago(3)
    assert ledger.last_drill(chain_of(passed, ago(1, record=failing_drill())), NOON) == NOON - DAY - timedelta(
        minutes=5
    )
    for ahead, comes in ((AHEAD, True), (AHEAD + timedelta(seconds=1), False)):
        found = ledger.last_drill(chain_of(opening("r", NOON + ahead)), NOON)
        assert found == (NOON + ahead if comes else None)
    assert alarms(chain_of(passed), every=WEEK) == []
    assert [each.sentence for each in alarms(chain_of(ago(8)), every=WEEK)] == [
        f"{CHAIN}: expected a drill every 7 d, found that the last one began 8 d ago"
    ]
    assert [each.code for each in alarms(chain_of(ago(8)), every=WEEK)] == [12]


@pytest.mark.parametrize(("unsigned", "which"), [((), ""), ((seal(1, ago(2, "u")),), " that is signed")])
def test_that_none_ever_came_is_told_of_what_is_signed(unsigned: tuple[Sealed, ...], which: str) -> None:
    """Where a key is asked for, an unsigned success is named beside."""
    beside = (
        " that is signed: u passed 2 d ago, and is not signed: anybody can have made what is from before there was a key"
        if unsigned
        else ""
    )
    assert [(each.code, each.sentence) for each in alarms(chain_of(), every=WEEK, unsigned=unsigned)] == [
        (12, f"{NONE}{beside}"),
        (12, f"{CHAIN}: expected a drill every 7 d, found that none came{which}"),
    ]


def test_an_unsigned_run_that_is_no_success_is_not_named() -> None:
    """Neither one that failed nor one that counts nowhere."""
    none = [seal(1, ago(2, "u", failing_drill())), seal(2, dataclasses.replace(ago(2, "v"), partial=True))]
    assert [each.sentence for each in alarms(chain_of(), unsigned=none)] == [NONE]


def test_a_validation_that_failed_or_counts_nowhere_is_not_told_beside() -> None:
    """A partial one proves nothing of the point."""
    test = dataclasses.replace(ago(2), restore_test=VALIDATED)
    assert "; a restore test was validated 2 d ago" in alarms(chain_of(test))[0].sentence
    for other in (
        dataclasses.replace(test, partial=True),
        dataclasses.replace(test, code=11),
        ago(2, record=failing_drill()),
    ):
        assert [each.sentence for each in alarms(chain_of(other))] == [NONE]
    partial = dataclasses.replace(ago(2), partial=True)  # a drill that counts nowhere is no restore test
    assert [each.sentence for each in alarms(chain_of(partial))] == [NONE]
    old = alarms(chain_of(ago(40), test))
    assert "found the last one 40 d ago; a restore test was validated 2 d ago, and" in old[0].sentence


def test_problems_are_told_with_what_the_operator_can_do() -> None:
    """The first three, each with its remedy where it has one, and how many more there are."""
    given = [
        Problem("changed", "f", "f was changed", "seal it"),
        *(Problem("added", n, f"{n} was added") for n in "gh"),
    ]
    sentence = f"{CHAIN} does not verify: f was changed; seal it; g was added; h was added"

    assert alarms(chain_of(ago(1)), problems=given) == [Alarm(11, sentence)]
    more = [*given, given[1], given[1]]
    assert alarms(chain_of(ago(1)), problems=more) == [Alarm(11, f"{sentence} and 2 more")]


def test_some_of_many_are_shown() -> None:
    """Three are all of three."""
    assert ledger.first_few(["a", "b", "c"]) == "a; b; c"
    assert ledger.first_few(["a", "b", "c", "d"], ", ") == "a, b, c and 1 more"
    assert ledger.first_few([]) == ""


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (timedelta(days=35), "35 d"),
        (timedelta(hours=90), "3 d 18 h"),
        (timedelta(days=35, seconds=1), "35d1s"),
        (timedelta(milliseconds=1), "1ms"),
        (timedelta(seconds=1.5), "1.5 s"),
    ],
)
def test_a_limit_is_written_as_it_was_given(limit: timedelta, text: str) -> None:
    """What a short text would round away is written out."""
    assert ledger.exactly(limit) == text


def test_how_often_a_drill_is_due_says_the_newest_start() -> None:
    """One that says nothing, and a chain without any, ask for none."""
    starts = tuple(start(n, opening(str(n)), drill_every_seconds=s) for n, s in ((1, 60.0), (2, 3600.0), (3, 7200.0)))
    assert ledger.declared_interval(Chain(CHAIN, starts)) == timedelta(hours=2)
    assert ledger.declared_interval(Chain(CHAIN, (*starts, start(4, opening("d"), drill_every_seconds=None)))) is None
    assert ledger.declared_interval(Chain(CHAIN)) is None
