"""What does not fit in a chain of starts, bundles and reviews: what was removed, put in between, made again or never ended. Pure.

What a bundle holds is checked by drills/evidence/check.py; here is how the entries hang together. The newest entries of a
chain have none behind them that would name them: that they were removed only a copy elsewhere can show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from drills.evidence.check import Problem, unannounced
from drills.evidence.review import ReviewRecord
from drills.evidence.start import StartRecord, chain_name, parse_name
from drills.model.record import RunRecord


@dataclass(frozen=True, slots=True)
class Started:
    """A start record as it lies in a chain. `running`: its run goes on, so that it has no result yet."""

    name: str
    digest: str
    record: StartRecord
    running: bool = False


@dataclass(frozen=True, slots=True)
class Sealed:
    """A bundle as it lies in a chain. `digest` is that of its SHA256SUMS, `start` that of its start.json, "" where it has none."""

    name: str
    digest: str
    start: str
    record: RunRecord


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review as it lies in a chain. `signed`: a signature lies beside it, whosever that is."""

    name: str
    record: ReviewRecord
    signed: bool = True


@dataclass(frozen=True, slots=True)
class Chain:
    """The entries of a chain, each kind in the order of the numbers."""

    name: str
    starts: tuple[Started, ...] = ()
    bundles: tuple[Sealed, ...] = ()
    reviews: tuple[Reviewed, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Return the names of the entries, each once, in the order of their numbers."""
        found = {each.name for each in self.starts} | {each.name for each in self.bundles}
        return tuple(sorted(found, key=lambda name: (sequence_of(name), name)))

    def sequences(self) -> frozenset[int]:
        """Return every number that is taken."""
        return frozenset(map(sequence_of, self.names()))

    def gaps(self) -> tuple[tuple[int, int], ...]:
        """Return the stretches of numbers below the highest one that no entry has: their first and last number."""
        found, expected = [], 1
        for sequence in sorted(self.sequences()):
            if sequence > expected:
                found.append((expected, sequence - 1))
            expected = sequence + 1
        return tuple(found)

    def bundle_of(self, started: Started) -> Sealed | None:
        """Return the bundle of a run that was started."""
        return next((each for each in self.bundles if each.name == started.name), None)


def sequence_of(name: str) -> int:
    """Return the number of an entry by its name."""
    found = parse_name(name)
    assert found, name
    return found[0]


def problems(chain: Chain) -> tuple[Problem, ...]:
    """Return what does not fit, in the order of the numbers as far as they go."""
    return (
        *_gaps(chain),
        *_twice(chain),
        *_starts(chain),
        *_bundles(chain),
        *_links(chain),
        *_reviews(chain),
    )


def _gaps(chain: Chain) -> Iterator[Problem]:
    for first, last in chain.gaps():
        which = f"{first:04d}" if first == last else f"{first:04d} to {last:04d}"
        yield Problem(
            "chain", which, f"gap: there is neither start record nor bundle {which}: take them from another copy"
        )


def _twice(chain: Chain) -> Iterator[Problem]:
    for entries in (chain.starts, chain.bundles):
        known: dict[int, str] = {}
        for name in (each.name for each in entries):
            if (other := known.setdefault(sequence_of(name), name)) != name:
                yield Problem("chain", name, f"{name} has the number of {other}: one of them was put in later")


def _starts(chain: Chain) -> Iterator[Problem]:
    for started in chain.starts:
        path, record = f"starts/{started.name}.json", started.record
        of_chain = record.chain == chain.name == chain_name(record.profile, record.target)
        if record.name != started.name or not of_chain:
            yield Problem("chain", path, f"{path} is the start record of {record.name} in the chain {record.chain}")
        if chain.bundle_of(started) is None and not started.running:
            yield Problem("start", path, _no_result(started.name, record), _where_to_seal(record))


def _no_result(name: str, record: StartRecord) -> str:
    """Say what nobody here can know of a start without a bundle: which of three things became of its drill."""
    host = f" on host {record.initiator.host}" if record.initiator.host else ""
    return (
        f"no result: {name} was started and has no bundle: its drill, begun {record.started_at:%Y-%m-%d %H:%M} UTC{host}, goes "
        "on on another machine, or was ended before it could be sealed, or the bundle was removed: look again when a drill that "
        "began then must have ended, and then ask who made the evidence how it ended"
    )


def _where_to_seal(record: StartRecord) -> str:
    """Return what whoever drills can do: a drill that goes on elsewhere can be sealed nowhere, and an ended one by what it left."""
    where = f"on {record.initiator.host}, or wherever" if record.initiator.host else "where"
    return f"drills evidence seal reports/out/{record.run_id} seals what is known of it, typed {where} that folder is"


def _bundles(chain: Chain) -> Iterator[Problem]:
    starts = {each.name: each for each in chain.starts}
    for bundle in chain.bundles:
        started, record = starts.get(bundle.name), bundle.record
        if started is None:
            yield Problem(
                "start",
                f"{bundle.name}/start.json",
                unannounced(bundle.name, f"starts/{bundle.name}.json"),
            )
        elif started.digest != bundle.start:
            yield Problem(
                "start",
                f"{bundle.name}/start.json",
                f"another start: start.json of {bundle.name} is not starts/{bundle.name}.json, which was written before the run",
            )
        place = record.evidence
        named = (place.chain, place.sequence, record.run_id) if place else None
        if named != (chain.name, *(parse_name(bundle.name) or ())):
            found = f"number {place.sequence} of {place.chain}" if place else "no place in a chain"
            yield Problem(
                "chain",
                f"{bundle.name}/drill.json",
                f"drill.json of {bundle.name} is of run {record.run_id} with {found}: the bundle does not belong here",
            )


def _links(chain: Chain) -> Iterator[Problem]:
    """Each start names what stands before it; across a gap that cannot be checked, and the gap is named."""
    before: Started | None = None
    for started in chain.starts:
        record = started.record
        sequence = sequence_of(started.name)
        expected = _digests(chain, before) if before else {"": ""}
        follows = sequence_of(before.name) == sequence - 1 if before else sequence == 1
        if follows and expected.get(record.previous_is) != record.previous:
            name = before.name if before else "the beginning of the chain"
            yield Problem(
                "chain",
                f"starts/{started.name}.json",
                f"broken chain: {started.name} does not name {name} as it is: one of them was removed or made again",
            )
        if before is None or sequence != sequence_of(before.name):
            before = started


def _digests(chain: Chain, started: Started) -> Mapping[str, str]:
    """Return what the next start may name; a bundle that was there then cannot be told from one that came later."""
    bundle = chain.bundle_of(started)
    return {"start": started.digest} | ({"bundle": bundle.digest} if bundle else {})


def _reviews(chain: Chain) -> Iterator[Problem]:
    bundles: dict[int, list[Sealed]] = {}
    for bundle in chain.bundles:
        bundles.setdefault(sequence_of(bundle.name), []).append(bundle)
    numbers: dict[int, list[int]] = {}
    for review in chain.reviews:
        path, record = f"reviews/{review.name}.json", review.record
        numbers.setdefault(record.sequence, []).append(record.number)
        there = bundles.get(record.sequence, ())
        if review.name != record.name or record.chain != chain.name:
            yield Problem("chain", path, f"{path} is the review {record.name} of the chain {record.chain}")
        elif not there:
            yield Problem("chain", path, f"{path} reviews bundle {record.sequence:04d}, which is not there")
        elif record.bundle not in [each.digest for each in there]:
            yield Problem(
                "chain", path, f"{path} reviews another {there[0].name} than is here: one of them was made again"
            )
    for sequence, found in numbers.items():
        yield from _lost_reviews(sequence, found)


def _lost_reviews(sequence: int, numbers: Sequence[int]) -> Iterator[Problem]:
    for number in sorted(set(range(1, max(numbers))) - set(numbers)):
        name = f"reviews/{sequence:04d}-review-{number}.json"
        yield Problem("chain", name, f"gap: there is a later review of {sequence:04d}, and {name} is not there")
