"""A chain of evidence: each run takes a number and names what stands before it, and nothing can leave it unseen."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.evidence.chain import Chain, Reviewed, Sealed, Started, problems
from drills.evidence.review import Correction, ReviewRecord, not_corrected
from drills.evidence.start import (
    StartRecord,
    chain_name,
    entry_name,
    parse_name,
    read_start,
    start_json,
    summary_of,
)
from drills.model.evidence import Initiator
from drills.model.record import RunRecord
from tests.support.clock import NOON
from tests.support.ledger import CHAIN, draft, opening

DRAFT = draft(opening("x"))


def start(sequence: int, previous: str, previous_is: str, run: str = "") -> Started:
    """A start record; its digest is told by its number."""
    record = dataclasses.replace(
        DRAFT,
        chain=CHAIN,
        sequence=sequence,
        run_id=run or f"run{sequence}",
        previous=previous,
        previous_is=previous_is,  # type: ignore[arg-type]
    )
    return Started(record.name, f"s{sequence}", record)


def bundle(started: Started) -> Sealed:
    """The bundle of a run that was started."""
    record = dataclasses.replace(opening(started.record.run_id), evidence=summary_of(started.record, "", ""))
    return Sealed(started.name, f"b{started.record.sequence}", started.digest, record)


def review(of: Sealed, number: int) -> Reviewed:
    """A review of a bundle."""
    place = of.record.evidence
    assert place
    record = ReviewRecord(
        1, CHAIN, place.sequence, of.record.run_id, number, of.digest, NOON, "accepted", "N", "R", "", "L0", "", "0"
    )
    return Reviewed(record.name, record)


def whole(plan: list[str]) -> Chain:
    """A chain as runs leave it: "sealed", "late" (sealed after the next one began), "reviewed", or "running" at its end."""
    starts: list[Started] = []
    bundles: list[Sealed] = []
    reviews: list[Reviewed] = []
    for sequence, how in enumerate(plan, start=1):
        before = starts[-1] if starts else None
        named = bundles[-1] if bundles and before and bundles[-1].name == before.name else None
        if before is None:
            fresh = start(sequence, "", "")
        elif named and plan[sequence - 2] != "late":
            fresh = start(sequence, named.digest, "bundle")
        else:
            fresh = start(sequence, before.digest, "start")
        starts.append(dataclasses.replace(fresh, running=how == "running"))
        if how != "running":
            bundles.append(bundle(fresh))
        if how == "reviewed":
            reviews += [review(bundles[-1], 1), review(bundles[-1], 2)]
    return Chain(CHAIN, tuple(starts), tuple(bundles), tuple(reviews))


PLANS = st.lists(st.sampled_from(["sealed", "late", "reviewed", "running"]), min_size=2, max_size=7)


@given(PLANS)
def test_a_chain_as_runs_leave_it_has_no_problem(plan: list[str]) -> None:
    """Sealed at once or later, reviewed, still running, two at a time: none of it is an accusation."""
    assert problems(whole(plan)) == ()


def without(entries: tuple[Started, ...] | tuple[Sealed, ...] | tuple[Reviewed, ...], at: int) -> tuple:  # type: ignore[type-arg]
    """The entries without one."""
    return (*entries[:at], *entries[at + 1 :])


@given(PLANS, st.data())
def test_no_entry_but_the_newest_can_leave_unseen(plan: list[str], data: st.DataObject) -> None:
    """Start and bundle, or one of them, of any run that another one follows."""
    chain = whole(plan)
    at = data.draw(st.integers(0, len(plan) - 2))
    name = chain.starts[at].name
    sealed = next((i for i, each in enumerate(chain.bundles) if each.name == name), None)
    what = data.draw(st.sampled_from(["start", "bundle", "both"] if sealed is not None else ["start"]))
    if what in ("start", "both"):
        chain = dataclasses.replace(chain, starts=without(chain.starts, at))
    if what in ("bundle", "both") and sealed is not None:
        chain = dataclasses.replace(chain, bundles=without(chain.bundles, sealed))

    assert problems(chain) != ()


@given(PLANS, st.data())
def test_an_entry_that_was_made_again_no_longer_fits(plan: list[str], data: st.DataObject) -> None:
    """What follows it, its own other half or its review names it as it was, whoever holds the key."""
    chain = whole(plan)
    at = data.draw(st.integers(0, len(plan) - 2))
    other = dataclasses.replace(chain.starts[at], digest="another")
    changed = dataclasses.replace(chain, starts=(*chain.starts[:at], other, *chain.starts[at + 1 :]))

    assert problems(changed) != ()


def test_a_start_without_a_result_says_where_it_may_go_on_and_since_when() -> None:
    """Of a drill on another machine nobody here knows more, and nothing that is typed here could seal it."""
    chain = whole(["sealed"])
    began = dataclasses.replace(chain.starts[0].record, initiator=Initiator(host="runner-7"))
    chain = dataclasses.replace(chain, starts=(dataclasses.replace(chain.starts[0], record=began),), bundles=())

    (found,) = (each for each in problems(chain) if each.kind == "start")
    assert (
        f"its drill, begun {NOON:%Y-%m-%d %H:%M} UTC on host runner-7, goes on on another machine, or was ended"
        in found.sentence
    )
    assert "look again when a drill that began then must have ended" in found.sentence
    assert found.operator.endswith("typed on runner-7, or wherever that folder is")


KINDS: dict[str, tuple[str, Callable[[Chain], Chain]]] = {
    "gap": ("gap: there is neither start record nor bundle 0002", lambda chain: _drop(chain, 2)),
    "no result": (
        "no result: 0002-run2 was started",
        lambda chain: dataclasses.replace(chain, bundles=without(chain.bundles, 1)),
    ),
    "no start": ("no start: 0002-run2", lambda chain: dataclasses.replace(chain, starts=without(chain.starts, 1))),
    "another start": (
        "another start: start.json of 0002-run2",
        lambda chain: _replace(chain, start="other"),
    ),
    "broken": (
        "broken chain: 0003-run3 does not name 0002-run2",
        lambda chain: _replace(chain, digest="another"),
    ),
    "twice": (
        "0002-zzz has the number of 0002-run2",
        lambda chain: dataclasses.replace(chain, starts=(*chain.starts, start(2, "b1", "bundle", "zzz"))),
    ),
    "of another chain": ("does not belong here", lambda chain: _moved(chain)),
    "review of nothing": (
        "reviews bundle 0009, which is not there",
        lambda chain: dataclasses.replace(
            chain, reviews=(Reviewed("0009-review-1", dataclasses.replace(chain.reviews[0].record, sequence=9)),)
        ),
    ),
    "review of another": (
        "reviews another 0002-run2 than is here",
        lambda chain: dataclasses.replace(
            chain,
            reviews=tuple(
                dataclasses.replace(each, record=dataclasses.replace(each.record, bundle="x")) for each in chain.reviews
            ),
        ),
    ),
    "lost review": (
        "reviews/0002-review-1.json is not there",
        lambda chain: dataclasses.replace(chain, reviews=chain.reviews[1:]),
    ),
}


def _drop(chain: Chain, sequence: int) -> Chain:
    name = entry_name(sequence, f"run{sequence}")
    return Chain(
        CHAIN,
        tuple(each for each in chain.starts if each.name != name),
        tuple(each for each in chain.bundles if each.name != name),
    )


def _replace(chain: Chain, **changes: Any) -> Chain:
    second = dataclasses.replace(chain.bundles[1], **changes)
    return dataclasses.replace(chain, bundles=(chain.bundles[0], second, *chain.bundles[2:]), reviews=())


def _moved(chain: Chain) -> Chain:
    place = chain.bundles[1].record.evidence
    assert place
    record: RunRecord = dataclasses.replace(
        chain.bundles[1].record, evidence=dataclasses.replace(place, chain="aws-orders")
    )
    moved = dataclasses.replace(chain.bundles[1], record=record)
    return dataclasses.replace(chain, bundles=(chain.bundles[0], moved, *chain.bundles[2:]))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_damage_has_a_sentence_of_its_own(kind: str) -> None:
    """The first sentence names the entry and what is wrong with it."""
    sentence, damage = KINDS[kind]
    found = [each.sentence for each in problems(damage(whole(["sealed", "reviewed", "sealed"])))]

    assert sentence in found[0]


def test_a_gap_at_the_beginning_is_one() -> None:
    """A chain begins with 1: the oldest entries cannot be cut off."""
    (found,) = problems(Chain(CHAIN, (dataclasses.replace(start(3, "b2", "bundle"), running=True),)))

    assert found.file == "0001 to 0002"


# -- names and records ------------------------------------------------------------------------------------------------


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_no_two_chains_have_one_name(one: str, target: str, other: str, second: str) -> None:
    """Whatever profile and target are called; the name is that of one folder and nothing more."""
    same = (one, target) == (other, second)
    try:
        name = chain_name(one, target)
        assert (name == chain_name(other, second)) == same
    except UnicodeEncodeError:  # a lone surrogate, which TOML cannot hold
        return
    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set("/\\: ")
    assert name not in (".", "..")


def test_the_usual_names_are_read_as_they_are() -> None:
    """A person finds the folder of a target."""
    assert chain_name("aws", "orders-prod") == "aws-orders-prod"
    assert chain_name("my-aws", "orders") == "my%2Daws-orders"


@given(st.integers(1, 10**7), st.from_regex(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}", fullmatch=True))
def test_the_name_of_an_entry_is_read_as_it_was_written(sequence: int, run_id: str) -> None:
    """Four digits and more; another spelling of the number is no entry."""
    assert parse_name(entry_name(sequence, run_id)) == (sequence, run_id)
    assert parse_name(f"0{entry_name(sequence, run_id)}") is None


def test_a_start_record_is_read_as_it_was_written() -> None:
    """Its own keys begin a line behind one blank, which is how a shell reads `previous`."""
    record = dataclasses.replace(DRAFT, sequence=2, previous="ab", previous_is="bundle")
    data = start_json(record)

    assert read_start(data, "start.json") == record
    assert b'\n "previous": "ab",\n' in data
    assert isinstance(record, StartRecord)


def test_a_start_record_says_what_is_expected() -> None:
    """Scenarios, verdicts, objectives and settings stand there before anything is restored."""
    run = opening("x")

    assert DRAFT.expected == run.expected
    assert {"rto", "rpo", "content"} <= set(DRAFT.verdicts)
    assert (DRAFT.objectives, DRAFT.settings) == (run.objectives, run.settings)


def test_findings_without_a_corrective_action_are_listed() -> None:
    """In their order; a review of before counts too."""
    (one,) = whole(["reviewed"]).reviews[:1]
    corrected = dataclasses.replace(one.record, corrections=(Correction("b", "mended"),))

    assert not_corrected(("a", "b", "c"), [corrected]) == ("a", "c")
