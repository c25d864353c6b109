"""What a run says of its target, and what all of them say of the fleet. Pure.

A target that is expected and has no verdict is 12, whatever became of it: it is never missing from the scorecard.
"""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Iterable

from drills import errors
from drills.evidence.recent.once import DONE, run_named_in, says_it_goes_on
from drills.evidence.start import entry_name
from drills.fleet import proof
from drills.fleet.record import FleetRecord, Member
from drills.history.line import aborted, became, why_not_counted
from drills.model.record import RunRecord, value_of
from drills.objectives.verdicts import PRECEDENCE

COULD_NOT_START = "could not start"
DID_NOT_END = "did not end"
NOT_BEGUN = "not begun"
DRILLED_BEFORE = "drilled before"
GOES_ON = "goes on elsewhere"
_NOTHING = {"waiting": "its run was not begun", "running": "its run left no result", "ended": "its run left no verdict"}


def of_run(member: Member, status: int, record: RunRecord | None, said: str, *, once: bool = False) -> Member:
    """Return the member with what its run, which has ended with `status`, says of the target.

    `record` is None where the run left none; `said` is then what its command said last. With `once` a command that begins no run
    since the period has one says so, and ends as that run did; one that has no verdict yet is none of this fleet either.
    """
    ended = dataclasses.replace(member, state="ended", status=status)
    if record is None:
        if once and says_it_goes_on(said):
            return could_not(ended, GOES_ON, said)
        if once and status in DONE and run_named_in(said)[1]:
            return coded(dataclasses.replace(ended, outcome=DRILLED_BEFORE, sentence=said), [status])
        how = said if status >= 0 and said else _how(status)
        return could_not(ended, COULD_NOT_START, how)
    numbers = {each.name: each.seconds for each in record.measurements}
    place, cost = record.evidence, record.price.used if record.price else None
    ended = dataclasses.replace(
        ended,
        run_id=record.run_id,
        rta_seconds=numbers.get("RTA"),
        rpa_seconds=numbers.get("RPA"),
        rto_seconds=record.objectives.rto_seconds,
        rpo_seconds=record.objectives.rpo_seconds,
        tier=value_of(record.settings, "target.tier") or "full",
        level=place.level if place else "",
        bundle=f"{place.chain}/{entry_name(place.sequence, record.run_id)}" if place else "",
        kind=record.kind,
        proved=proof.proved(record),
        on_trust=proof.on_trust(record),
        cost_usd=cost.usd if cost else None,
        cost_unknown=len(cost.unknown) if cost else None,
    )
    if record.code is None:
        return could_not(ended, DID_NOT_END, f"the run has no verdict: its command {_how(status)}")
    codes, told = list(record.all_codes or (record.code,)), _why(record)
    if status != record.code:
        codes.append(errors.COULD_NOT_RUN)
        told = told or f"the run ended with {record.code}, and its command {_how(status)}"
    codes = [errors.COULD_NOT_RUN if code == errors.USAGE else code for code in codes]
    return coded(
        dataclasses.replace(
            ended,
            outcome=_outcome(record),
            sentence=aborted(record) or told,
            not_counted=why_not_counted(record),
        ),
        codes,
    )


def could_not(member: Member, outcome: str, why: str) -> Member:
    """Return the member of a target that was not drilled: exit code 12, and why."""
    return coded(dataclasses.replace(member, state="ended", outcome=outcome, sentence=why), [errors.COULD_NOT_RUN])


def judged(fleet: FleetRecord, expected: Iterable[str]) -> FleetRecord:
    """Return the fleet with its exit codes; each expected target without a verdict is a member that has 12."""
    known = {each.target: each for each in fleet.members}
    missing = [Member(name) for name in expected if name not in known]
    members = tuple(
        each
        if each.code is not None
        else could_not(each, each.outcome or NOT_BEGUN, each.sentence or _NOTHING[each.state])
        for each in (*fleet.members, *missing)
    )
    codes = in_order(code for each in members for code in each.all_codes) if members else (errors.COULD_NOT_RUN,)
    return dataclasses.replace(fleet, members=members, code=codes[0], all_codes=codes)


def with_problem(fleet: FleetRecord, problem: str) -> FleetRecord:
    """Return a fleet that has ended with what is wrong with it as a whole, which is 12 beside the codes of its targets."""
    codes = in_order([*fleet.all_codes, errors.COULD_NOT_RUN])
    return dataclasses.replace(fleet, problems=(*fleet.problems, problem), code=codes[0], all_codes=codes)


def in_order(codes: Iterable[int]) -> tuple[int, ...]:
    """Return each exit code once, the one to end with first; (0,) where there is no other."""
    found = {code for code in codes if code}
    return tuple(code for code in PRECEDENCE if code in found) or (0,)


def coded(member: Member, codes: Iterable[int]) -> Member:
    """Return the member with these exit codes."""
    found = in_order(codes)
    return dataclasses.replace(member, code=found[0], all_codes=found)


def _how(status: int) -> str:
    if status >= 0:
        return f"ended with {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _outcome(record: RunRecord) -> str:
    return "interrupted" if record.interrupted_by else became(record)


def _why(record: RunRecord) -> str:
    """Return the first reason why a run did not pass, "" for one that did."""
    if record.code == 0:
        return ""
    reasons = [each.sentence for each in record.verdicts if each.outcome == "missed"]
    reasons += [each.sentence for each in record.failures]
    reasons += [f"{each.name}: {each.sentence}" for each in record.unverified]
    reasons += [each.reason for each in record.promises if each.outcome in ("failed", "broken") and each.reason]
    return next((" ".join(each.split()) for each in reasons if each), "")
