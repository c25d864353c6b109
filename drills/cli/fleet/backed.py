"""Holds each row of a fleet's record against what its run left beside it: no row passes by what `fleet.json` says alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from drills.errors import COULD_NOT_RUN, NOT_SEALED, USAGE, VERIFICATION_FAILED, ConfigError, DrillError
from drills.evidence.aborted import was_sealed_later
from drills.evidence.check import check_bundle
from drills.evidence.recent.once import run_named_in
from drills.evidence.start import chain_name, entry_name
from drills.evidence.sums import SUMS
from drills.fleet import compare, score
from drills.fleet import record as records
from drills.fleet.record import FLEET_NAME, FleetRecord, Member
from drills.history.line import read_lines
from drills.history.store import DEFAULT as HISTORY
from drills.model.history import HistoryLine
from drills.model.record import RunRecord, value_of
from drills.record import RECORD_NAME, RUN_ID
from drills.record import load as load_run

ABORTED = "aborted"
NO_RECORD = "no record"
NO_ROW = "no row"
ANOTHER = "another target"  # which is not in the list any more
EVIDENCE, OUT = "evidence", "out"
DEFAULT_EVIDENCE = "reports/evidence"
_KILLED = "its fleet was killed, and the run has left no verdict"
_NO_HISTORY = f"no line of a {HISTORY.name} was left: no run was held against its own"


class Left:
    """What machines left: folders with out/, evidence/ and history.jsonl, that of the fleet first."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(dict.fromkeys(folders))
        self._lines, self.problems = _histories(self._folders)

    def run(self, run_id: str) -> Path | None:
        """Return the folder of the run's own record, None where there is none."""
        found = (each / OUT / run_id for each in self._folders)
        return next((each for each in found if (each / RECORD_NAME).is_file()), None)

    def bundle(self, chain: str, run_id: str) -> Path | None:
        """Return the folder of the run's bundle in a chain, None where there is none."""
        for folder in self._folders:
            for found in sorted((folder / EVIDENCE / chain).glob(f"*-{run_id}/{SUMS}")):
                return found.parent
        return None

    @property
    def has_history(self) -> bool:
        """Whether any line of a history was left."""
        return bool(self._lines)

    def line(self, run_id: str) -> HistoryLine | None:
        """Return what the history says of the run; the last word of several."""
        return self._lines.get(run_id)

    def has_chain(self, chain: str) -> bool:
        """Return whether there is anything of a chain."""
        return any((each / EVIDENCE / chain).is_dir() for each in self._folders)


def _histories(folders: Sequence[Path]) -> tuple[dict[str, HistoryLine], tuple[str, ...]]:
    """Return the line of each run, the first folder's where several have one, and what of the histories cannot be read."""
    lines: dict[str, HistoryLine] = {}
    problems: list[str] = []
    for path in (each / HISTORY.name for each in folders):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found, wrong = read_lines(text)
        lines = {each.run_id: each for each in found} | lines
        problems += [f"{path}: {each}" for each in wrong]
    return lines, tuple(problems)


def backed(fleet: FleetRecord, place: Path, left: Left, *, goes_on: bool = False) -> FleetRecord:
    """Return the fleet whose folder is `place` with each row as its run left it; what differs, or is not there, is 12.

    `goes_on`: a target whose run has not ended is left as it is; else its fleet was killed.
    """
    rows = [_Row(each, fleet, place, left) for each in fleet.members]
    members = [each.judged(goes_on=goes_on) for each in rows]
    known = {f"{chain_name(fleet.profile, each.target)}.run" for each in fleet.members}
    for path in sorted((place / "members").glob("*.run")):
        if path.name not in known:
            why = f"members/{path.name} says that a run was begun, and {FLEET_NAME} has no row of it"
            members.append(score.could_not(Member(path.stem, shard=fleet.shard), NO_ROW, why))
    if (why := _list_differs(rows, fleet)) and all(each.target != ANOTHER for each in fleet.members):
        members.append(score.could_not(Member(ANOTHER, shard=fleet.shard), NO_ROW, why))
    killed = (
        [] if fleet.code is not None or goes_on else [f"the command of {fleet.fleet_id} was killed before it ended"]
    )
    unread = () if left.has_history or not any(each.run_id for each in rows) else (_NO_HISTORY,)
    notes = tuple(dict.fromkeys([*killed, *unread, *left.problems, *(note for each in rows for note in each.notes)]))
    return dataclasses.replace(fleet, members=tuple(members), problems=(*fleet.problems, *notes))


def _list_differs(rows: Sequence[_Row], fleet: FleetRecord) -> str:
    """Return why the targets of the record are not those that the fleet began with, by what its runs sealed; "" where they are."""
    has = records.list_of(fleet.targets)
    for each in rows:
        _, _, had = each.begun_in.partition(": ")
        if had not in ("", has):
            return (
                f"{FLEET_NAME} lists {has}, and run {each.run_id} was begun in a fleet of {had}: a target was taken out or added: "
                "take the reports/ of that machine again"
            )
    return ""


class _Row:
    """A row, and what is known of its run. `notes` say what could not be compared, and is no fault."""

    def __init__(self, member: Member, fleet: FleetRecord, place: Path, left: Left) -> None:
        self._member = score.coded(member, member.all_codes) if member.all_codes else member
        self._fleet = fleet
        self._left = left
        self._chain = chain_name(fleet.profile, member.target)
        self._name = f"{OUT}/{place.name}/{FLEET_NAME}"
        self._begun = _run_begun(place, self._chain)
        self._is_own = (place / "members").is_dir()
        self.notes: list[str] = []
        self.run_id = self.begun_in = ""  # what the run's record says of its fleet

    def judged(self, *, goes_on: bool) -> Member:
        """Return the row by what its run left."""
        if goes_on and self._member.state != "ended":
            return self._member
        run_id = self._member.run_id or self._begun
        folder = bundle = None
        if RUN_ID.fullmatch(run_id):
            folder, bundle = self._left.run(run_id), self._left.bundle(self._chain, run_id)
        row = self._of_run(run_id, folder, bundle) if folder or bundle else self._without_run(run_id)
        if self._member.run_id and self._begun not in ("", self._member.run_id):
            other = f"members/{self._chain}.run says {self._begun}: {compare.TAKE_AGAIN}"
            row = compare.doubted(row, [f"{self._name} says run {self._member.run_id}; {other}"])
        return row

    def _without_run(self, run_id: str) -> Member:
        """Return the row of a target of which no run has left a record."""
        member = self._member
        if member.state == "waiting":
            return score.could_not(member, score.NOT_BEGUN, "it was never begun: its fleet was killed before its turn")
        if member.state == "running":
            return score.could_not(member, ABORTED, _KILLED)
        if not member.run_id and member.outcome in (score.DRILLED_BEFORE, score.GOES_ON):
            return self._drilled_before()
        if not member.run_id and COULD_NOT_RUN in member.all_codes:
            return member
        wanted = f"expected {OUT}/{run_id}/{RECORD_NAME} or its bundle" if run_id else "the row names no run"
        return compare.doubted(
            member, [f'{self._name} says "{member.outcome}"; the record of its run is not there: {wanted}'], NO_RECORD
        )

    def _drilled_before(self) -> Member:
        """Return the row of a target whose period had its drill: it ends as that run did, whose bundle says so."""
        member, (chain, run_id) = self._member, run_named_in(self._member.sentence)
        bundle = self._left.bundle(chain, run_id) if chain == self._chain else None
        if bundle is None and member.outcome == score.GOES_ON:
            return member
        if bundle is None:
            where = f"name a folder, or -o the one, that has its bundle in {EVIDENCE}/{self._chain}"
            why = f"drilled before, and the record of run {run_id or 'that counts'} is not there: {where}"
            return compare.doubted(member, [why], score.DRILLED_BEFORE)
        told, faults = self._read(bundle)
        if told is None:
            return self._sealed(compare.doubted(member, faults), bundle)
        ended = score.coded(member, [COULD_NOT_RUN if told.code is None else told.code])
        if member.outcome == score.GOES_ON:  # then; it has ended since, and its word is the first one
            why = f"drilled by run {run_id}, which went on elsewhere when the fleet ended"
            ended = dataclasses.replace(ended, outcome=score.DRILLED_BEFORE, sentence=why)
        else:
            faults.append(compare.difference(member, self._name, ended, shown(bundle)))
        return self._sealed(compare.doubted(ended, faults), bundle)

    def _of_run(self, run_id: str, folder: Path | None, bundle: Path | None) -> Member:
        """Return the row as the run's own record has it; it is doubted for each difference between those that tell of the run."""
        faults: list[str] = []
        found: list[tuple[str, RunRecord]] = []
        for path in (each for each in (folder, bundle) if each):
            record, wrong = self._read(path)
            faults += wrong
            if record and record.run_id != run_id:
                faults.append(f"{shown(path)} is of run {record.run_id}, expected run {run_id}")
            elif record:
                found.append((shown(path), record))
        if not found:
            return compare.doubted(self._member, faults)
        (name, record), row = found[0], self._derived(found[0][1])
        self.run_id, self.begun_in = (
            run_id,
            value_of(found[-1][1].settings, records.SETTING),
        )  # the sealed one, where it is there
        faults.append(self._of_another_fleet(found[-1][0]))
        faults.append(self._against_row(record, name, row))
        for other_name, other in found[1:]:
            said, otherwise = self._said(record), self._said(other)
            differs = compare.of_two_records(said, name, otherwise, other_name)
            faults.append(differs or compare.of_what_was_sealed(record, name, other, other_name))
            row = score.coded(row, [*row.all_codes, *otherwise.all_codes])
        if line := self._left.line(run_id):
            faults.append(compare.graver(line, row, name))
        elif record.code not in (None, USAGE) and self._left.has_history:
            self.notes.append(f"{row.target}: run {run_id} has no line in {HISTORY.name}")
        faults += [self._without_bundle(record)] if bundle is None else []
        return self._sealed(compare.doubted(row, faults), bundle)

    def _of_another_fleet(self, name: str) -> str:
        """Return that the run was begun in another fleet, "" where it was not; what is merged has a name of its own."""
        fleet_id, _, _ = self.begun_in.partition(": ")
        if not self._is_own or fleet_id in ("", self._fleet.fleet_id):
            return ""
        return f"{name} says that the run was begun in {fleet_id}: {compare.TAKE_AGAIN}"

    def _read(self, folder: Path) -> tuple[RunRecord | None, list[str]]:
        """Return the record in a folder, and what is wrong with it: whose it is, and whether it can be read."""
        try:
            record = load_run(folder)
        except ConfigError as error:
            return None, [str(error)]
        named = record.target.name if record.target else self._member.target
        whose = (named, record.profile, record.simulated)
        if whose != (self._member.target, self._fleet.profile, self._fleet.simulated):
            kind = "simulated" if record.simulated else "not simulated"
            return record, [
                f"{shown(folder)} is of target {named}, profile {record.profile}, {kind}; {self._name} says otherwise: "
                f"{compare.TAKE_AGAIN}"
            ]
        return record, []

    def _derived(self, record: RunRecord) -> Member:
        """Return the row that the record gives, as the fleet made it when the run ended."""
        member = self._member
        bare = Member(
            member.target, member.instance, began_at=member.began_at, seconds=member.seconds, shard=member.shard
        )
        followed = member.state == "ended" and member.status is not None and not was_sealed_later(record)
        status = member.status if followed else record.code
        row = score.of_run(bare, 0 if status is None else status, record, "")
        if record.code is None and not followed:
            return score.could_not(row, ABORTED, _KILLED)
        return row

    def _against_row(self, record: RunRecord, name: str, row: Member) -> str:
        """Return what the fleet's record says otherwise; it wrote down no end of a run that ended, or was sealed, after it."""
        member = self._member
        if member.state != "ended" or member.outcome in (ABORTED, score.DID_NOT_END) or was_sealed_later(record):
            return ""
        if not (differs := compare.difference(member, self._name, row, name)):
            return ""
        # without what the status of its command adds, where there is another difference
        return compare.difference(member, self._name, self._said(record), name) or differs

    def _said(self, record: RunRecord) -> Member:
        """Return the row that the record alone gives."""
        status = COULD_NOT_RUN if record.code is None else record.code
        return score.of_run(Member(self._member.target), status, record, "")

    def _without_bundle(self, record: RunRecord) -> str:
        """Return why it is a fault that there is no bundle, "" where none is expected or it is kept elsewhere."""
        place = record.evidence
        if place is None or record.code is None or NOT_SEALED in record.all_codes:
            return ""
        kept = place.store or value_of(record.settings, "evidence.folder")
        if kept not in ("", DEFAULT_EVIDENCE) and not self._left.has_chain(self._chain):
            self.notes.append(f"{self._member.target}: not compared with its bundle, which is in {kept}")
            return ""
        return f"its bundle is not there: expected {EVIDENCE}/{self._chain}/{entry_name(place.sequence, record.run_id)}"

    def _sealed(self, row: Member, bundle: Path | None) -> Member:
        """Return the row; where the record in its bundle is not as it was sealed, it does not verify."""
        if bundle is None:
            return row
        try:
            wrong = [each.sentence for each in check_bundle(bundle, None) if each.file in (RECORD_NAME, SUMS)]
        except DrillError as error:
            wrong = [str(error)]
        said = [f"{EVIDENCE}/{self._chain}/{bundle.name}: {each}" for each in wrong]
        earlier = [row.sentence] if row.outcome == compare.DIFFERS else []
        return compare.doubted(row, [*earlier, *said], code=VERIFICATION_FAILED) if said else row


def shown(folder: Path) -> str:
    """Return the record in a folder by its place below reports/."""
    return "/".join((*folder.parts[-3 if folder.parts[-3] == EVIDENCE else -2 :], RECORD_NAME))


def _run_begun(place: Path, chain: str) -> str:
    """Return the run that wrote down that it began, "" for none."""
    try:
        return (place / "members" / f"{chain}.run").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
