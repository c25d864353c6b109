"""Reads the runs of every chain of evidence, and those that the history alone has.

The bundles are held against their SHA256SUMS and the entries against each other; signatures are not checked here, which takes
the key: `drills evidence verify` does that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drills.errors import COULD_NOT_RUN, USAGE, DrillError
from drills.evidence.chain import Chain, Sealed, Started, sequence_of
from drills.evidence.chain_check import verify_chain
from drills.evidence.check import Problem, is_chain
from drills.evidence.folder import read_chain
from drills.evidence.sums import SIGNATURE
from drills.history import line as history_line
from drills.model.history import HistoryLine
from drills.model.record import RunRecord
from reports import controls, words
from reports.audit.model import Found, PeriodRun, Standing

RUNNING = "it goes on"
ABORTED = "it was started and has no bundle: it was aborted without one"
DAMAGED = "its bundle counts nowhere: "


def read_all(evidence: Sequence[Path], history: Sequence[HistoryLine]) -> Found:
    """Return every run of the chains below the folders, and those of the history that stand in no chain, oldest first."""
    runs: list[PeriodRun] = []
    problems: list[str] = []
    for folder in (each for parent in evidence for each in _chains(parent)):
        found = read_folder(folder)
        runs += found.runs
        problems += found.problems
    known = {each.run_id for each in runs}
    runs += [of_line(each, evidence) for each in history if each.run_id not in known]
    return Found(tuple(sorted(runs, key=lambda run: (run.started_at, run.run_id))), tuple(problems))


def _chains(folder: Path) -> list[Path]:
    """Return the chains in a folder, or the folder that is one."""
    if is_chain(folder):
        return [folder]
    try:
        return sorted(each for each in folder.iterdir() if is_chain(each))
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_folder(folder: Path) -> Found:
    """Return the runs of one chain, those without a whole bundle too, and what of it does not add up."""
    try:
        chain, unread = read_chain(folder)
        problems = verify_chain(folder, None, read=(chain, unread))
    except (DrillError, OSError) as error:
        return Found((), (f"{folder.name}: {error}",))
    runs = [_of_bundle(folder, chain, each, problems) for each in chain.bundles]
    sealed = {each.name for each in chain.bundles}
    runs += [_of_start(chain, each, problems) for each in chain.starts if each.name not in sealed]
    return Found(tuple(runs), tuple(f"{folder.name}: {each.sentence}" for each in problems))


def _of_bundle(folder: Path, chain: Chain, sealed: Sealed, problems: Sequence[Problem]) -> PeriodRun:
    """Return the run of a bundle; one that is not as it was sealed is no drill, and supports nothing."""
    record = sealed.record
    signed = record.evidence is not None and (folder / sealed.name / SIGNATURE).is_file()
    started = next((each.record for each in chain.starts if each.name == sealed.name), None)
    reviews = [each.record for each in chain.reviews if each.record.bundle == sealed.digest]
    place: dict[str, Any] = {
        "chain": chain.name,
        "sequence": sequence_of(sealed.name),
        "digest": sealed.digest,
        "level": record.evidence.level if record.evidence and signed else "L0",
        "review": f"{reviews[-1].verdict} by {reviews[-1].reviewer}" if reviews else "",
        "drill_every_seconds": started.drill_every_seconds if started else None,
    }
    damage = _damage(sealed.name, problems)
    return of_record(record, damage=f"{DAMAGED}{damage}" if damage else "", **place)


def _damage(name: str, problems: Sequence[Problem]) -> str:
    """Return the first problem of an entry's bundle, "" where there is none."""
    return next((each.sentence for each in problems if each.file.split("/")[0] == name), "")


def of_record(record: RunRecord, *, damage: str = "", **place: Any) -> PeriodRun:
    """Return the run of a record; `place` are the fields that say where it stands, `damage` why it counts nowhere."""
    measured = {each.name: each.seconds for each in record.measurements}
    no_drill = history_line.why_no_drill(record)
    standing = standing_of(record.code, no_drill, record.interrupted_by)
    validated = f"{no_drill}: " if record.restore_test and no_drill else ""
    return PeriodRun(
        run_id=record.run_id,
        target=record.target.name if record.target else "",
        profile=record.profile,
        simulated=record.simulated,
        started_at=record.started_at,
        standing="no drill" if damage else standing,
        said=damage or f"{validated}{words.headline(record)}",
        rta_seconds=measured.get("RTA"),
        rpa_seconds=measured.get("RPA"),
        rows=() if damage else controls.of(record),
        **place,
    )


def standing_of(code: int | None, not_counted: str, interrupted_by: str) -> Standing:
    """Return how a run stands, by its exit code, why it counts nowhere, and what interrupted it."""
    if interrupted_by or code is None:
        return "aborted"
    if not_counted:
        return "no drill"
    if code in (COULD_NOT_RUN, USAGE):
        return "could not run"
    return "failed" if code else "done"


def _of_start(chain: Chain, started: Started, problems: Sequence[Problem]) -> PeriodRun:
    """Return the run of a start record alone: it goes on, was aborted, or its bundle cannot be read."""
    record = started.record
    damage = next((each for each in problems if each.file == started.name and each.kind != "start"), None)
    standing: Standing = "no drill" if started.running or damage else "aborted"
    return PeriodRun(
        run_id=record.run_id,
        target=record.target,
        profile=record.profile,
        simulated=record.simulated,
        started_at=record.started_at,
        standing=standing,
        said=RUNNING if started.running else f"{DAMAGED}{damage.sentence}" if damage else ABORTED,
        chain=chain.name,
        sequence=record.sequence,
        place="start record only",
        drill_every_seconds=record.drill_every_seconds,
    )


def of_line(line: HistoryLine, evidence: Sequence[Path]) -> PeriodRun:
    """Return the run of a line of the history: it has no bundle, and supports nothing."""
    # earlier lines say "interrupted by …"
    interrupted = line.not_counted if line.not_counted.startswith(("aborted", "interrupted by ")) else ""
    return PeriodRun(
        run_id=line.run_id,
        target=line.key.target,
        profile=line.key.profile,
        simulated=line.key.simulated,
        started_at=line.started_at,
        standing=standing_of(line.code, line.not_counted, interrupted),
        said=line.not_counted or line.outcome,
        place=f"history only: no bundle in {', '.join(str(each) for each in evidence)}",
        rta_seconds=line.rta_seconds,
        rpa_seconds=line.rpa_seconds,
        drill_every_seconds=line.drill_every_seconds,
    )
