"""One fleet out of the records of its shares. Pure.

What was expected is counted against what is there: a share that left no record, and a target that is in none, are 12.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from drills.durations import show_duration
from drills.errors import ConfigError
from drills.fleet import score
from drills.fleet.record import FLEET_VERSION, FleetRecord, Member
from drills.fleet.shard import Shard, parse

TOGETHER = timedelta(hours=1)  # between the starts of two shares, beyond which it is said
APART = timedelta(days=1)  # from the end of a share to the start of another, beyond which they are of two fleets


def merged(shares: Sequence[FleetRecord], fleet_id: str, version: str, now: datetime) -> FleetRecord:
    """Return the fleet that these are shares of, with its exit codes.

    Raises ConfigError for shares of different profiles, or of fleets that were shared out otherwise.
    """
    given = list({each.fleet_id: each for each in shares}.values())
    fleets = [each for each in given if not _earlier(each, given)]
    counts = sorted({parse(each.shard).count for each in fleets if each.shard})
    if len(counts) > 1:
        raise ConfigError(
            f"expected shares of one fleet, found some of {' and some of '.join(map(str, counts))}: merge those of each by "
            "themselves"
        )
    profiles = sorted({each.profile for each in given})
    if len(profiles) != 1:
        raise ConfigError(
            f"expected shares of one profile, found {', '.join(profiles)}: merge those of each by themselves"
        )
    members = [each for fleet in fleets for each in fleet.members]
    targets = tuple(sorted({name for fleet in given for name in fleet.targets}))
    lost = _lost_shares(fleets)
    ends = [each.ended_at for each in fleets if each.ended_at]
    whole = FleetRecord(
        schema_version=FLEET_VERSION,
        fleet_id=fleet_id,
        profile=profiles[0],
        simulated=any(each.simulated for each in fleets),
        started_at=min((each.started_at for each in fleets), default=now),
        tool_version=version,
        targets=targets,
        members=(*members, *_absent(targets, members, lost)),
        parallel=sum(each.parallel for each in fleets),
        calls_per_second=_sum([each.calls_per_second for each in fleets]),
        ended_at=max(ends, default=None),
        wall_seconds=max((each.wall_seconds for each in fleets if each.wall_seconds is not None), default=None),
        interrupted_by="; ".join(sorted({each.interrupted_by for each in fleets if each.interrupted_by})),
        problems=(*_of_earlier(given), *_period(fleets), *_problems(fleets, members, lost)),
    )
    ordered = sorted(whole.members, key=lambda each: (each.target, each.shard))
    return score.judged(dataclasses.replace(whole, members=tuple(ordered)), targets)


def _earlier(fleet: FleetRecord, fleets: Sequence[FleetRecord]) -> bool:
    """Return whether a share is of a fleet before the newest: what a volume still has of last month is no drill of this one."""
    newest = max(each.started_at for each in fleets)
    return newest - (fleet.ended_at or fleet.started_at) > APART


def _of_earlier(fleets: Sequence[FleetRecord]) -> Iterator[str]:
    for each in fleets:
        if _earlier(each, fleets):
            of = f"share {each.shard}" if each.shard else each.fleet_id
            yield f"{of} is of an earlier fleet, of {each.started_at:%Y-%m-%d}, and counts as one that left no record"


def _period(fleets: Sequence[FleetRecord]) -> Iterator[str]:
    """Yield over which time the shares were begun, where that is long: who reads "this month" knows how old each of them is."""
    first, last = (of(fleets, key=lambda each: each.started_at) for of in (min, max))
    if (apart := last.started_at - first.started_at) > TOGETHER:
        ends = " to ".join(
            f"{each.started_at:%Y-%m-%d %H:%M} ({each.shard or each.fleet_id})" for each in (first, last)
        )
        yield f"the shares were begun {show_duration(apart.total_seconds())} apart, UTC {ends}, and count as one fleet"


def _sum(rates: Sequence[float | None]) -> float | None:
    known = [each for each in rates if each is not None]
    return sum(known) if known and len(known) == len(rates) else None


def _lost_shares(fleets: Sequence[FleetRecord]) -> tuple[Shard, ...]:
    """Return the shares of which there is no record, by what those that are there say of how many there are."""
    there = {parse(each.shard) for each in fleets if each.shard}
    counts = {each.count for each in there}
    wanted = [Shard(index, count) for count in sorted(counts) for index in range(1, count + 1)]
    return tuple(each for each in wanted if each not in there)


def _absent(targets: Sequence[str], members: Sequence[Member], lost: Sequence[Shard]) -> list[Member]:
    known = {each.target for each in members}
    of = {name: str(share) for share in lost for name in share.of(targets)}
    return [_without_result(name, of) for name in targets if name not in known]


def _without_result(name: str, of: Mapping[str, str]) -> Member:
    share = of.get(name, "")
    why = f"share {share}, which was to drill it, left no record" if share else "it is in the share of no machine"
    return score.could_not(Member(name, shard=share), score.NOT_BEGUN, why)


def _problems(fleets: Sequence[FleetRecord], members: Sequence[Member], lost: Sequence[Shard]) -> list[str]:
    """Return what does not fit together, a sentence each."""
    found = [each for fleet in fleets for each in fleet.problems]
    found += [f"share {share} left no record" for share in lost]
    if len({each.targets for each in fleets}) > 1:
        common = set.intersection(*(set(each.targets) for each in fleets))
        other = sorted({name for each in fleets for name in each.targets} - common)
        found.append(f"the shares did not know the same targets: not all knew {', '.join(other)}")
    twice = [name for name, times in Counter(each.target for each in members).items() if times > 1]
    found += [f"{name} was drilled by several shares" for name in sorted(twice)]
    return list(dict.fromkeys(found))
