"""One fleet out of the records of its shares."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.errors import ConfigError
from drills.fleet import score
from drills.fleet.merge import merged
from drills.fleet.record import FLEET_VERSION, FleetRecord, Member
from drills.fleet.shard import Shard
from tests.support.example_record import START

CODES = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.sampled_from([0, 10, 11, 12, 13, 14]), min_size=1)


def share_of(codes: dict[str, int], share: Shard, profile: str = "sandbox") -> FleetRecord:
    """What one machine left of a fleet in which each target ends so."""
    mine = share.of(codes)
    members = tuple(
        Member(name, state="ended", code=codes[name], all_codes=(codes[name],), shard=str(share)) for name in mine
    )
    fleet = FleetRecord(
        FLEET_VERSION,
        f"fleet-{share.index}",
        profile,
        True,
        START,
        "0",
        tuple(sorted(codes)),
        members,
        shard=str(share),
    )
    return score.judged(dataclasses.replace(fleet, ended_at=START + timedelta(minutes=share.index)), mine)


def whole(*shares: FleetRecord) -> FleetRecord:
    """They as one."""
    return merged(shares, "fleet-all", "0", START)


@given(CODES, st.integers(1, 5), st.randoms())
def test_shares_together_are_the_fleet(codes: dict[str, int], count: int, order: object) -> None:
    """Every target with its code, once, and the exit code of all; also where one record is given twice."""
    shares = [share_of(codes, Shard(index, count)) for index in range(1, count + 1)]
    order.shuffle(shares)  # type: ignore[attr-defined]
    fleet = whole(*shares, shares[0])

    assert {each.target: each.code for each in fleet.members} == codes
    assert len(fleet.members) == len(codes)
    assert fleet.code == next((code for code in (11, 10, 12, 13, 14) if code in codes.values()), 0)
    assert fleet.problems == ()


@given(CODES, st.integers(2, 5), st.data())
def test_a_share_that_left_nothing_is_not_forgotten(codes: dict[str, int], count: int, data: st.DataObject) -> None:
    """Its targets are 12, and the share is named; even where all others have passed."""
    lost = Shard(data.draw(st.integers(1, count)), count)
    fleet = whole(*(share_of(codes, Shard(i, count)) for i in range(1, count + 1) if i != lost.index))

    absent = {each.target for each in fleet.members if each.outcome == score.NOT_BEGUN}
    assert absent == set(lost.of(codes))
    assert {each.target for each in fleet.members} == set(codes)
    assert f"share {lost} left no record" in fleet.problems
    assert (12 in fleet.all_codes) >= bool(absent)


def test_machines_that_knew_other_targets_are_named() -> None:
    """A target that fell between two shares is 12, and one that both drilled stands there twice."""
    one = share_of({"a": 0, "b": 0, "c": 0}, Shard(1, 2))
    other = share_of({"a": 0, "b": 0, "bb": 0, "c": 0}, Shard(2, 2))
    fleet = whole(one, other)

    assert fleet.problems == (
        "the shares did not know the same targets: not all knew bb",
        "c was drilled by several shares",
    )
    assert [(each.target, each.code) for each in fleet.members] == [("a", 0), ("b", 0), ("bb", 12), ("c", 0), ("c", 0)]
    assert next(each.sentence for each in fleet.members if each.target == "bb") == "it is in the share of no machine"


def test_a_simulated_fleet_is_not_merged_with_another() -> None:
    """Each profile is a fleet of its own."""
    with pytest.raises(ConfigError, match="of one profile, found live, sandbox"):
        whole(share_of({"a": 0, "b": 0}, Shard(1, 2)), share_of({"a": 0, "b": 0}, Shard(2, 2), "live"))


def test_shares_of_fleets_that_were_shared_out_otherwise_are_not_merged() -> None:
    """The second of three beside the first of two says nothing of what neither drilled."""
    codes = {"a": 0, "b": 0}

    with pytest.raises(ConfigError, match="found some of 2 and some of 3"):
        whole(share_of(codes, Shard(1, 2)), share_of(codes, Shard(2, 3)))


@pytest.mark.parametrize(("hours", "code"), [(23, 0), (25, 12)])
def test_a_share_of_last_month_is_none_of_this_month(hours: int, code: int) -> None:
    """What had ended more than a day before another share began counts as a share that left no record, and its targets as 12."""
    old, new = (share_of({"billing": 0, "orders": 0}, Shard(index, 2)) for index in (1, 2))
    old = dataclasses.replace(old, started_at=START - timedelta(hours=30), ended_at=START - timedelta(hours=hours))
    fleet = whole(old, new)

    assert fleet.code == code
    assert {each.target: each.code for each in fleet.members} == {"billing": code, "orders": 0}
    assert any("share 1/2 is of an earlier fleet, of 20" in each for each in fleet.problems) is bool(code)
    apart = "the shares were begun 1 d 6 h apart, UTC 2026-11-22 08:15 (1/2) to 2026-11-23 14:15 (2/2), and count as one fleet"
    assert (apart in fleet.problems) is not bool(code)
