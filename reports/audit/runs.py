"""Reads the runs of every chain of evidence, and those that the history alone has.

The folder of a chain holds `starts/NNNN-RUN.json`, the bundles `NNNN-RUN/` and `reviews/NNNN-review-N.json`.
What is read here is not verified: `drills evidence verify` does that.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drills.errors import COULD_NOT_RUN, USAGE, ConfigError
from drills.history import line as history_line
from drills.model.history import HistoryLine
from drills.model.record import RunRecord
from drills.record import RECORD_NAME, from_json
from reports import controls, words
from reports.audit.model import Found, PeriodRun, Standing

SUMS, STARTS, REVIEWS = "SHA256SUMS", "starts", "reviews"
_ENTRY = re.compile(r"([0-9]{4,})-(.+)")
_RUN_ID = re.compile(r"([0-9]{8}-[0-9]{6})-")
ABORTED = "it was started and has no bundle: it goes on, or was aborted without one"


def read_all(evidence: Sequence[Path], history: Sequence[HistoryLine]) -> Found:
    """Return every run of the chains below the folders, and those of the history that stand in no chain, oldest first."""
    runs: list[PeriodRun] = []
    problems: list[str] = []
    chains = [each for folder in evidence for each in _folders(folder)]
    for chain in sorted(each for each in chains if (each / STARTS).is_dir() or any(_bundles(each))):
        found = read_chain(chain)
        runs += found.runs
        problems += found.problems
    known = {each.run_id for each in runs}
    runs += [of_line(each, evidence) for each in history if each.run_id not in known]
    return Found(tuple(sorted(runs, key=lambda run: (run.started_at, run.run_id))), tuple(problems))


def _folders(folder: Path) -> list[Path]:
    """Return the folders in a folder; one whose name begins with a dot is a bundle that is being written."""
    try:
        return [each for each in folder.iterdir() if each.is_dir() and not each.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _bundles(chain: Path) -> Iterator[tuple[int, str, Path]]:
    for each in sorted(_folders(chain)):
        if named := _ENTRY.fullmatch(each.name):
            yield int(named[1]), named[2], each


def read_chain(chain: Path) -> Found:
    """Return the runs of one chain, those without a whole bundle too, and what of it does not add up."""
    bundles = {run_id: (sequence, folder) for sequence, run_id, folder in _bundles(chain)}
    starts = dict(_starts(chain))
    runs: list[PeriodRun] = []
    problems: list[str] = []
    for run_id, (sequence, folder) in bundles.items():
        start = starts.get(run_id, (sequence, {}))[1]
        try:
            runs.append(_of_bundle(chain, folder, sequence, _seconds(start.get("drill_every_seconds"))))
        except ConfigError as error:
            problems.append(f"{chain.name}/{folder.name}: {error}: it counts nowhere")
            made = _of_start(chain.name, sequence, run_id, start, f"its bundle counts nowhere: {error}", runs)
            runs.append(replace(made, standing="no drill"))
    for run_id, (sequence, start) in starts.items():
        if run_id not in bundles:
            runs.append(_of_start(chain.name, sequence, run_id, start, ABORTED, runs))
    taken = [each.sequence for each in runs if each.sequence is not None]
    absent = sorted(set(range(1, max(taken, default=0) + 1)) - set(taken))
    twice = sorted({each for each in taken if taken.count(each) > 1})
    problems += [f"{chain.name}: entry {each:04d} is missing from the chain" for each in absent]
    problems += [f"{chain.name}: entry {each:04d} is there twice" for each in twice]
    return Found(tuple(runs), tuple(problems))


def _starts(chain: Path) -> Iterator[tuple[str, tuple[int, Mapping[str, Any]]]]:
    for path in sorted((chain / STARTS).glob("*.json")):
        if named := _ENTRY.fullmatch(path.stem):
            yield named[2], (int(named[1]), _raw(path))


def _raw(path: Path) -> Mapping[str, Any]:
    """Return the object that a file of JSON holds, an empty one where it holds none."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return raw if isinstance(raw, dict) else {}


def _of_bundle(chain: Path, folder: Path, sequence: int, every: float | None) -> PeriodRun:
    """Return the run of a bundle. Raises ConfigError where its record is not the one that its sums name."""
    try:
        sums, text = (folder / SUMS).read_bytes(), (folder / RECORD_NAME).read_bytes()
    except OSError as error:
        raise ConfigError(f"expected {SUMS} and {RECORD_NAME}, found: {error.strerror}") from error
    if f"{hashlib.sha256(text).hexdigest()}  {RECORD_NAME}" not in sums.decode("utf-8", "replace").splitlines():
        raise ConfigError(f"{RECORD_NAME} is not the file that {SUMS} names")
    record = from_json(text.decode("utf-8", "replace"))
    signed = record.evidence is not None and (folder / f"{SUMS}.sig").is_file()
    return of_record(
        record,
        chain=chain.name,
        sequence=sequence,
        digest=hashlib.sha256(sums).hexdigest(),
        level=record.evidence.level if record.evidence and signed else "L0",
        review=_review(chain, sequence),
        drill_every_seconds=every,
    )


def _review(chain: Path, sequence: int) -> str:
    """Return what the newest review of a bundle says, "" where there is none."""
    found = [_raw(each) for each in sorted((chain / REVIEWS).glob(f"{sequence:04d}-review-*.json"))]
    last = max(found, key=lambda raw: _text(raw.get("reviewed_at")), default=None)
    if last is None:
        return ""
    return f"{_text(last.get('verdict')) or 'reviewed'} by {_text(last.get('reviewer')) or 'somebody who is not named'}"


def of_record(record: RunRecord, **place: Any) -> PeriodRun:
    """Return the run of a record; `place` are the fields that say where it stands."""
    measured = {each.name: each.seconds for each in record.measurements}
    return PeriodRun(
        run_id=record.run_id,
        target=record.target.name if record.target else "",
        profile=record.profile,
        simulated=record.simulated,
        started_at=record.started_at,
        standing=standing_of(record.code, history_line.why_not_counted(record), record.interrupted_by),
        said=words.headline(record),
        rta_seconds=measured.get("RTA"),
        rpa_seconds=measured.get("RPA"),
        rows=controls.of(record),
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


def _of_start(
    chain: str, sequence: int, run_id: str, start: Mapping[str, Any], said: str, others: Sequence[PeriodRun]
) -> PeriodRun:
    """Return the run of a start record alone; what it does not say is taken from another run of its chain."""
    sibling = next((each for each in others if each.profile), None)
    simulated = start.get("simulated")
    return PeriodRun(
        run_id=run_id,
        target=_text(start.get("target")) or (sibling.target if sibling else chain),
        profile=_text(start.get("profile")) or (sibling.profile if sibling else ""),
        simulated=simulated if isinstance(simulated, bool) else bool(sibling and sibling.simulated),
        started_at=_started(_text(start.get("started_at")), run_id),
        standing="aborted",
        said=said,
        chain=chain,
        sequence=sequence,
        place="start record only" if start else "no readable record",
        drill_every_seconds=_seconds(start.get("drill_every_seconds")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _started(text: str, run_id: str) -> datetime:
    """Return when a run started, as its start record says, else as its id does."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is not None and at.tzinfo is not None:
        return at.astimezone(UTC)
    named = _RUN_ID.match(run_id)
    try:
        return datetime.strptime(named[1] if named else "", "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def of_line(line: HistoryLine, evidence: Sequence[Path]) -> PeriodRun:
    """Return the run of a line of the history: it has no bundle, and supports nothing."""
    interrupted = line.not_counted.removeprefix("interrupted by ") if line.not_counted.startswith("interrupted") else ""
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
