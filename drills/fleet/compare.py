"""Whether a row of a scorecard says what its run says. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from drills.errors import COULD_NOT_RUN, NOT_SEALED, OBJECTIVE_MISSED, VERIFICATION_FAILED
from drills.fleet.record import Member
from drills.fleet.score import coded, in_order
from drills.model.history import HistoryLine
from drills.model.record import RunRecord

DIFFERS = "not as recorded"
TAKE_AGAIN = "one of them was changed: take both from the machine again"
_OF_THE_SEAL = frozenset({"evidence", "code", "all_codes", "failures", "notes"})
# what a row says of its run, by the words that it is told in
_TOLD = {
    "run_id": "run",
    "all_codes": "exit code",
    "outcome": "outcome",
    "not_counted": "why it counts nowhere",
    "rta_seconds": "RTA",
    "rpa_seconds": "RPA",
    "rto_seconds": "RTO",
    "rpo_seconds": "RPO",
    "tier": "tier",
    "level": "evidence level",
    "bundle": "bundle",
}


def difference(one: Member, name: str, other: Member, other_name: str) -> str:
    """Return what two files say differently of a run, one sentence; "" where they agree."""
    differ = [field for field in _TOLD if getattr(one, field) != getattr(other, field)]
    if not differ:
        return ""
    return f"{name} says {_told(one, differ)}; {other_name} says {_told(other, differ)}: {TAKE_AGAIN}"


def _told(member: Member, fields: Sequence[str]) -> str:
    return ", ".join(f"{_TOLD[field]} {_shown(getattr(member, field))}" for field in fields)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "none"
    return f"{value:g} s" if isinstance(value, float) else str(value or "none")


def of_two_records(one: Member, name: str, other: Member, other_name: str) -> str:
    """Return what two records of one run say differently, "" where they agree.

    That it could not be sealed is known once that was tried: of two records one alone says so.
    """
    if NOT_SEALED in {*one.all_codes} ^ {*other.all_codes}:
        one, other = (
            dataclasses.replace(
                coded(each, [code for code in each.all_codes if code != NOT_SEALED]), outcome="", level="", bundle=""
            )
            for each in (one, other)
        )
    return difference(one, name, other, other_name)


def of_what_was_sealed(record: RunRecord, name: str, sealed: RunRecord, sealed_name: str) -> str:
    """Return where a run's record differs from the one in its bundle, "" where it does not.

    How the sealing went is known once it was tried, and stands outside of the bundle alone.
    """
    differ = [
        field.name
        for field in dataclasses.fields(RunRecord)
        if field.name not in _OF_THE_SEAL and getattr(record, field.name) != getattr(sealed, field.name)
    ]
    return f"{name} says otherwise than {sealed_name} of {', '.join(differ)}: {TAKE_AGAIN}" if differ else ""


def graver(line: HistoryLine, member: Member, name: str) -> str:
    """Return what the history says of a run that its record, named `name`, does not; "" where there is nothing.

    A line is written before the reports and the seal, so that a record may have more codes than it.
    """
    codes = in_order([*line.all_codes, line.code or 0])
    if (
        not {OBJECTIVE_MISSED, VERIFICATION_FAILED} & {*codes} - {*member.all_codes}
        and line.rta_seconds == member.rta_seconds
    ):
        return ""
    mine = dataclasses.replace(member, all_codes=codes, outcome=line.outcome, rta_seconds=line.rta_seconds)
    return difference(mine, "history.jsonl", member, name)


def doubted(member: Member, faults: Iterable[str], outcome: str = DIFFERS, code: int = COULD_NOT_RUN) -> Member:
    """Return the row with why it is not believed, so that it does not pass. Without a fault it is returned as it is."""
    if not (said := [each for each in faults if each]):
        return member
    row = dataclasses.replace(member, state="ended", outcome=outcome, sentence="; ".join(said))
    return coded(row, [*member.all_codes, code])
