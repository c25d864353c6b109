"""What a run says of its target, and what all of them say of the fleet."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.errors import ConfigError
from drills.fleet import record as records
from drills.fleet import score
from drills.fleet.record import FLEET_VERSION, FleetRecord, Member
from drills.model.price import Price, RunPrice
from drills.model.record import RunRecord
from tests.support.example_record import START, failing_drill, green_drill

ORDERS = Member("orders", "orders-prod", state="running")


def fleet_of(*members: Member, targets: tuple[str, ...] = ()) -> FleetRecord:
    """A fleet with these members."""
    names = targets or tuple(each.target for each in members)
    return FleetRecord(FLEET_VERSION, "fleet-20261123-141503-a1b2", "sandbox", True, START, "0", names, members)


def ended(record: RunRecord | None, status: int, said: str = "", *, once: bool = False) -> Member:
    """A member whose run has ended so."""
    return score.of_run(ORDERS, status, record, said, once=once)


def test_a_run_that_passed_gives_its_numbers() -> None:
    """And no reason, and no other code than 0."""
    member = ended(dataclasses.replace(green_drill(), code=0, all_codes=(0,)), 0)

    assert (member.state, member.code, member.all_codes, member.outcome, member.sentence) == (
        "ended",
        0,
        (0,),
        "passed",
        "",
    )
    assert member.rta_seconds is not None
    assert member.rto_seconds is not None


def test_a_run_gives_its_cost_as_far_as_it_is_known() -> None:
    """What is known, and how many parts are not; of a record without a price neither."""
    green = dataclasses.replace(green_drill(), code=0, all_codes=(0,))
    price = Price("0.0125", ("the storage",), (), "2026-11-29")

    priced = ended(dataclasses.replace(green, price=RunPrice(used=price)), 0)
    assert (priced.cost_usd, priced.cost_unknown) == ("0.0125", 1)
    without = ended(dataclasses.replace(green, price=None), 0)
    assert (without.cost_usd, without.cost_unknown) == (None, None)


def test_a_run_that_did_not_pass_says_why() -> None:
    """Every one of its exit codes counts, and the first missed verdict is its reason."""
    member = ended(dataclasses.replace(failing_drill(), code=11, all_codes=(11, 10)), 11)

    assert (member.code, member.all_codes, member.outcome) == (11, (11, 10), "verification failed")
    assert member.sentence


@pytest.mark.parametrize(
    ("status", "said", "why"),
    [
        (2, "drill.toml: no such vault", "drill.toml: no such vault"),
        (12, "", "ended with 12"),
        (0, "odd", "odd"),
        (-9, "half a line", "was ended by SIGKILL"),
        (-200, "", "was ended by signal 200"),
    ],
)
def test_a_target_that_could_not_start_is_12(status: int, said: str, why: str) -> None:
    """Whatever its command ended with: without a record nothing says that it was drilled, 0 neither."""
    member = ended(None, status, said)

    assert (member.code, member.all_codes, member.outcome, member.sentence) == (12, (12,), score.COULD_NOT_START, why)


def test_a_target_that_was_drilled_before_says_so() -> None:
    """With --once-per a command that begins no run ends as the run did that counts; one that goes on has passed nothing yet."""
    said = "target orders is drilled once in 2026-11: run 20261123-141503-a1b2 (number 1 of sandbox-orders) ended with: passed"
    member = ended(None, 11, said, once=True)

    assert (member.code, member.outcome) == (11, score.DRILLED_BEFORE)
    goes_on = said.replace("ended with: passed", "goes on, or ended on another machine a short while ago, so that")
    assert (ended(None, 0, goes_on, once=True).code, ended(None, 0, goes_on, once=True).outcome) == (12, score.GOES_ON)
    assert ended(None, 0, "its record cannot be read", once=True).outcome == score.COULD_NOT_START
    assert ended(None, 2, "no such vault", once=True).outcome == score.COULD_NOT_START


def test_a_record_without_a_verdict_is_12() -> None:
    """As is one that says other than its process: the worse of the two counts."""
    open_record = dataclasses.replace(green_drill(), code=None, all_codes=(), ended_at=None)
    passed = dataclasses.replace(green_drill(), code=0, all_codes=(0,))
    refused = dataclasses.replace(green_drill(), code=2, all_codes=(2,))

    assert (ended(open_record, -9).code, ended(open_record, -9).outcome) == (12, "did not end")
    assert (ended(passed, -9).code, ended(passed, -9).all_codes) == (12, (12,))
    assert (ended(refused, 2).code, ended(refused, 2).status) == (12, 2)


@given(st.lists(st.sampled_from([0, 10, 11, 12, 13, 14]), min_size=1, max_size=8))
def test_the_fleet_ends_with_the_gravest_code(codes: list[int]) -> None:
    """11 before 10 before 12 before 13 before 14; 0 where no target has another."""
    members = [Member(f"t{number}", code=code, all_codes=(code,)) for number, code in enumerate(codes)]
    judged = score.judged(fleet_of(*members), [each.target for each in members])

    assert judged.code == next((code for code in (11, 10, 12, 13, 14) if code in codes), 0)
    assert set(judged.all_codes) == ({*codes} - {0} or {0})


def test_an_expected_target_is_never_missing() -> None:
    """What is expected is counted against what is there: one without a verdict, or without any entry, is 12."""
    passed = Member("orders", state="ended", code=0, all_codes=(0,), outcome="passed")
    judged = score.judged(fleet_of(passed, Member("billing")), ["orders", "billing", "stock"])

    assert [(each.target, each.code, each.outcome) for each in judged.members] == [
        ("orders", 0, "passed"),
        ("billing", 12, score.NOT_BEGUN),
        ("stock", 12, score.NOT_BEGUN),
    ]
    assert judged.all_codes == (12,)


def test_a_fleet_of_nothing_is_12() -> None:
    """Nothing was run."""
    assert score.judged(fleet_of(), []).code == 12


def test_the_record_is_read_as_it_is_written(tmp_path: Path) -> None:
    """And what is none, or is newer, is one sentence."""
    fleet = score.judged(fleet_of(ended(green_drill(), 0), Member("billing")), ["orders", "billing"])
    records.save(tmp_path, fleet)

    assert records.load(tmp_path) == fleet
    for text in ("", "[]", "{}", '{"schema_version": 9}', '{"schema_version": 1}'):
        (tmp_path / records.FLEET_NAME).write_text(text)
        with pytest.raises(ConfigError, match=r"fleet\.json"):
            records.load(tmp_path)
