"""What is said of the promises about a cut-over, from its journal alone."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from drills.cutover import judge, plan
from drills.cutover.judge import RollbackObservation
from drills.cutover.model import (
    DATA_ADVICE,
    OPEN_WRITES,
    Entry,
    State,
    replay_journal,
)
from drills.model.finding import CheckResult
from tests.support.moves import FACTS, NOON, OPENING, journal
from tests.support.paths import CHECKOUT

NOTHING = f'there was nothing to undo: the promise "{judge.FIRST}" did not hold, and says why'
HANGS = f'it was not reached: it hangs on the promise "{judge.FIRST}", which did not hold'
SEEN = RollbackObservation(
    "orders-prod", "orders-prod-aside-abcd", 200, '{"newest_beat": 10, "task": "a"}', '"newest_beat": 10,'
)


def moved(state: State | None, why: str = "", openings: tuple[str, ...] = ()) -> dict[str, CheckResult]:
    """Each result by its name."""
    return {each.name: each for each in judge.judge_move(state, why, openings)}


def test_a_cut_over_that_went_well_keeps_each_promise() -> None:
    """The sentences say for how long the service was away, who was let in, what was compared and who is connected."""
    results = moved(journal())

    assert {each.outcome for each in results.values()} == {"met"}
    assert results[judge.NAME].sentence.startswith("away once, for ")
    assert "(sg-drill) until it was opened at 2026-11-28 12:00:" in results[judge.CLOSED].sentence
    assert results[judge.CONFIGURED].sentence == "70 settings compared with those of the old instance"
    assert results[judge.IDLE].sentence == "nobody is connected to orders-prod-old"


@pytest.mark.parametrize("stop", [each.key for each in plan.steps(OPENING)])
def test_wherever_it_stops_the_sentence_says_where_and_why(stop: str) -> None:
    """The first that was not reached has the step's title and its reason; the others name it, not verified; the rest is judged."""
    keys = [each.key for each in plan.steps(OPENING)]
    needs = {judge.NAME: "address-open", judge.CLOSED: "restore", judge.CONFIGURED: "compare", judge.IDLE: "old-idle"}
    results = moved(journal(stop))

    for name, step in needs.items():
        if keys.index(step) < keys.index(stop):
            assert results[name].outcome == "met"
        elif name != judge.NAME and results[judge.NAME].outcome == "missed":
            assert results[name].outcome == "not verified"
            assert results[name].sentence == HANGS
        else:
            assert results[name].outcome == "missed"
            assert results[name].sentence.startswith(
                f"the cut-over stopped where it was to {plan.title(stop, OPENING)}"
            )
            assert results[name].sentence.endswith("expected room, found none")


def test_what_was_never_begun_has_failed_with_its_reason() -> None:
    """A cut-over that is refused or finds no recovery point leaves no journal."""
    results = moved(None, "expected a usable recovery point, found none")

    assert [each.outcome for each in results.values()] == ["missed", *["not verified"] * 3]
    sentence = "the cut-over was not carried out: expected a usable recovery point, found none"
    assert [each.sentence for each in results.values()] == [sentence, HANGS, HANGS, HANGS]


def test_the_promise_that_the_others_hang_on_is_there() -> None:
    """The sentence names a scenario of features/cutover/."""
    features = "".join(path.read_text(encoding="utf-8") for path in (CHECKOUT / "features/cutover").glob("*.feature"))
    assert f"Scenario: {judge.FIRST}\n" in features


def test_a_drill_does_not_advise_the_way_back_that_it_takes() -> None:
    """What an operator is told about data that are not right is left out of the promise's reason."""
    state = journal("verify")
    told = dataclasses.replace(state, failed=f"expected the data to be right, found content: 1 row{DATA_ADVICE}")
    assert moved(told)[judge.NAME].sentence.endswith("found content: 1 row")


@pytest.mark.parametrize(
    "door",
    [
        (("suspend-scaling", "200"), ("stop-tasks", "503"), ("rename", "200"), ("restore", "503"), ("old-idle", "200")),
        (("suspend-scaling", "200"), ("stop-tasks", "503"), ("start-tasks", "502"), ("address-open", "200")),
        (("stop-tasks", "503"), ("address-open", "200")),
    ],
)
def test_another_course_than_away_once_has_failed(door: tuple[tuple[str, str], ...]) -> None:
    """Away twice, an error on the way, or not served before: the sentence has each answer."""
    result = moved(journal(door=door))[judge.NAME]

    assert result.outcome == "missed"
    assert all(f"{answer} from 2026-11-28" in result.sentence for _, answer in door)


def test_data_that_cannot_be_told_apart_are_not_verified() -> None:
    """Without a marker 200 may be anybody's data."""
    result = moved(journal(address_open={"marker_seen": False}))[judge.NAME]

    assert (result.outcome, "cutover.marker" in result.sentence) == ("not verified", True)


def test_a_database_that_lets_others_in_early_has_failed() -> None:
    """By another group than the verification-only one, or by that group itself."""
    by_group = moved(journal(verify={"admits_while_verified": ["sg-everybody"]}))[judge.CLOSED]
    by_rule = moved(journal(), openings=("ingress of sg-drill is 0.0.0.0/0",))[judge.CLOSED]

    assert (by_group.outcome, "sg-everybody" in by_group.sentence) == ("missed", True)
    assert (by_rule.outcome, "0.0.0.0/0" in by_rule.sentence) == ("missed", True)


def test_whoever_is_connected_to_the_old_instance_is_named() -> None:
    """Accepted or not; one that could not be asked is not verified."""
    connected = moved(journal(old_idle={"accepted_sessions": ["report as owner from 10.0.0.7 in app: 1"]}))[judge.IDLE]
    unasked = moved(journal(old_idle={"old_idle": "not verified: it does not answer"}))[judge.IDLE]

    assert (connected.outcome, "report as owner from 10.0.0.7" in connected.sentence) == ("missed", True)
    assert unasked.outcome == "not verified"


def test_nothing_compared_is_not_verified_and_what_could_not_be_is_said() -> None:
    """The configuration of an instance that nothing tells of cannot be promised."""
    nothing = FACTS["compare"] | {"compared": 0, "not_compared": ["the configuration: nothing tells"]}
    some = FACTS["compare"] | {"not_compared": ["proxies: needs rds:DescribeDBProxies"], "differences": ["info: x"]}

    assert moved(journal(compare=nothing))[judge.CONFIGURED].outcome == "not verified"
    assert moved(journal(compare=some))[judge.CONFIGURED].sentence.endswith(
        "; 1 with a reason or to review; not compared: proxies: needs rds:DescribeDBProxies"
    )


def test_a_rollback_has_both_instances_and_the_old_data() -> None:
    """Met only when the name, the answer and the restored instance are as they should be."""
    result = judge.judge_rollback(journal(back=True), "", SEEN)

    assert result.outcome == "met"
    assert result.sentence.endswith("and the restored one is kept as orders-prod-aside-abcd")


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (
            RollbackObservation("orders-prod-old", SEEN.restored, 200, SEEN.body, SEEN.marker),
            "under the name orders-prod-old",
        ),
        (RollbackObservation("", SEEN.restored, 200, SEEN.body, SEEN.marker), "the old instance gone"),
        (RollbackObservation("orders-prod", "", 200, SEEN.body, SEEN.marker), "the restored instance gone"),
        (RollbackObservation("orders-prod", SEEN.restored, 503, "", SEEN.marker), "503 at the address"),
        (RollbackObservation("orders-prod", SEEN.restored, 0, "", SEEN.marker), "no answer at the address"),
        (
            RollbackObservation("orders-prod", SEEN.restored, 200, '{"newest_beat": 5, "task"', SEEN.marker),
            "without its data",
        ),
    ],
)
def test_a_rollback_that_is_not_whole_has_failed(seen: RollbackObservation, words: str) -> None:
    """The sentence names what is not as it was."""
    result = judge.judge_rollback(journal(back=True), "", seen)

    assert (result.outcome, words in result.sentence) == ("missed", True)


def test_a_rollback_that_stopped_or_had_nothing_to_undo_is_no_pass() -> None:
    """Stopped: failed, with the step and its reason. Nothing begun: not verified."""
    stopped = judge.judge_rollback(journal("rename-back", back=True), "", None)
    nothing = judge.judge_rollback(None, "refused", None)

    assert (stopped.outcome, "expected room, found none" in stopped.sentence) == ("missed", True)
    assert (nothing.outcome, nothing.sentence) == ("not verified", NOTHING)


def test_opening_without_a_look_at_the_data_has_failed() -> None:
    """Writes that are opened before the data were verified would be opened to anything."""
    good = journal()
    verified = [each for each in good.entries if each.step == "verify"]
    late = [each for each in good.entries if each not in verified]
    position = next(number for number, each in enumerate(late) if each.step == OPEN_WRITES)
    moved_late = [*late[: position + 2], *verified, *late[position + 2 :]]
    shifted = [
        Entry(number, NOON + timedelta(seconds=number), each.who, each.event, each.step, each.facts, each.door)
        for number, each in enumerate(moved_late, 1)
    ]

    assert moved(replay_journal(shifted))[judge.CLOSED].outcome == "missed"
