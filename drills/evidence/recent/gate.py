"""Whether a target was drilled well enough, and recently enough, to let a release pass. Pure: the chain was verified before.

The newest drill decides that passed, counts as a drill, is young enough and was made by the configuration of today; a later one
that found the recovery broken takes that back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from drills.config.counted import Difference, differences
from drills.durations import show_duration
from drills.errors import COULD_NOT_RUN, OBJECTIVE_MISSED, VERIFICATION_FAILED
from drills.evidence.chain import Chain, Sealed, sequence_of
from drills.evidence.check import Problem
from drills.evidence.ledger import AHEAD, UNSIGNED, exactly, first_few
from drills.evidence.start import StartRecord, chain_name
from drills.history.line import aborted, became, why_no_drill
from drills.history.wording import runs
from drills.model.record import RunRecord, Setting, value_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the gate asks for: a drill of this profile and target, made by these settings, and how old it may be.

    `key` is the fingerprint of the public key that the chain was verified with, "" where no signature was verified. `again` and
    `verify` are the commands that drill once more, and that list what does not verify.
    """

    profile: str
    target: str
    simulated: bool
    settings: tuple[Setting, ...]
    max_age: timedelta
    key: str = ""
    again: str = "drills run"
    verify: str = "drills evidence verify"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gate says of a target. `code` 0 lets it pass; else `expected`, `found` and `remedy` say why not and what to type.

    The drill is the one that lets it pass, or that came nearest; "" where there is none. Ages are in seconds.
    """

    target: str
    profile: str
    chain: str
    code: int
    expected: str
    found: str
    remedy: str = ""
    run_id: str = ""
    sequence: int = 0
    age_seconds: float | None = None
    simulated: bool = False
    key: str = ""
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Return the line of the target."""
        notes = "".join(f"; {each}" for each in self.notes)
        if self.code == 0:
            return f"{self.target}: passes: {self.found}{notes}"
        return f"{self.target}: expected {self.expected}, found {self.found}{notes}: {self.remedy}"


@dataclass(frozen=True, slots=True)
class _Drill:
    """A run of the chain that counts as a drill."""

    name: str
    record: RunRecord
    start: StartRecord

    @property
    def ended(self) -> datetime:
        return self.record.ended_at or self.record.started_at


@dataclass(slots=True)
class _Look:
    """What was seen of a chain on the way to its judgement."""

    chain: Chain
    wanted: Wanted
    now: datetime
    notes: list[str] = field(default_factory=list)
    unsigned: Sequence[Sealed] = ()

    def judged(self, code: int, expected: str, found: str, remedy: str, drill: _Drill | None = None) -> Judgement:
        wanted = self.wanted
        return Judgement(
            wanted.target,
            wanted.profile,
            chain_name(wanted.profile, wanted.target),
            code,
            expected,
            found,
            remedy,
            drill.record.run_id if drill else "",
            sequence_of(drill.name) if drill else 0,
            (self.now - drill.ended).total_seconds() if drill else None,
            wanted.simulated,
            drill.start.key if drill else "",
            self.differs(drill) if drill else (),
            tuple(self.notes),
        )

    def differs(self, drill: _Drill) -> tuple[Difference, ...]:
        return differences(self.wanted.settings, drill.start.settings)

    def named(self, drill: _Drill) -> str:
        age = show_duration((self.now - drill.ended).total_seconds())
        return f"{drill.record.run_id} (number {sequence_of(drill.name)}, {age} ago)"

    def drills(self) -> Iterator[_Drill]:
        """Yield what counts as a drill of this target, in the order of the numbers; notes what of it does not."""
        starts = {each.name: each.record for each in self.chain.starts}
        for bundle in self.chain.bundles:
            start = starts.get(bundle.name)
            if start is None or why_no_drill(bundle.record):
                continue
            drill = _Drill(bundle.name, bundle.record, start)
            if drill.ended > self.now + AHEAD:
                self.notes.append(f"{drill.record.run_id} lies in the future and does not count")
            elif not self.wanted.simulated and (start.simulated or bundle.record.simulated):
                self.notes.append(f"{drill.record.run_id} was simulated and says nothing about AWS")
            else:
                yield drill

    def note_unsigned(self) -> None:
        """Note the last drill that passed and is left out, since it has no signature."""
        chain = dataclasses.replace(self.chain, bundles=tuple(self.unsigned))
        found = _Look(chain, self.wanted, self.now).drills()
        self.notes += [f"{self.named(each)} passed {UNSIGNED}" for each in found if each.record.code == 0][-1:]

    def note_aborted_after(self, drill: _Drill) -> None:
        """Note what of the chain was aborted since: it proves nothing, and a reader has to know of it."""
        later = [each for each in self.chain.bundles if sequence_of(each.name) > sequence_of(drill.name)]
        ended = [each for each in later if each.record.interrupted_by]
        if ended:
            last = ended[-1]
            count = f"{len(ended)} runs, the last of them " if len(ended) > 1 else ""
            self.notes.append(
                f"{count}{last.record.run_id} (number {sequence_of(last.name)}) since: {aborted(last.record)}"
            )

    def rejected(self, drill: _Drill) -> bool:
        """Return whether the newest review of a drill rejects it, which is noted then."""
        reviews = [each.record for each in self.chain.reviews if each.record.sequence == sequence_of(drill.name)]
        newest = max(reviews, key=lambda each: each.number, default=None)
        if newest is None or newest.verdict != "rejected":
            return False
        self.notes.append(f"{drill.record.run_id} passed and was rejected by {newest.reviewer} ({newest.role})")
        return True


def judge_none(wanted: Wanted, now: datetime, folder: str, lost: int) -> Judgement:
    """Judge a target that has no chain in the folder. `lost`: how many runs of it the history has, whose evidence is gone then."""
    look = _Look(Chain(chain_name(wanted.profile, wanted.target)), wanted, now)
    which = f"of target {wanted.target} with profile {wanted.profile}"
    if lost:
        return look.judged(
            VERIFICATION_FAILED,
            f"the chain of the {runs(lost)} that the history has {which}",
            f"none in {folder}: removed, or in another copy or the store",
            "bring it back, add --fetch, or name a copy of the evidence as FOLDER",
        )
    return look.judged(COULD_NOT_RUN, f"a drill {which}", "that none ever came", wanted.again)


def judge(
    chain: Chain, problems: Sequence[Problem], wanted: Wanted, now: datetime, unsigned: Sequence[Sealed] = ()
) -> Judgement:
    """Judge a chain that was verified, of which `problems` are what does not, and `unsigned` the results that were left out of it.

    Codes: 11 what does not verify, and a later drill that found differences; 10 a later drill that missed an objective;
    12 no drill that is enough.
    """
    look = _Look(chain, wanted, now, unsigned=unsigned)
    if not_whole := _not_whole(look, problems):
        return not_whole
    return _of_drills(look, list(look.drills()))


def _not_whole(look: _Look, problems: Sequence[Problem]) -> Judgement | None:
    wanted, name = look.wanted, chain_name(look.wanted.profile, look.wanted.target)
    if look.chain.name != name:
        return look.judged(
            VERIFICATION_FAILED, f"the chain {name}", f"the entries of {look.chain.name} in its folder", wanted.verify
        )
    if not problems:
        return None
    newest = look.chain.starts[-1].record if look.chain.starts else None
    if wanted.key and newest and newest.key != wanted.key and any(each.kind == "signature" for each in problems):
        return look.judged(
            VERIFICATION_FAILED,
            f"drills signed by the key {wanted.key[:16]}…",
            f"that its newest one names another key, {newest.key[:16]}…: name that with --key once it is accepted, "
            "or drill with the accepted key in a new folder",
            wanted.again,
        )
    if wanted.key and newest and not newest.key and all(each.kind == "unsigned" for each in problems):
        return look.judged(
            VERIFICATION_FAILED,
            f"drills signed by the key {wanted.key[:16]}…",
            "that they are not signed: set key in [evidence]",
            wanted.again,
        )
    told = first_few([each.sentence for each in problems])
    return look.judged(VERIFICATION_FAILED, "a chain that verifies", told, wanted.verify)


def _of_drills(look: _Look, drills: Sequence[_Drill]) -> Judgement:
    wanted, limit = look.wanted, exactly(look.wanted.max_age)
    good = [each for each in drills if each.record.code == 0 and not look.rejected(each)]
    if not good:
        look.note_unsigned()
        found = f"none; the last drill, {look.named(drills[-1])}, {_became(drills[-1])}" if drills else _none(look)
        return look.judged(COULD_NOT_RUN, "a drill that passed", found, wanted.again, drills[-1] if drills else None)
    young = [each for each in good if look.now - each.ended <= wanted.max_age]
    if not young:
        expected, found = f"a drill that passed at most {limit} ago", f"the last one {look.named(good[-1])}"
        return look.judged(COULD_NOT_RUN, expected, found, wanted.again, good[-1])
    same = [each for each in young if not look.differs(each)]
    if not same:
        told = first_few([str(each) for each in look.differs(young[-1])])
        return look.judged(
            COULD_NOT_RUN,
            "a drill by the configuration of today",
            f"that the last one that passed, {look.named(young[-1])}, was made by another: {told}",
            wanted.again,
            young[-1],
        )
    chosen = same[-1]
    later = drills[drills.index(chosen) + 1 :]
    if broken := _broken(look, later):
        found = f"that {look.named(broken)} {_became(broken)}"
        return look.judged(
            broken.record.code or COULD_NOT_RUN,
            f"no failed drill after {chosen.record.run_id}, which passed",
            found,
            f"mend what its report names, then {wanted.again}",
            broken,
        )
    look.notes += [f"{look.named(each)} {_became(each)} since" for each in later if each.record.code]
    look.note_aborted_after(chosen)
    signed = f"signed by {wanted.key[:16]}…" if wanted.key else "no signature verified"
    found = f"drill {look.named(chosen)} of at most {limit}, {signed}, by the configuration of today"
    return look.judged(0, f"a drill that passed at most {limit} ago", found, "", chosen)


def _broken(look: _Look, later: Sequence[_Drill]) -> _Drill | None:
    """Return the newest later drill that takes a pass back: by differences always, by an objective where it had today's."""
    seed = value_of(look.wanted.settings, "--seed")
    for drill in reversed(later):
        code = drill.record.code
        if code == VERIFICATION_FAILED and value_of(drill.start.settings, "--seed") == seed:
            return drill
        if code == OBJECTIVE_MISSED and not look.differs(drill):
            return drill
    return None


def _none(look: _Look) -> str:
    entries: Sequence[Sealed] = look.chain.bundles
    if not entries:
        return "none"
    last = entries[-1].record
    why = why_no_drill(last)
    return f"none; the last run, {last.run_id}, does not count{f': {why}' if why else ''}"


def _became(drill: _Drill) -> str:
    outcome = became(drill.record)
    return {"verification failed": "failed verification", "objective missed": "missed an objective"}.get(
        outcome, f"ended with: {outcome}"
    )
